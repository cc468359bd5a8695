// The promise of logical mode with the real learners and kernels: the same seed and trial budget
// give the same leaderboard and the same bytes of the model, whatever the slots and threads.
#include <gtest/gtest.h>

#include <map>

#include "automl/search/portfolio.h"
#include "kernels/base/rng.h"
#include "tests/automl/scheduler_fakes.h"

namespace assay::automl {
namespace {

struct LogicalAnswer {
  std::string board;
  std::string model;
};

std::shared_ptr<const datasets::Table> mixed_table(Task task) {
  constexpr int64_t kRows = 240;
  std::vector<double> x1;
  std::vector<double> x2;
  std::vector<int32_t> colour;
  std::vector<double> numbers;
  std::vector<int32_t> classes;
  Rng rng(11);
  for (int64_t row = 0; row < kRows; ++row) {
    x1.push_back(rng.next_double());
    x2.push_back(row % 13 == 0 ? NAN : rng.next_double());
    colour.push_back(static_cast<int32_t>(rng.below(4)));
    const double signal = 2 * x1.back() + (colour.back() == 1 ? 1 : 0) + rng.next_double();
    numbers.push_back(signal);
    classes.push_back(signal < 1.2 ? 0 : (signal < 1.9 ? 1 : 2));
  }
  std::vector<datasets::Column> columns;
  columns.push_back(number_column("x1", x1));
  columns.push_back(number_column("x2", x2));
  columns.push_back(level_column("colour", colour, {"blue", "green", "red", "white"}));
  columns.push_back(task == Task::kRegression ? number_column("y", numbers)
                                              : level_column("y", classes, {"high", "low", "mid"}));
  return table_of(std::move(columns));
}

LogicalAnswer sweep(Task task, const std::string& method, int64_t slots, int threads) {
  SweepBench bench;
  bench.request.table = mixed_table(task);
  bench.request.config.validation.method = method;
  bench.request.config.validation.folds = 3;
  bench.request.config.run.slots = slots;
  bench.request.config.run.class_weight = task == Task::kRegression ? "none" : "balanced";
  bench.request.threads = static_cast<int>(slots) * threads;
  bench.request.config.budget.trials = 24;
  bench.request.config.search.portfolio = true;
  const auto outcome = bench.run();
  EXPECT_TRUE(outcome) << outcome.error().message;
  LogicalAnswer answer;
  if (!outcome) return answer;
  EXPECT_EQ(outcome->failed, 0);
  for (const LeaderboardRow& row : outcome->leaderboard.rows) {
    answer.board +=
        fmt::format("{} {} {} {} {} {} {} {}\n", row.rank, row.trial, row.learner, row.origin,
                    row.status, row.score.value_or(-1), row.weight, row.params);
  }
  answer.model = tracking::slurp(outcome->model_path);
  return answer;
}

void expect_same(Task task, const std::string& method) {
  const LogicalAnswer one = sweep(task, method, 1, 1);
  ASSERT_FALSE(one.model.empty());
  EXPECT_NE(one.board.find(" portfolio "), std::string::npos) << one.board;
  for (const auto& [slots, threads] : {std::pair<int64_t, int>{2, 1}, {1, 2}, {4, 2}, {3, 1}}) {
    const LogicalAnswer other = sweep(task, method, slots, threads);
    EXPECT_EQ(other.board, one.board) << slots << " x " << threads;
    EXPECT_TRUE(other.model == one.model) << slots << " x " << threads;
  }
}

TEST(LogicalMode, GivesTheSameBitsWithFolds) { expect_same(Task::kMulticlass, "kfold"); }

TEST(LogicalMode, GivesTheSameBitsWithAHoldout) { expect_same(Task::kRegression, "holdout"); }

// Partitions are for trials that do well by what was known so many trials before.
TEST(LogicalMode, RepeatsTheSameTrials) {
  const auto run = [](int64_t slots, int threads) {
    SweepBench bench;
    bench.request.table = mixed_table(Task::kMulticlass);
    bench.request.config.validation.folds = 3;
    bench.request.config.validation.repeats = 2;
    bench.request.config.learners = {{"gbt", {}}, {"linear", {}}};
    bench.request.config.run.slots = slots;
    bench.request.threads = static_cast<int>(slots) * threads;
    bench.request.config.budget.trials = 40;
    const auto outcome = bench.run();
    EXPECT_TRUE(outcome) << outcome.error().message;
    std::string board;
    if (!outcome) return std::pair(board, board);
    for (const LeaderboardRow& row : outcome->leaderboard.rows) {
      board +=
          fmt::format("{} {} {} {}\n", row.trial, row.status, row.score.value_or(-1), row.weight);
    }
    return std::pair(board, tracking::slurp(outcome->model_path));
  };
  const auto one = run(1, 1);
  EXPECT_FALSE(one.second.empty());
  EXPECT_TRUE(run(4, 1) == one);
  EXPECT_TRUE(run(2, 2) == one);
}

// Forests that average few trees are too flat for three classes of which little is noise.
TEST(LogicalMode, CalibratesToTheSameBits) {
  const auto run = [](const std::string& calibration, int64_t slots, int threads) {
    SweepBench bench;
    bench.request.table = mixed_table(Task::kMulticlass);
    bench.request.config.validation.folds = 4;
    bench.request.config.ensemble.calibration = calibration;
    bench.request.config.ensemble.enabled = false;
    ParamOverride trees;
    trees.name = "smoothing";
    trees.setting = ParamValue(20.0);
    bench.request.config.learners = {{"extra_trees", {trees}}};
    bench.request.config.run.slots = slots;
    bench.request.threads = static_cast<int>(slots) * threads;
    bench.request.config.budget.trials = 4;
    return bench.run();
  };
  const auto plain = run("false", 1, 1);
  const auto one = run("auto", 1, 1);
  const auto other = run("auto", 3, 2);
  ASSERT_TRUE(plain) << plain.error().message;
  ASSERT_TRUE(one) << one.error().message;
  ASSERT_TRUE(other) << other.error().message;
  const auto is_said = [](const SweepOutcome& outcome) {
    return std::any_of(outcome.notes.begin(), outcome.notes.end(), [](const std::string& text) {
      return text.starts_with("probabilities are made ");
    });
  };
  EXPECT_TRUE(is_said(*one));
  EXPECT_FALSE(is_said(*plain));
  EXPECT_LT(one->validation_score, plain->validation_score);
  EXPECT_EQ(one->validation_score, other->validation_score);
  EXPECT_TRUE(tracking::slurp(one->model_path) == tracking::slurp(other->model_path));
}

// One learner, so that proposals look at results before the sweep is over.
TEST(LogicalMode, GivesTheSameBitsWithEveryStrategy) {
  for (const std::string strategy : {"tpe", "gp", "cmaes", "cfo"}) {
    const auto run = [&](int64_t slots, int threads) {
      SweepBench bench;
      bench.request.table = mixed_table(Task::kRegression);
      bench.request.config.validation.folds = 3;
      bench.request.config.search.strategy = strategy;
      bench.request.config.learners = {{"linear", {}}};
      bench.request.config.run.slots = slots;
      bench.request.threads = static_cast<int>(slots) * threads;
      bench.request.config.budget.trials = 30;
      const auto outcome = bench.run();
      EXPECT_TRUE(outcome) << outcome.error().message;
      std::string board;
      if (!outcome) return board;
      for (const LeaderboardRow& row : outcome->leaderboard.rows) {
        board +=
            fmt::format("{} {} {} {}\n", row.trial, row.origin, row.score.value_or(-1), row.params);
      }
      return board + tracking::slurp(outcome->model_path);
    };
    const std::string one = run(1, 1);
    EXPECT_TRUE(one == run(3, 2)) << strategy;
    EXPECT_NE(one.find("guided"), std::string::npos) << one;
  }
}

// Settings of the portfolio that the sweep tried, by trial, as "trial learner params".
std::vector<std::string> portfolio_of(const SweepOutcome& outcome) {
  std::map<int64_t, std::string> by_trial;
  for (const LeaderboardRow& row : outcome.leaderboard.rows) {
    if (row.origin != "portfolio") continue;
    by_trial[row.trial] = fmt::format("{} {} {}", row.trial, row.learner, row.params);
  }
  std::vector<std::string> texts;
  for (auto& [trial, text] : by_trial) texts.push_back(std::move(text));
  return texts;
}

// What is to be tried after the constant and the default of each learner that takes part.
std::vector<std::string> expected_portfolio(const std::vector<std::string>& names,
                                            std::vector<ParamOverride> gbt = {}) {
  std::vector<OptionGroup> groups;
  std::vector<SearchLearner> learners;
  for (const Learner* learner : learner_list()) {
    groups.push_back(learner->options());
    if (std::find(names.begin(), names.end(), learner->name()) == names.end()) continue;
    const bool is_gbt = learner->name() == "gbt";
    learners.push_back({std::string(learner->name()),
                        *SearchSpace::make(learner->options().options,
                                           is_gbt ? gbt : std::vector<ParamOverride>())});
  }
  const auto settings = read_portfolio(shipped_portfolio(), "portfolio", groups);
  EXPECT_TRUE(settings) << settings.error().message;
  std::vector<std::string> texts;
  auto trial = static_cast<int64_t>(names.size()) + 1;
  for (const WantedSetting& setting : settings_within(*settings, learners)) {
    texts.push_back(
        fmt::format("{} {} {}", trial++, setting.learner, params_to_json(setting.params)));
  }
  return texts;
}

class PortfolioTest : public testing::Test {
 protected:
  PortfolioTest() {
    bench_.request.table = mixed_table(Task::kRegression);
    bench_.request.config.validation.folds = 2;
    bench_.request.config.budget.trials = 16;
    bench_.request.config.search.portfolio = true;
  }
  SweepOutcome run(std::vector<LearnerChoice> learners) {
    bench_.request.config.learners = std::move(learners);
    auto outcome = bench_.run();
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? std::move(*outcome) : SweepOutcome();
  }
  SweepBench bench_;
};

TEST_F(PortfolioTest, ComesAfterTheDefaultsIfAskedFor) {
  const std::vector<std::string> all = expected_portfolio({"linear", "gbt"});
  ASSERT_GE(all.size(), 2U);
  EXPECT_EQ(portfolio_of(run({{"linear", {}}, {"gbt", {}}})), all);
  bench_.request.config.search.portfolio = SearchOptions().portfolio;
  EXPECT_TRUE(portfolio_of(run({{"linear", {}}, {"gbt", {}}})).empty());
}

TEST_F(PortfolioTest, KeepsToTheSpaceOfTheConfig) {
  const ParamOverride leaves{"max_leaves", SearchRange{.low = 4, .high = 40, .log = true}};
  const auto narrow = expected_portfolio({"gbt"}, {leaves});
  EXPECT_LT(narrow.size(), expected_portfolio({"gbt"}).size());
  EXPECT_EQ(portfolio_of(run({{"gbt", {leaves}}})), narrow);
  const ParamOverride rate{"learning_rate", ParamValue(0.123)};
  EXPECT_TRUE(portfolio_of(run({{"gbt", {rate}}})).empty());
}

TEST_F(PortfolioTest, ComesWithATimeLimitToo) {
  bench_.request.config.budget.time = 1000;
  EXPECT_EQ(portfolio_of(run({{"linear", {}}, {"gbt", {}}})),
            expected_portfolio({"linear", "gbt"}));
}

}  // namespace
}  // namespace assay::automl
