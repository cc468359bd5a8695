// A sweep whose journal breaks: what is said, and what is recorded.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "automl/scheduler/sweep.h"
#include "tests/automl/scheduler_fakes.h"
#include "tests/tracking/hooked_files.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

using Script = FakeLearner::Script;

bool says(const std::vector<std::string>& texts, std::string_view part) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

TEST(SweepJournal, NeverSaysThatABrokenJournalHasTheTrials) {
  for (const bool files_fail_too : {false, true}) {
    std::atomic<bool> broken{false};
    tracking::HookedFiles files([&](std::string_view operation, const std::string& path) -> Status {
      const bool journal = operation == "sync" && path.find("seg-") != std::string::npos;
      const bool file = operation == "rename" && path.ends_with(".h5");
      if (!broken || !(journal || (file && files_fail_too))) return {};
      return fail(StatusCode::kIo, "input/output error");
    });
    ManualClock clock;
    SweepBench bench(&files);
    bench.request.clock = &clock;
    bench.request.process_start_ns = clock.now_ns();
    bench.add(fake("constant"));
    bench.add(fake("gbt", [&](const FakeLearner::Call&) {
      broken = true;
      clock.advance(kSecond / 5);
      return Script{};
    }));
    bench.request.config.budget.time = 20;
    LossObserver observer;
    bench.request.observer = &observer;
    const auto outcome = bench.run();
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_TRUE(says(observer.losses, "the journal could not be written: input/output error"));
    EXPECT_FALSE(says(outcome->notes, "they are in the journal"));
    EXPECT_EQ(says(observer.losses, "are not recorded as they ended: input/output error"),
              files_fail_too);
    EXPECT_EQ(outcome->record_unfinished, files_fail_too);
    const auto runs = tracking::list_runs(*bench.request.workspace);
    ASSERT_TRUE(runs);
    const auto files_there =
        std::count_if(runs->runs.begin(), runs->runs.end(), [&](const tracking::RunInfo& run) {
          return run.kind == "trial" && std::filesystem::exists(tracking::run_file_of(
                                            *bench.request.workspace, run.run_id));
        });
    const int64_t made = outcome->finished + outcome->failed + outcome->pruned + outcome->cancelled;
    EXPECT_EQ(files_there == made, !files_fail_too) << files_there << " of " << made;
    broken = false;
  }
}

}  // namespace
}  // namespace assay::automl
