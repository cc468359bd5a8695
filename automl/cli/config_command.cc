// assay config init | schema | check
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <climits>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "automl/cli/config_hints.h"
#include "automl/cli/config_source.h"
#include "automl/cli/engine.h"
#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
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
#include "automl/scheduler/readable_config.h"
#include "automl/validation/target_check.h"
#include "datasets/csv_reader.h"
#include "datasets/profile.h"
#include "datasets/target.h"
#include "kernels/base/file_layer.h"
#include "kernels/base/plurals.h"

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
  notes.push_back({"data.train", fmt::format("{}, {}", counted(table->row_count(), "row"),
                                             counted(table->column_count(), "column"))});
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
    print_result(invocation.json ? json_line({{"config", text}}) : text);
    return {};
  }
  ASSAY_ASSIGN_OR_RETURN(OutputFile file, OutputFile::open(options.out));
  ASSAY_RETURN_IF_ERROR(file.write(text));
  ASSAY_RETURN_IF_ERROR(file.close());
  if (invocation.json) {
    print_result(json_line({{"out", path}}));
  } else {
    print_note(invocation, fmt::format("wrote {0}; next: assay run {0}", path));
  }
  return {};
}

// The mistakes of several checks, in the order of the config's lines.
class Mistakes {
 public:
  explicit Mistakes(std::string file) : file_(std::move(file)) {}
  void add(const Error& error) {
    if (lines_.empty() || error.code == StatusCode::kConfig) code_ = error.code;
    std::string_view rest = error.message;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      lines_.emplace_back(line_number(line), line);
    }
  }
  Status status() && {
    if (lines_.empty()) return {};
    std::stable_sort(lines_.begin(), lines_.end(),
                     [](const auto& x, const auto& y) { return x.first < y.first; });
    std::string text;
    for (const auto& [number, line] : lines_) text += (text.empty() ? "" : "\n") + line;
    return tl::unexpected<Error>({code_, std::move(text)});
  }

 private:
  // Of "churn.yaml:7: ..."; what has none stands behind.
  int line_number(std::string_view line) const {
    int number = 0;
    const std::string prefix = file_ + ":";
    if (line.substr(0, prefix.size()) != prefix) return INT_MAX;
    line.remove_prefix(prefix.size());
    const auto read = std::from_chars(line.data(), line.data() + line.size(), number);
    return read.ec == std::errc() ? number : INT_MAX;
  }

  std::string file_;
  StatusCode code_ = StatusCode::kConfig;
  std::vector<std::pair<int, std::string>> lines_;
};

// What of a config depends on its table: the file, its columns, and, if all of these are there, the
// target.
Status check_table(const Invocation& invocation, const ExperimentConfig& config,
                   const ConfigPlaces& places, bool sound) {
  if (config.data.train.empty()) return {};
  PosixFileLayer files;
  if (!files.exists(config.data.train)) {
    return tl::unexpected<Error>(
        {StatusCode::kConfig,
         places.message("data.train", fmt::format("no file '{}'", config.data.train))});
  }
  ASSAY_RETURN_IF_ERROR(check_table_columns(config, places, true));
  if (!sound) return {};
  ASSAY_ASSIGN_OR_RETURN(auto engine, Engine::open({}));
  Status fits = check_target_file(config, engine->executor(), *invocation.stop);
  if (!fits) return tl::unexpected<Error>(places.placed(std::move(fits.error())));
  return {};
}

Status check(const Invocation& invocation, const std::string& path) {
  ASSAY_RETURN_IF_ERROR(refuse_table(path));
  const std::vector<OptionGroup> groups = learner_groups();
  ConfigPlaces places;
  ExperimentConfig config;
  Mistakes mistakes(path);
  const auto loaded = load_config(path, groups, &places, &config);
  if (!loaded && loaded.error().code != StatusCode::kConfig) {
    return tl::unexpected<Error>(loaded.error());
  }
  if (!loaded) mistakes.add(loaded.error());
  const Status table = check_table(invocation, config, places, loaded.has_value());
  if (!table) {
    if (table.error().code == StatusCode::kCancelled) return table;
    mistakes.add(table.error());
  }
  const auto engine = Engine::open(
      {config.run.device, true, config.run.threads, config.budget.memory, config.run.fpga_xclbin});
  if (!engine) mistakes.add(places.placed(engine.error()));
  if (loaded && config.constraints.interpretable) {
    if (const Status readable = make_readable(config, {}); !readable) {
      mistakes.add(places.placed(readable.error()));
    }
  }
  ASSAY_RETURN_IF_ERROR(std::move(mistakes).status());
  if (invocation.json) {
    print_result(json_line({{"ok", true}, {"config", path}}));
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
        text = json_line(object);
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
      "Also checks that the table is there, that it has the columns the config names, that metric\n"
      "and objectives go with the target (whose column is read), and that the device can be had.\n"
      "Example:\n  assay config check churn.yaml");
  check_command->callback([&invocation, path] {
    invocation.action = [&invocation, path] { return check(invocation, *path); };
  });
}

}  // namespace assay::automl::cli
