// assay run: one AutoML sweep from a config file or flags to a registered model.
#include <signal.h>

#include <CLI/CLI.hpp>

#include "automl/cli/config_source.h"
#include "automl/cli/engine.h"
#include "automl/cli/interrupt.h"
#include "automl/cli/invocation.h"
#include "automl/cli/learner_groups.h"
#include "automl/cli/output.h"
#include "automl/cli/output_file.h"
#include "automl/cli/run_flags.h"
#include "automl/cli/sweep_progress.h"
#include "automl/config/column_check.h"
#include "automl/config/yaml_config.h"
#include "automl/learners/learner.h"
#include "automl/report/leaderboard.h"
#include "automl/report/run_summary.h"
#include "automl/report/score_picture.h"
#include "automl/report/text_table.h"
#include "automl/scheduler/sweep.h"
#include "kernels/base/file_layer.h"
#include "tracking/unrecorded_runs.h"

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
  } else if (!options.flags.given("--data") || !options.flags.given("--target")) {
    return fail(StatusCode::kInvalidArgument,
                "give a config file, or --data and --target; see assay run --help");
  }
  ASSAY_RETURN_IF_ERROR(options.flags.apply_to(config, places));
  if (config.run.experiment.empty()) {
    config.run.experiment = experiment_name_of(config.data.train);
  }
  for (const LearnerChoice& choice : config.learners) {
    ASSAY_ASSIGN_OR_RETURN([[maybe_unused]] const Learner* learner, find_learner(choice.name));
  }
  ASSAY_RETURN_IF_ERROR(check_config(config));
  return config;
}

void print_outcome(Invocation& invocation, const SweepOutcome& outcome) {
  const bool interrupted = outcome.status == tracking::RunStatus::kInterrupted;
  if (!outcome.damage.empty()) invocation.exit_code = exit_code_of(StatusCode::kData);
  if (interrupted) invocation.exit_code = exit_code_of(StatusCode::kCancelled);
  const std::string model = fmt::format("{}:{}", outcome.model_name, outcome.model_version);
  if (invocation.json) {
    print_result(run_summary_json(outcome) + "\n");
  } else {
    std::string out = leaderboard_text(outcome.leaderboard, 10, terminal_width());
    out += fmt::format(
        "\n{} trials finished, {} failed, {} pruned in {} (peak memory {})\n"
        "model {}: {} {} ({})\n  file {}\n  run  {}\n",
        outcome.finished, outcome.failed, outcome.pruned, duration_text(outcome.wall_seconds),
        size_text(static_cast<double>(outcome.peak_rss_bytes)), model, outcome.metric,
        score_text(outcome.validation_score), outcome.validation_method, outcome.model_path,
        outcome.run_id);
    print_result(out);
  }
  if (interrupted) {
    const std::string kept = outcome.kept_partial.empty() ? "the best model so far"
                                                          : "the model of " + outcome.kept_partial;
    print_note(invocation, fmt::format("interrupted: {} is registered as {}; run the same command "
                                       "again for a further version",
                                       kept, model));
  } else if (!invocation.json) {
    print_note(invocation, fmt::format("next: assay predict {} --data new.csv --out "
                                       "predictions.csv",
                                       outcome.model_name));
  }
}

Status write_picture(const SweepOutcome& outcome, const OutputPlace& place) {
  ASSAY_ASSIGN_OR_RETURN(OutputFile file, OutputFile::open(place));
  ASSAY_RETURN_IF_ERROR(file.write(score_picture(outcome.leaderboard, PictureAxis::kSeconds)));
  return file.close();
}

// Gives up the writer lease before the process ends. A time budget holds here too: what is not
// published by then stays in the journal, or is lost if that is broken: then it is said, unless the
// sweep did, and the exit code tells.
void close_workspace(Invocation& invocation, const SweepRequest& request, bool swept) {
  int64_t deadline_ns = kNoDeadline;
  if (const auto seconds = request.config.budget.time_limit()) {
    deadline_ns = request.process_start_ns + static_cast<int64_t>(*seconds * 1e9);
  }
  // Without an outcome there may be no writer, and there is an error to tell anyway.
  tracking::Journal* journal = nullptr;
  if (swept) journal = request.workspace->journal().value_or(nullptr);
  const size_t told = journal == nullptr ? 0 : tracking::unrecorded_runs(*journal);
  const StopToken stop(request.clock, deadline_ns);
  const Status closed = request.workspace->close(&stop);
  const size_t lost = journal == nullptr ? 0 : tracking::unrecorded_runs(*journal);
  if (lost > 0) invocation.exit_code = exit_code_of(StatusCode::kIo);
  if (lost > told) {
    print_message(fmt::format("assay: {} runs are not recorded as they ended: {}\n", lost,
                              closed ? "their files are not written" : closed.error().message));
  }
  if (closed || !stop.requested()) return;
  // Never deleted: its threads may still write, and waiting for them takes time.
  (void)new std::shared_ptr<tracking::Workspace>(request.workspace);
}

Status run_sweep_command(Invocation& invocation, const RunOptionsGiven& options) {
  // A reader that goes away must not take the sweep with it.
  signal(SIGPIPE, SIG_IGN);
  SweepRequest request;
  ConfigPlaces places;
  ASSAY_ASSIGN_OR_RETURN(request.config, config_of(options, request.config_text, places));
  for (const auto& [file, what] : {std::pair{request.config.data.train, "the table"},
                                   std::pair{options.config_path, "the config"}}) {
    ASSAY_RETURN_IF_ERROR(OutputFile::check_differs(options.picture.path, file, what));
  }
  if (!options.picture.path.empty()) ASSAY_RETURN_IF_ERROR(OutputFile::check(options.picture));
  ASSAY_RETURN_IF_ERROR(check_table_columns(request.config, places, false));
  auto opened = Engine::open(
      {request.config.run.device, request.config.run.threads, request.config.budget.memory});
  if (!opened) return tl::unexpected<Error>(places.placed(std::move(opened.error())));
  // Never deleted: a stalled trial may outlive the sweep and still compute until the process ends.
  Engine* const engine = opened->release();
  if (request.config.run.threads > engine->threads()) {
    print_note(invocation, fmt::format("threads: {} asked for, {} may be used here",
                                       request.config.run.threads, engine->threads()));
  }
  ASSAY_ASSIGN_OR_RETURN(request.workspace, open_workspace(invocation, true));
  SweepDisplay display(invocation);
  request.config_path = options.config_path;
  request.command_line = invocation.argv;
  request.compute = {&engine->devices().kernels(), &engine->device(), &engine->devices().host(),
                     &Engine::make_executor};
  request.threads = engine->threads();
  request.clock = &invocation.clock;
  request.process_start_ns = invocation.started_ns;
  request.stop = invocation.stop;
  request.observer = &display;
  say_when_left("no model was registered, and what was recorded so far is kept");
  const auto outcome = run_sweep(request);
  if (outcome) say_when_left("the model is registered");
  display.finish();
  if (outcome) print_outcome(invocation, *outcome);
  close_workspace(invocation, request, outcome.has_value());
  if (!outcome) return tl::unexpected<Error>(places.placed(outcome.error()));
  return options.picture.path.empty() ? Status() : write_picture(*outcome, options.picture);
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
