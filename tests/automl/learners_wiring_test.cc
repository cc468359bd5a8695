// What options of boosting and forests reach: each the parameter of the trees that it is named for,
// and no other; and what the options that are read while boosting do to the trees of a fit.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "automl/learners/forest_options.h"
#include "automl/learners/gbt_options.h"
#include "kernels/grow_tree.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

using Fields = std::map<std::string, double>;

constexpr int32_t kFeatures = 10;

// All of them: this does not compile when there is one more.
Fields fields_of(const kernels::TreeParams& params) {
  const auto& [growth, max_leaves, max_depth, min_child_samples, min_child_weight, min_gain, l1, l2,
               columns_per_node, random_thresholds, onehot_levels, max_category_levels,
               category_smooth, category_l2, gradient_bits, leaf_scale] = params;
  return {{"growth", static_cast<double>(growth)},
          {"max_leaves", max_leaves},
          {"max_depth", max_depth},
          {"min_child_samples", static_cast<double>(min_child_samples)},
          {"min_child_weight", min_child_weight},
          {"min_gain", min_gain},
          {"l1", l1},
          {"l2", l2},
          {"columns_per_node", columns_per_node},
          {"random_thresholds", random_thresholds ? 1 : 0},
          {"onehot_levels", onehot_levels},
          {"max_category_levels", max_category_levels},
          {"category_smooth", category_smooth},
          {"category_l2", category_l2},
          {"gradient_bits", gradient_bits},
          {"leaf_scale", leaf_scale}};
}

// An option's value, and what differs from the defaults then.
struct WiringCase {
  const char* option;
  ParamValue value;
  Fields changed;
};

// Each case changes the fields that it names and nothing else, and there is one for each option.
template <class Options, class FieldsWith>
void expect_wired(const std::vector<WiringCase>& cases, const FieldsWith& fields_with) {
  const Fields defaults = fields_with(ParamMap{});
  std::set<std::string_view> seen;
  for (const WiringCase& wired : cases) {
    SCOPED_TRACE(std::string(wired.option) + "=" + to_text(wired.value));
    seen.insert(wired.option);
    Fields wanted = defaults;
    for (const auto& [field, value] : wired.changed) {
      EXPECT_NE(defaults.at(field), value) << "the case says nothing of " << field;
      wanted[field] = value;
    }
    EXPECT_EQ(fields_with(ParamMap{{wired.option, wired.value}}), wanted);
  }
  for (const OptionInfo& option : Options::table().options()) {
    EXPECT_TRUE(seen.contains(option.name)) << "no case has " << option.name;
  }
}

TEST(GbtWiring, DefaultsAreThoseOfTheDocuments) {
  const Fields wanted = {{"growth", 0},
                         {"max_leaves", 31},
                         {"max_depth", 1024},
                         {"min_child_samples", 20},
                         {"min_child_weight", 1e-3},
                         {"min_gain", 0},
                         {"l1", 0},
                         {"l2", 1},
                         {"columns_per_node", 0},
                         {"random_thresholds", 0},
                         {"onehot_levels", 4},
                         {"max_category_levels", 32},
                         {"category_smooth", 10},
                         {"category_l2", 10},
                         {"gradient_bits", 15},
                         {"leaf_scale", 0.1}};
  EXPECT_EQ(fields_of(GbtOptions{}.tree_params(kFeatures)), wanted);
}

TEST(GbtWiring, EachOptionReachesItsParameterAndNoOther) {
  const std::vector<WiringCase> cases = {
      {"growth", "depth_wise", {{"growth", 1}}},
      {"growth", "symmetric", {{"growth", 2}}},
      {"max_leaves", int64_t{7}, {{"max_leaves", 7}}},
      {"max_depth", int64_t{5}, {{"max_depth", 5}}},
      {"min_child_samples", int64_t{33}, {{"min_child_samples", 33}}},
      {"min_child_weight", 0.25, {{"min_child_weight", 0.25}}},
      {"min_gain", 0.5, {{"min_gain", 0.5}}},
      {"l1", 0.75, {{"l1", 0.75}}},
      {"l2", 3.0, {{"l2", 3}}},
      {"node_column_fraction", 0.3, {{"columns_per_node", 3}}},
      {"random_thresholds", true, {{"random_thresholds", 1}}},
      {"onehot_levels", int64_t{9}, {{"onehot_levels", 9}}},
      {"max_category_levels", int64_t{6}, {{"max_category_levels", 6}}},
      {"category_smooth", 4.0, {{"category_smooth", 4}}},
      {"category_l2", 2.0, {{"category_l2", 2}}},
      {"gradient_bits", int64_t{8}, {{"gradient_bits", 8}}},
      {"learning_rate", 0.2, {{"leaf_scale", 0.2}}},
      // Of the loss, and of what is done around the trees.
      {"objective", "huber", {}},
      {"alpha", 0.5, {}},
      {"huber_delta", 2.0, {}},
      {"tweedie_variance_power", 1.25, {}},
      {"rounds", int64_t{3}, {}},
      {"early_stopping", false, {}},
      {"patience", int64_t{9}, {}},
      {"row_fraction", 0.5, {}},
      {"sampling", "goss", {}},
      {"goss_top_fraction", 0.3, {}},
      {"goss_other_fraction", 0.3, {}},
      {"column_fraction", 0.5, {}},
      {"categorical", "ordered", {}},
  };
  expect_wired<GbtOptions>(cases, [](const ParamMap& params) {
    return fields_of(must(options_from<GbtOptions>(params)).tree_params(kFeatures));
  });
}

TEST(ForestWiring, EachOptionReachesItsParameterAndNoOther) {
  const std::vector<WiringCase> cases = {
      {"node_column_fraction", 0.2, {{"columns_per_node", 2}}},
      {"node_column_fraction", 1.0, {{"columns_per_node", 0}}},
      {"max_leaves", int64_t{7}, {{"max_leaves", 7}}},
      // 96 MiB for so many trees of leaves of 48 bytes and 4 a class.
      {"trees", int64_t{200}, {{"max_leaves", 100663296 / 200 / 60}}},
      {"max_depth", int64_t{5}, {{"max_depth", 5}}},
      {"min_child_samples", int64_t{33}, {{"min_child_samples", 33}}},
      // Of what is done around the trees.
      {"out_of_bag", true, {}},
      {"smoothing", 1.0, {}},
  };
  for (const bool random_thresholds : {false, true}) {
    std::vector<WiringCase> both = cases;
    both.push_back({"bootstrap", random_thresholds, {}});
    const auto check = [&]<class Options>(const Options&) {
      expect_wired<Options>(both, [&](const ParamMap& params) {
        const auto options = must(options_from<Options>(params));
        return fields_of(options.tree_params(kFeatures, 3, random_thresholds));
      });
    };
    random_thresholds ? check(ExtraTreesOptions()) : check(RandomForestOptions());
  }
}

TEST(ForestWiring, TreesAreGrownOutWithoutWhatSteadiesBoosting) {
  const Fields wanted = {{"growth", 1},
                         {"max_leaves", 100663296 / 100 / 52},
                         {"max_depth", 1024},
                         {"min_child_samples", 2},
                         {"min_child_weight", 0},
                         {"min_gain", 0},
                         {"l1", 0},
                         {"l2", 0},
                         {"columns_per_node", 4},
                         {"random_thresholds", 0},
                         {"onehot_levels", 4},
                         {"max_category_levels", 255},
                         {"category_smooth", 1},
                         {"category_l2", 0},
                         {"gradient_bits", 15},
                         {"leaf_scale", 1}};
  EXPECT_EQ(fields_of(RandomForestOptions().tree_params(kFeatures, 0, false)), wanted);
  Fields extra = wanted;
  extra["columns_per_node"] = 5;
  extra["random_thresholds"] = 1;
  EXPECT_EQ(fields_of(ExtraTreesOptions().tree_params(kFeatures, 0, true)), extra);
}

std::vector<kernels::Tree> trees_of(const Problem& problem, ParamMap params) {
  const Cpu cpu;
  params["early_stopping"] = false;
  const FitResult result = must(gbt().fit(problem.request(std::move(params)), cpu.context));
  std::vector<kernels::Tree> trees;
  const kernels::Forest& forest = forest_of(*result.model);
  for (int64_t t = 0; t < forest.tree_count(); ++t) trees.push_back(forest.tree(t));
  return trees;
}

// The split nodes, in the order in which they were split: the k-th one made
// nodes 2k - 1 and 2k.
std::vector<size_t> split_order(const kernels::Tree& tree) {
  std::map<int32_t, size_t> order;
  for (size_t node = 0; node < tree.nodes.size(); ++node) {
    if (!tree.nodes[node].is_leaf()) order[tree.nodes[node].left] = node;
  }
  std::vector<size_t> nodes;
  for (const auto& [left, node] : order) nodes.push_back(node);
  return nodes;
}

TEST(GbtWiring, DepthWiseTreesSplitTheOldestLeafAndLeafWiseOnesTheBest) {
  const auto problem = friedman(Task::kRegression, 800);
  const auto grown = [&](const char* growth) {
    return trees_of(*problem,
                    {{"rounds", int64_t{8}}, {"max_leaves", int64_t{12}}, {"growth", growth}});
  };
  const auto in_order = [](const kernels::Tree& tree) {
    const std::vector<size_t> order = split_order(tree);
    return std::is_sorted(order.begin(), order.end());
  };
  // Of the leaves there were at a split the one of the greatest gain was taken.
  const auto by_gain = [](const kernels::Tree& tree) {
    std::set<size_t> open = {0};
    for (const size_t node : split_order(tree)) {
      for (const size_t other : open) {
        if (tree.gains[other] > tree.gains[node]) return false;
      }
      open.erase(node);
      open.insert(static_cast<size_t>(tree.nodes[node].left));
      open.insert(static_cast<size_t>(tree.nodes[node].left) + 1);
    }
    return true;
  };
  const auto depth_wise = grown("depth_wise");
  const auto leaf_wise = grown("leaf_wise");
  ASSERT_EQ(depth_wise.size(), 8u);
  ASSERT_EQ(leaf_wise.size(), 8u);
  for (size_t t = 0; t < 8; ++t) {
    EXPECT_TRUE(in_order(depth_wise[t])) << t;
    EXPECT_TRUE(by_gain(leaf_wise[t])) << t;
  }
  EXPECT_FALSE(std::all_of(depth_wise.begin(), depth_wise.end(), by_gain));
  EXPECT_FALSE(std::all_of(leaf_wise.begin(), leaf_wise.end(), in_order));
}

TEST(GbtWiring, SymmetricTreesSplitEachLevelAlike) {
  const auto problem = friedman(Task::kRegression, 800);
  for (const kernels::Tree& tree :
       trees_of(*problem,
                {{"rounds", int64_t{5}}, {"max_leaves", int64_t{8}}, {"growth", "symmetric"}})) {
    std::vector<size_t> depths(tree.nodes.size(), 0);
    std::map<size_t, std::set<std::pair<int32_t, int32_t>>> splits;
    for (size_t node = 0; node < tree.nodes.size(); ++node) {
      const kernels::TreeNode& at = tree.nodes[node];
      if (at.is_leaf()) continue;
      const auto left = static_cast<size_t>(at.left);
      depths[left] = depths[left + 1] = depths[node] + 1;
      splits[depths[node]].emplace(at.feature, at.category_set >= 0 ? -1 : at.threshold);
    }
    EXPECT_GT(splits.size(), 1u);
    for (const auto& [depth, alike] : splits) EXPECT_EQ(alike.size(), 1u) << depth;
  }
}

// Three of seven features a tree, drawn anew for each round. Of three classes an ordered category
// has two numbers, which are seen or not together.
TEST(GbtWiring, TreesSeeTheirShareOfTheFeaturesOnly) {
  const auto problem = friedman(Task::kMulticlass, 800);
  for (const char* categorical : {"subsets", "ordered"}) {
    std::set<std::set<int32_t>> sets;
    std::set<int32_t> all;
    size_t most = 0;
    for (const kernels::Tree& tree : trees_of(*problem, {{"rounds", int64_t{40}},
                                                         {"column_fraction", 0.4},
                                                         {"onehot_levels", int64_t{2}},
                                                         {"min_child_samples", int64_t{5}},
                                                         {"categorical", categorical}})) {
      std::set<int32_t> used;
      for (const kernels::TreeNode& node : tree.nodes) {
        if (!node.is_leaf()) used.insert(node.feature);
      }
      EXPECT_LE(used.size(), 3u);
      most = std::max(most, used.size());
      all.insert(used.begin(), used.end());
      sets.insert(std::move(used));
    }
    EXPECT_EQ(most, 3u) << categorical;
    EXPECT_EQ(all.size(), 7u) << categorical << ": each is seen by some tree";
    EXPECT_GT(sets.size(), 10u) << categorical;
  }
}

// The root's cover counts the rows that a tree was grown on.
TEST(GbtWiring, GossBeginsWhenTheFirstRoundsHaveSeenAllRows) {
  const auto problem = friedman(Task::kRegression, 800);  // 600 of them to train on
  for (const auto& [rate, warm] : {std::pair{0.25, 4}, std::pair{0.4, 2}, std::pair{1.0, 1}}) {
    const auto trees =
        trees_of(*problem, {{"rounds", int64_t{7}}, {"learning_rate", rate}, {"sampling", "goss"}});
    ASSERT_EQ(trees.size(), 7u);
    for (int t = 0; t < 7; ++t) {
      const float rows = trees[static_cast<size_t>(t)].covers.front();
      if (t < warm) {
        EXPECT_EQ(rows, 600) << "round " << t << " at " << rate;
      } else {
        // 120 of the largest gradients, and about 60 of the others.
        EXPECT_GT(rows, 150) << "round " << t << " at " << rate;
        EXPECT_LT(rows, 210) << "round " << t << " at " << rate;
      }
    }
  }
}

TEST(GbtWiring, RoundsSeeTheirShareOfTheRows) {
  const auto problem = friedman(Task::kRegression, 800);
  for (const kernels::Tree& tree :
       trees_of(*problem, {{"rounds", int64_t{5}}, {"row_fraction", 0.3}})) {
    EXPECT_GT(tree.covers.front(), 150);
    EXPECT_LT(tree.covers.front(), 210);
  }
}

// Targets that the feature says nothing of: the best round comes early.
std::unique_ptr<Problem> noise(uint32_t train_count) {
  constexpr uint32_t kValidCount = 500;
  Lcg lcg(7);
  std::vector<datasets::Column> columns(1);
  columns[0].name = "x";
  std::vector<double> targets;
  for (uint32_t row = 0; row < train_count + kValidCount; ++row) {
    columns[0].numbers.push_back(lcg.next());
    targets.push_back(lcg.next());
  }
  auto problem = encode_problem(std::move(columns));
  problem->targets = std::move(targets);
  for (uint32_t row = 0; row < train_count + kValidCount; ++row) {
    (row < train_count ? problem->train_rows : problem->valid_rows).push_back(row);
  }
  bind_problem(*problem, Task::kRegression, 0);
  return problem;
}

TEST(GbtWiring, WaitsByTheRowsWherePatienceIsLeftToIt) {
  const Cpu cpu;
  for (const auto& [rows, least] :
       {std::pair{1000u, 100}, std::pair{20'000u, 50}, std::pair{1'000'000u, 20}}) {
    const auto problem = noise(rows);
    const FitResult result = must(gbt().fit(
        problem->request({{"max_leaves", int64_t{2}}, {"learning_rate", 1.0}}), cpu.context));
    ASSERT_LT(result.best_iteration, 57) << "0.3 of it must not make 37 of 20";
    const int64_t by_round = 20 + 3 * result.best_iteration / 10;
    EXPECT_EQ(result.iterations - result.best_iteration, std::max<int64_t>(least, by_round))
        << rows << " rows, best round " << result.best_iteration;
  }
}

TEST(GbtWiring, WaitsLongerWhereTheBestRoundComesLate) {
  const auto problem = friedman(Task::kRegression, 1000);
  const Cpu cpu;
  const FitResult result = must(gbt().fit(
      problem->request({{"rounds", int64_t{20'000}}, {"learning_rate", 0.02}}), cpu.context));
  ASSERT_GT(result.best_iteration, 300);
  ASSERT_LT(result.iterations, 20'000);
  EXPECT_EQ(result.iterations - result.best_iteration, 20 + 3 * result.best_iteration / 10);
}

}  // namespace
}  // namespace assay::automl
