#include <gtest/gtest.h>

#include <vector>

#include "kernels/reference/reference_ops.h"

namespace assay::kernels {
namespace {

// bfloat16 of small whole numbers.
constexpr uint16_t kOne = 0x3f80;
constexpr uint16_t kTwo = 0x4000;
constexpr uint16_t kThree = 0x4040;
constexpr uint16_t kMinusFour = 0xc080;

// [1 2; 3 -4] * [2 1; 1 3] = [4 7; 2 -9].
TEST(ReferenceGemmNarrow, MultipliesBfloat16) {
  const std::vector<uint16_t> a{kOne, kTwo, kThree, kMinusFour};
  const std::vector<uint16_t> b{kTwo, kOne, kOne, kThree};
  std::vector<float> c(4, 77);
  ASSERT_TRUE(reference::gemm_bf16({}, {2, 2, 2}, {a.data(), b.data(), c.data()}));
  EXPECT_EQ(c, (std::vector<float>{4, 7, 2, -9}));
}

// 2^24 takes no 1; in another order the two would make it 2^24 + 2.
TEST(ReferenceGemmNarrow, AddsInOrderOfTheInnerDimension) {
  constexpr uint16_t kBig = 0x4b80;
  const std::vector<uint16_t> a{kBig, kOne, kOne};
  const std::vector<uint16_t> b(3, kOne);
  float c = 0;
  ASSERT_TRUE(reference::gemm_bf16({}, {1, 1, 3}, {a.data(), b.data(), &c}));
  EXPECT_EQ(c, 16777216.0f);
  const std::vector<uint16_t> turned{kOne, kOne, kBig};
  ASSERT_TRUE(reference::gemm_bf16({}, {1, 1, 3}, {turned.data(), b.data(), &c}));
  EXPECT_EQ(c, 16777218.0f);
}

TEST(ReferenceGemmNarrow, MultipliesInt8) {
  const std::vector<int8_t> a{1, 2, 3, -128};
  const std::vector<int8_t> b{-128, 1, 127, 3};
  std::vector<int32_t> c(4, 77);
  ASSERT_TRUE(reference::gemm_int8({}, {2, 2, 2}, {a.data(), b.data(), c.data()}));
  EXPECT_EQ(c, (std::vector<int32_t>{126, 7, -16640, -381}));
}

// (-128)^2 is 2^14: 2^17 of them are 2^31, which wraps.
TEST(ReferenceGemmNarrow, WrapsSumsOfInt8) {
  const std::vector<int8_t> numbers(1 << 17, -128);
  int32_t c = 0;
  ASSERT_TRUE(reference::gemm_int8({}, {1, 1, 1 << 17}, {numbers.data(), numbers.data(), &c}));
  EXPECT_EQ(c, INT32_MIN);
}

TEST(ReferenceGemmNarrow, EmptySumIsZero) {
  float c = 5;
  ASSERT_TRUE(reference::gemm_bf16({}, {1, 1, 0}, {nullptr, nullptr, &c}));
  EXPECT_EQ(c, 0.0f);
}

TEST(ReferenceGemmNarrow, RefusesNegativeSizes) {
  EXPECT_EQ(reference::gemm_bf16({}, {-1, 2, 3}, {}).error().message,
            "gemm: m=-1 (must be at least 0)");
  EXPECT_EQ(reference::gemm_int8({}, {1, 2, -3}, {}).error().message,
            "gemm: k=-3 (must be at least 0)");
}

}  // namespace
}  // namespace assay::kernels
