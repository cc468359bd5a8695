#include "automl/cli/sweep_command.h"

#include <signal.h>

#include <utility>

#include "automl/cli/interrupt.h"
#include "automl/cli/output.h"
#include "automl/cli/sweep_progress.h"
#include "automl/report/leaderboard.h"
#include "automl/report/run_summary.h"
#include "automl/report/score_picture.h"
#include "automl/report/text_table.h"
#include "kernels/base/plurals.h"
#include "tracking/unrecorded_runs.h"

namespace assay::automl::cli {
namespace {

// "stratified 5-fold; 0.9312 on the rows it was chosen on"
std::string validation_text(const SweepOutcome& outcome) {
  std::string text = outcome.validation_method;
  if (outcome.refitted > 0) text += ", then refitted on all rows";
  if (!outcome.selection_score) return text;
  const std::string flattered = score_text(*outcome.selection_score);
  if (flattered == score_text(outcome.validation_score)) return text;
  return text + fmt::format("; {} on the rows it was chosen on", flattered);
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
        "\n{} finished, {} failed, {} pruned{} in {} (peak memory {})\n"
        "model {}: {} {} ({}), one row in {}\n  file {} ({})\n  run  {}\n",
        counted(outcome.finished, "trial"), outcome.failed, outcome.pruned,
        outcome.over_limit > 0 ? fmt::format(", {} left out", outcome.over_limit) : std::string(),
        duration_text(outcome.wall_seconds), size_text(static_cast<double>(outcome.peak_rss_bytes)),
        model, outcome.metric, score_text(outcome.validation_score), validation_text(outcome),
        latency_text(outcome.footprint.latency_us), outcome.model_path,
        size_text(static_cast<double>(outcome.footprint.file_bytes)), outcome.run_id);
    print_result(out);
  }
  if (interrupted) {
    const std::string kept = outcome.kept_partial.empty() ? "the best model so far"
                                                          : "the model of " + outcome.kept_partial;
    print_note(invocation,
               fmt::format("interrupted: {} is registered as {}; `assay resume {}` goes "
                           "on from here",
                           kept, model, outcome.run_id));
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
    print_message(
        fmt::format("assay: {} not recorded as {} ended: {}\n",
                    counted(static_cast<int64_t>(lost), "run") + (lost == 1 ? " is" : " are"),
                    lost == 1 ? "it" : "they",
                    closed ? "their files are not written" : closed.error().message));
  }
  if (closed || !stop.requested()) return;
  // Never deleted: its threads may still write, and waiting for them takes time.
  (void)new std::shared_ptr<tracking::Workspace>(request.workspace);
}

}  // namespace

Result<Engine*> open_sweep_engine(const Invocation& invocation, const ExperimentConfig& config,
                                  const ConfigPlaces& places) {
  auto opened = Engine::open(
      {config.run.device, true, config.run.threads, config.budget.memory, config.run.fpga_xclbin});
  if (!opened) return tl::unexpected<Error>(places.placed(std::move(opened.error())));
  Engine* const engine = opened->release();
  if (config.run.threads > engine->threads()) {
    print_note(invocation, fmt::format("threads: {} asked for, {} may be used here",
                                       config.run.threads, engine->threads()));
  }
  return engine;
}

Status run_sweep_here(Invocation& invocation, Engine& engine, SweepRequest request,
                      const ConfigPlaces& places, const OutputPlace& picture) {
  // A reader that goes away must not take the sweep with it.
  signal(SIGPIPE, SIG_IGN);
  SweepDisplay display(invocation);
  request.command_line = invocation.argv;
  request.compute = {&engine.devices().kernels(), engine.chosen(), engine.spare(),
                     &engine.devices().host(), &Engine::make_executor};
  request.threads = engine.threads();
  request.clock = &invocation.clock;
  request.process_start_ns = invocation.started_ns;
  if (request.past) {
    request.process_start_ns =
        request.past->budget_start_ns(invocation.started_ns, request.config.budget.time_limit());
  }
  request.stop = invocation.stop;
  request.observer = &display;
  say_when_left(
      "no model was registered; `assay resume` with the run's id goes on from what was recorded, "
      "and `assay predict` takes it for the best model so far");
  const auto outcome = run_sweep(request);
  if (outcome) say_when_left("the model is registered");
  display.finish();
  if (outcome) print_outcome(invocation, *outcome);
  if (outcome && outcome->record_unfinished) invocation.exit_code = exit_code_of(StatusCode::kIo);
  close_workspace(invocation, request, outcome.has_value());
  if (!outcome) return tl::unexpected<Error>(places.placed(outcome.error()));
  return picture.path.empty() ? Status() : write_picture(*outcome, picture);
}

}  // namespace assay::automl::cli
