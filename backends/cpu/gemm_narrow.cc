// gemm_bf16 and gemm_int8 on the host. C is cut into tiles of 8 x 64, each one thread's work; for
// 256 of k at a time the operands of a tile are widened to 32 bits, and its sums go through
// registers. A vector's lanes are different columns: each sum is made in ascending order of k,
// whatever the width of vectors.
#include "kernels/gemm_narrow.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <new>

#include "backends/cpu/chunk_loop.h"
#include "backends/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/gemm_narrow.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target
//
#include <hwy/highway.h>

#ifndef ASSAY_BACKENDS_CPU_GEMM_NARROW_
#define ASSAY_BACKENDS_CPU_GEMM_NARROW_
namespace assay::backends::cpu {
namespace {

constexpr int64_t kTileRows = 8;
constexpr int64_t kTileColumns = 64;
constexpr int64_t kPanel = 256;  // of k

}  // namespace
}  // namespace assay::backends::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// sums [kTileRows, kTileColumns] += the product of a, stored [depth, kTileRows], and
// b [depth, kTileColumns].
template <class T>
HWY_INLINE void add_panel(const T* a, const T* b, int64_t depth, T* sums) {
  const hn::CappedTag<T, kTileColumns> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t j = 0; j < kTileColumns; j += lanes) {
    T* own = sums + j;
    auto s0 = hn::LoadU(d, own), s1 = hn::LoadU(d, own + kTileColumns);
    auto s2 = hn::LoadU(d, own + 2 * kTileColumns), s3 = hn::LoadU(d, own + 3 * kTileColumns);
    auto s4 = hn::LoadU(d, own + 4 * kTileColumns), s5 = hn::LoadU(d, own + 5 * kTileColumns);
    auto s6 = hn::LoadU(d, own + 6 * kTileColumns), s7 = hn::LoadU(d, own + 7 * kTileColumns);
    for (int64_t l = 0; l < depth; ++l) {
      const auto above = hn::LoadU(d, b + l * kTileColumns + j);
      const T* left = a + l * kTileRows;
      s0 = hn::Add(s0, hn::Mul(hn::Set(d, left[0]), above));
      s1 = hn::Add(s1, hn::Mul(hn::Set(d, left[1]), above));
      s2 = hn::Add(s2, hn::Mul(hn::Set(d, left[2]), above));
      s3 = hn::Add(s3, hn::Mul(hn::Set(d, left[3]), above));
      s4 = hn::Add(s4, hn::Mul(hn::Set(d, left[4]), above));
      s5 = hn::Add(s5, hn::Mul(hn::Set(d, left[5]), above));
      s6 = hn::Add(s6, hn::Mul(hn::Set(d, left[6]), above));
      s7 = hn::Add(s7, hn::Mul(hn::Set(d, left[7]), above));
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

void add_floats(const float* a, const float* b, int64_t depth, float* sums) {
  add_panel(a, b, depth, sums);
}
// Unsigned: sums wrap, and so do those of the signed numbers that they stand for.
void add_integers(const uint32_t* a, const uint32_t* b, int64_t depth, uint32_t* sums) {
  add_panel(a, b, depth, sums);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

using kernels::DeviceInfo;
using kernels::GemmNarrowProblem;
using kernels::OpContext;

HWY_EXPORT(add_floats);
HWY_EXPORT(add_integers);

float widened(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
uint32_t widened(int8_t number) { return static_cast<uint32_t>(int32_t{number}); }

void add(const float* a, const float* b, int64_t depth, float* sums) {
  HWY_DYNAMIC_DISPATCH(add_floats)(a, b, depth, sums);
}
void add(const uint32_t* a, const uint32_t* b, int64_t depth, uint32_t* sums) {
  HWY_DYNAMIC_DISPATCH(add_integers)(a, b, depth, sums);
}

// A tile's sums and the widened parts of its operands; what is not there is 0.
template <class Wide>
struct TileRoom {
  Wide a[kPanel * kTileRows];
  Wide b[kPanel * kTileColumns];
  Wide sums[kTileRows * kTileColumns];
};

template <class Args, class Wide>
void multiply_tile(const GemmNarrowProblem& p, const Args& args, ChunkRange rows,
                   ChunkRange columns, TileRoom<Wide>& room) {
  const int64_t width = columns.end - columns.begin;
  std::memset(&room, 0, sizeof(room));
  for (int64_t first = 0; first < p.k; first += kPanel) {
    const int64_t depth = std::min(kPanel, p.k - first);
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      for (int64_t l = 0; l < depth; ++l) {
        room.a[l * kTileRows + i - rows.begin] = widened(args.a[i * p.k + first + l]);
      }
    }
    for (int64_t l = 0; l < depth; ++l) {
      const auto* from = args.b + (first + l) * p.n + columns.begin;
      for (int64_t j = 0; j < width; ++j) room.b[l * kTileColumns + j] = widened(from[j]);
    }
    add(room.a, room.b, depth, room.sums);
  }
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    std::memcpy(args.c + i * p.n + columns.begin, room.sums + (i - rows.begin) * kTileColumns,
                static_cast<size_t>(width) * sizeof(Wide));
  }
}

// A chunk is a row of tiles, or a part of it where there are few rows.
template <class Args, class Wide>
Status multiply(const OpContext& context, const GemmNarrowProblem& p, const Args& args) {
  constexpr int64_t kTilesAtOnce = 16;
  ASSAY_RETURN_IF_ERROR(check_problem(p));
  const int64_t down = chunk_count_of(p.m, kTileRows);
  const int64_t right = chunk_count_of(p.n, kTileColumns);
  const int64_t parts = chunk_count_of(right, kTilesAtOnce);
  return for_chunks(context, down * parts, [&](int64_t chunk, int) {
    const auto room = std::make_unique<TileRoom<Wide>>();
    const ChunkRange tiles = chunk_range(right, kTilesAtOnce, chunk % parts);
    for (int64_t tile = tiles.begin; tile < tiles.end; ++tile) {
      multiply_tile(p, args, chunk_range(p.m, kTileRows, chunk / parts),
                    chunk_range(p.n, kTileColumns, tile), *room);
    }
  });
}

std::optional<std::string> decline(const DeviceInfo&, const GemmNarrowProblem&) { return {}; }

double cost(const DeviceInfo&, const GemmNarrowProblem& p) {
  const double work =
      static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  return 1000 + work / 16;
}

}  // namespace

void register_gemm_narrow(kernels::KernelSet& kernels) {
  kernels.table<kernels::GemmBf16>().add({.name = "cpu.tiles",
                                          .device_kind = "cpu",
                                          .decline = decline,
                                          .cost = cost,
                                          .run = multiply<kernels::GemmBf16Args, float>});
  kernels.table<kernels::GemmInt8>().add({.name = "cpu.tiles",
                                          .device_kind = "cpu",
                                          .decline = decline,
                                          .cost = cost,
                                          .run = multiply<kernels::GemmInt8Args, uint32_t>});
}

}  // namespace assay::backends::cpu
#endif  // HWY_ONCE
