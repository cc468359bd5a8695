// The kernels of gemm_bf16 and gemm_int8 with the bits of the contract: each sum is one thread's,
// made in ascending order of k. A block of threads makes a tile of 128 x 128, a thread two by two
// squares of 4 x 4 of it, so that 16 numbers read from shared memory are 64 products; while a panel
// of 8 of k is multiplied, the next one is on its way.
//
// A product of two bfloat16 is exact in f32 as long as it neither overflows nor has digits below
// 2^-149, and then one fused operation rounds as the contract's two do. That holds if both are 0 or
// of magnitudes in [2^-67, 2^64): where a panel has others, it is multiplied in two operations.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "backends/cuda/block.h"
#include "backends/cuda/quad.h"

namespace assay::backends::cuda {

// What the two ops differ in: the numbers of A and B, those they are widened to, and how sums are
// made. `kFuses`: a panel without `odd` numbers may take `add_fused`.
struct Bf16Products {
  using Number = uint16_t;
  using Wide = float;
  using Sum = float;
  static constexpr bool kFuses = true;

  ASSAY_DEVICE static Wide widened(Number bits) {
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }
  ASSAY_DEVICE static bool odd(Number bits) {
    constexpr int32_t kBias = 127;
    const int32_t exponent = (bits >> 7 & 0xff) - kBias;
    return (bits & 0x7fff) != 0 && (exponent < -67 || exponent > 63);
  }
  ASSAY_DEVICE static Wide add_fused(Wide sum, Wide a, Wide b) { return fmaf(a, b, sum); }
  ASSAY_DEVICE static Wide add(Wide sum, Wide a, Wide b) { return sum + a * b; }
  ASSAY_DEVICE static Sum finished(Wide sum) { return sum; }
};

struct Int8Products {
  using Number = int8_t;
  using Wide = uint32_t;  // wraps
  using Sum = int32_t;
  static constexpr bool kFuses = false;

  ASSAY_DEVICE static Wide widened(Number number) { return static_cast<uint32_t>(int32_t{number}); }
  ASSAY_DEVICE static bool odd(Number) { return false; }
  ASSAY_DEVICE static Wide add(Wide sum, Wide a, Wide b) { return sum + a * b; }
  ASSAY_DEVICE static Sum finished(Wide sum) { return static_cast<Sum>(sum); }
};

template <class Products>
struct GemmTileKernel {
  using Number = typename Products::Number;
  using Wide = typename Products::Wide;
  using Sum = typename Products::Sum;

  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kSide = 128;  // of a tile
  static constexpr int32_t kDepth = 8;   // of a panel
  static constexpr int32_t kOwn = 8;     // rows and columns of a thread
  static constexpr int32_t kLoads = kSide * kDepth / kThreads;
  // Between the k of a panel: what a warp writes at once lies in different banks.
  static constexpr int32_t kStride = kSide + 4;
  static constexpr int32_t kPanel = kDepth * kStride;
  static constexpr int32_t kFlagsOffset = 4 * kPanel * static_cast<int32_t>(sizeof(Wide));
  static constexpr int32_t kSharedBytes = kFlagsOffset + 2 * static_cast<int32_t>(sizeof(uint32_t));

  // C [m, n] = A [m, k] * B [k, n], all row-major. Grid: x tiles, those of a row side by side.
  struct Params {
    const Number* a;
    const Number* b;
    Sum* c;
    int64_t m;
    int64_t n;
    int64_t k;
  };

  struct Sums {
    Wide at[kOwn * kOwn];
  };
  // A thread's part of a panel.
  struct Loaded {
    Number a[kLoads];
    Number b[kLoads];
  };
  // Two buffers for panels, A's before B's, and for each a word: whether it ever had odd numbers.
  struct Room {
    Wide* panels;
    uint32_t* odd;
    ASSAY_DEVICE Wide* a(int64_t panel) const { return panels + (panel & 1) * 2 * kPanel; }
    ASSAY_DEVICE Wide* b(int64_t panel) const { return a(panel) + kPanel; }
  };
  struct Tile {
    int64_t row;
    int64_t column;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const int64_t across = (params.n + kSide - 1) / kSide;
    const Tile tile{block.x() / across * kSide, block.x() % across * kSide};
    const Room room{block.template shared<Wide>(), block.template shared<uint32_t>(kFlagsOffset)};
    const int64_t panels = (params.k + kDepth - 1) / kDepth;
    typename Block::template PerThread<Sums> sums;
    block.each([&](int32_t thread) {
      ASSAY_UNROLL
      for (int32_t i = 0; i < kOwn * kOwn; ++i) sums[thread].at[i] = 0;
      if (thread < 2) room.odd[thread] = 0;
    });
    block.each([&](int32_t thread) {
      if (panels > 0) store(load(params, tile, 0, thread), room, 0, thread);
    });
    for (int64_t panel = 0; panel < panels; ++panel) {
      block.each([&](int32_t thread) {
        Loaded next{};
        if (panel + 1 < panels) next = load(params, tile, panel + 1, thread);
        if (has_part(params, tile, thread)) multiply(room, panel, thread, sums[thread]);
        if (panel + 1 < panels) store(next, room, panel + 1, thread);
      });
    }
    block.each([&](int32_t thread) { write(params, tile, thread, sums[thread]); });
  }

  ASSAY_DEVICE static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

  // Of A a thread loads one k of several rows, of B one column of several k.
  ASSAY_DEVICE static Loaded load(const Params& params, const Tile& tile, int64_t panel,
                                  int32_t thread) {
    Loaded loaded;
    const int64_t first = panel * kDepth;
    const int64_t a_row = tile.row + thread / kDepth;
    const int64_t a_depth = first + thread % kDepth;
    const int64_t b_depth = first + thread / kSide;
    const int64_t b_column = tile.column + thread % kSide;
    // What remains of the matrices from there on.
    const auto rows = static_cast<int32_t>(least(params.m - a_row, kSide));
    const auto depths = static_cast<int32_t>(least(params.k - b_depth, kDepth));
    const Number* a = params.a + (a_row * params.k + a_depth);
    const Number* b = params.b + (b_depth * params.n + b_column);
    ASSAY_UNROLL
    for (int32_t i = 0; i < kLoads; ++i) {
      const bool there = i * (kThreads / kDepth) < rows && a_depth < params.k;
      loaded.a[i] = there ? *a : Number{0};
      a += kThreads / kDepth * params.k;
    }
    ASSAY_UNROLL
    for (int32_t i = 0; i < kLoads; ++i) {
      const bool there = i * (kThreads / kSide) < depths && b_column < params.n;
      loaded.b[i] = there ? *b : Number{0};
      b += kThreads / kSide * params.n;
    }
    return loaded;
  }

  ASSAY_DEVICE static void store(const Loaded& loaded, const Room& room, int64_t panel,
                                 int32_t thread) {
    Wide* a = room.a(panel) + thread % kDepth * kStride + thread / kDepth;
    Wide* b = room.b(panel) + thread / kSide * kStride + thread % kSide;
    bool odd = false;
    ASSAY_UNROLL
    for (int32_t i = 0; i < kLoads; ++i) {
      a[i * (kThreads / kDepth)] = Products::widened(loaded.a[i]);
      b[i * (kThreads / kSide) * kStride] = Products::widened(loaded.b[i]);
      odd = odd || Products::odd(loaded.a[i]) || Products::odd(loaded.b[i]);
    }
    if (odd) raise_to(room.odd + (panel & 1), 1);
  }

  ASSAY_DEVICE static void multiply(const Room& room, int64_t panel, int32_t thread, Sums& sums) {
    const Wide* a = room.a(panel) + row_of(thread);
    const Wide* b = room.b(panel) + column_of(thread);
    if constexpr (Products::kFuses) {
      if (room.odd[panel & 1] == 0) {
        add_panel(a, b, sums,
                  [](Wide sum, Wide x, Wide y) { return Products::add_fused(sum, x, y); });
        return;
      }
    }
    add_panel(a, b, sums, [](Wide sum, Wide x, Wide y) { return Products::add(sum, x, y); });
  }

  template <class Add>
  ASSAY_DEVICE static void add_panel(const Wide* a, const Wide* b, Sums& sums, Add&& add) {
    ASSAY_UNROLL
    for (int32_t l = 0; l < kDepth; ++l) {
      const Quad<Wide> left[2] = {load_quad(a + l * kStride),
                                  load_quad(a + l * kStride + kSide / 2)};
      const Quad<Wide> above[2] = {load_quad(b + l * kStride),
                                   load_quad(b + l * kStride + kSide / 2)};
      ASSAY_UNROLL
      for (int32_t i = 0; i < kOwn; ++i) {
        ASSAY_UNROLL
        for (int32_t j = 0; j < kOwn; ++j) {
          Wide& sum = sums.at[i * kOwn + j];
          sum = add(sum, left[i / 4].at[i % 4], above[j / 4].at[j % 4]);
        }
      }
    }
  }

  // A thread's first row and column in the tile; its others follow, and from half a tile on.
  ASSAY_DEVICE static int32_t row_of(int32_t thread) { return thread / 16 * 4; }
  ASSAY_DEVICE static int32_t column_of(int32_t thread) { return thread % 16 * 4; }

  ASSAY_DEVICE static bool has_part(const Params& params, const Tile& tile, int32_t thread) {
    return tile.row + row_of(thread) < params.m && tile.column + column_of(thread) < params.n;
  }

  ASSAY_DEVICE static void write(const Params& params, const Tile& tile, int32_t thread,
                                 const Sums& sums) {
    ASSAY_UNROLL
    for (int32_t i = 0; i < kOwn; ++i) {
      const int64_t row = tile.row + row_of(thread) + i % 4 + i / 4 * (kSide / 2);
      ASSAY_UNROLL
      for (int32_t j = 0; j < kOwn; ++j) {
        const int64_t column = tile.column + column_of(thread) + j % 4 + j / 4 * (kSide / 2);
        if (row >= params.m || column >= params.n) continue;
        params.c[row * params.n + column] = Products::finished(sums.at[i * kOwn + j]);
      }
    }
  }
};

using GemmBf16Kernel = GemmTileKernel<Bf16Products>;
using GemmInt8Kernel = GemmTileKernel<Int8Products>;

}  // namespace assay::backends::cuda
