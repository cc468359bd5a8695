// What learners predict follows the aim of the sweep's metric. The rows have noise that is skewed
// and grows with x, so that mean, median and quantiles lie apart.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "automl/learners/fit_data.h"
#include "automl/metrics/metric.h"
#include "tests/automl/learner_fixture.h"
#include "tests/automl/linear_gradient.h"

namespace assay::automl {
namespace {

constexpr int64_t kRows = 4000;

// y = (1 + 3 x) * e, e exponential of mean 1: its quantile q is -(1 + 3 x) ln(1 - q).
std::unique_ptr<Problem> skewed_rows() {
  Lcg lcg(17);
  std::vector<datasets::Column> columns(2);
  columns[0].name = "x";
  columns[1].name = "noise";
  std::vector<double> values;
  for (int64_t row = 0; row < kRows; ++row) {
    const double x = lcg.next();
    columns[0].numbers.push_back(x);
    columns[1].numbers.push_back(lcg.next());
    values.push_back((1 + 3 * x) * -std::log(1 - lcg.next()) + 0.01);
  }
  auto problem = encode_problem(std::move(columns));
  problem->targets = values;
  for (int64_t row = 0; row < kRows; ++row) {
    auto& side = row < kRows * 3 / 4 ? problem->train_rows : problem->valid_rows;
    side.push_back(static_cast<uint32_t>(row));
  }
  bind_problem(*problem, Task::kRegression, 0);
  return problem;
}

double score_of(const Metric& metric, const std::vector<float>& predicted, const Problem& problem) {
  std::vector<double> targets;
  for (const uint32_t row : problem.valid_rows) targets.push_back(problem.targets[row]);
  return must(
      metric.score({predicted.data(), static_cast<int64_t>(predicted.size()), 1}, {{}, targets}));
}

class Aims : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  const Learner& learner() const { return *must(find_learner(std::get<0>(GetParam()))); }
  Metric metric() const { return must(Metric::find(std::get<1>(GetParam()))); }

  std::vector<float> fitted(Problem& problem, const Aim& aim) const {
    problem.data.aim = aim;
    const Cpu cpu;
    const FitResult result = must(learner().fit(problem.request(), cpu.context));
    return predictions(*result.model, problem, problem.valid_rows, cpu);
  }
};

TEST_P(Aims, ServeTheirMetricBetterThanTheMeanDoes) {
  const auto problem = skewed_rows();
  const double aimed = score_of(metric(), fitted(*problem, metric().aim()), *problem);
  const double mean = score_of(metric(), fitted(*problem, {}), *problem);
  EXPECT_LT(aimed, 0.985 * mean);
}

TEST_P(Aims, CoverTheirQuantile) {
  const Aim aim = metric().aim();
  if (aim.kind != AimKind::kQuantile) return;
  const auto problem = skewed_rows();
  const std::vector<float> predicted = fitted(*problem, aim);
  double below = 0;
  for (size_t i = 0; i < predicted.size(); ++i) {
    below += problem->targets[problem->valid_rows[i]] <= double{predicted[i]} ? 1 : 0;
  }
  // Means of quantiles of small leaves are drawn towards the mean.
  const bool forest = learner().step_option() == "trees";
  EXPECT_NEAR(below / static_cast<double>(predicted.size()), aim.level, forest ? 0.1 : 0.05);
}

INSTANTIATE_TEST_SUITE_P(Learners, Aims,
                         testing::Combine(testing::Values("constant", "linear", "gbt",
                                                          "random_forest", "extra_trees", "mlp"),
                                          testing::Values("mae", "pinball_10", "pinball_90",
                                                          "mape")),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) + "_" +
                                  std::get<1>(test.param);
                         });

TEST(Aim, ConstantIsTheQuantileOrTheWeightedMedian) {
  auto problem = skewed_rows();
  problem->targets.assign(kRows, 1000.0);
  problem->train_rows = {0, 1, 2, 3, 4};
  const std::vector<double> targets = {1, 2, 4, 10, 100};
  std::copy(targets.begin(), targets.end(), problem->targets.begin());
  bind_problem(*problem, Task::kRegression, 0);
  const Cpu cpu;
  const auto constant = [&](const Aim& aim) {
    problem->data.aim = aim;
    const FitResult fit =
        must(must(find_learner("constant"))->fit(problem->request(), cpu.context));
    return predictions(*fit.model, *problem, problem->train_rows, cpu)[0];
  };
  EXPECT_NEAR(constant({}), 23.4, 1e-4);
  EXPECT_NEAR(constant({AimKind::kCount}), 23.4, 1e-4);
  EXPECT_NEAR(constant({AimKind::kQuantile, 0.5}), 4, 1e-4);
  EXPECT_NEAR(constant({AimKind::kQuantile, 0.9}), 100, 1e-4);
  // Weights 1, 1/2, 1/4, 1/10, 1/100: the first has more than half of 1.86.
  EXPECT_NEAR(constant({AimKind::kRelative}), 1, 1e-4);
}

TEST(Aim, NamesTargetsThatAreNotOfItsDomain) {
  auto problem = skewed_rows();
  problem->targets[2] = 0;
  problem->targets[5] = -1;
  bind_problem(*problem, Task::kRegression, 0);
  const Cpu cpu;
  for (const char* name : {"constant", "linear", "gbt", "random_forest", "mlp"}) {
    const Learner& learner = *must(find_learner(name));
    problem->data.aim = {AimKind::kRelative};
    const auto relative = learner.fit(problem->request(), cpu.context);
    ASSERT_FALSE(relative) << name;
    EXPECT_EQ(relative.error().message, "the target of row 3 is 0 (must not be 0)");
    problem->data.aim = {AimKind::kCount};
    const auto count = learner.fit(problem->request(), cpu.context);
    ASSERT_FALSE(count) << name;
    EXPECT_EQ(count.error().code, StatusCode::kData);
    EXPECT_THAT(count.error().message, testing::HasSubstr("row 6 is -1 (must be >= 0)"));
  }
}

// Counts whose logarithm is linear: e^(3 x) in the mean, many of them 0.
TEST(Aim, CountsArePredictedAboveZeroByTheirLogarithm) {
  auto problem = skewed_rows();
  Lcg lcg(23);
  for (size_t row = 0; row < problem->targets.size(); ++row) {
    const double mean = 0.2 * std::exp(3 * problem->table->columns()[0].numbers[row]);
    // A Poisson number by its chain of uniform ones.
    double product = lcg.next();
    int count = 0;
    for (; product > std::exp(-mean); ++count) product *= lcg.next();
    problem->targets[row] = count;
  }
  bind_problem(*problem, Task::kRegression, 0);
  problem->data.aim = {AimKind::kCount};
  const Metric deviance = must(Metric::find("poisson_deviance"));
  const Cpu cpu;
  for (const char* name : {"linear", "gbt", "mlp"}) {
    const FitResult fit = must(must(find_learner(name))->fit(problem->request(), cpu.context));
    const auto predicted = predictions(*fit.model, *problem, problem->valid_rows, cpu);
    EXPECT_GT(*std::min_element(predicted.begin(), predicted.end()), 0) << name;
    std::vector<float> truth;
    for (const uint32_t row : problem->valid_rows) {
      truth.push_back(
          static_cast<float>(0.2 * std::exp(3 * problem->table->columns()[0].numbers[row])));
    }
    EXPECT_LT(score_of(deviance, predicted, *problem), 1.06 * score_of(deviance, truth, *problem))
        << name;
  }
}

TEST(Aim, CountsOfNothingButZerosAreFitted) {
  auto problem = skewed_rows();
  problem->targets.assign(kRows, 0.0);
  bind_problem(*problem, Task::kRegression, 0);
  problem->data.aim = {AimKind::kCount};
  const Cpu cpu;
  for (const Learner* learner : learner_list()) {
    const FitResult fit = must(learner->fit(problem->request(), cpu.context));
    const auto predicted = predictions(*fit.model, *problem, problem->valid_rows, cpu);
    EXPECT_NEAR(predicted[0], 0, 1e-6) << learner->name();
  }
}

// Central differences of the value are an oracle for the gradient.
TEST(Aim, GradientOfTheLinearLossIsThatOfItsValue) {
  const auto problem = skewed_rows();
  problem->train_rows.resize(300);
  const Cpu cpu;
  for (const Aim& aim :
       {Aim{AimKind::kQuantile, 0.8}, Aim{AimKind::kRelative}, Aim{AimKind::kCount}}) {
    problem->data.aim = aim;
    const FitRequest request = problem->request();
    FitData data = must(prepare_fit(request, aim));
    if (aim.kind == AimKind::kCount) {
      ASSERT_TRUE(scale_by_mean(request, data));
    }
    const LinearLoss loss(request, data, must(problem->features->dense(cpu.context)), 3,
                          cpu.context);
    expect_gradient_of_value(loss, 1e-3, 2e-4, std::to_string(static_cast<int>(aim.kind)));
  }
}

TEST(Aim, GivesTheSameBitsOnAnyThreads) {
  const auto problem = skewed_rows();
  problem->data.aim = {AimKind::kQuantile, 0.25};
  for (const char* name : {"linear", "random_forest", "extra_trees", "mlp"}) {
    const Learner& learner = *must(find_learner(name));
    std::string first;
    for (const int threads : {1, 3}) {
      const Cpu cpu(threads);
      const std::string bytes =
          model_bytes(*must(learner.fit(problem->request(), cpu.context)).model);
      if (first.empty()) first = bytes;
      EXPECT_EQ(bytes, first) << name << " " << threads;
    }
  }
}

TEST(Aim, ForestsPlanMemoryForQuantilesOfLeaves) {
  const auto problem = skewed_rows();
  DataShape shape = problem->shape();
  const Learner& forest = *must(find_learner("random_forest"));
  const int64_t mean = must(forest.planned_bytes(shape, {}, 1)).fit;
  shape.aim = {AimKind::kQuantile, 0.9};
  EXPECT_GT(must(forest.planned_bytes(shape, {}, 1)).fit, mean);
}

}  // namespace
}  // namespace assay::automl
