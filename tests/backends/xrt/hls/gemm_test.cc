// The three gemm kernels called as functions: int8 exactly, floats within the bound that
// kernels/gemm.h states, and those with whole numbers exactly.
#include "backends/xrt/hls/gemm.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/reference/reference_ops.h"
#include "tests/backends/xrt/hls/card_memory.h"

namespace assay::backends::xrt {
namespace {

using kernels::GemmProblem;

std::vector<float> draw(int64_t count, Rng& rng) {
  std::vector<float> numbers;
  for (int64_t i = 0; i < count; ++i) {
    numbers.push_back(static_cast<float>(rng.next_double() * 2 - 1));
  }
  return numbers;
}

// The bound of kernels/gemm.h, with the roundings of alpha, beta and c.
double bound_of(const GemmProblem& p, const std::vector<float>& a, const std::vector<float>& b,
                double old, int64_t i, int64_t j) {
  double sum = 0;
  for (int64_t l = 0; l < p.k; ++l) {
    const double left = a[static_cast<size_t>(p.transpose_a ? l * p.m + i : i * p.k + l)];
    const double right = b[static_cast<size_t>(p.transpose_b ? j * p.k + l : l * p.n + j)];
    sum += std::fabs(left * right);
  }
  return static_cast<double>(p.k + 4) * 0x1p-23 *
         (std::fabs(p.alpha) * sum + std::fabs(p.beta * old));
}

void check_f32(const GemmProblem& p, uint64_t seed) {
  SCOPED_TRACE(fmt::format("{}x{}x{}{}{}, alpha {}, beta {}", p.m, p.n, p.k,
                           p.transpose_a ? ", A^T" : "", p.transpose_b ? ", B^T" : "", p.alpha,
                           p.beta));
  Rng rng(seed);
  const auto a = draw(p.m * p.k, rng);
  const auto b = draw(p.k * p.n, rng);
  // With beta 0, c is not read: it holds no numbers.
  const auto c = p.beta == 0 ? std::vector<float>(static_cast<size_t>(p.m * p.n),
                                                  std::numeric_limits<float>::quiet_NaN())
                             : draw(p.m * p.n, rng);
  auto card_a = on_card(a);
  auto card_b = on_card(b);
  CardArray<float> card_c(c.size(), 77.0f);
  std::copy(c.begin(), c.end(), card_c.data());
  gemm_f32(card_a.lines(), card_b.lines(), card_c.data(), p.m, p.n, p.k, p.transpose_a,
           p.transpose_b, p.alpha, p.beta);
  std::vector<float> expected = c;
  ASSERT_TRUE(kernels::reference::gemm({}, p, {a.data(), b.data(), expected.data()}));
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      const auto at = static_cast<size_t>(i * p.n + j);
      const double old = p.beta == 0 ? 0 : c[at];
      ASSERT_NEAR(card_c[at], expected[at], bound_of(p, a, b, old, i, j)) << i << ", " << j;
    }
  }
  for (size_t i = c.size(); i < card_c.whole().size(); ++i) ASSERT_EQ(card_c.whole()[i], 77.0f);
}

TEST(GemmF32, AgreesForHostileSizes) {
  uint64_t seed = 0;
  for (const int64_t m : {1, 3, 17, 64, 65}) {
    for (const int64_t n : {1, 5, 16, 129}) {
      for (const int64_t k : {1, 13, 31}) check_f32({m, n, k}, ++seed);
    }
  }
  check_f32({65, 131, 259}, ++seed);
  check_f32({2, 3, 256}, ++seed);
  check_f32({2, 3, 257}, ++seed);
}

TEST(GemmF32, TransposesAndScales) {
  uint64_t seed = 100;
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      check_f32({37, 133, 29, a, b, 1, 0}, ++seed);
      check_f32({66, 18, 45, a, b, -0.5f, 1.25f}, ++seed);
      check_f32({5, 7, 260, a, b, 2, 1}, ++seed);
    }
  }
}

TEST(GemmF32, ScalesOnlyWithoutProducts) {
  check_f32({3, 5, 0, false, false, 1, 0}, 200);
  check_f32({3, 5, 0, false, false, 1, 2}, 201);
  check_f32({0, 5, 3}, 202);
  check_f32({4, 0, 3}, 203);
}

// Sums of products in ascending order of k, in f32.
TEST(GemmBf16, SumsExactProductsInOrder) {
  uint64_t seed = 300;
  for (const auto& [m, n, k] : std::vector<std::array<int64_t, 3>>{
           {1, 1, 1}, {3, 5, 7}, {17, 33, 31}, {65, 129, 5}, {2, 40, 300}, {0, 3, 3}, {4, 4, 0}}) {
    SCOPED_TRACE(fmt::format("{}x{}x{}", m, n, k));
    Rng rng(++seed);
    CardArray<uint16_t> a(static_cast<size_t>(m * k));
    CardArray<uint16_t> b(static_cast<size_t>(k * n));
    const auto half = [&rng] {
      return static_cast<uint16_t>(
          std::bit_cast<uint32_t>(static_cast<float>(rng.next_double() * 2 - 1)) >> 16);
    };
    for (size_t i = 0; i < a.size(); ++i) a[i] = half();
    for (size_t i = 0; i < b.size(); ++i) b[i] = half();
    CardArray<float> c(static_cast<size_t>(m * n), 77.0f);
    gemm_bf16(a.lines(), b.lines(), c.data(), m, n, k);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        float sum = 0;
        for (int64_t l = 0; l < k; ++l) {
          const auto wide = [](uint16_t bits) {
            return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
          };
          sum += wide(a[static_cast<size_t>(i * k + l)]) * wide(b[static_cast<size_t>(l * n + j)]);
        }
        ASSERT_EQ(c[static_cast<size_t>(i * n + j)], sum) << i << ", " << j;
      }
    }
    for (size_t i = c.size(); i < c.whole().size(); ++i) ASSERT_EQ(c.whole()[i], 77.0f);
  }
}

TEST(GemmInt8, IsExact) {
  uint64_t seed = 400;
  for (const auto& [m, n, k] : std::vector<std::array<int64_t, 3>>{{1, 1, 1},
                                                                   {3, 5, 2},
                                                                   {17, 33, 3},
                                                                   {65, 129, 4},
                                                                   {2, 40, 5},
                                                                   {30, 70, 255},
                                                                   {9, 131, 257},
                                                                   {7, 3, 1031},
                                                                   {0, 3, 3},
                                                                   {4, 4, 0}}) {
    SCOPED_TRACE(fmt::format("{}x{}x{}", m, n, k));
    Rng rng(++seed);
    CardArray<int8_t> a(static_cast<size_t>(m * k));
    CardArray<int8_t> b(static_cast<size_t>(k * n));
    // With the extremes more often than chance would have them.
    const auto draw_one = [&rng] {
      return static_cast<int8_t>(rng.below(4) == 0 ? -128 : pick(rng, -128, 127));
    };
    for (size_t i = 0; i < a.size(); ++i) a[i] = draw_one();
    for (size_t i = 0; i < b.size(); ++i) b[i] = draw_one();
    CardArray<int32_t> c(static_cast<size_t>(m * n), 77);
    gemm_int8(a.lines(), b.lines(), c.data(), m, n, k);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        int32_t sum = 0;
        for (int64_t l = 0; l < k; ++l) {
          sum += a[static_cast<size_t>(i * k + l)] * b[static_cast<size_t>(l * n + j)];
        }
        ASSERT_EQ(c[static_cast<size_t>(i * n + j)], sum) << i << ", " << j;
      }
    }
    for (size_t i = c.size(); i < c.whole().size(); ++i) ASSERT_EQ(c.whole()[i], 77);
  }
}

TEST(GemmCosts, FollowTheirFormula) {
  using namespace assay_hls;  // NOLINT: the formulas
  // One whole tile and one whole panel: sums cleared, a and b loaded, 256 x 32 items, c stored.
  // A panel is 64 rows of a and 256 of b, of 16 and 8 lines and one more where they begin within
  // one; each row of c is a burst that is waited for.
  const double f32 = 40 + 32 + (64 * 17 + 120) + (256 * 9 + 120) + (8192 + 32) + 64 * (128 + 120);
  EXPECT_EQ(gemm_cycles({64, 128, 256, 4}), f32);
  EXPECT_EQ(gemm_cycles({64, 128, 256, 1}), f32 - 8192 * 3 / 4);
  EXPECT_EQ(gemm_bytes({64, 128, 256, 2}), 2 * 256 * (64 + 128) + 4 * 64 * 128);
}

// 256 cells: a product of three slices and a sum of two, whatever is widened to f32; four products
// of int8, a slice each. f32 scales with two products and a sum of doubles.
TEST(GemmCosts, SlicesAreThoseOfTheCells) {
  using namespace assay_hls;  // NOLINT: the formulas
  EXPECT_EQ(gemm_resources(4).dsp, 256 * (3 + 2) + 2 * 8 + 3);
  EXPECT_EQ(gemm_resources(2).dsp, 1280);
  EXPECT_EQ(gemm_resources(1).dsp, 1024);
}

}  // namespace
}  // namespace assay::backends::xrt
