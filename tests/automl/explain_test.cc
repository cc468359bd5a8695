// Model::explain: Shapley values against the definition, summed over all subsets of features.
#include <gmock/gmock.h>

#include "automl/models/average_model.h"
#include "automl/models/constant_model.h"
#include "automl/models/linear_model.h"
#include "automl/models/tree_model.h"
#include "automl/preprocess/shuffled_table.h"
#include "automl/report/permutation.h"
#include "kernels/tree_shap_plan.h"
#include "tests/automl/learner_fixture.h"
#include "tests/conformance/discrete_device.h"
#include "tests/conformance/discrete_kernels.h"

namespace assay::automl {
namespace {

std::vector<double> explanations(const Model& model, const Problem& problem,
                                 std::span<const uint32_t> rows, ExplainedScale scale,
                                 const Cpu& cpu) {
  const auto width = static_cast<size_t>(model.explained_count(scale)) *
                     (static_cast<size_t>(model.feature_count()) + 1);
  std::vector<double> out(rows.size() * width, -9.0);
  const Status status = model.explain(*problem.features, rows, cpu.context, scale, out);
  EXPECT_TRUE(status) << status.error().message;
  return out;
}

// What a tree is worth to a row if only the features in `known` are.
double worth(const kernels::Tree& tree, const kernels::BinnedView& bins, uint32_t row,
             uint32_t known, size_t node = 0) {
  const kernels::TreeNode& at = tree.nodes[node];
  if (at.is_leaf()) return double{tree.leaf_values[static_cast<size_t>(at.left)]};
  const auto left = static_cast<size_t>(at.left);
  if ((known >> at.feature & 1) != 0) {
    const uint8_t bin = bins.bins[bins.cell_offset(row, at.feature)];
    const bool goes_left = kernels::goes_left(at, tree.category_sets.data(), bin);
    return worth(tree, bins, row, known, goes_left ? left : left + 1);
  }
  const double share = double{tree.covers[left]} / double{tree.covers[node]};
  return share * worth(tree, bins, row, known, left) +
         (1 - share) * worth(tree, bins, row, known, left + 1);
}

// What tree_shap adds to 0 for the first rows: [row_count, output_count, feature_count].
std::vector<double> contributions_of(const kernels::Forest& forest,
                                     const kernels::TreeShapPlan& plan,
                                     const kernels::BinnedView& bins, int64_t row_count,
                                     const Cpu& cpu) {
  const kernels::TreeShapProblem problem = plan.problem(row_count);
  std::vector<double> out(
      static_cast<size_t>(row_count * problem.output_count * problem.feature_count), 0.0);
  const Status status = cpu.context.run<kernels::TreeShap>(
      problem, {bins, forest.view(), plan.view(), nullptr, out.data()});
  EXPECT_TRUE(status) << status.error().message;
  return out;
}

// The definition: the mean over all orders of features of what each adds when its turn comes.
std::vector<double> shapley(const kernels::Tree& tree, const kernels::BinnedView& bins,
                            uint32_t row, uint32_t features) {
  std::vector<double> factorial = {1};
  for (uint32_t i = 1; i <= features; ++i) factorial.push_back(factorial.back() * i);
  std::vector<double> values(features, 0.0);
  for (uint32_t known = 0; known < (1u << features); ++known) {
    const auto size = static_cast<size_t>(__builtin_popcount(known));
    for (uint32_t f = 0; f < features; ++f) {
      if ((known >> f & 1) != 0) continue;
      const double weight = factorial[size] * factorial[features - size - 1] / factorial[features];
      values[f] +=
          weight * (worth(tree, bins, row, known | 1u << f) - worth(tree, bins, row, known));
    }
  }
  return values;
}

// Splits on x0, then on x1 where x0 is high: 8 there if x1 is high too, else 0. Of eight rows four
// have x0 high, and two of these x1.
kernels::Tree both_high() {
  kernels::Tree tree;
  tree.nodes.resize(5);
  tree.nodes[0].feature = 0;
  tree.nodes[0].left = 1;
  tree.nodes[0].threshold = 1;
  tree.nodes[2].feature = 1;
  tree.nodes[2].left = 3;
  tree.nodes[2].threshold = 1;
  tree.nodes[1].left = 0;
  tree.nodes[3].left = 1;
  tree.nodes[4].left = 2;
  tree.leaf_values = {0, 0, 8};
  tree.gains.assign(5, 1);
  tree.covers = {8, 4, 4, 2, 2};
  return tree;
}

std::unique_ptr<Problem> corners() {
  std::vector<datasets::Column> columns(2);
  columns[0].name = "x0";
  columns[0].numbers = {1, 1, 2, 2};
  columns[1].name = "x1";
  columns[1].numbers = {1, 2, 1, 2};
  return encode_problem(std::move(columns));
}

// Worth knowing nothing 8 / 4 = 2, x0 high 4, x1 high 4, both 8: x0 adds (2 + 4) / 2. With both
// low: x0 low is worth 0 whatever x1; x1 low alone 0 too: each (-2 + 0) / 2.
TEST(TreeShap, GivesTheValuesOfASmallTreeByHand) {
  const auto problem = corners();
  TreeModel::Parts parts;
  parts.forest.append(both_high());
  parts.base_scores = {0.5};
  parts.target = {10, 2};
  parts.feature_count = 2;
  const auto model = must(TreeModel::make(std::move(parts)));
  const Cpu cpu;
  const std::vector<uint32_t> rows = {3, 0};
  const auto out = explanations(*model, *problem, rows, ExplainedScale::kPredictions, cpu);
  // Times the scale 2; the base is 10 + 2 (0.5 + 2).
  const std::vector<double> expected = {6, 6, 15, -2, -2, 15};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(out[i], expected[i], 1e-12) << i;
  EXPECT_EQ(explanations(*model, *problem, rows, ExplainedScale::kScores, cpu), out);
}

TEST(TreeShap, IsTheDefinitionOnGrownTrees) {
  const auto problem = friedman(Task::kRegression, 400);
  const Cpu cpu;
  // Deep trees use a feature several times on a path; categories and missing values are among them.
  for (const int64_t leaves : {2, 5, 40}) {
    const FitResult fitted = must(must(find_learner("gbt"))
                                      ->fit(problem->request({{"rounds", int64_t{3}},
                                                              {"max_leaves", leaves},
                                                              {"min_child_samples", int64_t{2}}}),
                                            cpu.context));
    const auto& forest = dynamic_cast<const TreeModel&>(*fitted.model).parts().forest;
    const auto bins = must(problem->features->bins(*cpu.context.host, cpu.context));
    const kernels::TreeShapPlan plan(forest, 7);
    const std::vector<double> out = contributions_of(forest, plan, bins, 40, cpu);
    double expected_base = 0;
    for (int64_t t = 0; t < forest.tree_count(); ++t) {
      expected_base += worth(forest.tree(t), bins, 0, 0);
    }
    EXPECT_NEAR(plan.expected()[0], expected_base, 1e-9);
    for (uint32_t row = 0; row < 40; ++row) {
      std::vector<double> expected(7, 0.0);
      for (int64_t t = 0; t < forest.tree_count(); ++t) {
        const auto part = shapley(forest.tree(t), bins, row, 7);
        for (size_t f = 0; f < 7; ++f) expected[f] += part[f];
      }
      for (size_t f = 0; f < 7; ++f)
        EXPECT_NEAR(out[row * 7 + f], expected[f], 1e-9) << row << " " << f;
    }
  }
}

TEST(TreeShap, IsTheDefinitionForLeavesOfManyValues) {
  const auto problem = friedman(Task::kMulticlass, 300);
  const Cpu cpu;
  const FitResult fitted =
      must(must(find_learner("random_forest"))
               ->fit(problem->request({{"trees", int64_t{2}}, {"max_leaves", int64_t{20}}}),
                     cpu.context));
  const auto& forest = dynamic_cast<const TreeModel&>(*fitted.model).parts().forest;
  const auto bins = must(problem->features->bins(*cpu.context.host, cpu.context));
  const kernels::TreeShapPlan plan(forest, 7);
  const std::vector<double> out = contributions_of(forest, plan, bins, 10, cpu);
  for (uint32_t row = 0; row < 10; ++row) {
    for (size_t k = 0; k < 3; ++k) {
      std::vector<double> expected(7, 0.0);
      for (int64_t t = 0; t < 2; ++t) {
        kernels::Tree one = forest.tree(t);
        for (size_t leaf = 0; leaf * 3 < one.leaf_values.size(); ++leaf) {
          one.leaf_values[leaf] = one.leaf_values[leaf * 3 + k];
        }
        const auto part = shapley(one, bins, row, 7);
        for (size_t f = 0; f < 7; ++f) expected[f] += part[f];
      }
      for (size_t f = 0; f < 7; ++f) EXPECT_NEAR(out[row * 21 + k * 7 + f], expected[f], 1e-9);
    }
  }
}

TEST(TreeShap, SurvivesCoversThatMeanNothing) {
  const auto problem = corners();
  for (const float cover : {0.0f, -3.0f, INFINITY, NAN, 1e38f}) {
    kernels::Tree tree = both_high();
    tree.covers.assign(5, cover);
    tree.covers[4] = 1;
    TreeModel::Parts parts;
    parts.forest.append(tree);
    parts.base_scores = {0};
    parts.feature_count = 2;
    const auto model = must(TreeModel::make(std::move(parts)));
    const Cpu cpu;
    const auto out =
        explanations(*model, *problem, std::vector<uint32_t>{3}, ExplainedScale::kPredictions, cpu);
    EXPECT_NEAR(out[0] + out[1] + out[2], 8, 1e-6) << cover;
  }
}

// Each learner on each task: contributions and base sum to the prediction.
class Explained : public testing::TestWithParam<std::tuple<std::string, Task>> {};

TEST_P(Explained, SumsToThePrediction) {
  const auto& [name, task] = GetParam();
  const auto problem = friedman(task, 500);
  const Cpu cpu;
  const Learner& learner = *must(find_learner(name));
  ParamMap params;
  if (name == "gbt") params = {{"rounds", int64_t{20}}, {"learning_rate", 0.5}};
  if (learner.step_option() == "trees") params = {{"trees", int64_t{5}}};
  const FitResult fitted = must(learner.fit(problem->request(params), cpu.context));
  const auto out =
      explanations(*fitted.model, *problem, problem->valid_rows, ExplainedScale::kPredictions, cpu);
  const auto expected = predictions(*fitted.model, *problem, problem->valid_rows, cpu);
  for (size_t i = 0; i < expected.size(); ++i) {
    const double sum = std::accumulate(out.begin() + static_cast<std::ptrdiff_t>(i * 8),
                                       out.begin() + static_cast<std::ptrdiff_t>(i * 8 + 8), 0.0);
    ASSERT_NEAR(sum, expected[i], 2e-6 * std::max(1.0, std::abs(double{expected[i]}))) << i;
  }
  if (!is_classification(task)) return;
  // What speaks for a class speaks against the others.
  const auto width = static_cast<size_t>(fitted.model->output_count());
  for (size_t row = 0; row < problem->valid_rows.size(); ++row) {
    for (size_t f = 0; f < 8; ++f) {
      double sum = 0;
      for (size_t k = 0; k < width; ++k) sum += out[(row * width + k) * 8 + f];
      ASSERT_NEAR(sum, f == 7 ? 1 : 0, 1e-6);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Explained,
                         testing::Combine(testing::Values("constant", "linear", "gbt",
                                                          "random_forest", "extra_trees", "mlp"),
                                          testing::Values(Task::kBinary, Task::kMulticlass,
                                                          Task::kRegression)),
                         [](const auto& instance) {
                           return std::get<0>(instance.param) + "_" +
                                  std::string(name_of(std::get<1>(instance.param)));
                         });

TEST(Explain, ScoresOfBoostedTreesAreLogOdds) {
  const auto problem = friedman(Task::kBinary, 400);
  const Cpu cpu;
  const FitResult fitted = must(
      must(find_learner("gbt"))->fit(problem->request({{"rounds", int64_t{10}}}), cpu.context));
  const auto out =
      explanations(*fitted.model, *problem, problem->valid_rows, ExplainedScale::kScores, cpu);
  const auto p = predictions(*fitted.model, *problem, problem->valid_rows, cpu);
  ASSERT_EQ(out.size(), problem->valid_rows.size() * 8);
  for (size_t i = 0; i < problem->valid_rows.size(); ++i) {
    const double sum = std::accumulate(out.begin() + static_cast<std::ptrdiff_t>(i * 8),
                                       out.begin() + static_cast<std::ptrdiff_t>(i * 8 + 8), 0.0);
    EXPECT_NEAR(sum, std::log(double{p[i * 2 + 1]} / double{p[i * 2]}), 1e-4);
  }
}

TEST(Explain, ScoresOfPoissonAreLogarithmsOfPredictions) {
  auto problem = friedman(Task::kRegression, 400);
  for (double& target : problem->targets) target = std::max(target, 0.0);
  bind_problem(*problem, Task::kRegression, 0);
  const Cpu cpu;
  const FitResult fitted = must(
      must(find_learner("gbt"))
          ->fit(problem->request({{"rounds", int64_t{10}}, {"objective", std::string("poisson")}}),
                cpu.context));
  for (const ExplainedScale scale : {ExplainedScale::kScores, ExplainedScale::kPredictions}) {
    const auto out = explanations(*fitted.model, *problem, problem->valid_rows, scale, cpu);
    const auto p = predictions(*fitted.model, *problem, problem->valid_rows, cpu);
    for (size_t i = 0; i < p.size(); ++i) {
      const double sum = std::accumulate(out.begin() + static_cast<std::ptrdiff_t>(i * 8),
                                         out.begin() + static_cast<std::ptrdiff_t>(i * 8 + 8), 0.0);
      EXPECT_NEAR(sum, scale == ExplainedScale::kScores ? std::log(double{p[i]}) : double{p[i]},
                  1e-4);
    }
  }
}

TEST(Explain, AveragesAreMeansOfMembers) {
  const auto problem = friedman(Task::kBinary, 300);
  const Cpu cpu;
  const auto fit = [&](const char* name) -> std::shared_ptr<const Model> {
    return must(must(find_learner(name))->fit(problem->request(), cpu.context)).model;
  };
  const auto linear = fit("linear");
  const auto forest = fit("extra_trees");
  const auto average = must(AverageModel::make({linear, forest}, {1, 3}));
  const auto rows = std::span(problem->valid_rows);
  const auto scale = ExplainedScale::kPredictions;
  const auto out = explanations(*average, *problem, rows, scale, cpu);
  const auto first = explanations(*linear, *problem, rows, scale, cpu);
  const auto second = explanations(*forest, *problem, rows, scale, cpu);
  for (size_t i = 0; i < out.size(); ++i) {
    EXPECT_NEAR(out[i], 0.25 * first[i] + 0.75 * second[i], 1e-12);
  }
  // Log-odds and shares have no mean.
  EXPECT_FALSE(average->score_link());
  std::vector<double> room(rows.size() * 16);
  const Status scores =
      average->explain(*problem->features, rows, cpu.context, ExplainedScale::kScores, room);
  ASSERT_FALSE(scores);
  EXPECT_THAT(scores.error().message, testing::HasSubstr("no scores of one kind"));
}

TEST(Explain, GivesTheSameBitsOnAnyNumberOfThreads) {
  const auto problem = friedman(Task::kMulticlass, 400);
  std::vector<double> first;
  for (const int threads : {1, 2, 7}) {
    const Cpu cpu(threads);
    const FitResult fitted = must(
        must(find_learner("gbt"))->fit(problem->request({{"rounds", int64_t{8}}}), cpu.context));
    const auto out = explanations(*fitted.model, *problem, problem->train_rows,
                                  ExplainedScale::kPredictions, cpu);
    if (first.empty()) first = out;
    EXPECT_EQ(out, first) << threads << " threads";
  }
}

// A device whose memory the host cannot touch: what the op reads must have been moved there.
TEST(Explain, GivesTheBitsOfTheCpuOnADiscreteDevice) {
  kernels::KernelSet kernels = device_set().kernels();
  kernels::KernelSet references;
  conformance::register_discrete_kernels(references);
  for (const auto& item : references.table<kernels::TreeShap>().items()) {
    kernels.table<kernels::TreeShap>().add(item);
  }
  const Cpu cpu;
  for (const char* learner : {"gbt", "random_forest"}) {
    const auto problem = friedman(Task::kMulticlass, 300);
    const std::shared_ptr<const Model> model =
        must(must(find_learner(learner))->fit(problem->request(), cpu.context)).model;
    const auto scale = ExplainedScale::kPredictions;
    const auto here = explanations(*model, *problem, problem->valid_rows, scale, cpu);
    conformance::DiscreteDevice device("discrete:0", int64_t{1} << 28);
    Cpu discrete;
    discrete.context.kernels = &kernels;
    discrete.context.device = &device;
    {
      const auto moved = friedman(Task::kMulticlass, 300);  // its bins die before the device
      kernels::Usage usage;
      const kernels::UsageScope scope(&usage);
      EXPECT_EQ(explanations(*model, *moved, moved->valid_rows, scale, discrete), here);
      EXPECT_THAT(usage.list(), testing::Contains(testing::Field(&kernels::KernelUse::kernel,
                                                                 "discrete.reference")));
    }
    EXPECT_EQ(device.held_bytes(), 0);
  }
}

TEST(Explain, RefusesBadArgumentsAndStops) {
  const auto problem = corners();
  const auto model = must(ConstantModel::make({1.5}, 2));
  Cpu cpu;
  std::vector<double> room(3);
  const std::vector<uint32_t> outside = {4};
  EXPECT_EQ(
      model->explain(*problem->features, outside, cpu.context, ExplainedScale::kPredictions, room)
          .error()
          .message,
      "row 4 (must be below 4)");
  const std::vector<uint32_t> two = {0, 1};
  EXPECT_EQ(model->explain(*problem->features, two, cpu.context, ExplainedScale::kPredictions, room)
                .error()
                .message,
            "room for 3 contributions (must be 6)");
  TreeModel::Parts parts;
  parts.forest.append(both_high());
  parts.base_scores = {0};
  parts.feature_count = 2;
  const auto trees = must(TreeModel::make(std::move(parts)));
  StopToken stop;
  stop.request();
  cpu.context.stop = &stop;
  const std::vector<uint32_t> one = {0};
  EXPECT_EQ(trees->explain(*problem->features, one, cpu.context, ExplainedScale::kPredictions, room)
                .error()
                .code,
            StatusCode::kCancelled);
}

std::vector<uint32_t> numbers_below(uint32_t end) {
  std::vector<uint32_t> rows(end);
  std::iota(rows.begin(), rows.end(), 0u);
  return rows;
}

TEST(ShuffledTable, MovesTheNamedFeaturesAndPutsThemBack) {
  const auto problem = friedman(Task::kRegression, 90);
  const Cpu cpu;
  ShuffledTable table(true);
  // In two parts, the second without its first row.
  ASSERT_TRUE(table.append(*problem->features, numbers_below(50), cpu.context));
  std::vector<uint32_t> rest;
  for (uint32_t row = 51; row < 90; ++row) rest.push_back(row);
  ASSERT_TRUE(table.append(*problem->features, rest, cpu.context));
  table.settle();
  ASSERT_EQ(table.row_count(), 89);
  const auto source = [](uint32_t row) { return row < 50 ? row : row + 1; };
  const auto bins = must(problem->features->bins(*cpu.context.host, cpu.context));
  const auto dense = must(problem->features->dense(cpu.context));
  std::vector<uint32_t> order = numbers_below(89);
  std::reverse(order.begin(), order.end());
  const auto check = [&](bool moved) {
    const auto own = must(table.bins(*cpu.context.host, cpu.context));
    const auto own_dense = must(table.dense(cpu.context));
    for (uint32_t row = 0; row < 89; ++row) {
      for (int32_t f = 0; f < 7; ++f) {
        const uint32_t from = source(moved && (f == 3 || f == 6) ? order[row] : row);
        ASSERT_EQ(own.bins[own.cell_offset(row, f)], bins.bins[bins.cell_offset(from, f)]);
      }
      for (size_t c = 0; c < table.dense_features().size(); ++c) {
        const int32_t f = table.dense_features()[c];
        const uint32_t from = source(moved && (f == 3 || f == 6) ? order[row] : row);
        ASSERT_EQ(own_dense.row(row)[c], dense.row(from)[c]);
      }
    }
  };
  check(false);
  const std::vector<int32_t> features = {3, 6};
  table.shuffle(features, order);
  check(true);
  table.restore();
  check(false);
}

// y is x0 itself: shuffling x0 makes the mean squared error that of two draws of the target, twice
// its variance; shuffling x1 changes nothing.
TEST(Permutation, FindsWhatTheModelNeeds) {
  std::vector<datasets::Column> columns(2);
  columns[0].name = "x0";
  columns[1].name = "x1";
  for (int i = 0; i < 400; ++i) {
    columns[0].numbers.push_back(i % 20);
    columns[1].numbers.push_back(i / 20);
  }
  const std::vector<double> targets = columns[0].numbers.view().to_vector();
  const auto table = must(datasets::Table::make(std::move(columns), "made up", ""));
  const Cpu cpu;
  Predictor::Parts parts;
  parts.encoder =
      std::make_shared<const FeatureEncoder>(must(FeatureEncoder::fit(table, {}, cpu.context)));
  const auto features = must(parts.encoder->encode(table));
  LinearModel::Parts linear;  // x = 9.5 + scale * z
  linear.coefficients = {std::sqrt(33.25), 0};
  linear.intercepts = {9.5};
  linear.features = {0, 1};
  linear.feature_count = 2;
  parts.model = must(LinearModel::make(std::move(linear)));
  EXPECT_TRUE(reads_dense(*parts.model));
  const Predictor predictor = must(Predictor::make(std::move(parts)));
  ShuffledTable shuffled(true);
  ASSERT_TRUE(shuffled.append(*features, numbers_below(400), cpu.context));
  shuffled.settle();
  const Metric metric = must(Metric::find("mse"));
  PermutationRequest request;
  request.predictor = &predictor;
  request.table = &shuffled;
  request.targets.values = targets;
  request.metric = &metric;
  const Permutation found = must(permutation_importance(request, cpu.context));
  EXPECT_NEAR(found.score, 0, 1e-9);
  ASSERT_EQ(found.columns.size(), 2u);
  EXPECT_EQ(found.columns[0].name, "x0");
  EXPECT_NEAR(found.columns[0].mean, 2 * 33.25, 8);
  EXPECT_GT(found.columns[0].deviation, 0);
  EXPECT_EQ(found.columns[1].mean, 0);
  // Nothing is left shuffled.
  EXPECT_EQ(must(permutation_importance(request, cpu.context)).columns[0].mean,
            found.columns[0].mean);
}

}  // namespace
}  // namespace assay::automl
