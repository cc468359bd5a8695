#include <bit>
#include <cmath>
#include <memory>
#include <vector>

#include "kernels/base/rng.h"
#include "kernels/reference/reference_ops.h"
#include "tests/conformance/harness.h"

namespace assay::conformance {
namespace {

using kernels::GemmBf16;
using kernels::GemmInt8;
using kernels::GemmNarrowProblem;

// Rows, columns and inner dimension.
constexpr int64_t kSizes[][3] = {{67, 133, 263}, {0, 3, 4},    {3, 0, 4},    {3, 4, 0},
                                 {3, 4, 0},      {1, 1, 1},    {2, 3, 5},    {17, 19, 1000},
                                 {65, 129, 5},   {8, 64, 256}, {1, 2100, 7}, {131, 1, 300},
                                 {7, 65, 513},   {48, 64, 32}};

// Tiles of an FPGA card, and panels of each (backends/xrt/hls/gemm.h).
int64_t card_steps_of(const GemmNarrowProblem& p) {
  return ((p.m + 63) / 64) * ((p.n + 127) / 128) * ((p.k + 255) / 256);
}

// Numbers whose sums round, of many sizes.
uint16_t draw_bf16(Rng& rng) {
  const auto number = static_cast<float>((2 * rng.next_double() - 1) *
                                         static_cast<double>(uint64_t{1} << rng.below(20)));
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(number) >> 16);
}

// The least number more often than chance would have it.
int8_t draw_int8(Rng& rng) {
  return static_cast<int8_t>(rng.below(4) == 0 ? -128 : static_cast<int>(rng.below(256)) - 128);
}

template <class Op, class Number, class Sum>
std::vector<OpCase<Op>> cases_of(Number (*draw)(Rng&)) {
  struct Data {
    std::vector<Number> a;
    std::vector<Number> b;
  };
  std::vector<OpCase<Op>> cases;
  for (const auto& size : kSizes) {
    const GemmNarrowProblem p{size[0], size[1], size[2]};
    Rng rng(static_cast<uint64_t>(p.m * 31 + p.n * 17 + p.k));
    auto data = std::make_shared<Data>();
    for (int64_t i = 0; i < p.m * p.k; ++i) data->a.push_back(draw(rng));
    for (int64_t i = 0; i < p.k * p.n; ++i) data->b.push_back(draw(rng));
    OpCase<Op> item;
    item.name = fmt::format("{}x{}x{}", p.m, p.n, p.k);
    item.problem = p;
    item.card_steps = card_steps_of(p);
    item.place = [data, p](CaseBuffers& buffers) {
      return typename Op::Args{buffers.input("a", data->a), buffers.input("b", data->b),
                               buffers.output<Sum>("c", p.m * p.n)};
    };
    cases.push_back(std::move(item));
  }
  return cases;
}

TEST(GemmBf16Conformance, EveryImplementationHasTheReferencesBits) {
  check_op<GemmBf16>(kernels::reference::gemm_bf16, cases_of<GemmBf16, uint16_t, float>(draw_bf16));
}

TEST(GemmInt8Conformance, EveryImplementationHasTheReferencesBits) {
  check_op<GemmInt8>(kernels::reference::gemm_int8, cases_of<GemmInt8, int8_t, int32_t>(draw_int8));
}

// The stated bound of an element whose sum is made in any order, with room for the last rounding.
std::vector<double> bounds_of(const GemmNarrowProblem& p, const std::vector<uint16_t>& a,
                              const std::vector<uint16_t>& b) {
  const auto magnitude = [](uint16_t bits) {
    return std::fabs(double{std::bit_cast<float>(static_cast<uint32_t>(bits) << 16)});
  };
  std::vector<double> bounds;
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < p.k; ++l) {
        sum += magnitude(a[static_cast<size_t>(i * p.k + l)]) *
               magnitude(b[static_cast<size_t>(l * p.n + j)]);
      }
      bounds.push_back(static_cast<double>(p.k + 1) * 0x1p-22 * sum);
    }
  }
  return bounds;
}

OpCase<GemmBf16> free_case(const GemmNarrowProblem& problem) {
  Rng rng(static_cast<uint64_t>(problem.m * 31 + problem.n * 17 + problem.k));
  std::vector<uint16_t> a;
  std::vector<uint16_t> b;
  for (int64_t i = 0; i < problem.m * problem.k; ++i) a.push_back(draw_bf16(rng));
  for (int64_t i = 0; i < problem.k * problem.n; ++i) b.push_back(draw_bf16(rng));
  OpCase<GemmBf16> item;
  item.name = fmt::format("{}x{}x{} in any order", problem.m, problem.n, problem.k);
  item.problem = problem;
  item.problem.any_order = true;
  item.card_steps = card_steps_of(problem);
  item.place = [=](CaseBuffers& buffers) {
    return kernels::GemmBf16Args{buffers.input("a", a), buffers.input("b", b),
                                 buffers.output<float>("c", problem.m * problem.n)};
  };
  item.compare = [bounds = bounds_of(problem, a, b)](
                     const OutputBytes& expected,
                     const OutputBytes& actual) -> std::optional<std::string> {
    for (size_t i = 0; i < bounds.size(); ++i) {
      float x = 0;
      float y = 0;
      std::memcpy(&x, expected.bytes.data() + i * sizeof(float), sizeof(float));
      std::memcpy(&y, actual.bytes.data() + i * sizeof(float), sizeof(float));
      if (std::fabs(double{x} - double{y}) <= bounds[i]) continue;
      return fmt::format("c[{}] is {}, must be {} +- {}", i, y, x, bounds[i]);
    }
    return std::nullopt;
  };
  return item;
}

TEST(GemmBf16Conformance, SumsInAnyOrderAreWithinTheBound) {
  std::vector<OpCase<GemmBf16>> cases;
  for (const auto& size : kSizes) cases.push_back(free_case({size[0], size[1], size[2]}));
  // Operands that can be taken as they are.
  cases.push_back(free_case({48, 64, 32}));
  check_op<GemmBf16>(kernels::reference::gemm_bf16, cases);
}

}  // namespace
}  // namespace assay::conformance
