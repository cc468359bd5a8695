// Level targets in whole sweeps: fitted in each fold, and kept in the registered model.
#include <gmock/gmock.h>

#include "automl/preprocess/predictor.h"
#include "kernels/base/rng.h"
#include "tests/automl/scheduler_fakes.h"

namespace assay::automl {
namespace {

// 400 levels, each with a number of its own that the target follows, six rows a level.
std::shared_ptr<const datasets::Table> level_table(bool classes) {
  Rng rng(3);
  std::vector<std::string> names;
  std::vector<double> effects;
  for (int k = 0; k < 400; ++k) {
    names.push_back(fmt::format("{:03}", k));
    effects.push_back(rng.next_double());
  }
  std::vector<int32_t> levels;
  std::vector<double> x;
  std::vector<double> y;
  std::vector<int32_t> positive;
  for (int row = 0; row < 2400; ++row) {
    levels.push_back(row % 400);
    x.push_back(rng.next_double());
    y.push_back(effects[static_cast<size_t>(row % 400)] + 0.2 * x.back());
    positive.push_back(y.back() > 0.6 ? 1 : 0);
  }
  std::vector<datasets::Column> columns;
  columns.push_back(level_column("shop", levels, names));
  columns.push_back(number_column("x", x));
  columns.push_back(classes ? level_column("y", positive, {"no", "yes"}) : number_column("y", y));
  return table_of(std::move(columns));
}

struct LevelAnswer {
  double score = 0;
  std::string model;
  std::string notes;
};

LevelAnswer sweep(const std::string& level_targets, const std::string& method, int64_t slots,
                  int threads, bool classes = false) {
  SweepBench bench;
  bench.request.table = level_table(classes);
  bench.request.config.features.level_targets = level_targets;
  bench.request.config.validation.method = method;
  bench.request.config.validation.folds = 3;
  bench.request.config.run.slots = slots;
  bench.request.config.budget.trials = 5;
  bench.request.threads = static_cast<int>(slots) * threads;
  const auto outcome = bench.run();
  EXPECT_TRUE(outcome) << outcome.error().message;
  LevelAnswer answer;
  if (!outcome) return answer;
  EXPECT_EQ(outcome->failed, 0);
  answer.score = outcome->validation_score;
  answer.model = tracking::slurp(outcome->model_path);
  for (const std::string& note : outcome->notes) answer.notes += note + "\n";
  return answer;
}

TEST(LevelTargets, TellLevelsApartThatBinsDoNot) {
  const LevelAnswer with = sweep("auto", "kfold", 1, 2);
  const LevelAnswer without = sweep("false", "kfold", 1, 2);
  // Levels vary by 0.29 and have four training rows each; 147 of 400 share a bin without.
  EXPECT_LT(with.score, 0.8 * without.score);
  EXPECT_THAT(with.notes, testing::HasSubstr("mean target of the levels or days of 'shop'"));
  EXPECT_THAT(without.notes, testing::Not(testing::HasSubstr("mean target")));
}

// A level's number comes from training rows alone: were the validation rows in it, targets of pure
// noise would be predicted better than by their mean.
TEST(LevelTargets, KnowNothingOfValidationRows) {
  SweepBench bench;
  Rng rng(9);
  std::vector<int32_t> levels;
  std::vector<std::string> names;
  std::vector<double> y;
  for (int k = 0; k < 500; ++k) names.push_back(fmt::format("{:03}", k));
  for (int row = 0; row < 2000; ++row) {
    levels.push_back(row % 500);
    y.push_back(rng.next_double() < 0.5 ? -1 : 1);
  }
  bench.request.table = table_of({level_column("shop", levels, names), number_column("y", y)});
  bench.request.config.data.task = "regression";
  bench.request.config.budget.trials = 5;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_GT(outcome->validation_score, 0.99);
}

TEST(LevelTargets, GiveTheSameBitsOnAnyThreads) {
  for (const bool classes : {false, true}) {
    for (const std::string method : {"kfold", "holdout"}) {
      const LevelAnswer one = sweep("auto", method, 1, 1, classes);
      const LevelAnswer other = sweep("auto", method, 3, 2, classes);
      EXPECT_EQ(one.score, other.score);
      EXPECT_TRUE(one.model == other.model) << method;
      EXPECT_NE(one.model.find("level_targets"), std::string::npos);
    }
  }
}

TEST(LevelTargets, AreLeftOutWhereMemoryIsShort) {
  SweepBench bench;
  bench.request.table = level_table(false);
  bench.request.config.budget.trials = 2;
  bench.request.config.budget.memory = (int64_t{64} << 20) + 500'000;
  bench.request.config.learners = {{"linear", {}}};
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->notes, testing::Contains(testing::HasSubstr("mean targets of levels")));
}

}  // namespace
}  // namespace assay::automl
