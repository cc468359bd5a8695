// assay resume: goes on with a sweep that was interrupted, or with one that is to have more.
#include <CLI/CLI.hpp>
#include <array>
#include <string_view>
#include <utility>

#include "automl/cli/invocation.h"
#include "automl/cli/learner_groups.h"
#include "automl/cli/run_flags.h"
#include "automl/cli/sweep_command.h"
#include "automl/config/units.h"
#include "automl/scheduler/sweep_past.h"

namespace assay::automl::cli {
namespace {

struct ResumeOptions {
  std::string run;
  RunFlags flags;
};

// What leaves the proposals as they were.
constexpr std::array<std::string_view, 6> kResumeFlags = {"--data",    "--time",  "--trials",
                                                          "--threads", "--slots", "--device"};

// "more --time than 1m or more --trials than 24".
std::string more_of(const BudgetOptions& budget) {
  std::string text;
  if (budget.time > 0) text = "more --time than " + format_duration(budget.time);
  if (budget.trials > 0) {
    text += fmt::format("{}more --trials than {}", text.empty() ? "" : " or ", budget.trials);
  }
  return text;
}

// Whether there is anything left to do.
Status check_budget(const SweepPast& past, const BudgetOptions& budget) {
  const BudgetOptions& before = past.config.budget;
  const bool fewer = budget.trials > 0 && budget.trials < before.trials;
  if (fewer) {
    return fail(StatusCode::kInvalidArgument,
                "--trials: {} (run {} was to have {}: must be at least that)", budget.trials,
                past.run_id, before.trials);
  }
  const bool complete = past.status == tracking::RunStatus::kCompleted;
  const auto more = [](auto now, auto then) { return then > 0 && (now == 0 || now > then); };
  const bool longer = more(budget.time, before.time) || more(budget.trials, before.trials);
  if (complete && !longer) {
    return fail(StatusCode::kInvalidArgument,
                "run {} is completed: nothing is left to do ({} extends it)", past.run_id,
                more_of(before));
  }
  const auto limit = budget.time_limit();
  const double spent = past.elapsed_seconds - past.prepare_seconds;
  if (complete && limit && *limit <= spent) {
    return fail(StatusCode::kBudgetTooSmall,
                "run {} has searched for {:.1f} s of its {}: more --time extends it", past.run_id,
                spent, format_duration(*limit));
  }
  return {};
}

Status resume(Invocation& invocation, const ResumeOptions& options) {
  SweepRequest request;
  ASSAY_ASSIGN_OR_RETURN(request.workspace, open_workspace(invocation, false));
  const std::vector<OptionGroup> groups = learner_groups();
  ASSAY_ASSIGN_OR_RETURN(SweepPast past, find_past(*request.workspace, options.run, groups));
  request.config = past.config;
  ConfigPlaces places;
  ASSAY_RETURN_IF_ERROR(options.flags.apply_to(request.config, places));
  ASSAY_RETURN_IF_ERROR(check_config(request.config));
  ASSAY_RETURN_IF_ERROR(check_budget(past, request.config.budget));
  ASSAY_ASSIGN_OR_RETURN(Engine* const engine,
                         open_sweep_engine(invocation, request.config, places));
  request.past = std::make_shared<const SweepPast>(std::move(past));
  return run_sweep_here(invocation, *engine, std::move(request), places, {});
}

}  // namespace

void add_resume_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand(
      "resume", "Go on with a sweep whose process ended before it was done, or give it more");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<ResumeOptions>();
  command->add_option("run", options->run, "Id of the sweep's run, its beginning, or its name")
      ->type_name("RUN")
      ->required();
  options->flags.add_to(*command, kResumeFlags);
  command->footer(
      "Goes on after Ctrl-C, kill -9 or a loss of power with the same run: trials that ended are\n"
      "not repeated, and the search is where it was. With --trials and no --time the result is\n"
      "that of an unbroken run, bit for bit, on any number of threads and slots and on other\n"
      "devices. With a time budget the time left is what the search had left; --time is the whole\n"
      "of it, that before included. A run that is completed goes on with more --time or --trials.\n"
      "The table must be the same (--data says where it is now).\n"
      "Examples:\n"
      "  assay resume 01K0A7\n"
      "  assay resume 01K0A7 --time 10m\n"
      "  assay resume sweep-K7Q2 --trials 200 --json");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return resume(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
