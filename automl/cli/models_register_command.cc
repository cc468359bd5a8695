// assay models register: takes an exported model file into the registry.
#include <CLI/CLI.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/model_source.h"
#include "automl/cli/output.h"
#include "automl/cli/run_json.h"
#include "automl/preprocess/input_contract.h"
#include "kernels/base/file_layer.h"
#include "tracking/model_registry.h"

namespace assay::automl::cli {
namespace {

struct RegisterOptions {
  std::string path;
  std::string name;
  std::string description;
  std::string stage;
  std::vector<std::string> tags;
};

Result<std::map<std::string, std::string>> parse_tags(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> tags;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(StatusCode::kInvalidArgument, "tag '{}' (must be KEY=VALUE)", text);
    }
    tags[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return tags;
}

// What the file itself says: metric and validation score, if its maker noted them.
void add_notes(const Predictor& predictor, tracking::ModelVersion& model) {
  const auto metric = predictor.notes().find("metric");
  if (metric != predictor.notes().end()) model.metric = to_text(metric->second);
  const auto score = predictor.notes().find("validation_score");
  if (score != predictor.notes().end()) {
    if (const auto* number = std::get_if<double>(&score->second)) model.score = *number;
  }
}

Status register_file(const Invocation& invocation, const RegisterOptions& options) {
  PosixFileLayer files;
  if (!files.exists(options.path)) {
    return fail(StatusCode::kNotFound, "no model file '{}'", options.path);
  }
  ASSAY_ASSIGN_OR_RETURN(const NamedModel named, load_named_model(invocation, options.path));
  tracking::ModelVersion model;
  model.name = options.name;
  model.task = std::string(name_of(named.predictor.task()));
  model.description = options.description;
  model.stage = options.stage;
  ASSAY_ASSIGN_OR_RETURN(model.tags, parse_tags(options.tags));
  model.format_version = kModelFormat;
  model.input_contract = input_contract_json(named.predictor);
  add_notes(named.predictor, model);
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, true));
  tracking::ModelRegistry registry(std::move(workspace));
  ASSAY_ASSIGN_OR_RETURN(const auto done, registry.register_model_file(model, options.path));
  if (invocation.json) {
    print_result(model_json(done) + "\n");
  } else {
    print_note(invocation, fmt::format("registered {}:{}", done.name, done.version));
  }
  return {};
}

}  // namespace

void add_models_register(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("register", "Register an exported model file");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<RegisterOptions>();
  command->add_option("file", options->path, "The model file")->required();
  command->add_option("--name,-n", options->name, "The model's name")->required();
  command->add_option("--description", options->description, "A sentence for people");
  command->add_option("--stage", options->stage, "staging, production or archived");
  command->add_option("--tag", options->tags, "KEY=VALUE; may be repeated");
  command->footer("Example:\n  assay models register churn.assay --name churn");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return register_file(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
