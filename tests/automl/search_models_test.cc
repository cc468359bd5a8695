// What the samplers that look at losses believe: densities and Gaussian processes.
#include <gtest/gtest.h>

#include <cmath>

#include "automl/search/gaussian_process.h"
#include "automl/search/gp_sampler.h"
#include "automl/search/parzen.h"
#include "tests/automl/search_functions.h"

namespace assay::automl {
namespace {

SearchSpace line() {
  OptionInfo x;
  x.name = "x";
  x.kind = OptionKind::kNumber;
  x.search = SearchRange{.low = 0, .high = 1};
  return *SearchSpace::make({x});
}

SearchSpace line_and_kinds() {
  OptionInfo x;
  x.name = "x";
  x.kind = OptionKind::kNumber;
  x.search = SearchRange{.low = 0, .high = 1};
  OptionInfo kind;
  kind.name = "kind";
  kind.kind = OptionKind::kText;
  kind.choices = {"a", "b", "c"};
  kind.default_value = std::string("a");
  kind.search = SearchRange{};
  return *SearchSpace::make({x, kind});
}

TEST(ParzenDensity, IntegratesToOne) {
  const SearchSpace space = line_and_kinds();
  const ParzenDensity density(space, {{0.1, 0.5}, {0.9, 1.0 / 6}}, {1, 0.5});
  constexpr int kSteps = 2000;
  double sum = 0;
  for (int i = 0; i < kSteps; ++i) {
    for (int kind = 0; kind < 3; ++kind) {
      sum +=
          std::exp(density.log_density(std::vector<double>{(i + 0.5) / kSteps, (kind + 0.5) / 3}));
    }
  }
  EXPECT_NEAR(sum / kSteps / 3, 1, 1e-4);
}

TEST(ParzenDensity, DrawsWhatItIsDenseIn) {
  const SearchSpace space = line_and_kinds();
  const ParzenDensity density(space, std::vector<std::vector<double>>(30, {0.2, 0.5}),
                              std::vector<double>(30, 1.0));
  Rng rng(3);
  int near = 0;
  int kind_b = 0;
  constexpr int kDraws = 1000;
  for (int i = 0; i < kDraws; ++i) {
    const auto point = density.draw(rng);
    near += std::abs(point[0] - 0.2) < 0.3;
    kind_b += static_cast<int>(point[1] * 3) == 1;
  }
  EXPECT_GT(near, 900);
  EXPECT_GT(kind_b, 900);
  EXPECT_GT(density.log_density(std::vector<double>{0.2, 0.5}),
            density.log_density(std::vector<double>{0.8, 0.5}) + 2);
  EXPECT_GT(density.log_density(std::vector<double>{0.2, 0.5}),
            density.log_density(std::vector<double>{0.2, 0.9}) + 2);
}

double matern(double gap, double length) {
  const double r = std::sqrt(5.0) * std::abs(gap) / length;
  return (1 + r + r * r / 3) * std::exp(-r);
}

// The posterior of two points, written out.
TEST(GaussianProcess, PredictsByTheFormulaOfTwoPoints) {
  const std::vector<std::vector<double>> points = {{0.25}, {0.75}};
  const std::vector<double> values = {3, 5};
  const auto process = GaussianProcess::fit(line(), points, values);
  ASSERT_TRUE(process) << process.error().message;
  const double length = process->length_scales()[0];
  const double a = 1 + process->noise() + 1e-8;
  const double b = matern(0.5, length);
  const double det = a * a - b * b;
  // Centred and scaled, the values are -1 and 1.
  const double w0 = (-a - b) / det;
  const double w1 = (b + a) / det;
  const double variance = (w1 - w0) / 2;
  for (const double x : {0.0, 0.3, 0.5, 0.75, 1.0}) {
    const double k0 = matern(x - 0.25, length);
    const double k1 = matern(x - 0.75, length);
    const auto prediction = process->predict(std::vector<double>{x});
    EXPECT_NEAR(prediction.mean, 4 + k0 * w0 + k1 * w1, 1e-9) << x;
    const double known = (k0 * (a * k0 - b * k1) + k1 * (a * k1 - b * k0)) / det;
    const double expected = std::sqrt(std::max(variance * (1 - known), 1e-18));
    EXPECT_NEAR(prediction.deviation, expected, 1e-6) << x;
  }
}

TEST(GaussianProcess, FollowsASmoothFunctionAndKnowsWhereItDoesNot) {
  std::vector<std::vector<double>> points;
  std::vector<double> values;
  const auto wave = [](double x) { return 10 + std::sin(6 * x); };
  for (const double x : {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}) {
    points.push_back({x});
    values.push_back(wave(x));
  }
  const auto process = GaussianProcess::fit(line(), points, values);
  ASSERT_TRUE(process);
  EXPECT_NEAR(process->predict(std::vector<double>{0.25}).mean, wave(0.25), 0.02);
  EXPECT_LT(process->predict(std::vector<double>{0.25}).deviation, 0.05);
  EXPECT_GT(process->predict(std::vector<double>{1.0}).deviation, 0.3);
}

// A choice or a number that does nothing gets a long scale, that which matters a short one.
TEST(GaussianProcess, TellsWhichCoordinatesMatter) {
  const SearchFunction function = hartmann6();
  std::vector<std::vector<double>> points;
  std::vector<double> values;
  Rng rng(5);
  for (int i = 0; i < 40; ++i) {
    std::vector<double> point;
    for (int j = 0; j < 6; ++j) point.push_back(rng.next_double());
    values.push_back(std::sin(8 * point[2]));
    points.push_back(std::move(point));
  }
  const auto process = GaussianProcess::fit(function.space, points, values);
  ASSERT_TRUE(process);
  const auto lengths = process->length_scales();
  for (size_t j = 0; j < lengths.size(); ++j) {
    if (j == 2) continue;
    EXPECT_GT(lengths[j], 3 * lengths[2]) << j;
  }
}

TEST(GaussianProcess, BelievedPointsMoveNoMeanAndAreSureOfThemselves) {
  const std::vector<std::vector<double>> points = {{0.1}, {0.4}, {0.6}};
  const std::vector<double> values = {1, 0, 2};
  const auto process = GaussianProcess::fit(line(), points, values);
  ASSERT_TRUE(process);
  const std::vector<std::vector<double>> open = {{0.9}};
  const auto believed = process->believing(open);
  ASSERT_TRUE(believed);
  for (const double x : {0.2, 0.5, 0.9, 1.0}) {
    const std::vector<double> at = {x};
    EXPECT_NEAR(believed->predict(at).mean, process->predict(at).mean, 1e-3) << x;
  }
  EXPECT_LT(believed->predict(open[0]).deviation, 0.2 * process->predict(open[0]).deviation);
}

TEST(GaussianProcess, RefusesWhatDoesNotFit) {
  const std::vector<std::vector<double>> points = {{0.1}, {0.4}};
  const std::vector<double> one = {1};
  EXPECT_FALSE(GaussianProcess::fit(line(), points, one));
  const std::vector<std::vector<double>> wide = {{0.1, 0.2}, {0.4, 0.2}};
  const std::vector<double> two = {1, 2};
  EXPECT_FALSE(GaussianProcess::fit(line(), wide, two));
}

TEST(GaussianProcess, TakesEqualValues) {
  const std::vector<std::vector<double>> points = {{0.1}, {0.4}, {0.4}};
  const std::vector<double> values = {2, 2, 2};
  const auto process = GaussianProcess::fit(line(), points, values);
  ASSERT_TRUE(process);
  EXPECT_NEAR(process->predict(std::vector<double>{0.7}).mean, 2, 1e-9);
}

// log(phi(z) + z Phi(z)) by mpmath with 40 digits.
TEST(LogExpectedImprovement, HasTheKnownValues) {
  EXPECT_NEAR(log_expected_improvement(0, 0, 1), -0.91893853320467, 1e-12);
  EXPECT_NEAR(log_expected_improvement(-3, 0, 1), -7.86968605960303, 1e-9);
  EXPECT_NEAR(log_expected_improvement(-8.5, 0, 1), -41.3637447400080, 1e-3);
  EXPECT_NEAR(log_expected_improvement(0, 12, 1), -77.9091005450073, 1e-3);
  EXPECT_NEAR(log_expected_improvement(0, 0, 2), -0.91893853320467 + std::log(2), 1e-12);
}

}  // namespace
}  // namespace assay::automl
