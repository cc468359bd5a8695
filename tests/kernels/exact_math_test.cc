#include "kernels/exact_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/base/rng.h"

namespace assay::kernels {
namespace {

double relative_error(double value, long double exact) {
  return static_cast<double>(std::fabs((value - exact) / exact));
}

TEST(ExactMath, ExpIsWithinItsBound) {
  Rng rng(1);
  double worst = 0;
  for (int i = 0; i < 200'000; ++i) {
    const double x = -708 + 1417 * rng.next_double();
    worst = std::max(worst, relative_error(exact_exp(x), std::exp(static_cast<long double>(x))));
  }
  EXPECT_LT(worst, 4 * 0x1p-53);
}

TEST(ExactMath, ExpHasItsStatedEnds) {
  EXPECT_EQ(exact_exp(0.0), 1.0);
  EXPECT_EQ(exact_exp(-708.5), 0.0);
  EXPECT_EQ(exact_exp(-std::numeric_limits<double>::infinity()), 0.0);
  EXPECT_EQ(exact_exp(1e9), exact_exp(709.0));
  EXPECT_TRUE(std::isfinite(exact_exp(709.0)));
}

TEST(ExactMath, LogIsWithinItsBound) {
  Rng rng(2);
  double worst = 0;
  for (int i = 0; i < 200'000; ++i) {
    const double x = std::ldexp(1 + rng.next_double(), static_cast<int>(rng.below(2000)) - 1000);
    const long double exact = std::log(static_cast<long double>(x));
    const double scale = std::max(1.0, std::fabs(static_cast<double>(exact)));
    worst = std::max(worst, static_cast<double>(std::fabs(exact_log(x) - exact)) / scale);
  }
  EXPECT_LT(worst, 8 * 0x1p-53);
}

TEST(ExactMath, LogOfOneIsZero) { EXPECT_EQ(exact_log(1.0), 0.0); }

TEST(ExactMath, SigmoidIsSymmetricEnough) {
  EXPECT_EQ(exact_sigmoid(0.0), 0.5);
  EXPECT_NEAR(exact_sigmoid(3.0) + exact_sigmoid(-3.0), 1.0, 1e-15);
  EXPECT_EQ(exact_sigmoid(1000.0), 1.0);
  EXPECT_LT(exact_sigmoid(-1000.0), 1e-300);
}

}  // namespace
}  // namespace assay::kernels
