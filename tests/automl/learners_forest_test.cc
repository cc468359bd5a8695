#include <gmock/gmock.h>

#include <set>
#include <utility>

#include "automl/learners/forest_options.h"
#include "automl/learners/leaf_smoothing.h"
#include "automl/models/tree_model.h"
#include "kernels/base/rng.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

const Learner& random_forest() { return *must(find_learner("random_forest")); }
const Learner& extra_trees() { return *must(find_learner("extra_trees")); }

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
      problem->request({{"trees", int64_t{3}}, {"bootstrap", false}, {"smoothing", 0.0}}),
      cpu.context));
  const std::vector<float> out = predictions(*result.model, *problem, problem->train_rows, cpu);
  EXPECT_FLOAT_EQ(out[1], 0.75f);
  EXPECT_FLOAT_EQ(out[0], 0.25f);
  EXPECT_FLOAT_EQ(out[5], 1.0f);
}

// Ten rows: six of class 0 on the left, four on the right that split into one and three.
kernels::Tree two_splits() {
  kernels::Tree tree;
  tree.nodes.resize(5);
  tree.nodes[0] = {.feature = 0, .left = 1};
  tree.nodes[1] = {.feature = -1, .left = 0};
  tree.nodes[2] = {.feature = 1, .left = 3};
  tree.nodes[3] = {.feature = -1, .left = 1};
  tree.nodes[4] = {.feature = -1, .left = 2};
  tree.covers = {10, 6, 4, 1, 3};
  tree.gains.assign(5, 0);
  tree.leaf_values = {1, 0, 0, 1, 1 / 3.0f, 2 / 3.0f};
  return tree;
}

TEST(LeafSmoothing, DrawsLeavesTowardsTheNodesAboveThem) {
  // Strength 2: 1 / (1 + 2 / n) is 5/6 at the root and 2/3 at its right child, whose rows are 1/4
  // of class 0.
  kernels::Tree tree = two_splits();
  const std::vector<double> prior = {0.5, 0.5};
  smooth_leaves(tree, prior, 2);
  const std::vector<double> expected = {0.5 / 6 + 5 / 6.0,
                                        0.5 / 6,
                                        0.5 / 6 + 0.25 / 6,
                                        0.5 / 6 + 0.75 / 6 + 2 / 3.0,
                                        0.5 / 6 + 0.25 / 6 + 2 / 9.0,
                                        0.5 / 6 + 0.75 / 6 + 4 / 9.0};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(tree.leaf_values[i], expected[i], 1e-7) << i;
  }
}

TEST(LeafSmoothing, GoesFromNothingToThePrior) {
  kernels::Tree tree = two_splits();
  const std::vector<double> prior = {0.2, 0.8};
  smooth_leaves(tree, prior, 0);
  EXPECT_TRUE(tree == two_splits());
  smooth_leaves(tree, prior, 1e12);
  for (size_t i = 0; i < tree.leaf_values.size(); ++i) {
    EXPECT_NEAR(tree.leaf_values[i], prior[i % 2], 1e-7);
  }
  kernels::Tree leaf;
  leaf.nodes = {{.feature = -1, .left = 0}};
  leaf.covers = {3};
  leaf.gains = {0};
  leaf.leaf_values = {0, 1};
  smooth_leaves(leaf, prior, 1);
  EXPECT_NEAR(leaf.leaf_values[0], 0.25 * 0.2, 1e-7);
  EXPECT_NEAR(leaf.leaf_values[1], 0.25 * 0.8 + 0.75, 1e-7);
}

TEST(RandomForest, NoClassIsImpossible) {
  // 30 classes of two rows each, and one that is not trained on.
  std::vector<datasets::Column> columns(1);
  columns[0].name = "x";
  for (int i = 0; i < 62; ++i) columns[0].numbers.push_back(i);
  auto problem = encode_problem(std::move(columns));
  for (uint32_t i = 0; i < 62; ++i) {
    problem->classes.push_back(static_cast<int32_t>(i / 2));
    (i < 60 ? problem->train_rows : problem->valid_rows).push_back(i);
  }
  bind_problem(*problem, Task::kMulticlass, 31);
  const Cpu cpu;
  for (const Learner* learner : {&random_forest(), &extra_trees()}) {
    const FitResult result =
        must(learner->fit(problem->request({{"trees", int64_t{20}}}), cpu.context));
    for (const float p : predictions(*result.model, *problem, problem->train_rows, cpu)) {
      ASSERT_GT(p, 0);
    }
  }
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

TEST(RandomForest, ThreadsChangeNeitherTreesNorReports) {
  const auto problem = friedman(Task::kBinary, 400);
  std::string first;
  std::vector<FitProgress> seen;
  for (const int threads : {1, 2, 7, 33}) {
    const Cpu cpu(threads);
    StopAfter observer(1'000'000);
    FitRequest request = problem->request({{"trees", int64_t{47}}});
    request.observer = &observer;
    const FitResult result = must(random_forest().fit(request, cpu.context));
    if (first.empty()) {
      first = model_bytes(*result.model);
      seen = observer.seen;
      EXPECT_EQ(seen.size(), 10u);
    }
    EXPECT_EQ(model_bytes(*result.model), first) << threads << " threads";
    ASSERT_EQ(observer.seen.size(), seen.size());
    for (size_t i = 0; i < seen.size(); ++i) {
      EXPECT_EQ(observer.seen[i].step, seen[i].step) << threads << " threads";
      EXPECT_EQ(observer.seen[i].valid_loss, seen[i].valid_loss) << threads << " threads";
    }
  }
}

TEST(RandomForest, AnObserversStopDropsTreesGrownAhead) {
  const auto problem = friedman(Task::kBinary, 400);
  std::string first;
  for (const int threads : {1, 33}) {
    const Cpu cpu(threads);
    StopAfter observer(10);
    FitRequest request = problem->request({{"trees", int64_t{47}}});
    request.observer = &observer;
    const FitResult result = must(random_forest().fit(request, cpu.context));
    EXPECT_TRUE(result.stopped);
    EXPECT_EQ(result.iterations, 10);
    if (first.empty()) first = model_bytes(*result.model);
    EXPECT_EQ(model_bytes(*result.model), first);
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

// What out-of-bag predictions are by their definition: every tree drawn and asked again.
TEST(RandomForest, OutOfBagRowsArePredictedByTheTreesThatLeftThemOut) {
  for (const Task task : {Task::kBinary, Task::kRegression}) {
    const auto problem = friedman(task, 400);
    const Cpu cpu;
    const ParamMap params = {{"trees", int64_t{8}}, {"out_of_bag", true}};
    const FitResult result = must(random_forest().fit(problem->request(params, 3), cpu.context));
    const auto& rows = problem->train_rows;
    const size_t width = task == Task::kBinary ? 2 : 1;
    ASSERT_EQ(result.oob_predictions.size(), rows.size() * width);
    std::vector<std::vector<float>> by_tree;
    std::vector<std::vector<bool>> inside;
    for (int64_t t = 0; t < 8; ++t) {
      const auto& whole = dynamic_cast<const TreeModel&>(*result.model).parts();
      TreeModel::Parts parts;
      parts.forest = kernels::Forest(whole.forest.leaf_width(), whole.forest.output_count());
      parts.forest.append(whole.forest.tree(t));
      parts.base_scores = whole.base_scores;
      parts.average = true;
      parts.link = whole.link;
      parts.target = whole.target;
      parts.feature_count = whole.feature_count;
      const auto one = must(TreeModel::make(std::move(parts)));
      by_tree.push_back(predictions(*one, *problem, rows, cpu));
      std::vector<bool>& in = inside.emplace_back(rows.size(), false);
      Rng rng(derive_seed(3, "bootstrap", static_cast<uint64_t>(t)));
      for (size_t i = 0; i < rows.size(); ++i) in[rng.below(rows.size())] = true;
    }
    size_t never = 0;
    double loss = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      double sum = 0;
      double trees = 0;
      for (size_t t = 0; t < 8; ++t) {
        if (inside[t][i]) continue;
        sum += double{by_tree[t][i * width + width - 1]};
        ++trees;
      }
      const float found = result.oob_predictions[i * width + width - 1];
      if (trees == 0) {
        ++never;
        EXPECT_TRUE(std::isnan(found));
        continue;
      }
      ASSERT_NEAR(found, sum / trees, 1e-4) << i;
      if (task != Task::kBinary) continue;
      const double p = problem->classes[rows[i]] == 1 ? sum / trees : 1 - sum / trees;
      loss -= std::log(std::max(p, 1e-15));
    }
    EXPECT_GT(never, 0u);
    EXPECT_LT(never, rows.size() / 10);
    if (task == Task::kBinary) {
      EXPECT_NEAR(result.oob_loss, loss / static_cast<double>(rows.size() - never), 1e-4);
    }
  }
}

TEST(RandomForest, OutOfBagLossIsThatOfUnseenRows) {
  const auto problem = friedman(Task::kRegression, 3000);
  std::vector<float> first;
  for (const int threads : {1, 3}) {
    const Cpu cpu(threads);
    StopAfter observer(1'000'000);
    FitRequest request = problem->request({{"trees", int64_t{60}}, {"out_of_bag", true}});
    request.observer = &observer;
    const FitResult result = must(random_forest().fit(request, cpu.context));
    EXPECT_NEAR(result.oob_loss, result.valid_loss, 0.2 * result.valid_loss);
    if (first.empty()) first = result.oob_predictions;
    EXPECT_EQ(result.oob_predictions, first);
  }
}

TEST(RandomForest, OutOfBagNeedsBootstrapAndIsOffElse) {
  const auto problem = friedman(Task::kRegression, 100);
  const Cpu cpu;
  const ParamMap params = {{"out_of_bag", true}, {"bootstrap", false}};
  const auto refused = random_forest().fit(problem->request(params), cpu.context);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kConfig);
  EXPECT_FALSE(extra_trees().check(problem->data, {{"out_of_bag", true}}));
  const FitResult usual =
      must(random_forest().fit(problem->request({{"trees", int64_t{2}}}), cpu.context));
  EXPECT_TRUE(usual.oob_predictions.empty());
  EXPECT_TRUE(std::isnan(usual.oob_loss));
}

TEST(RandomForest, ThousandsOfTreesStayWithinThePlan) {
  const auto problem = friedman(Task::kMulticlass, 500);
  const Cpu cpu;
  const ParamMap params = {{"trees", int64_t{3000}}};
  const FitResult result = must(random_forest().fit(problem->request(params), cpu.context));
  const PlannedBytes planned = must(random_forest().planned_bytes(problem->shape(), params, 2));
  EXPECT_EQ(forest_of(*result.model).tree_count(), 3000);
  EXPECT_LE(result.model->byte_count(), planned.model + (1 << 20));
  // What is planned is no more than the bound on forests, and some for offsets.
  EXPECT_LE(planned.model, kForestBytes * 5 / 4);
}

}  // namespace
}  // namespace assay::automl
