#include <gmock/gmock.h>

#include <set>
#include <utility>

#include "automl/learners/forest_options.h"
#include "automl/models/tree_model.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

const Learner& random_forest() { return *must(find_learner("random_forest")); }
const Learner& extra_trees() { return *must(find_learner("extra_trees")); }

const kernels::Forest& forest_of(const Model& model) {
  return dynamic_cast<const TreeModel&>(model).parts().forest;
}

// One numeric feature, two rows of each of two values, no bootstrap: one split, leaves are class
// shares by hand.
TEST(RandomForest, LeavesAreWeightedClassShares) {
  std::vector<datasets::Column> columns(1);
  columns[0].name = "x";
  columns[0].numbers = {1, 1, 2, 2};
  auto problem = encode_problem(std::move(columns));
  problem->classes = {0, 1, 1, 1};
  problem->weights = {1, 3, 1, 1};
  problem->train_rows = {0, 1, 2, 3};
  bind_problem(*problem, Task::kBinary, 2);
  const Cpu cpu;
  const FitResult result = must(random_forest().fit(
      problem->request({{"trees", int64_t{3}}, {"bootstrap", false}}), cpu.context));
  const std::vector<float> out = predictions(*result.model, *problem, problem->train_rows, cpu);
  EXPECT_FLOAT_EQ(out[1], 0.75f);
  EXPECT_FLOAT_EQ(out[0], 0.25f);
  EXPECT_FLOAT_EQ(out[5], 1.0f);
}

TEST(RandomForest, LeavesAreWeightedMeansOfTargets) {
  std::vector<datasets::Column> columns(1);
  columns[0].name = "x";
  columns[0].numbers = {1, 1, 2, 2};
  auto problem = encode_problem(std::move(columns));
  problem->targets = {10, 14, 30, 40};
  problem->weights = {3, 1, 1, 1};
  problem->train_rows = {0, 1, 2, 3};
  bind_problem(*problem, Task::kRegression, 0);
  const Cpu cpu;
  const FitResult result = must(random_forest().fit(
      problem->request(
          {{"trees", int64_t{2}}, {"bootstrap", false}, {"min_child_samples", int64_t{1}}}),
      cpu.context));
  const std::vector<float> out = predictions(*result.model, *problem, problem->train_rows, cpu);
  EXPECT_NEAR(out[0], 11, 1e-4);
  EXPECT_NEAR(out[3], 35, 1e-4);
}

TEST(RandomForest, BootstrapMakesTreesDiffer) {
  const auto problem = friedman(Task::kRegression, 300);
  const Cpu cpu;
  const ParamMap same = {
      {"trees", int64_t{2}}, {"bootstrap", false}, {"node_column_fraction", 1.0}};
  const FitResult alike = must(random_forest().fit(problem->request(same), cpu.context));
  // All rows and all features: only rounding draws differ, hardly ever a split.
  EXPECT_EQ(forest_of(*alike.model).tree(0).nodes[0].feature,
            forest_of(*alike.model).tree(1).nodes[0].feature);
  ParamMap drawn = same;
  drawn["bootstrap"] = true;
  const FitResult result = must(random_forest().fit(problem->request(drawn), cpu.context));
  EXPECT_NE(forest_of(*result.model).tree(0).leaf_values,
            forest_of(*result.model).tree(1).leaf_values);
}

TEST(RandomForest, TreesAreTheSameSideBySideAndOneByOne) {
  // A longer forest begins with the shorter one: trees depend on seed and number alone.
  const auto problem = friedman(Task::kMulticlass, 300);
  const Cpu one(1);
  const Cpu seven(7);
  const FitResult few =
      must(random_forest().fit(problem->request({{"trees", int64_t{3}}}), one.context));
  const FitResult many =
      must(random_forest().fit(problem->request({{"trees", int64_t{20}}}), seven.context));
  for (int64_t t = 0; t < 3; ++t) {
    EXPECT_TRUE(forest_of(*few.model).tree(t) == forest_of(*many.model).tree(t)) << t;
  }
}

TEST(ExtraTrees, UsesAllRowsAndRandomThresholds) {
  const auto problem = friedman(Task::kBinary, 400);
  const Cpu cpu;
  const FitResult result =
      must(extra_trees().fit(problem->request({{"trees", int64_t{10}}}), cpu.context));
  const kernels::Forest& forest = forest_of(*result.model);
  ASSERT_EQ(forest.tree_count(), 10);
  std::set<std::pair<int32_t, int>> roots;
  for (int64_t t = 0; t < 10; ++t) {
    const kernels::Tree tree = forest.tree(t);
    EXPECT_EQ(tree.covers[0], 300.0f);
    roots.emplace(tree.nodes[0].feature, tree.nodes[0].threshold);
  }
  EXPECT_GT(roots.size(), 3u);
}

TEST(ForestOptions, LeavesFollowTheByteLimit) {
  ForestOptions options;
  options.trees = 100;
  // 48 bytes of nodes and 4 a class for each leaf.
  EXPECT_EQ(options.leaf_limit(2), kForestBytes / 100 / 56);
  options.trees = 100000;
  EXPECT_EQ(options.leaf_limit(100), 16);
  options.max_leaves = 7;
  EXPECT_EQ(options.leaf_limit(2), 7);
}

TEST(ForestOptions, BoundHolds) {
  const auto problem = friedman(Task::kRegression, 500);
  const Cpu cpu;
  const FitResult result = must(random_forest().fit(
      problem->request({{"trees", int64_t{4}}, {"max_leaves", int64_t{9}}}), cpu.context));
  for (int64_t t = 0; t < 4; ++t) {
    EXPECT_LE(forest_of(*result.model).tree(t).leaf_values.size(), 9u);
  }
}

}  // namespace
}  // namespace assay::automl
