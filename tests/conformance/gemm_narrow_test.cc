#include <bit>
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

// Rows, columns and inner dimension. On an emulated card every fourth is run.
constexpr int64_t kSizes[][3] = {{67, 133, 263}, {0, 3, 4},    {3, 0, 4},    {3, 4, 0},
                                 {3, 4, 0},      {1, 1, 1},    {2, 3, 5},    {17, 19, 1000},
                                 {65, 129, 5},   {8, 64, 256}, {1, 2100, 7}, {131, 1, 300},
                                 {7, 65, 513},   {48, 64, 32}};

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

}  // namespace
}  // namespace assay::conformance
