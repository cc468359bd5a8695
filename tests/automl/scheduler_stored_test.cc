// Models that are too large to be held while a sweep searches: they are in files of the run, and
// read back when they are chosen.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "automl/ensemble/candidate_pool.h"
#include "automl/scheduler/memory_plan.h"
#include "automl/scheduler/trial_archive.h"
#include "tests/automl/scheduler_fakes.h"
#include "tests/tracking/hooked_files.h"

namespace assay::automl {
namespace {

constexpr int64_t kLargeBytes = int64_t{8} << 20;

std::string ranking_of(const SweepOutcome& outcome) {
  std::string board;
  for (const LeaderboardRow& row : outcome.leaderboard.rows) {
    board += fmt::format("{} {} {} {} {}\n", row.trial, row.learner, row.status,
                         row.score.value_or(-1), row.weight);
  }
  return board;
}

// A sweep in logical mode; `at_fit(n)` runs when the n-th fit of gbt begins.
class StoredSweep {
 public:
  explicit StoredSweep(int64_t model_bytes, std::function<void(int)> at_fit = {},
                       FileLayer* files = nullptr)
      : bench(files), at_fit_(std::move(at_fit)) {
    bench.add(fake("constant"));
    bench
        .add(fake("gbt",
                  [this](const FakeLearner::Call&) {
                    if (at_fit_) at_fit_(++fits_);
                    return FakeLearner::Script{};
                  }))
        .with_gap(0.05)
        .with_model_bytes(model_bytes);
    bench.add(fake("linear")).with_gap(0.5);
    bench.request.config.budget.trials = 30;
    bench.request.observer = &observer;
  }

  // The files of trials that the archive has of this sweep.
  std::vector<std::filesystem::path> files() {
    std::vector<std::filesystem::path> found;
    const std::string scratch = bench.request.workspace->path() + "/scratch";
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch, error)) {
      if (entry.path().extension() == ".outcome") found.push_back(entry.path());
    }
    return found;
  }

  SweepBench bench;
  LossObserver observer;

 private:
  std::function<void(int)> at_fit_;
  std::atomic<int> fits_{0};
};

// Calls `at_end` once the search is over.
struct EndingObserver : LossObserver {
  void on_progress(const SweepProgress& progress) override {
    if (progress.phase == SweepPhase::kEnsembling && at_end) std::exchange(at_end, nullptr)();
  }
  std::function<void()> at_end;
};

TEST(StoredModels, AreChosenAsThoseThatAreHeld) {
  const auto held = StoredSweep(1000).bench.run();
  StoredSweep stored(kLargeBytes);
  const auto outcome = stored.bench.run();
  ASSERT_TRUE(held && outcome);
  EXPECT_EQ(ranking_of(*outcome), ranking_of(*held));
  EXPECT_EQ(outcome->validation_score, held->validation_score);
  EXPECT_EQ(outcome->ensemble_kind, "average") << "there was nothing to read several files for";
  EXPECT_EQ(stored.observer.losses, std::vector<std::string>());
}

TEST(StoredModels, AreHeldWhereTheDiskTakesNoFiles) {
  const auto whole = StoredSweep(kLargeBytes).bench.run();
  tracking::HookedFiles files([](std::string_view operation, const std::string& path) -> Status {
    if (operation == "create" && path.find("/scratch-") != std::string::npos) {
      return fail(StatusCode::kIo, "no space left on device");
    }
    return {};
  });
  StoredSweep full(kLargeBytes, {}, &files);
  const auto outcome = full.bench.run();
  ASSERT_TRUE(whole && outcome);
  EXPECT_EQ(ranking_of(*outcome), ranking_of(*whole));
  ASSERT_EQ(full.observer.losses.size(), 1u);
  EXPECT_NE(full.observer.losses[0].find("assay resume"), std::string::npos);
}

TEST(StoredModels, ThatAreLostCostTheirCandidateAlone) {
  std::atomic<int> fits{0};
  StoredSweep first(kLargeBytes, [&](int) { ++fits; });
  first.bench.request.config.validation.refit = false;  // the last fit is that of a trial
  const auto whole = first.bench.run();
  ASSERT_TRUE(whole);
  const auto chosen = [](const SweepOutcome& outcome) {
    std::vector<int64_t> trials;
    for (const LeaderboardRow& row : outcome.leaderboard.rows) {
      if (row.learner == "gbt" && row.weight > 0) trials.push_back(row.trial);
    }
    return trials;
  };
  ASSERT_FALSE(chosen(*whole).empty());
  const int64_t gone = chosen(*whole)[0];
  bool removed = false;
  StoredSweep* sweep = nullptr;
  StoredSweep broken(kLargeBytes, [&](int fit) {
    if (fit != fits) return;  // the last one
    for (const auto& path : sweep->files()) {
      if (path.filename() != fmt::format("trial-{:06}.outcome", gone)) continue;
      removed = std::filesystem::remove(path);
    }
  });
  sweep = &broken;
  broken.bench.request.config.validation.refit = false;
  const auto outcome = broken.bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_TRUE(removed);
  ASSERT_EQ(broken.observer.losses.size(), 1u);
  EXPECT_NE(broken.observer.losses[0].find(fmt::format("trial {} is left out", gone)),
            std::string::npos)
      << broken.observer.losses[0];
  const std::vector<int64_t> left = chosen(*outcome);
  EXPECT_FALSE(left.empty());
  EXPECT_EQ(std::count(left.begin(), left.end(), gone), 0);
}

TEST(StoredModels, OfAllTrialsLostLeaveTheBaseline) {
  StoredSweep broken(kLargeBytes);
  EndingObserver observer;
  observer.at_end = [&] {
    for (const auto& path : broken.files()) std::filesystem::resize_file(path, 10);
  };
  broken.bench.request.observer = &observer;
  broken.bench.request.learners.pop_back();  // only gbt beside the baseline
  broken.bench.request.config.ensemble.enabled = false;
  const auto outcome = broken.bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  double baseline = -1;
  double best = 1e9;
  for (const LeaderboardRow& row : outcome->leaderboard.rows) {
    if (row.trial < 0) continue;
    EXPECT_EQ(row.weight, row.learner == "constant" ? 1 : 0) << row.trial;
    if (row.learner == "constant") {
      baseline = row.score.value_or(-1);
    } else if (row.score) {
      best = std::min(best, *row.score);
    }
  }
  EXPECT_LT(best, baseline) << "it was registered for want of what is better";
  EXPECT_GT(observer.losses.size(), 1u);
  for (const std::string& loss : observer.losses) {
    EXPECT_NE(loss.find("lost or damaged"), std::string::npos) << loss;
  }
}

TEST(StoredModels, ThatWouldBeWrittenTooLateAreHeld) {
  const auto files_of = [](double seconds) {
    size_t most = 0;
    StoredSweep* sweep = nullptr;
    // Written in 10 s.
    StoredSweep timed(500'000'000, [&](int) {
      most = std::max(most, sweep->files().size());
      sweep->bench.clock.advance(250'000'000);
    });
    sweep = &timed;
    timed.bench.request.learners.pop_back();  // only gbt beside the baseline
    timed.bench.request.config.budget.time = seconds;
    timed.bench.request.config.budget.trials = 6;
    timed.bench.request.threads = 1;
    const auto outcome = timed.bench.run();
    EXPECT_TRUE(outcome);
    EXPECT_EQ(timed.observer.losses, std::vector<std::string>());
    EXPECT_GT(outcome->finished, 2);
    return most;
  };
  EXPECT_GT(files_of(100), 1u);
  EXPECT_EQ(files_of(9), 1u) << "more than the baseline's";
}

TEST(StoredModels, AreReadBeforeTheyAreSaved) {
  Candidate candidate;
  candidate.absent_model_bytes = 300;
  EXPECT_EQ(candidate.save_bytes(), 300);
  candidate.stored = true;
  EXPECT_EQ(candidate.save_bytes(), 400);
}

TEST(MemoryPlan, HoldsSmallModelsOnly) {
  MemoryShape shape;
  shape.limit_bytes = int64_t{100} << 30;
  EXPECT_EQ(MemoryPlan(shape).held_model_bytes(), int64_t{1} << 20);
  shape.limit_bytes = int64_t{64} << 20;
  EXPECT_EQ(MemoryPlan(shape).held_model_bytes(), int64_t{256} << 10);
  shape.base_bytes = int64_t{65} << 20;
  EXPECT_EQ(MemoryPlan(shape).held_model_bytes(), 0);
}

}  // namespace
}  // namespace assay::automl
