// Halving by rows: shares of the training rows, who is fitted on them, and what becomes of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "automl/scheduler/share_plan.h"
#include "automl/scheduler/trial.h"
#include "automl/scheduler/trial_record.h"
#include "tests/automl/scheduler_fakes.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

using Script = FakeLearner::Script;
constexpr Rung kFirstShare{Rung::Ladder::kRows, 1};
constexpr Rung kSecondShare{Rung::Ladder::kRows, 2};

class SharesTest : public testing::Test {
 protected:
  SharesTest() {
    bench_.request.table = small_table(4500, false);
    bench_.request.config.validation.method = "holdout";
  }

  void make_set() {
    set_ = bench_.planned_set(executor_, stop_);
    ASSERT_NE(set_, nullptr);
    shares_ = row_shares(*set_, 3, 2, 11);
  }

  TrialOutcome run(const Learner& learner) {
    make_set();
    TrialJob job = job_;
    job.set = set_.get();
    job.learner = &learner;
    job.shares = shares_;
    job.spec.learner = std::string(learner.name());
    job.spec.params = {{"bias", 0.25}};
    job.clock = &bench_.clock;
    return run_trial(job, bench_.context(executor_, stop_));
  }

  // Of a regression's table with that column beside it.
  std::shared_ptr<const datasets::Table> table_with(datasets::Column column) {
    std::vector<double> x;
    std::vector<double> y;
    for (size_t row = 0; row < column.numbers.size(); ++row) {
      x.push_back(std::sin(static_cast<double>(row)));
      y.push_back(2 * x.back());
    }
    std::vector<datasets::Column> columns;
    columns.push_back(number_column("x", x));
    columns.push_back(std::move(column));
    columns.push_back(number_column("y", y));
    return table_of(std::move(columns));
  }

  SweepBench bench_;
  TrialJob job_;
  SerialExecutor executor_;
  StopToken stop_;
  std::unique_ptr<TrainingSet> set_;
  std::vector<RowShare> shares_;
};

TEST_F(SharesTest, AreOfTheTrainingRowsAndLieWithinEachOther) {
  make_set();
  ASSERT_EQ(shares_.size(), 2u);
  const std::vector<uint32_t>& all = set_->folds()[0].train_rows;
  ASSERT_EQ(all.size(), 3600u);
  EXPECT_EQ(shares_[0].step, 1);
  EXPECT_EQ(shares_[1].step, 2);
  EXPECT_NEAR(static_cast<double>(shares_[0].rows.size()), 400, 10);
  EXPECT_NEAR(static_cast<double>(shares_[1].rows.size()), 1200, 10);
  EXPECT_TRUE(
      std::includes(all.begin(), all.end(), shares_[1].rows.begin(), shares_[1].rows.end()));
  EXPECT_TRUE(std::includes(shares_[1].rows.begin(), shares_[1].rows.end(), shares_[0].rows.begin(),
                            shares_[0].rows.end()));
}

// A tenth of each share comes from each tenth of the values.
TEST_F(SharesTest, SpreadOverTheTargetsValues) {
  make_set();
  std::vector<double> values;
  for (const uint32_t row : set_->folds()[0].train_rows) {
    values.push_back(set_->data().targets[row]);
  }
  std::sort(values.begin(), values.end());
  const double median = values[1800];
  for (const RowShare& share : shares_) {
    const auto below = std::count_if(share.rows.begin(), share.rows.end(), [&](uint32_t row) {
      return set_->data().targets[row] < median;
    });
    EXPECT_NEAR(static_cast<double>(below), static_cast<double>(share.rows.size()) / 2, 6);
  }
}

TEST_F(SharesTest, HaveTheirPartOfARareClass) {
  std::vector<double> x;
  std::vector<int32_t> codes;
  for (int row = 0; row < 4500; ++row) {
    x.push_back(std::sin(row));
    codes.push_back(row % 100 == 7 ? 1 : 0);
  }
  std::vector<datasets::Column> columns;
  columns.push_back(number_column("x", x));
  columns.push_back(level_column("y", codes, {"no", "yes"}));
  bench_.request.table = table_of(std::move(columns));
  make_set();
  ASSERT_EQ(shares_.size(), 2u);
  const auto rare = [&](const std::vector<uint32_t>& rows) {
    return std::count_if(rows.begin(), rows.end(),
                         [&](uint32_t row) { return set_->data().classes[row] == 1; });
  };
  EXPECT_EQ(rare(set_->folds()[0].train_rows), 36);
  EXPECT_EQ(rare(shares_[0].rows), 4);
  EXPECT_EQ(rare(shares_[1].rows), 12);
}

TEST_F(SharesTest, KeepRowsOfAGroupTogether) {
  std::vector<double> groups;
  for (int row = 0; row < 4500; ++row) groups.push_back(row % 300);
  bench_.request.table = table_with(number_column("g", groups));
  bench_.request.config.data.group = "g";
  make_set();
  ASSERT_EQ(shares_.size(), 2u);
  for (const RowShare& share : shares_) {
    std::map<double, int> found;
    for (const uint32_t row : share.rows) ++found[groups[row]];
    for (const auto& [group, count] : found) EXPECT_EQ(count, 15) << group;
  }
}

TEST_F(SharesTest, KeepRowsOfATimeTogether) {
  std::vector<double> times;
  for (int row = 0; row < 4500; ++row) times.push_back((row * 7) % 450);
  bench_.request.table = table_with(number_column("t", times));
  bench_.request.config.data.time_column = "t";
  make_set();
  ASSERT_EQ(shares_.size(), 2u);
  for (const RowShare& share : shares_) {
    std::set<double> drawn;
    for (const uint32_t row : share.rows) drawn.insert(times[row]);
    EXPECT_EQ(share.rows.size(), 10 * drawn.size());
    EXPECT_LT(*drawn.rbegin(), 360) << "what comes later validates";
  }
}

TEST_F(SharesTest, AreNotMadeOfFoldsOrOfFewRows) {
  bench_.request.config.validation.method = "kfold";
  make_set();
  EXPECT_TRUE(shares_.empty());
  bench_.request.config.validation.method = "holdout";
  bench_.request.table = small_table(1500, false);
  make_set();
  ASSERT_EQ(shares_.size(), 1u) << "a ninth of 1200 rows is too little";
  EXPECT_EQ(shares_[0].step, 2);
  bench_.request.table = small_table(500, false);
  make_set();
  EXPECT_TRUE(shares_.empty());
}

TEST_F(SharesTest, LeaveOutAShareThatOneGroupMakesAsLargeAsTheNext) {
  std::vector<double> groups;
  for (int row = 0; row < 4500; ++row) groups.push_back(row < 3000 ? 1 : 2 + row % 3);
  bench_.request.table = table_with(number_column("g", groups));
  bench_.request.config.data.group = "g";
  make_set();
  for (size_t i = 0; i < shares_.size(); ++i) {
    const size_t next =
        i + 1 < shares_.size() ? shares_[i + 1].rows.size() : set_->folds()[0].train_rows.size();
    EXPECT_LE(4 * shares_[i].rows.size(), 3 * next);
  }
}

TEST_F(SharesTest, TrialsAreFittedOnOneAfterTheOtherAndThenOnAllRows) {
  std::vector<size_t> rows;
  std::vector<size_t> validating;
  std::vector<RungValue> asked;
  const FakeLearner learner("gbt", [&](const FakeLearner::Call& call) {
    rows.push_back(call.request.train_rows.size());
    validating.push_back(call.request.valid_rows.size());
    return Script{};
  });
  job_.on_rung = [&](const RungValue& value) {
    EXPECT_EQ(static_cast<size_t>(learner.fits()), asked.size() + 1) << "before the next fit";
    asked.push_back(value);
    return true;
  };
  const TrialOutcome outcome = run(learner);
  EXPECT_EQ(outcome.result.status, TrialStatus::kFinished) << outcome.result.message;
  EXPECT_EQ(rows, (std::vector<size_t>{shares_[0].rows.size(), shares_[1].rows.size(), 3600}));
  EXPECT_EQ(validating, (std::vector<size_t>{900, 900, 900}));
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].rung, kFirstShare);
  EXPECT_EQ(asked[1].rung, kSecondShare);
  // The loss is the metric's, of a model that knows the share alone.
  double sum = 0;
  for (const uint32_t row : shares_[0].rows) sum += set_->data().targets[row];
  const double predicted = sum / static_cast<double>(shares_[0].rows.size()) + 0.25;
  double squares = 0;
  for (const uint32_t row : set_->folds()[0].valid_rows) {
    squares += std::pow(set_->data().targets[row] - predicted, 2);
  }
  EXPECT_NEAR(asked[0].loss, std::sqrt(squares / 900), 1e-6);
  EXPECT_EQ(outcome.result.rungs.size(), 2u);
  EXPECT_EQ(outcome.folds.size(), 1u);
  EXPECT_EQ(outcome.share_rows, 0);
}

TEST_F(SharesTest, WhatIsGivenUpCostsItsShares) {
  job_.logical = true;
  int passes = 0;
  job_.on_rung = [&](const RungValue& value) { return value.rung.step <= passes; };
  std::vector<double> costs;
  for (; passes <= 2; ++passes) {
    const FakeLearner learner("gbt");
    const TrialOutcome outcome = run(learner);
    EXPECT_EQ(learner.fits(), passes + 1);
    EXPECT_EQ(outcome.result.status, passes < 2 ? TrialStatus::kPruned : TrialStatus::kFinished);
    EXPECT_EQ(outcome.score.has_value(), passes == 2);
    costs.push_back(outcome.result.cost);
  }
  const auto first = static_cast<double>(shares_[0].rows.size());
  const auto second = static_cast<double>(shares_[1].rows.size());
  EXPECT_EQ(costs, (std::vector<double>{first, first + second, first + second + 3600}));
}

TEST_F(SharesTest, AreNotFittedOnWithoutSomebodyToAsk) {
  const FakeLearner learner("gbt");
  EXPECT_EQ(run(learner).result.status, TrialStatus::kFinished);
  EXPECT_EQ(learner.fits(), 1);
}

TEST_F(SharesTest, AShareThatNothingCanBeLearnedFromIsPassedOver) {
  std::vector<int> steps;
  job_.on_rung = [&](const RungValue& value) {
    steps.push_back(value.rung.step);
    return true;
  };
  const FakeLearner learner("gbt", [&](const FakeLearner::Call&) {
    if (learner.fits() > 1) return Script{};
    return Script{fail(StatusCode::kData, "weights sum to 0")};
  });
  EXPECT_EQ(run(learner).result.status, TrialStatus::kFinished);
  EXPECT_EQ(steps, (std::vector<int>{2}));
}

TEST_F(SharesTest, AFitOnAShareThatFailsFailsTheTrial) {
  job_.on_rung = [](const RungValue&) { return true; };
  const FakeLearner learner(
      "gbt", [](const FakeLearner::Call&) { return Script{fail(StatusCode::kDevice, "gone")}; });
  const TrialOutcome outcome = run(learner);
  EXPECT_EQ(outcome.result.status, TrialStatus::kFailed);
  EXPECT_EQ(outcome.result.message, "device: gone");
  EXPECT_EQ(outcome.error, StatusCode::kDevice) << "so that it moves to another one";
  EXPECT_EQ(learner.fits(), 1);
}

// The fit on all rows has no time for its first step, or comes to less than the share's.
TEST_F(SharesTest, TheBestSharesModelStandsInForAFitThatIsCutShort) {
  job_.on_rung = [](const RungValue&) { return true; };
  for (const bool some : {false, true}) {
    const FakeLearner learner("gbt", [&](const FakeLearner::Call& call) {
      if (call.request.train_rows.size() < 3600) return Script{};
      if (!some) return Script{fail(StatusCode::kCancelled, "no step made")};
      return Script{{}, true};
    });
    const TrialOutcome outcome = run(learner);
    EXPECT_EQ(learner.fits(), 3);
    ASSERT_EQ(outcome.result.status, TrialStatus::kPartial) << outcome.result.message;
    ASSERT_EQ(outcome.result.rungs.size(), 2u);
    const double best = std::min(outcome.result.rungs[0].loss, outcome.result.rungs[1].loss);
    EXPECT_LE(*outcome.result.loss, best + 1e-9);
    if (!some) {
      EXPECT_NEAR(*outcome.result.loss, best, 1e-12);
      EXPECT_GT(outcome.share_rows, 0);
    }
    EXPECT_EQ(outcome.folds.size(), 1u);
    EXPECT_TRUE(outcome.folds[0].truncated);
    ASSERT_NE(outcome.model, nullptr);
    std::vector<float> predicted(900);
    ASSERT_TRUE(outcome.model->predict(*set_->data().features, set_->folds()[0].valid_rows,
                                       bench_.context(executor_, stop_), predicted,
                                       set_->data().frame));
    EXPECT_EQ(predicted, *outcome.predictions) << "those of the model that stands in";
  }
}

TEST_F(SharesTest, AFitOnAShareThatIsCutShortIsKeptButNotCompared) {
  int asked = 0;
  job_.on_rung = [&](const RungValue&) { return ++asked > 0; };
  const FakeLearner learner("gbt", [](const FakeLearner::Call&) { return Script{{}, true}; });
  const TrialOutcome outcome = run(learner);
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(learner.fits(), 1);
  EXPECT_EQ(outcome.result.status, TrialStatus::kPartial);
  EXPECT_EQ(outcome.share_rows, static_cast<int64_t>(shares_[0].rows.size()));
  const FakeLearner none("gbt", [](const FakeLearner::Call&) {
    return Script{fail(StatusCode::kCancelled, "no step made")};
  });
  EXPECT_EQ(run(none).result.status, TrialStatus::kCancelled);
}

TEST_F(SharesTest, GoOnBehindTheSharesThatACheckpointHas) {
  job_.on_rung = [](const RungValue&) { return true; };
  job_.logical = true;
  std::vector<TrialCheckpoint> kept;
  job_.most_checkpoint_bytes = INT64_MAX;
  job_.wants_checkpoint = [] { return true; };
  job_.keep_checkpoint = [&](const TrialCheckpoint& checkpoint) { kept.push_back(checkpoint); };
  const FakeLearner learner("gbt");
  const TrialOutcome whole = run(learner);
  ASSERT_EQ(kept.size(), 2u) << "after each share";
  EXPECT_EQ(extent_of(kept[1]), "2 shares of the rows");
  job_.keep_checkpoint = [](const TrialCheckpoint&) {};
  for (size_t passed = 1; passed <= 2; ++passed) {
    std::vector<Rung> told;
    job_.on_rung = [&](const RungValue& value) {
      told.push_back(value.rung);
      return true;
    };
    job_.begin = std::make_shared<const TrialCheckpoint>(kept[passed - 1]);
    const FakeLearner again("gbt");
    const TrialOutcome outcome = run(again);
    EXPECT_EQ(again.fits(), 3 - static_cast<int>(passed));
    EXPECT_EQ(told, (std::vector<Rung>{kFirstShare, kSecondShare})) << "those passed, too";
    EXPECT_EQ(outcome.score, whole.score);
    EXPECT_EQ(outcome.result.cost, whole.result.cost);
    EXPECT_EQ(outcome.result.rungs.size(), 2u);
  }
}

TEST_F(SharesTest, RoundsAreAskedOfTheFitOnAllRowsAlone) {
  for (const bool rounds : {true, false}) {
    std::vector<Rung> asked;
    job_.on_rung = [&](const RungValue& value) {
      asked.push_back(value.rung);
      return true;
    };
    job_.asks_rounds = rounds;
    const FakeLearner learner("gbt", [&](const FakeLearner::Call& call) {
      for (int64_t step = 1; step <= 90 && call.request.observer != nullptr; ++step) {
        EXPECT_TRUE(call.request.observer->report({step, 90, 1.0}));
      }
      return Script{};
    });
    EXPECT_EQ(run(learner).result.status, TrialStatus::kFinished);
    std::vector<Rung> wanted = {kFirstShare, kSecondShare};
    if (rounds) {
      wanted.insert(wanted.end(), {{Rung::Ladder::kRounds, 1}, {Rung::Ladder::kRounds, 2}});
    }
    EXPECT_EQ(asked, wanted);
  }
}

TEST_F(SharesTest, AreForWhatIsSearchedAndTheSmallestForOthers) {
  make_set();
  const FakeLearner learner("gbt");
  TimeShape shape;
  shape.data = set_->shape();
  shape.seconds_left.reset();
  const SharePlan plan(shares_, TimePlan(shape));
  TrialSpec spec;
  const auto count = [&](TrialOrigin origin, std::optional<double> left = std::nullopt) {
    spec.origin = origin;
    return plan.shares_of(learner, spec, left).size();
  };
  EXPECT_EQ(count(TrialOrigin::kBaseline), 0u);
  EXPECT_EQ(count(TrialOrigin::kContinued), 0u);
  EXPECT_EQ(count(TrialOrigin::kDefault), 1u);
  EXPECT_EQ(count(TrialOrigin::kEarlier), 1u);
  EXPECT_EQ(count(TrialOrigin::kRandom), 2u);
  EXPECT_EQ(count(TrialOrigin::kGuided), 2u);
  // 3600 rows are predicted to take 3.6 microseconds.
  EXPECT_EQ(count(TrialOrigin::kRandom, 1e-3), 0u) << "too quick to pay";
  EXPECT_EQ(count(TrialOrigin::kRandom, 1e-4), 2u);
  EXPECT_EQ(count(TrialOrigin::kDefault, 1e-4), 1u);
  EXPECT_EQ(count(TrialOrigin::kRandom, 2e-5), 2u);
  EXPECT_EQ(count(TrialOrigin::kDefault, 2e-5), 0u) << "it needs its time";
  EXPECT_EQ(count(TrialOrigin::kRandom, 1e-5), 0u) << "there is time for few of them";
  EXPECT_TRUE(SharePlan().shares_of(learner, spec, std::nullopt).empty());
}

struct ShareSweep {
  std::string board;
  std::string model;
  std::vector<std::string> notes;
  bool operator==(const ShareSweep& other) const {
    return board == other.board && model == other.model;
  }
};

ParamOverride few(const std::string& steps, int64_t count) {
  ParamOverride param;
  param.name = steps;
  param.setting = ParamValue(count);
  return param;
}

// Of the real learners, without a time limit.
void ask_for(const std::string& fidelity, SweepRequest& request) {
  request.table = small_table(2600, true);
  request.config.validation.method = "holdout";
  request.config.search.fidelity = fidelity;
  request.config.learners = {
      {"gbt", {few("rounds", 40)}}, {"linear", {}}, {"extra_trees", {few("trees", 20)}}};
  request.config.budget.trials = 34;
}

ShareSweep sweep(const std::string& fidelity, int64_t slots, int threads,
                 const std::string& method = "holdout") {
  SweepBench bench;
  ask_for(fidelity, bench.request);
  bench.request.config.validation.method = method;
  bench.request.config.validation.folds = 3;
  bench.request.config.run.slots = slots;
  bench.request.threads = static_cast<int>(slots) * threads;
  const auto outcome = bench.run();
  EXPECT_TRUE(outcome) << outcome.error().message;
  ShareSweep answer;
  if (!outcome) return answer;
  EXPECT_EQ(outcome->failed, 0);
  for (const LeaderboardRow& row : outcome->leaderboard.rows) {
    answer.board += fmt::format("{} {} {} {} {} {} {}\n", row.trial, row.learner, row.status,
                                row.score.value_or(-1), row.weight, row.params, row.message);
  }
  answer.model = tracking::slurp(outcome->model_path);
  answer.notes = outcome->notes;
  return answer;
}

TEST(ShareSweep, GivesTheSameBitsForAnySlotsAndThreads) {
  for (const std::string fidelity : {"rows", "both"}) {
    const ShareSweep one = sweep(fidelity, 1, 1);
    EXPECT_NE(one.board.find("given up after a fit on 2"), std::string::npos) << one.board;
    EXPECT_TRUE(sweep(fidelity, 4, 1) == one);
    EXPECT_TRUE(sweep(fidelity, 2, 2) == one);
    EXPECT_FALSE(sweep("rounds", 2, 2) == one);
  }
}

TEST(ShareSweep, RecordsTheLossesAtItsRungs) {
  SweepBench bench;
  ask_for("both", bench.request);
  ASSERT_TRUE(bench.run());
  tracking::Workspace& workspace = *bench.request.workspace;
  ASSERT_TRUE(workspace.flush());
  const auto list = tracking::list_runs(workspace, {.kind = "trial"});
  ASSERT_TRUE(list);
  std::map<std::string, std::set<size_t>> points;  // of a metric in some trial, by status
  for (const tracking::RunInfo& info : list->runs) {
    const auto record =
        tracking::read_run(workspace.files(), tracking::run_file_of(workspace, info.run_id));
    ASSERT_TRUE(record) << record.error().message;
    const auto outcome = read_trial(*record);
    ASSERT_TRUE(outcome);
    for (const std::string ladder : {"rows", "rounds"}) {
      const auto logged = record->metrics.find(rung_metric(ladder));
      std::vector<double> losses;
      for (const RungValue& value : outcome->result.rungs) {
        const bool rows = value.rung.ladder == Rung::Ladder::kRows;
        if (rows == (ladder == "rows")) losses.push_back(value.loss);
      }
      const size_t count = logged == record->metrics.end() ? 0 : logged->second.size();
      ASSERT_EQ(count, losses.size()) << info.name;
      for (size_t i = 0; i < count; ++i) EXPECT_EQ(logged->second[i].value, losses[i]);
      points[fmt::format("{} {}", ladder, name_of(outcome->result.spec.origin))].insert(count);
    }
  }
  EXPECT_EQ(points["rows baseline"], (std::set<size_t>{0}));
  EXPECT_EQ(points["rows default"], (std::set<size_t>{1}));
  EXPECT_EQ(points["rows random"], (std::set<size_t>{1, 2}));
  EXPECT_TRUE(points["rounds random"].contains(0)) << "given up before";
  EXPECT_TRUE(points["rounds random"].contains(2));
}

TEST(ShareSweep, SaysWhatItIsFittedOnFirst) {
  const auto said = [](const ShareSweep& answer, const std::string& text) {
    return std::any_of(answer.notes.begin(), answer.notes.end(), [&](const std::string& note) {
      return note.find(text) != std::string::npos;
    });
  };
  EXPECT_TRUE(said(sweep("rows", 2, 1),
                   "search.fidelity rows: settings are fitted on 232, 694 of "
                   "2080 rows first"));
  EXPECT_TRUE(said(sweep("both", 2, 1, "kfold"), "with folds halving is by folds"));
  EXPECT_FALSE(said(sweep("rounds", 2, 1), "search.fidelity"));
}

}  // namespace
}  // namespace assay::automl
