#include "kernels/cost_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace assay::kernels {
namespace {

TEST(CostFit, FindsAWaitAndAFactor) {
  std::vector<CostSample> samples;
  for (const double cost : {10.0, 1e3, 1e5, 1e7}) samples.push_back({cost, 5e4 + 0.25 * cost});
  const auto fit = fit_cost(samples);
  ASSERT_TRUE(fit);
  EXPECT_NEAR(fit->wait_ns, 5e4, 50);
  EXPECT_NEAR(fit->factor, 0.25, 2.5e-4);
  EXPECT_NEAR(misfit(*fit, samples), 1, 1e-3);
  EXPECT_NEAR(fit->nanoseconds(4e6), 1.05e6, 2e3);
}

TEST(CostFit, HasNoWaitWhereTimesAreProportional) {
  const std::vector<CostSample> samples = {{100, 300}, {1e4, 3e4}, {1e6, 3e6}};
  const auto fit = fit_cost(samples);
  ASSERT_TRUE(fit);
  EXPECT_LT(fit->wait_ns, 0.01);
  EXPECT_NEAR(fit->factor, 3, 1e-6);
}

TEST(CostFit, TakesTheGeometricMeanOfOneSize) {
  const std::vector<CostSample> samples = {{10, 20}, {10, 80}};
  const auto fit = fit_cost(samples);
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->wait_ns, 0);
  EXPECT_NEAR(fit->factor, 4, 1e-6);
  EXPECT_NEAR(misfit(*fit, samples), 2, 1e-6) << "each is off by a factor of two";
  const auto single = fit_cost(std::vector<CostSample>{{8, 2}});
  ASSERT_TRUE(single);
  EXPECT_EQ(single->wait_ns, 0);
  EXPECT_NEAR(single->factor, 0.25, 1e-9);
}

TEST(CostFit, SmallProblemsCountLikeLargeOnes) {
  // Plain least squares would follow the largest alone and be off ten times at the smallest.
  const std::vector<CostSample> samples = {{1, 10}, {1e3, 1e3}, {1e6, 1e6}};
  const auto fit = fit_cost(samples);
  ASSERT_TRUE(fit);
  EXPECT_NEAR(fit->nanoseconds(1), 10, 1);
  EXPECT_NEAR(fit->nanoseconds(1e6), 1e6, 2e4);
}

TEST(CostFit, WhatFallsWithTheCostIsNoReasonForNonsense) {
  const std::vector<CostSample> samples = {{10, 200}, {1000, 100}};
  const auto fit = fit_cost(samples);
  ASSERT_TRUE(fit);
  EXPECT_GE(fit->wait_ns, 0);
  EXPECT_LE(fit->wait_ns, 100);
  EXPECT_GT(fit->factor, 0);
  EXPECT_TRUE(std::isfinite(fit->factor));
}

TEST(CostFit, LeavesOutWhatIsNoMeasurement) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<CostSample> odd = {{0, 5}, {5, 0}, {-1, 5}, {NAN, 5}, {5, NAN}, {infinity, 5}};
  EXPECT_FALSE(fit_cost(odd));
  EXPECT_FALSE(fit_cost({}));
  EXPECT_EQ(misfit({}, odd), 1);
  std::vector<CostSample> some = odd;
  some.push_back({10, 30});
  ASSERT_TRUE(fit_cost(some));
  EXPECT_NEAR(fit_cost(some)->factor, 3, 1e-9);
}

}  // namespace
}  // namespace assay::kernels
