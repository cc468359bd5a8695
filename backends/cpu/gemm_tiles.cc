// gemm in order, gemm_bf16 and gemm_int8 on the host. C is cut into blocks of 64 x 32; for 256 of k
// at a time the operands of a block are laid out as 32 bits wide numbers, where they do not lie so
// already, and sums of 8 rows go through registers. A vector's lanes are different columns: each
// sum is made in ascending order of k, whatever the width of vectors.
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

// kTileRows rows of A, one begins `a_stride` behind the other and goes in steps of `a_step`;
// `depth` rows of B and the rows of the sums, kTileColumns wide.
template <class T>
struct Panel {
  const T* a;
  int64_t a_stride;
  int64_t a_step;
  const T* b;
  int64_t b_stride;
  int64_t depth;
  T* sums;
  int64_t sum_stride;
};

}  // namespace
}  // namespace assay::backends::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// sums += a * b for kVectors (1 or 2) vectors of columns from `j` on.
template <int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void add_columns(D d, const Panel<T>& p, int64_t j) {
  const int64_t next = kVectors == 2 ? static_cast<int64_t>(hn::Lanes(d)) : 0;
  T* own = p.sums + j;
  const int64_t s = p.sum_stride;
  auto s0 = hn::LoadU(d, own), s1 = hn::LoadU(d, own + s);
  auto s2 = hn::LoadU(d, own + 2 * s), s3 = hn::LoadU(d, own + 3 * s);
  auto s4 = hn::LoadU(d, own + 4 * s), s5 = hn::LoadU(d, own + 5 * s);
  auto s6 = hn::LoadU(d, own + 6 * s), s7 = hn::LoadU(d, own + 7 * s);
  T* more = own + next;
  auto t0 = hn::LoadU(d, more), t1 = hn::LoadU(d, more + s);
  auto t2 = hn::LoadU(d, more + 2 * s), t3 = hn::LoadU(d, more + 3 * s);
  auto t4 = hn::LoadU(d, more + 4 * s), t5 = hn::LoadU(d, more + 5 * s);
  auto t6 = hn::LoadU(d, more + 6 * s), t7 = hn::LoadU(d, more + 7 * s);
  const T* upper = p.a;
  const T* lower = p.a + 4 * p.a_stride;
  const T* b = p.b + j;
  for (int64_t l = 0; l < p.depth; ++l) {
    const auto above = hn::LoadU(d, b);
    const auto beside = hn::LoadU(d, b + next);
    const auto add = [&](auto& sum, auto& other, T value) HWY_ATTR {
      const auto factor = hn::Set(d, value);
      sum = hn::Add(sum, hn::Mul(factor, above));
      if constexpr (kVectors == 2) other = hn::Add(other, hn::Mul(factor, beside));
    };
    add(s0, t0, upper[0]);
    add(s1, t1, upper[p.a_stride]);
    add(s2, t2, upper[2 * p.a_stride]);
    add(s3, t3, upper[3 * p.a_stride]);
    add(s4, t4, lower[0]);
    add(s5, t5, lower[p.a_stride]);
    add(s6, t6, lower[2 * p.a_stride]);
    add(s7, t7, lower[3 * p.a_stride]);
    upper += p.a_step;
    lower += p.a_step;
    b += p.b_stride;
  }
  const auto store = [&](auto sum, auto other, int64_t row) HWY_ATTR {
    hn::StoreU(sum, d, own + row * s);
    if constexpr (kVectors == 2) hn::StoreU(other, d, more + row * s);
  };
  store(s0, t0, 0);
  store(s1, t1, 1);
  store(s2, t2, 2);
  store(s3, t3, 3);
  store(s4, t4, 4);
  store(s5, t5, 5);
  store(s6, t6, 6);
  store(s7, t7, 7);
}

// Two vectors at a time take 19 registers, which come with vectors of 512 bits: a number of A is
// then read once.
template <class T>
HWY_INLINE void add_panel(const Panel<T>& panel) {
  const hn::CappedTag<T, kTileColumns> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (2 * lanes == kTileColumns) return add_columns<2>(d, panel, 0);
  for (int64_t j = 0; j < kTileColumns; j += lanes) add_columns<1>(d, panel, j);
}

void add_floats(const Panel<float>& panel) { add_panel(panel); }
// Unsigned: sums wrap, and so do those of the signed numbers that they stand for.
void add_integers(const Panel<uint32_t>& panel) { add_panel(panel); }

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

void add(const Panel<float>& panel) { HWY_DYNAMIC_DISPATCH(add_floats)(panel); }
void add(const Panel<uint32_t>& panel) { HWY_DYNAMIC_DISPATCH(add_integers)(panel); }

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

// Where the sums of a tile of rows are made: in C if the tile is whole and its numbers are as wide.
template <class Wide, class Result>
struct TileSums {
  Wide* sums;
  int64_t stride;

  TileSums(Result* c, int64_t n, int64_t height, ChunkRange columns, Wide* room)
      : sums(room), stride(kTileColumns) {
    if constexpr (std::is_same_v<Wide, Result>) {
      if (height != kTileRows || columns.end - columns.begin != kTileColumns) return;
      sums = c;
      stride = n;
    }
  }
};

template <class T, class Result, class Wide>
void multiply_block(const Operand<T>& a, const Operand<T>& b, int64_t k, int64_t n, ChunkRange rows,
                    ChunkRange columns, Result* c, BlockRoom<Wide>& room) {
  constexpr bool kAsItLies = std::is_same_v<T, Wide>;
  const int64_t width = columns.end - columns.begin;
  const auto tile = [&](int64_t row) {
    return TileSums<Wide, Result>(c + row * n + columns.begin, n,
                                  std::min(kTileRows, rows.end - row), columns,
                                  room.sums + (row - rows.begin) * kTileColumns);
  };
  for (int64_t row = rows.begin; row < rows.end; row += kTileRows) {
    const auto own = tile(row);
    for (int64_t i = 0; i < kTileRows; ++i) {
      std::fill_n(own.sums + i * own.stride, kTileColumns, Wide{0});
    }
  }
  for (int64_t first = 0; first < k; first += kPanel) {
    const int64_t count = std::min(kPanel, k - first);
    Panel<Wide> panel{room.a, 1, kTileRows, room.b, kTileColumns, count, nullptr, 0};
    bool laid_out = false;
    if constexpr (kAsItLies) {
      if (b.step == 1 && width == kTileColumns) {
        panel.b = b.values + first * b.stride + columns.begin;
        panel.b_stride = b.stride;
        laid_out = true;
      }
    }
    if (!laid_out) lay_out_b(b, first, count, columns, room.b);
    for (int64_t row = rows.begin; row < rows.end; row += kTileRows) {
      const auto own = tile(row);
      panel.sums = own.sums;
      panel.sum_stride = own.stride;
      if constexpr (kAsItLies) {
        if (row + kTileRows <= rows.end) {
          panel.a = a.values + row * a.stride + first * a.step;
          panel.a_stride = a.stride;
          panel.a_step = a.step;
          add(panel);
          continue;
        }
      }
      lay_out_a(a, first, count, {row, std::min(row + kTileRows, rows.end)}, room.a);
      panel.a = room.a;
      panel.a_stride = 1;
      panel.a_step = kTileRows;
      add(panel);
    }
  }
  for (int64_t row = rows.begin; row < rows.end; row += kTileRows) {
    const Wide* sums = room.sums + (row - rows.begin) * kTileColumns;
    if (tile(row).sums != sums) continue;
    for (int64_t i = row; i < std::min(row + kTileRows, rows.end); ++i) {
      std::memcpy(c + i * n + columns.begin, sums + (i - row) * kTileColumns,
                  static_cast<size_t>(width) * sizeof(Wide));
    }
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
    const auto room = std::make_unique_for_overwrite<BlockRoom<Wide>>();
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
