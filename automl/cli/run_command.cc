// assay run: one AutoML sweep from a config file or flags to a registered model.
#include <CLI/CLI.hpp>

#include "automl/cli/config_source.h"
#include "automl/cli/invocation.h"
#include "automl/cli/learner_groups.h"
#include "automl/cli/output_file.h"
#include "automl/cli/run_flags.h"
#include "automl/cli/sweep_command.h"
#include "automl/config/column_check.h"
#include "automl/config/yaml_config.h"
#include "automl/learners/learner.h"
#include "automl/scheduler/sweep.h"
#include "kernels/base/file_layer.h"

namespace assay::automl::cli {
namespace {

struct RunOptionsGiven {
  std::string config_path;
  OutputPlace picture;
  RunFlags flags;
};

constexpr int64_t kMaxConfigBytes = 1 << 20;

Result<ExperimentConfig> config_of(const RunOptionsGiven& options, std::string& config_text,
                                   ConfigPlaces& places) {
  ExperimentConfig config;
  if (!options.config_path.empty()) {
    ASSAY_RETURN_IF_ERROR(refuse_table(options.config_path));
    const std::vector<OptionGroup> groups = learner_groups();
    PosixFileLayer files;
    ASSAY_ASSIGN_OR_RETURN(config, load_config(options.config_path, groups, &places));
    ASSAY_ASSIGN_OR_RETURN(config_text, read_file(files, options.config_path, kMaxConfigBytes));
  }
  ASSAY_RETURN_IF_ERROR(options.flags.apply_to(config, places));
  if (options.config_path.empty() && (config.data.train.empty() || config.data.target.empty())) {
    return fail(StatusCode::kInvalidArgument,
                "give a config file, or --data and --target; see assay run --help");
  }
  if (config.run.experiment.empty()) {
    config.run.experiment = experiment_name_of(config.data.train);
  }
  for (const LearnerChoice& choice : config.learners) {
    ASSAY_ASSIGN_OR_RETURN([[maybe_unused]] const Learner* learner, find_learner(choice.name));
  }
  ASSAY_RETURN_IF_ERROR(check_config(config));
  return config;
}

Status run_sweep_command(Invocation& invocation, const RunOptionsGiven& options) {
  SweepRequest request;
  ConfigPlaces places;
  ASSAY_ASSIGN_OR_RETURN(request.config, config_of(options, request.config_text, places));
  for (const auto& [file, what] : {std::pair{request.config.data.train, "the table"},
                                   std::pair{options.config_path, "the config"}}) {
    ASSAY_RETURN_IF_ERROR(OutputFile::check_differs(options.picture.path, file, what));
  }
  if (!options.picture.path.empty()) ASSAY_RETURN_IF_ERROR(OutputFile::check(options.picture));
  ASSAY_RETURN_IF_ERROR(check_table_columns(request.config, places, false));
  ASSAY_ASSIGN_OR_RETURN(Engine* const engine,
                         open_sweep_engine(invocation, request.config, places));
  ASSAY_ASSIGN_OR_RETURN(request.workspace, open_workspace(invocation, true));
  request.config_path = options.config_path;
  return run_sweep_here(invocation, *engine, std::move(request), places, options.picture);
}

}  // namespace

void add_run_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command =
      app.add_subcommand("run", "Search for the best model of a table and register it");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<RunOptionsGiven>();
  command->add_option("config", options->config_path, "Config file (assay config init makes one)")
      ->type_name("FILE");
  options->flags.add_to(*command);
  command
      ->add_option("--picture", options->picture.path,
                   "Also draw the trials' scores over time into this SVG file")
      ->type_name("FILE")
      ->group("Output");
  options->picture.made_anew = "<svg";
  add_force_option(*command, options->picture)
      ->group("Output")
      ->description("Replace the file of --picture even if it is not a picture");
  command->footer(
      "Flags override the config file. Without --time and --trials a run takes 60 s. With "
      "--trials\n"
      "and no --time the result depends on the seed alone.\n"
      "Examples:\n"
      "  assay run experiment.yaml\n"
      "  assay run experiment.yaml --time 10m --name churn\n"
      "  assay run --data train.csv --target churn --metric log_loss --drop customer_id\n"
      "  assay run --data train.csv --target price --trials 20 --seed 7 --json");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return run_sweep_command(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
