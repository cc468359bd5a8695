#include "kernels/tree_rules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace assay::kernels {
namespace {

TEST(TreeRules, LimitsLeaveRoomForTheSum) {
  EXPECT_EQ(gradient_limit(10, 15), 32767);
  EXPECT_EQ(hessian_limit(10, 15), 32767);
  EXPECT_EQ(gradient_limit(1000000, 15), 2147);
  EXPECT_EQ(hessian_limit(1000000, 15), 4294);
  EXPECT_EQ(gradient_limit(1000000, 4), 15);
  EXPECT_EQ(gradient_limit(INT32_MAX, 15), 1);
  EXPECT_EQ(hessian_limit(INT32_MAX, 15), 2);
}

TEST(TreeRules, ScaleIsTheLargestThatFits) {
  EXPECT_EQ(scale_exponent(0, 7), 0);
  EXPECT_EQ(scale_exponent(1, 7), 2);
  EXPECT_EQ(scale_exponent(1, 8), 3);
  EXPECT_EQ(scale_exponent(8, 8), 0);
  EXPECT_EQ(scale_exponent(8.5, 8), -1);
  for (const double x : {1e-45, 1e-30, 0.3, 1.0, 7.0, 1e10, 3e38}) {
    for (const int32_t limit : {1, 2, 3, 2147, 32767}) {
      const int exponent = scale_exponent(x, limit);
      EXPECT_LE(std::ldexp(x, exponent), limit) << x << " " << limit;
      EXPECT_GT(std::ldexp(x, exponent + 1), limit) << x << " " << limit;
    }
  }
}

TEST(TreeRules, WholeValuesAreNotRounded) {
  for (const uint32_t half : {0u, 1u, 32768u, 65535u}) {
    EXPECT_EQ(quantise(3, 4, half), 12);
    EXPECT_EQ(quantise(-3, 4, half), -12);
    EXPECT_EQ(quantise(0, 4, half), 0);
  }
}

TEST(TreeRules, RoundingIsUnbiased) {
  for (const double x : {0.3, -0.3, 1.9}) {
    double sum = 0;
    const int rows = 100000;
    for (uint32_t row = 0; row < rows; ++row) {
      sum += quantise(x, 1, rounding_word(5, row) & 0xffff);
    }
    EXPECT_NEAR(sum / rows, x, 0.01);
  }
}

TEST(TreeRules, ColumnsAreDistinctAndTheListIsRestored) {
  std::vector<int32_t> features{3, 5, 8, 13, 21};
  const std::vector<int32_t> before = features;
  std::set<int32_t> ever;
  for (uint64_t key = 0; key < 30; ++key) {
    std::set<int32_t> chosen;
    choose_columns(key, 3, features, [&](int32_t feature) { chosen.insert(feature); });
    EXPECT_EQ(chosen.size(), 3u);
    EXPECT_EQ(features, before);
    ever.insert(chosen.begin(), chosen.end());
  }
  EXPECT_EQ(ever.size(), 5u);
}

TEST(TreeRules, ChildrenHaveTheirOwnKeys) {
  EXPECT_NE(child_key(1, 0), child_key(1, 1));
  EXPECT_NE(child_key(1, 0), child_key(2, 0));
  EXPECT_EQ(child_key(1, 1), derive_seed(1, "child", 1));
}

}  // namespace
}  // namespace assay::kernels
