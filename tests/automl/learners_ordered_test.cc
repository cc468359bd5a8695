// Ordered target statistics of categories, and symmetric trees, of boosting.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <set>

#include "automl/learners/ordered_targets.h"
#include "automl/models/tree_model.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

// A category of many levels that each have an effect of their own (or none, at effect 0), a number,
// and noise. The first 3/4 of the rows train.
std::unique_ptr<Problem> many_levels(Task task, int64_t rows, int32_t levels, double effect) {
  Lcg lcg(7);
  std::vector<datasets::Column> columns(2);
  columns[0].name = "x";
  columns[1].name = "city";
  columns[1].type = datasets::ColumnType::kCategorical;
  std::vector<double> effects;
  for (int32_t i = 0; i < levels; ++i) {
    columns[1].levels.push_back(fmt::format("c{:03}", i));
    effects.push_back(effect * (lcg.next() * 2 - 1));
  }
  std::vector<double> values;
  for (int64_t row = 0; row < rows; ++row) {
    const double x = lcg.next();
    const auto level = static_cast<size_t>(lcg.next() * levels);
    columns[0].numbers.push_back(x);
    columns[1].codes.push_back(static_cast<int32_t>(level) + datasets::kFirstLevelCode);
    values.push_back(effects[level] + x + (lcg.next() + lcg.next() - 1));
  }
  auto problem = encode_problem(std::move(columns));
  if (task == Task::kRegression) problem->targets = values;
  for (const double value : values) {
    if (task == Task::kBinary) problem->classes.push_back(value > 0.5 ? 1 : 0);
    if (task == Task::kMulticlass) {
      problem->classes.push_back(value < 0.2 ? 0 : (value < 0.8 ? 1 : 2));
    }
  }
  for (int64_t row = 0; row < rows; ++row) {
    auto& side = row < rows * 3 / 4 ? problem->train_rows : problem->valid_rows;
    side.push_back(static_cast<uint32_t>(row));
  }
  bind_problem(*problem, task, task == Task::kRegression ? 0 : (task == Task::kBinary ? 2 : 3));
  return problem;
}

ParamMap ordered(ParamMap params = {}) {
  params["categorical"] = std::string("ordered");
  return params;
}

// By hand. Order 2, 0, 1, 3: level 7 first, then level 5 with targets 1, 0, 1.
TEST(LevelTargets, AreTheMeansOfThoseBefore) {
  const std::vector<uint8_t> levels = {5, 5, 7, 5};
  const std::vector<double> targets = {1, 0, 1, 1};
  const std::vector<uint32_t> order = {2, 0, 1, 3};
  LevelTargets statistics{levels, targets, {}, 0.75, 1};
  EXPECT_THAT(statistics.ordered(order),
              testing::Pointwise(testing::DoubleNear(1e-12), {0.75, 1.75 / 2, 0.75, 1.75 / 3}));
  const std::vector<double> all = statistics.by_level();
  ASSERT_EQ(all.size(), 256u);
  EXPECT_DOUBLE_EQ(all[5], 2.75 / 4);
  EXPECT_DOUBLE_EQ(all[7], 1.75 / 2);
  EXPECT_DOUBLE_EQ(all[0], 0.75);
  const std::vector<float> weights = {2, 1, 1, 1};
  statistics.weights = weights;
  EXPECT_DOUBLE_EQ(statistics.ordered(order)[1], 2.75 / 3);
  EXPECT_DOUBLE_EQ(statistics.ordered(order)[3], 2.75 / 4);
  statistics.smooth = 0;
  EXPECT_DOUBLE_EQ(statistics.ordered(order)[0], 0.75);
  EXPECT_DOUBLE_EQ(statistics.ordered(order)[1], 1);
}

TEST(LevelTargets, ARowsOwnTargetIsNotInItsNumber) {
  Lcg lcg(3);
  std::vector<uint8_t> levels;
  std::vector<double> targets;
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < 60; ++i) {
    levels.push_back(static_cast<uint8_t>(lcg.next() * 4));
    targets.push_back(lcg.next());
    order.push_back(59 - i);
  }
  const std::vector<double> before = LevelTargets{levels, targets, {}, 0.5, 1}.ordered(order);
  for (size_t i = 0; i < targets.size(); ++i) {
    std::vector<double> changed = targets;
    changed[i] += 1000;
    EXPECT_EQ((LevelTargets{levels, changed, {}, 0.5, 1}.ordered(order)[i]), before[i]) << i;
  }
}

TEST(OrderedCategories, LearnTheLevelsEffects) {
  const Cpu cpu;
  for (const Task task : {Task::kBinary, Task::kMulticlass, Task::kRegression}) {
    const auto problem = many_levels(task, 6000, 200, 2);
    const auto score = [&](const ParamMap& params) {
      const FitResult result = must(gbt().fit(problem->request(params), cpu.context));
      return valid_score(*result.model, *problem, cpu);
    };
    const double subsets = score({});
    const double numbers = score(ordered());
    std::printf("%s: %.4f by subsets, %.4f ordered\n", std::string(name_of(task)).c_str(), subsets,
                numbers);
    EXPECT_LT(numbers, subsets * 1.2);
  }
}

// Levels without effect, six rows each, and no early stopping: what is learned of them is wrong.
TEST(OrderedCategories, LearnLittleFromLevelsWithoutEffect) {
  const Cpu cpu;
  const auto problem = many_levels(Task::kRegression, 1600, 200, 0);
  const auto score = [&](ParamMap params) {
    params["rounds"] = int64_t{60};
    params["early_stopping"] = false;
    params["category_smooth"] = 1.0;
    const FitResult result = must(gbt().fit(problem->request(params), cpu.context));
    return valid_score(*result.model, *problem, cpu);
  };
  const double subsets = score({});
  const double numbers = score(ordered());
  std::printf("%.4f by subsets, %.4f ordered\n", subsets, numbers);
  EXPECT_LT(numbers, subsets);
  EXPECT_LT(numbers, 0.45);  // the noise deviates by 0.41
}

TEST(OrderedCategories, ModelsAreOfTheTablesFeatures) {
  const Cpu cpu;
  for (const Task task : {Task::kBinary, Task::kMulticlass, Task::kRegression}) {
    const auto problem = many_levels(task, 1500, 60, 2);
    const ParamMap params = ordered({{"rounds", int64_t{15}}, {"column_fraction", 0.9}});
    const FitResult result = must(gbt().fit(problem->request(params), cpu.context));
    int64_t sets = 0;
    for (const kernels::TreeNode& node : forest_of(*result.model).nodes()) {
      if (node.is_leaf()) continue;
      ASSERT_LT(node.feature, 2);
      EXPECT_EQ(node.category_set >= 0, node.feature == 1);
      sets += node.category_set >= 0 ? 1 : 0;
    }
    EXPECT_GT(sets, 10);
    // Rows to validate on went by their levels while boosting as they do in the model.
    EXPECT_EQ(result.valid_predictions,
              predictions(*result.model, *problem, problem->valid_rows, cpu));
  }
}

TEST(OrderedCategories, GiveTheSameBitsOnAnyThreadsAndOthersWithAnotherSeed) {
  const auto problem = many_levels(Task::kMulticlass, 900, 60, 2);
  std::string bytes;
  const ParamMap params = ordered({{"rounds", int64_t{8}}});
  for (const int threads : {1, 2, 7}) {
    const Cpu cpu(threads);
    const FitResult result = must(gbt().fit(problem->request(params), cpu.context));
    if (bytes.empty()) bytes = model_bytes(*result.model);
    EXPECT_TRUE(model_bytes(*result.model) == bytes) << threads << " threads";
  }
  const Cpu cpu;
  const FitResult other = must(gbt().fit(problem->request(params, 2), cpu.context));
  EXPECT_FALSE(model_bytes(*other.model) == bytes);
}

TEST(OrderedCategories, LeaveSmallCategoriesAsTheyAre) {
  const Cpu cpu;
  const auto problem = many_levels(Task::kRegression, 900, 6, 2);
  const auto bytes = [&](const ParamMap& params) {
    return model_bytes(*must(gbt().fit(problem->request(params), cpu.context)).model);
  };
  const ParamMap params = {{"rounds", int64_t{8}}, {"onehot_levels", int64_t{6}}};
  EXPECT_TRUE(bytes(ordered(params)) == bytes(params));
}

TEST(OrderedCategories, GroupsOfFeaturesHoldForAllNumbersOfACategory) {
  const Cpu cpu;
  auto problem = many_levels(Task::kMulticlass, 900, 60, 2);
  const std::vector<uint64_t> groups = {1, 2};
  problem->data.interactions = groups;
  const ParamMap params = ordered({{"rounds", int64_t{8}}});
  const FitResult result = must(gbt().fit(problem->request(params), cpu.context));
  const kernels::Forest& forest = forest_of(*result.model);
  for (int64_t t = 0; t < forest.tree_count(); ++t) {
    const kernels::Tree tree = forest.tree(t);
    for (const kernels::TreeNode& node : tree.nodes) {
      if (node.is_leaf()) continue;
      ASSERT_EQ(node.feature, tree.nodes[0].feature);
    }
  }
}

// Levels have one split each: there are many more nodes than splits that differ.
TEST(SymmetricTrees, SplitLevelsAlikeAndLearn) {
  const Cpu cpu;
  for (const Task task : {Task::kBinary, Task::kMulticlass, Task::kRegression}) {
    const auto problem = friedman(task, 4000);
    const auto fit = [&](const ParamMap& params) {
      return must(gbt().fit(problem->request(params), cpu.context));
    };
    const FitResult result = fit({{"growth", std::string("symmetric")},
                                  {"max_leaves", int64_t{64}},
                                  {"min_child_samples", int64_t{1}}});
    const kernels::Forest& forest = forest_of(*result.model);
    int64_t large = 0;
    for (int64_t t = 0; t < forest.tree_count(); ++t) {
      std::set<std::array<int32_t, 4>> splits;
      size_t count = 0;
      const kernels::Tree tree = forest.tree(t);
      for (const kernels::TreeNode& node : tree.nodes) {
        if (node.is_leaf()) continue;
        ++count;
        const int32_t set = node.category_set < 0 ? -1 : 0;  // that of its level
        splits.insert({node.feature, node.threshold, node.missing_left, set});
      }
      if (count < 40) continue;
      ++large;
      EXPECT_LE(3 * splits.size(), count);
    }
    EXPECT_GT(large, forest.tree_count() / 2);
    const double symmetric = valid_score(*result.model, *problem, cpu);
    const double leaf_wise = valid_score(*fit({}).model, *problem, cpu);
    std::printf("%s: %.4f leaf-wise, %.4f symmetric\n", std::string(name_of(task)).c_str(),
                leaf_wise, symmetric);
    EXPECT_LT(symmetric, leaf_wise * 1.15);
  }
}

}  // namespace
}  // namespace assay::automl
