#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "kernels/reference/reference_ops.h"

namespace assay::kernels {
namespace {

// [1 2 3; 4 5 6] * [1 2; 3 4; 5 6] = [22 28; 49 64].
const std::vector<float> kExpected{22, 28, 49, 64};

std::vector<float> multiply(const GemmProblem& problem, const std::vector<float>& a,
                            const std::vector<float>& b, std::vector<float> c) {
  EXPECT_TRUE(reference::gemm({}, problem, {a.data(), b.data(), c.data()}).has_value());
  return c;
}

TEST(ReferenceGemm, MultipliesRowMajorMatrices) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(multiply({2, 2, 3}, {1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}, {nan, nan, nan, nan}),
            kExpected);
}

TEST(ReferenceGemm, ReadsTransposedOperands) {
  const std::vector<float> a_transposed{1, 4, 2, 5, 3, 6};
  const std::vector<float> b_transposed{1, 3, 5, 2, 4, 6};
  EXPECT_EQ(multiply({2, 2, 3, true, true}, a_transposed, b_transposed, {0, 0, 0, 0}), kExpected);
}

TEST(ReferenceGemm, ScalesTheProductAndTheOldValue) {
  EXPECT_EQ(multiply({1, 1, 2, false, false, 2.0f, 0.5f}, {3, 4}, {5, 6}, {10}),
            (std::vector<float>{2 * 39 + 5}));
}

TEST(ReferenceGemm, EmptySumLeavesBetaTimesC) {
  EXPECT_EQ(multiply({1, 2, 0, false, false, 1.0f, 2.0f}, {}, {}, {3, 4}),
            (std::vector<float>{6, 8}));
  EXPECT_EQ(multiply({1, 2, 0}, {}, {}, {3, 4}), (std::vector<float>{0, 0}));
}

TEST(ReferenceGemm, RefusesNegativeSizes) {
  const Status status = reference::gemm({}, {-1, 2, 3}, {});
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().message, "gemm: m=-1 (must be at least 0)");
}

}  // namespace
}  // namespace assay::kernels
