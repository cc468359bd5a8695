// What is registered is fitted on all rows once it is chosen: in the time that is kept for it, and
// where that fails the model that was chosen stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>

#include "automl/models/average_model.h"
#include "automl/preprocess/predictor.h"
#include "automl/scheduler/refit_steps.h"
#include "kernels/base/rng.h"
#include "tests/automl/scheduler_fakes.h"

namespace assay::automl {
namespace {

using testing::Contains;
using testing::HasSubstr;

constexpr int64_t kRows = 60;

struct FitSeen {
  size_t train_rows = 0;
  size_t valid_rows = 0;
  double bias = 0;
  double seconds = 0;
  uint64_t seed = 0;
};

// Learners "constant" and "fake", whose fits are written down; a fit takes `seconds` for each
// 48 rows, or `good_seconds` with a bias that is at most the default one. It begins when the
// leading thread has looked at what came of the one before, as it has where fits take real time.
class RefitSweep : public SweepBench, private SweepObserver {
 public:
  explicit RefitSweep(double seconds = 0, std::optional<double> good_seconds = {}) {
    request.config.validation.method = "holdout";
    request.config.ensemble.enabled = false;
    request.config.budget.trials = 4;
    request.config.run.slots = 1;
    add(std::make_unique<FakeLearner>("constant"));
    request.observer = this;
    fake = &add(std::make_unique<FakeLearner>("fake", [this, seconds, good_seconds](
                                                          const FakeLearner::Call& call) {
      const FitRequest& fit = call.request;
      std::unique_lock lock(mutex_);
      while (!fit.valid_rows.empty() && looks_ < 2 && !call.context.stop->requested()) {
        looked_.wait_for(lock, std::chrono::milliseconds(5));
      }
      looks_ = 0;
      // A refit makes the steps of the fit that it repeats, which may have been cut short.
      double wanted = std::abs(call.bias) > 0.25 ? seconds : good_seconds.value_or(seconds);
      for (const FitSeen& before : fits_) {
        if (fit.valid_rows.empty() && before.bias == call.bias) wanted = before.seconds;
      }
      wanted *= static_cast<double>(fit.train_rows.size()) / 48;
      const double taken = std::min(wanted, call.context.stop->seconds_left());
      clock.advance(static_cast<int64_t>(taken * 1e9));
      fits_.push_back({fit.train_rows.size(), fit.valid_rows.size(), call.bias, taken, fit.seed});
      if (fit.valid_rows.empty() && on_refit) return on_refit();
      return FakeLearner::Script{.status = {}, .truncated = taken < wanted};
    }));
  }
  std::vector<FitSeen> fits() const {
    const std::lock_guard lock(mutex_);
    return fits_;
  }
  int64_t refits() const {
    const auto all = fits();
    return std::count_if(all.begin(), all.end(),
                         [](const FitSeen& fit) { return fit.valid_rows == 0; });
  }

  std::function<FakeLearner::Script()> on_refit;
  FakeLearner* fake = nullptr;

 private:
  void on_progress(const SweepProgress& progress) override {
    if (progress.phase != SweepPhase::kSearching) return;
    const std::lock_guard lock(mutex_);
    ++looks_;
    looked_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable looked_;
  int looks_ = 0;  // since the last fit began
  std::vector<FitSeen> fits_;
};

std::string model_of(const SweepOutcome& outcome) { return tracking::slurp(outcome.model_path); }

TEST(Refit, FitsWhatTheHoldoutChoseOnAllRows) {
  RefitSweep sweep;
  const auto outcome = sweep.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->refitted, 1);
  ASSERT_EQ(sweep.refits(), 1);
  const FitSeen last = sweep.fits().back();
  EXPECT_EQ(last.train_rows, static_cast<size_t>(kRows));
  EXPECT_THAT(outcome->leaderboard.rows.front().params, HasSubstr(fmt::format("{}", last.bias)));
  EXPECT_THAT(outcome->notes, Contains(HasSubstr("refit on all 60 rows: 1 of 1 models")));

  RefitSweep plain;
  plain.request.config.validation.refit = false;
  const auto before = plain.run();
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_EQ(before->refitted, 0);
  EXPECT_EQ(plain.refits(), 0);
  EXPECT_EQ(before->validation_score, outcome->validation_score);
  EXPECT_NE(model_of(*before), model_of(*outcome));
}

TEST(Refit, FitsAllMembersOfAnEnsemble) {
  RefitSweep sweep;
  sweep.request.table = small_table(600, false);
  sweep.fake->with_gap(0.3);
  sweep.request.config.ensemble.enabled = true;
  sweep.request.config.budget.trials = 12;
  const auto outcome = sweep.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  const auto members =
      std::count_if(outcome->leaderboard.rows.begin(), outcome->leaderboard.rows.end(),
                    [](const LeaderboardRow& row) { return row.trial >= 0 && row.weight > 0; });
  EXPECT_GT(members, 1);
  EXPECT_EQ(outcome->refitted, members);
  EXPECT_EQ(sweep.refits(), members);
}

// In the place of the models of five folds.
TEST(Refit, IsDoneThreeTimesWhereThereWereFolds) {
  RefitSweep sweep;
  sweep.request.config.validation.method = "kfold";
  const auto outcome = sweep.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->refitted, 1);
  ASSERT_EQ(sweep.refits(), 3);
  std::set<uint64_t> seeds;
  for (const FitSeen& fit : sweep.fits()) {
    if (fit.valid_rows > 0) continue;
    EXPECT_EQ(fit.train_rows, static_cast<size_t>(kRows));
    seeds.insert(fit.seed);
  }
  EXPECT_EQ(seeds.size(), 3U);
  EXPECT_THAT(outcome->notes,
              Contains(HasSubstr("refit on all 60 rows: 1 of 1 models by 3 fits; the score")));
  const auto predictor = Predictor::from_bytes(model_of(*outcome), "model");
  ASSERT_TRUE(predictor) << predictor.error().message;
  const auto* average = dynamic_cast<const AverageModel*>(&predictor->model());
  ASSERT_NE(average, nullptr);
  EXPECT_EQ(average->members().size(), 3U);
}

TEST(Refit, IsDoneOnceWhereSeedsMakeNoDifference) {
  RefitSweep sweep;
  sweep.fake->without_draws();
  sweep.request.config.validation.method = "kfold";
  const auto outcome = sweep.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->refitted, 1);
  EXPECT_EQ(sweep.refits(), 1);
  EXPECT_THAT(outcome->notes, Contains(HasSubstr("refit on all 60 rows: 1 of 1 models; the")));
}

TEST(Refit, OfFoldsModelsGoesAsFarAsThereIsTime) {
  RefitSweep sweep(1);
  sweep.request.config.validation.method = "kfold";
  sweep.request.config.budget.trials = 0;
  sweep.request.config.budget.time = 40;
  const auto outcome = sweep.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->refitted, 1);
  EXPECT_GE(sweep.refits(), 1);
  EXPECT_LE(outcome->wall_seconds, 40);

  // Slower than those of the trial: there is no time for a second one.
  RefitSweep late(1);
  late.request.config.validation.method = "kfold";
  late.request.config.search.halving = false;
  late.request.config.budget.trials = 3;
  late.request.config.budget.time = 13;
  late.on_refit = [&] {
    late.clock.advance(kSecond);
    return FakeLearner::Script{};
  };
  const auto second = late.run();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->refitted, 1);
  EXPECT_EQ(late.refits(), 1);
  EXPECT_LE(second->wall_seconds, 13);
}

TEST(Refit, IsTheSameSideBySide) {
  const auto model = [](int threads) {
    RefitSweep sweep;
    sweep.request.table = small_table(600, false);
    sweep.fake->with_gap(0.3);
    sweep.request.config.validation.method = "kfold";
    sweep.request.config.ensemble.enabled = true;
    sweep.request.config.budget.trials = 12;
    sweep.request.config.run.slots = threads;
    sweep.request.threads = threads;
    const auto outcome = sweep.run();
    EXPECT_TRUE(outcome) << outcome.error().message;
    EXPECT_GT(outcome->refitted, 1);
    EXPECT_EQ(sweep.refits(), 3 * outcome->refitted);
    return model_of(*outcome);
  };
  EXPECT_EQ(model(1), model(4));
}

// A network whose fit came to nothing, say. The fits before it stand.
TEST(Refit, LeavesOutAFitThatDidNotLearn) {
  RefitSweep sweep;
  sweep.request.config.validation.method = "kfold";
  int fits = 0;
  sweep.on_refit = [&] {
    return FakeLearner::Script{.status = {},
                               .bias = ++fits == 2 ? std::optional(100.0) : std::nullopt};
  };
  const auto outcome = sweep.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(fits, 2);
  EXPECT_EQ(outcome->refitted, 1);
  RefitSweep none;
  none.on_refit = [] { return FakeLearner::Script{.status = {}, .bias = 100.0}; };
  const auto kept = none.run();
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->refitted, 0);
  EXPECT_THAT(kept->notes, Contains(HasSubstr("a fit came off badly: rmse")));
}

TEST(Refit, StepsGrowWithTheRowsWhereEarlyStoppingChoseThem) {
  EXPECT_EQ(refit_steps(80, 1000, 1.25), 100);
  EXPECT_EQ(refit_steps(81, 1000, 1.25), 102);
  EXPECT_EQ(refit_steps(1000, 1000, 1.25), 1000);  // nothing stopped it
  EXPECT_EQ(refit_steps(900, 1000, 1.25), 1000);   // no more than were asked for
  EXPECT_EQ(refit_steps(7, 1000, 0.9), 7);
  EXPECT_EQ(refit_steps(80, 1000, 2), 100);  // folds in time
}

TEST(Refit, IsDoneInTheTimeThatIsKeptForIt) {
  RefitSweep sweep(1);
  sweep.request.config.budget.trials = 0;
  sweep.request.config.budget.time = 12;
  const auto outcome = sweep.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->refitted, 1);
  EXPECT_GT(sweep.fits().size(), 5U);
  EXPECT_LE(outcome->wall_seconds, 12);
}

TEST(Refit, IsLeftOutWhereItWouldTakeTooMuchOfTheTime) {
  RefitSweep sweep(6);
  sweep.request.config.budget.trials = 2;  // the baseline, and what takes more than half the time
  sweep.request.config.budget.time = 10;
  const auto outcome = sweep.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->refitted, 0);
  EXPECT_EQ(sweep.refits(), 0);
  EXPECT_THAT(outcome->notes, Contains(HasSubstr("no time for more")));
}

// Those behind it weigh less: what their refits would take goes to the search.
TEST(Refit, OfTheBestOneComesFirstOrNoTimeIsKept) {
  RefitSweep sweep(0.5, 6);
  sweep.request.config.ensemble.enabled = true;
  sweep.request.config.budget.trials = 0;
  sweep.request.config.budget.time = 12;
  const auto outcome = sweep.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  double searched = 0;
  for (const FitSeen& fit : sweep.fits()) searched += fit.valid_rows > 0 ? fit.seconds : 0;
  EXPECT_GT(searched, 10.5);
}

TEST(Refit, ThatFailsLeavesTheModelThatWasChosen) {
  RefitSweep plain;
  plain.request.config.validation.refit = false;
  const auto chosen = plain.run();
  ASSERT_TRUE(chosen);
  const auto expect_kept = [&](RefitSweep& sweep, const std::string& why) {
    const auto outcome = sweep.run();
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(sweep.refits(), 1);
    EXPECT_EQ(outcome->refitted, 0);
    EXPECT_EQ(model_of(*outcome), model_of(*chosen)) << why;
    EXPECT_THAT(outcome->notes, Contains(HasSubstr(why)));
  };
  RefitSweep failing;
  failing.on_refit = [] {
    return FakeLearner::Script{fail(StatusCode::kDevice, "the device is gone")};
  };
  expect_kept(failing, "the device is gone");
  RefitSweep cut;
  cut.on_refit = [] { return FakeLearner::Script{.status = {}, .truncated = true}; };
  expect_kept(cut, "the time was up");
  RefitSweep short_of_memory;
  short_of_memory.on_refit = []() -> FakeLearner::Script { throw std::bad_alloc(); };
  expect_kept(short_of_memory, "there was no memory");
}

TEST(Refit, EndsWhenTheUserStops) {
  RefitSweep sweep;
  StopToken stop;
  sweep.request.stop = &stop;
  sweep.on_refit = [&] {
    stop.request();
    return FakeLearner::Script{fail(StatusCode::kCancelled, "stopped")};
  };
  const auto outcome = sweep.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, tracking::RunStatus::kInterrupted);
  EXPECT_EQ(outcome->refitted, 0);
  EXPECT_GT(outcome->model_version, 0);
}

// A text column of many levels, which boosting sees as the mean target of each.
std::shared_ptr<const datasets::Table> table_of_levels() {
  constexpr int32_t kLevels = 300;
  constexpr int64_t kManyRows = 1500;
  std::vector<std::string> levels;
  for (int32_t level = 0; level < kLevels; ++level) levels.push_back(fmt::format("l{:03}", level));
  std::vector<int32_t> codes;
  std::vector<double> x;
  std::vector<double> y;
  Rng rng(3);
  for (int64_t row = 0; row < kManyRows; ++row) {
    codes.push_back(static_cast<int32_t>(rng.below(kLevels)));
    x.push_back(rng.next_double());
    y.push_back(codes.back() % 17 + x.back() + 0.1 * rng.next_double());
  }
  std::vector<datasets::Column> columns;
  columns.push_back(level_column("place", codes, levels));
  columns.push_back(number_column("x", x));
  columns.push_back(number_column("y", y));
  return table_of(std::move(columns));
}

TEST(Refit, SeesTheLevelTargetsOfAllRows) {
  SweepBench bench;
  bench.request.table = table_of_levels();
  bench.request.config.validation.method = "holdout";
  bench.request.config.features.level_targets = "true";
  bench.request.config.ensemble.enabled = false;
  bench.request.config.learners = {{"gbt", {}}};
  bench.request.config.budget.trials = 3;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->refitted, 1);
  const auto predictor = Predictor::from_bytes(model_of(*outcome), "model");
  ASSERT_TRUE(predictor) << predictor.error().message;
  EXPECT_TRUE(predictor->notes().contains("refitted"));

  bench.request.config.validation.refit = false;
  const auto before = bench.run();
  ASSERT_TRUE(before) << before.error().message;
  const auto chosen = Predictor::from_bytes(model_of(*before), "model");
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_FALSE(chosen->notes().contains("refitted"));
  // 1200 of them were there before.
  EXPECT_EQ(predictor->model().step_count(), refit_steps(chosen->model().step_count(), 1000, 1.25));

  // The refitted model is no start for another: no row is left to score that on.
  SweepBench next;
  next.request.workspace = bench.request.workspace;
  next.request.table = bench.request.table;
  next.request.config = bench.request.config;
  next.request.config.model.init =
      fmt::format("{}:{}", outcome->model_name, outcome->model_version);
  const auto refused = next.run();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kConfig);
  EXPECT_THAT(refused.error().message, HasSubstr("validation.refit: false"));
}

}  // namespace
}  // namespace assay::automl
