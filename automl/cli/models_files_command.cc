// assay models register | import | export: between the registry and files.
#include <CLI/CLI.hpp>

#include "automl/cli/help_format.h"
#include "automl/cli/invocation.h"
#include "automl/cli/model_source.h"
#include "automl/cli/output.h"
#include "automl/cli/output_file.h"
#include "automl/cli/run_json.h"
#include "automl/preprocess/input_contract.h"
#include "automl/report/text_table.h"
#include "automl/scheduler/best_model.h"
#include "automl/scheduler/front_models.h"
#include "kernels/base/file_layer.h"
#include "tracking/model_card.h"
#include "tracking/model_registry.h"
#include "tracking/run_query.h"

namespace assay::automl::cli {
namespace {

constexpr int64_t kMaxModelBytes = int64_t{64} << 30;

struct RegisterOptions {
  std::string path;  // or a run
  std::optional<int64_t> trial;
  std::optional<int64_t> members;  // of an ensemble
  std::string name;
  std::string description;
  std::string stage;
  std::vector<std::string> tags;

  bool of_front() const { return trial.has_value() || members.has_value(); }
};

// What the file itself says: metric and validation score, if its maker noted them.
void add_notes(const Predictor& predictor, tracking::ModelVersion& model) {
  const auto metric = predictor.notes().find("metric");
  if (metric != predictor.notes().end()) model.metric = to_text(metric->second);
  const auto score = predictor.notes().find("validation_score");
  if (score != predictor.notes().end()) {
    if (const auto* number = std::get_if<double>(&score->second)) model.score = *number;
  }
}

// A sound model file, or why it is none.
Result<Predictor> read_model_file(const std::string& path, std::string& bytes) {
  PosixFileLayer files;
  if (!files.exists(path)) return fail(StatusCode::kNotFound, "no model file '{}'", path);
  ASSAY_ASSIGN_OR_RETURN(bytes, read_file(files, path, kMaxModelBytes));
  return Predictor::from_bytes(bytes, path);
}

void print_registered(Invocation& invocation, const tracking::ModelVersion& model,
                      std::string_view verb) {
  if (invocation.json) {
    print_result(model_json(model) + "\n");
  } else {
    print_note(invocation, fmt::format("{} {}:{}", verb, model.name, model.version));
  }
  tell_damage(invocation, model.damage);
}

// What is known of the model: by the card of an exported file, or by the model alone.
Result<tracking::ModelVersion> version_of_file(const Predictor& predictor,
                                               const tracking::CardedModel& parts,
                                               const std::string& path) {
  if (parts.has_card) return tracking::version_of_card(parts, path);
  tracking::ModelVersion model;
  model.task = std::string(name_of(predictor.task()));
  model.format_version = kModelFormat;
  model.input_contract = input_contract_json(predictor);
  add_notes(predictor, model);
  return model;
}

Status register_model(Invocation& invocation, tracking::ModelRegistry& registry,
                      const RegisterOptions& options, tracking::ModelVersion model,
                      std::string_view bytes) {
  model.name = options.name;
  if (!options.description.empty()) model.description = options.description;
  if (!options.stage.empty()) model.stage = options.stage;
  ASSAY_ASSIGN_OR_RETURN(const auto tags, parse_tags(options.tags));
  for (const auto& [key, value] : tags) model.tags[key] = value;
  ASSAY_ASSIGN_OR_RETURN(const auto done,
                         registry.register_model(model, std::as_bytes(std::span(bytes))));
  print_registered(invocation, done, "registered");
  return {};
}

// A model on the front, or the best one of the run.
Status register_of_run(Invocation& invocation, const RegisterOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto sweep,
                         load_sweep(*workspace, options.path, options.of_front()));
  const FrontKey key{options.trial.value_or(-1), options.members.value_or(1)};
  ASSAY_ASSIGN_OR_RETURN(RunModel model, options.of_front()
                                             ? load_front_model(*workspace, sweep, key)
                                             : load_best_model(*workspace, sweep));
  tracking::ModelRegistry registry(std::move(workspace));
  return register_model(invocation, registry, options, std::move(model.version), model.bytes);
}

// What is no file may be a run.
bool names_run(const Invocation& invocation, const std::string& text) {
  PosixFileLayer files;
  if (files.exists(text) || text.find('/') != std::string::npos) return false;
  const auto workspace = open_workspace(invocation, false);
  return workspace && tracking::find_run(**workspace, text);
}

Status register_file(Invocation& invocation, const RegisterOptions& options) {
  if (options.of_front() || names_run(invocation, options.path)) {
    return register_of_run(invocation, options);
  }
  std::string bytes;
  ASSAY_ASSIGN_OR_RETURN(const Predictor predictor, read_model_file(options.path, bytes));
  ASSAY_ASSIGN_OR_RETURN(const auto parts, tracking::split_card(bytes, options.path));
  ASSAY_ASSIGN_OR_RETURN(tracking::ModelVersion model,
                         version_of_file(predictor, parts, options.path));
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, true));
  return register_model(invocation, registry, options, std::move(model), parts.model);
}

Status import_file(Invocation& invocation, const std::string& path, const std::string& name) {
  {
    std::string bytes;
    ASSAY_ASSIGN_OR_RETURN([[maybe_unused]] const Predictor sound, read_model_file(path, bytes));
  }
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, true));
  ASSAY_ASSIGN_OR_RETURN(const auto done, registry.import_model(path, name));
  print_registered(invocation, done, "imported");
  return {};
}

Status export_command(Invocation& invocation, const std::string& reference,
                      const OutputPlace& out) {
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto model, registry.resolve(reference));
  ASSAY_ASSIGN_OR_RETURN(const std::string bytes, registry.exported_bytes(model));
  ASSAY_ASSIGN_OR_RETURN(OutputFile file, OutputFile::open(out));
  ASSAY_RETURN_IF_ERROR(file.write(bytes));
  ASSAY_RETURN_IF_ERROR(file.close());
  if (invocation.json) {
    print_result(model_json(model) + "\n");
  } else {
    print_note(invocation, fmt::format("{}:{} written to {} ({})", model.name, model.version,
                                       out.path, size_text(static_cast<double>(bytes.size()))));
  }
  tell_damage(invocation, model.damage);
  return {};
}

void add_register(CLI::App& models, Invocation& invocation) {
  CLI::App* command =
      models.add_subcommand("register", "Register a model file, or a model of a run, under a name");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<RegisterOptions>();
  command
      ->add_option("file", options->path,
                   "The model file, exported or not, or a run of assay run: its best model")
      ->required();
  CLI::Option* trial = command
                           ->add_option("--trial", options->trial,
                                        "Instead a trial of that run, of which it keeps the model")
                           ->type_name("N")
                           ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--members", options->members,
                   "Instead the ensemble of so many members on the front of score against latency")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->excludes(trial);
  command->add_option("--name,-n", options->name, "The model's name")->required();
  command->add_option("--description", options->description, "A sentence for people");
  add_choice(*command, "--stage", options->stage, tracking::kModelStages, "The stage it has");
  command->add_option("--tag", options->tags, "KEY=VALUE; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->footer(
      "The lineage, tags and description of an exported file are kept, as by import.\n"
      "Of the models that no other one is both faster and better than, which assay runs show\n"
      "lists as score against latency, a run keeps what 16 MiB and the time left at its end have\n"
      "room for: single trials, then ensembles.\n"
      "Of a run that was killed the best model that it had come to is registered: that of one or\n"
      "several trials, now and then kept.\n"
      "Examples:\n"
      "  assay models register churn.assay --name churn\n"
      "  assay models register RUN --name churn\n"
      "  assay models register RUN --trial 7 --name churn-fast\n"
      "  assay models register RUN --members 3 --name churn-small");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return register_file(invocation, *options); };
  });
}

void add_import(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand(
      "import", "Register an exported model with the lineage, tags and description that it had");
  add_workspace_option(*command, invocation);
  auto path = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>();
  command->add_option("file", *path, "A file that assay models export wrote")->required();
  command->add_option("--name,-n", *name, "Another name than it had");
  command->footer(
      "Stage and aliases are not taken over: what serves is decided here.\n"
      "Example:\n  assay models import churn.assay --name churn");
  command->callback([=, &invocation] {
    invocation.action = [=, &invocation] { return import_file(invocation, *path, *name); };
  });
}

void add_export(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand(
      "export", "Write a model to one file, with its lineage, for predict, score and import");
  add_workspace_option(*command, invocation);
  auto reference = std::make_shared<std::string>();
  auto out = std::make_shared<OutputPlace>();
  command->add_option("model", *reference, "MODEL, MODEL:VERSION or MODEL@ALIAS")->required();
  command->add_option("--out,-o", out->path, "The file to write")->type_name("FILE")->required();
  add_force_option(*command, *out);
  command->footer("Example:\n  assay models export churn@champion --out churn.assay");
  command->callback([=, &invocation] {
    invocation.action = [=, &invocation] { return export_command(invocation, *reference, *out); };
  });
}

}  // namespace

void add_models_files(CLI::App& models, Invocation& invocation) {
  add_register(models, invocation);
  add_import(models, invocation);
  add_export(models, invocation);
}

}  // namespace assay::automl::cli
