// gemm in order, gemm_bf16 and gemm_int8 on the host. C is cut into blocks of 64 x 32; for 256 of k
// at a time the operands of a block are laid out as 32 bits wide numbers, and sums of 8 rows go
// through registers. A vector's lanes are different columns: each sum is made in ascending order of
// k, whatever the width of vectors.
#include "kernels/gemm_narrow.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

#include "backends/cpu/chunk_loop.h"
#include "backends/cpu/cpu_kernels.h"
#include "kernels/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/gemm_tiles.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target
//
#include <hwy/highway.h>

#ifndef ASSAY_BACKENDS_CPU_GEMM_TILES_
#define ASSAY_BACKENDS_CPU_GEMM_TILES_
namespace assay::backends::cpu {
namespace {

constexpr int64_t kTileRows = 8;
constexpr int64_t kBlockRows = 64;
constexpr int64_t kTileColumns = 32;
constexpr int64_t kPanel = 256;  // of k: of B so much as a first-level cache holds

}  // namespace
}  // namespace assay::backends::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// sums [kTileRows, kTileColumns] += the product of a, kTileRows rows of which one begins `stride`
// behind the other and goes in steps of `step`, and b [depth, kTileColumns].
template <class T>
HWY_INLINE void add_panel(const T* a, int64_t stride, int64_t step, const T* b, int64_t depth,
                          T* sums) {
  const hn::CappedTag<T, kTileColumns> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t j = 0; j < kTileColumns; j += lanes) {
    T* own = sums + j;
    auto s0 = hn::LoadU(d, own), s1 = hn::LoadU(d, own + kTileColumns);
    auto s2 = hn::LoadU(d, own + 2 * kTileColumns), s3 = hn::LoadU(d, own + 3 * kTileColumns);
    auto s4 = hn::LoadU(d, own + 4 * kTileColumns), s5 = hn::LoadU(d, own + 5 * kTileColumns);
    auto s6 = hn::LoadU(d, own + 6 * kTileColumns), s7 = hn::LoadU(d, own + 7 * kTileColumns);
    const T* upper = a;
    const T* lower = a + 4 * stride;
    for (int64_t l = 0; l < depth; ++l) {
      const auto above = hn::LoadU(d, b + l * kTileColumns + j);
      s0 = hn::Add(s0, hn::Mul(hn::Set(d, upper[0]), above));
      s1 = hn::Add(s1, hn::Mul(hn::Set(d, upper[stride]), above));
      s2 = hn::Add(s2, hn::Mul(hn::Set(d, upper[2 * stride]), above));
      s3 = hn::Add(s3, hn::Mul(hn::Set(d, upper[3 * stride]), above));
      s4 = hn::Add(s4, hn::Mul(hn::Set(d, lower[0]), above));
      s5 = hn::Add(s5, hn::Mul(hn::Set(d, lower[stride]), above));
      s6 = hn::Add(s6, hn::Mul(hn::Set(d, lower[2 * stride]), above));
      s7 = hn::Add(s7, hn::Mul(hn::Set(d, lower[3 * stride]), above));
      upper += step;
      lower += step;
    }
    hn::StoreU(s0, d, own);
    hn::StoreU(s1, d, own + kTileColumns);
    hn::StoreU(s2, d, own + 2 * kTileColumns);
    hn::StoreU(s3, d, own + 3 * kTileColumns);
    hn::StoreU(s4, d, own + 4 * kTileColumns);
    hn::StoreU(s5, d, own + 5 * kTileColumns);
    hn::StoreU(s6, d, own + 6 * kTileColumns);
    hn::StoreU(s7, d, own + 7 * kTileColumns);
  }
}

void add_floats(const float* a, int64_t stride, int64_t step, const float* b, int64_t depth,
                float* sums) {
  add_panel(a, stride, step, b, depth, sums);
}
// Unsigned: sums wrap, and so do those of the signed numbers that they stand for.
void add_integers(const uint32_t* a, int64_t stride, int64_t step, const uint32_t* b, int64_t depth,
                  uint32_t* sums) {
  add_panel(a, stride, step, b, depth, sums);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

using kernels::DeviceInfo;
using kernels::GemmArgs;
using kernels::GemmNarrowProblem;
using kernels::GemmProblem;
using kernels::OpContext;

HWY_EXPORT(add_floats);
HWY_EXPORT(add_integers);

float widened(float number) { return number; }
float widened(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
uint32_t widened(int8_t number) { return static_cast<uint32_t>(int32_t{number}); }

void add(const float* a, int64_t stride, int64_t step, const float* b, int64_t depth, float* sums) {
  HWY_DYNAMIC_DISPATCH(add_floats)(a, stride, step, b, depth, sums);
}
void add(const uint32_t* a, int64_t stride, int64_t step, const uint32_t* b, int64_t depth,
         uint32_t* sums) {
  HWY_DYNAMIC_DISPATCH(add_integers)(a, stride, step, b, depth, sums);
}

// A block's sums and the widened parts of its operands; what is not there is 0.
template <class Wide>
struct BlockRoom {
  Wide a[kPanel * kTileRows];
  Wide b[kPanel * kTileColumns];
  Wide sums[kBlockRows * kTileColumns];
};

// A stored matrix: `step` elements from one to the next of a row, `stride` from row to row.
template <class T>
struct Operand {
  const T* values;
  int64_t stride;
  int64_t step;
  auto at(int64_t row, int64_t column) const {
    return widened(values[row * stride + column * step]);
  }
};
template <class T>
Operand<T> by_rows(const T* values, int64_t columns) {
  return {values, columns, 1};
}

// `panel` [count, kTileColumns]: rows of B from `first` on, the columns of a tile.
template <class T, class Wide>
void lay_out_b(const Operand<T>& b, int64_t first, int64_t count, ChunkRange columns, Wide* panel) {
  const int64_t width = columns.end - columns.begin;
  for (int64_t l = 0; l < count; ++l) {
    Wide* to = panel + l * kTileColumns;
    if (b.step == 1) {
      const T* from = b.values + (first + l) * b.stride + columns.begin;
      std::transform(from, from + width, to, [](T value) { return widened(value); });
    } else {
      for (int64_t j = 0; j < width; ++j) to[j] = b.at(first + l, columns.begin + j);
    }
    std::fill(to + width, to + kTileColumns, Wide{0});
  }
}

// `panel` [count, kTileRows]: columns of A from `first` on, of up to kTileRows rows.
template <class T, class Wide>
void lay_out_a(const Operand<T>& a, int64_t first, int64_t count, ChunkRange rows, Wide* panel) {
  const int64_t height = rows.end - rows.begin;
  for (int64_t i = 0; i < kTileRows; ++i) {
    for (int64_t l = 0; l < count; ++l) {
      panel[l * kTileRows + i] = i < height ? a.at(rows.begin + i, first + l) : Wide{0};
    }
  }
}

template <class T, class Result, class Wide>
void multiply_block(const Operand<T>& a, const Operand<T>& b, int64_t k, int64_t n, ChunkRange rows,
                    ChunkRange columns, Result* c, BlockRoom<Wide>& room) {
  std::fill(std::begin(room.sums), std::end(room.sums), Wide{0});
  for (int64_t first = 0; first < k; first += kPanel) {
    const int64_t count = std::min(kPanel, k - first);
    lay_out_b(b, first, count, columns, room.b);
    for (int64_t row = rows.begin; row < rows.end; row += kTileRows) {
      Wide* sums = room.sums + (row - rows.begin) * kTileColumns;
      if constexpr (std::is_same_v<T, Wide>) {
        if (row + kTileRows <= rows.end) {  // as it lies
          add(a.values + row * a.stride + first * a.step, a.stride, a.step, room.b, count, sums);
          continue;
        }
      }
      lay_out_a(a, first, count, {row, std::min(row + kTileRows, rows.end)}, room.a);
      add(room.a, 1, kTileRows, room.b, count, sums);
    }
  }
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    std::memcpy(c + i * n + columns.begin, room.sums + (i - rows.begin) * kTileColumns,
                static_cast<size_t>(columns.end - columns.begin) * sizeof(Wide));
  }
}

// A chunk is a row of blocks, or a part of it where there are few rows.
template <class Wide, class T, class Result>
Status multiply(const OpContext& context, int64_t m, int64_t n, int64_t k, const Operand<T>& a,
                const Operand<T>& b, Result* c) {
  constexpr int64_t kBlocksAtOnce = 8;
  const int64_t down = chunk_count_of(m, kBlockRows);
  const int64_t right = chunk_count_of(n, kTileColumns);
  const int64_t parts = chunk_count_of(right, kBlocksAtOnce);
  return for_chunks(context, down * parts, [&](int64_t chunk, int) {
    const auto room = std::make_unique<BlockRoom<Wide>>();
    const ChunkRange blocks = chunk_range(right, kBlocksAtOnce, chunk % parts);
    for (int64_t block = blocks.begin; block < blocks.end; ++block) {
      multiply_block(a, b, k, n, chunk_range(m, kBlockRows, chunk / parts),
                     chunk_range(n, kTileColumns, block), c, *room);
    }
  });
}

template <class Wide, class Args>
Status run_narrow(const OpContext& context, const GemmNarrowProblem& p, const Args& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(p));
  return multiply<Wide>(context, p.m, p.n, p.k, by_rows(args.a, p.k), by_rows(args.b, p.n), args.c);
}

Status run_in_order(const OpContext& context, const GemmProblem& p, const GemmArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(p));
  const auto a = p.transpose_a ? Operand<float>{args.a, 1, p.m} : Operand<float>{args.a, p.k, 1};
  const auto b = p.transpose_b ? Operand<float>{args.b, 1, p.k} : Operand<float>{args.b, p.n, 1};
  return multiply<float>(context, p.m, p.n, p.k, a, b, args.c);
}

std::optional<std::string> decline_narrow(const DeviceInfo&, const GemmNarrowProblem&) {
  return std::nullopt;
}
std::optional<std::string> decline_any_order(const DeviceInfo&, const GemmProblem& problem) {
  if (!problem.in_order) return "for sums in order";
  return std::nullopt;
}

template <class Problem>
double cost(const DeviceInfo&, const Problem& p) {
  const double work =
      static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  return 1000 + work / 16;
}

}  // namespace

void register_gemm_tiles(kernels::KernelSet& kernels) {
  kernels.table<kernels::Gemm>().add({.name = "cpu.in_order",
                                      .device_kind = "cpu",
                                      .decline = decline_any_order,
                                      .cost = cost<GemmProblem>,
                                      .run = run_in_order});
  kernels.table<kernels::GemmBf16>().add({.name = "cpu.tiles",
                                          .device_kind = "cpu",
                                          .decline = decline_narrow,
                                          .cost = cost<GemmNarrowProblem>,
                                          .run = run_narrow<float, kernels::GemmBf16Args>});
  kernels.table<kernels::GemmInt8>().add({.name = "cpu.tiles",
                                          .device_kind = "cpu",
                                          .decline = decline_narrow,
                                          .cost = cost<GemmNarrowProblem>,
                                          .run = run_narrow<uint32_t, kernels::GemmInt8Args>});
}

}  // namespace assay::backends::cpu
#endif  // HWY_ONCE
