// assay config init | schema | check
#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "automl/cli/config_hints.h"
#include "automl/cli/config_source.h"
#include "automl/cli/engine.h"
#include "automl/cli/invocation.h"
#include "automl/cli/learner_groups.h"
#include "automl/cli/output.h"
#include "automl/cli/output_file.h"
#include "automl/cli/table_options.h"
#include "automl/config/column_check.h"
#include "automl/config/config_reference.h"
#include "automl/config/config_schema.h"
#include "automl/config/config_template.h"
#include "automl/config/yaml_config.h"
#include "automl/metrics/metric.h"
#include "datasets/csv_reader.h"
#include "datasets/profile.h"
#include "datasets/target.h"
#include "kernels/base/file_layer.h"

namespace assay::automl::cli {
namespace {

struct InitOptions {
  std::string data;
  std::string target;
  std::string task = "auto";
  OutputPlace out;
};

// The data's path as a config in `out`'s folder (or here) has to name it.
std::string path_for(const std::string& data, const std::string& out) {
  if (out.empty() || out == "-") return data;
  std::error_code error;
  const auto folder = std::filesystem::absolute(out, error).parent_path();
  const auto relative =
      std::filesystem::proximate(std::filesystem::absolute(data, error), folder, error);
  return error ? data : relative.string();
}

Result<std::string> make_template(const Invocation& invocation, const InitOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto engine, Engine::open({}));
  datasets::CsvOptions csv;
  csv.expected_names = {options.target};
  ASSAY_ASSIGN_OR_RETURN(
      auto table, datasets::read_csv(options.data, csv, engine->executor(), *invocation.stop));
  std::optional<Task> task;
  if (options.task != "auto") {
    ASSAY_ASSIGN_OR_RETURN(task, parse_task(options.task));
  }
  ASSAY_ASSIGN_OR_RETURN(const auto target, datasets::extract_target(*table, options.target, task));
  ExperimentConfig config;
  config.run.experiment = experiment_name_of(options.data);
  config.data.train = path_for(options.data, options.out.path);
  config.data.target = options.target;
  config.data.task = std::string(name_of(target.task));
  config.data.metric = std::string(Metric::default_for(target.task).name());
  config.budget.time = 60;
  ASSAY_ASSIGN_OR_RETURN(const auto profile, datasets::profile_table(*table, engine->executor()));
  std::vector<ConfigNote> notes = column_hints(profile, options.target);
  notes.push_back({"data.train",
                   fmt::format("{} rows, {} columns", table->row_count(), table->column_count())});
  notes.push_back({"data.task", target.reason});
  return config_template(config, learner_groups(), notes);
}

Status init(const Invocation& invocation, const InitOptions& options) {
  const std::string& path = options.out.path;
  const bool to_stdout = path.empty() || path == "-";
  if (!to_stdout) {
    ASSAY_RETURN_IF_ERROR(OutputFile::check_differs(path, options.data, "the table"));
    ASSAY_RETURN_IF_ERROR(OutputFile::check(options.out));
  }
  ASSAY_ASSIGN_OR_RETURN(const std::string text, make_template(invocation, options));
  if (to_stdout) {
    print_result(invocation.json ? nlohmann::json{{"config", text}}.dump() + "\n" : text);
    return {};
  }
  ASSAY_ASSIGN_OR_RETURN(OutputFile file, OutputFile::open(options.out));
  ASSAY_RETURN_IF_ERROR(file.write(text));
  ASSAY_RETURN_IF_ERROR(file.close());
  if (invocation.json) {
    print_result(nlohmann::json{{"out", path}}.dump() + "\n");
  } else {
    print_note(invocation, fmt::format("wrote {0}; next: assay run {0}", path));
  }
  return {};
}

Status check(const Invocation& invocation, const std::string& path) {
  ASSAY_RETURN_IF_ERROR(refuse_table(path));
  const std::vector<OptionGroup> groups = learner_groups();
  ConfigPlaces places;
  ASSAY_ASSIGN_OR_RETURN(const ExperimentConfig config, load_config(path, groups, &places));
  PosixFileLayer files;
  if (!files.exists(config.data.train)) {
    return tl::unexpected<Error>(
        {StatusCode::kConfig,
         places.message("data.train", fmt::format("no file '{}'", config.data.train))});
  }
  ASSAY_RETURN_IF_ERROR(check_table_columns(config, places, true));
  const auto engine = Engine::open({config.run.device, config.run.threads, config.budget.memory});
  if (!engine) return tl::unexpected<Error>(places.placed(engine.error()));
  if (invocation.json) {
    print_result(nlohmann::json{{"ok", true}, {"config", path}}.dump() + "\n");
  } else {
    print_note(invocation, fmt::format("{} is good", path));
  }
  return {};
}

void add_init(CLI::App& config, Invocation& invocation) {
  CLI::App* command = config.add_subcommand("init", "Write a commented config for a table");
  add_output_options(*command, invocation);
  auto options = std::make_shared<InitOptions>();
  command->add_option("data,--data", options->data, "The training table")
      ->type_name("FILE")
      ->required();
  command->add_option("--target", options->target, "The column to predict")
      ->type_name("COLUMN")
      ->required();
  add_task_option(*command, options->task);
  command->add_option("--out,-o", options->out.path, "File to write (default: standard output)")
      ->type_name("FILE");
  add_force_option(*command, options->out);
  command->footer("Example:\n  assay config init train.csv --target churn --out churn.yaml");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return init(invocation, *options); };
  });
}

}  // namespace

void add_config_command(CLI::App& app, Invocation& invocation) {
  CLI::App* config = app.add_subcommand("config", "Make, check and describe config files");
  config->require_subcommand(1);
  add_init(*config, invocation);

  CLI::App* schema = config->add_subcommand("schema", "JSON Schema of config files, for editors");
  add_output_options(*schema, invocation);
  auto markdown = std::make_shared<bool>(false);
  schema->add_flag("--markdown", *markdown, "The reference for people instead");
  schema->footer("Example:\n  assay config schema > assay.schema.json");
  schema->callback([&invocation, markdown] {
    invocation.action = [&invocation, markdown]() -> Status {
      const std::vector<OptionGroup> groups = learner_groups();
      std::string text = *markdown ? config_reference(groups) : config_schema(groups);
      if (invocation.json) {
        const auto object = *markdown ? nlohmann::ordered_json{{"markdown", text}}
                                      : nlohmann::ordered_json::parse(text);
        text = object.dump() + "\n";
      }
      print_result(text);
      return {};
    };
  });

  CLI::App* check_command = config->add_subcommand("check", "Check a config file");
  add_output_options(*check_command, invocation);
  auto path = std::make_shared<std::string>();
  check_command->add_option("config", *path, "The config file")->type_name("FILE")->required();
  check_command->footer(
      "Also checks that the table is there, that it has the columns the config names, and that "
      "the\n"
      "device can be had.\n"
      "Example:\n  assay config check churn.yaml");
  check_command->callback([&invocation, path] {
    invocation.action = [&invocation, path] { return check(invocation, *path); };
  });
}

}  // namespace assay::automl::cli
