#include "kernels/base/fixed_point.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernels/base/rng.h"

namespace assay {
namespace {

std::vector<double> draw_terms(int count, double max_abs, uint64_t seed) {
  Rng rng(seed);
  std::vector<double> terms(static_cast<size_t>(count));
  for (double& x : terms) x = (2 * rng.next_double() - 1) * max_abs;
  return terms;
}

int64_t sum_of(const FixedPoint& scale, const std::vector<double>& terms) {
  int64_t sum = 0;
  for (const double x : terms) sum += scale.encode(x);
  return sum;
}

TEST(FixedPoint, SumDoesNotDependOnOrder) {
  std::vector<double> terms = draw_terms(10'001, 3e-5, 1);
  const FixedPoint scale = FixedPoint::for_sum(3e-5, 10'001);
  const int64_t forward = sum_of(scale, terms);
  std::reverse(terms.begin(), terms.end());
  EXPECT_EQ(sum_of(scale, terms), forward);
  std::sort(terms.begin(), terms.end());
  EXPECT_EQ(sum_of(scale, terms), forward);
}

TEST(FixedPoint, ErrorIsWithinTheStatedBound) {
  for (const double max_abs : {1e-200, 1.0, 0.75, 1e200}) {
    const std::vector<double> terms = draw_terms(5'000, max_abs, 2);
    const FixedPoint scale = FixedPoint::for_sum(max_abs, 5'000);
    // Neumaier's compensated sum, exact to about 1 ulp here: independent of the class.
    double sum = 0;
    double compensation = 0;
    for (const double x : terms) {
      const double t = sum + x;
      compensation += std::abs(sum) >= std::abs(x) ? (sum - t) + x : (x - t) + sum;
      sum = t;
    }
    const double exact = sum + compensation;
    const double bound = max_abs * 5'000.0 * 5'000.0 * 0x1p-60 + std::abs(exact) * 0x1p-52;
    EXPECT_NEAR(scale.decode(sum_of(scale, terms)), exact, bound) << max_abs;
  }
}

TEST(FixedPoint, LargestSumsDoNotOverflow) {
  constexpr int64_t kLimit = int64_t{1} << 62;
  for (const double max_abs : {1e-300, 0.5, 1.0, 1.5, 2.0, 1e300}) {
    for (const int64_t count : {int64_t{1}, int64_t{2}, int64_t{1000}, int64_t{1} << 40}) {
      const FixedPoint scale = FixedPoint::for_sum(max_abs, count);
      const int64_t term = scale.encode(max_abs);
      ASSERT_GT(term, 0) << max_abs << " x " << count;
      EXPECT_LE(term, kLimit / count) << max_abs << " x " << count;
      EXPECT_EQ(scale.encode(-max_abs), -term);
    }
  }
}

TEST(FixedPoint, PowersOfTwoSurviveExactly) {
  const FixedPoint scale = FixedPoint::for_sum(8, 1000);
  for (const double x : {8.0, 1.0, -0.125, 0x1p-40, 0.0}) {
    EXPECT_EQ(scale.decode(scale.encode(x)), x);
  }
}

TEST(FixedPoint, RoundsHalfToEven) {
  const FixedPoint whole(0);
  EXPECT_EQ(whole.encode(0.5), 0);
  EXPECT_EQ(whole.encode(1.5), 2);
  EXPECT_EQ(whole.encode(2.5), 2);
  EXPECT_EQ(whole.encode(-1.5), -2);
}

TEST(FixedPoint, ZeroMagnitudeSumsToZero) {
  const FixedPoint scale = FixedPoint::for_sum(0, 100);
  EXPECT_EQ(scale.encode(0), 0);
  EXPECT_EQ(scale.decode(0), 0.0);
}

}  // namespace
}  // namespace assay
