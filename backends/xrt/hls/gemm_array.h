// The systolic array that the three gemm kernels are made of; see gemm.h. `Number` says what an
// element is: its bytes, how it is taken from a line, what it is in a cell (In), what the sums are
// (Sum), and how many of k a cell takes at once (kPack).
#pragma once

#include <cstdint>

#include "backends/xrt/hls/gemm.h"
#include "backends/xrt/hls/line.h"

namespace assay_hls {

template <class Number>
struct GemmArray {
  typename Number::In a[kGemmRows][kGemmPanel];
  typename Number::In b[kGemmPanel][kGemmColumns];
  typename Number::Sum sums[kGemmSide][kGemmSide][kGemmSums];
};

// Runs of elements in memory, one every `stride`, all of `length`.
struct Runs {
  int64_t first;
  int64_t stride;
  int32_t count;
  int32_t length;
};

inline void fetch_runs(const Line* port, const Runs& runs, int64_t line_elements,
                       LineStream& lines) {
fetch_runs:
  for (int32_t run = 0; run < runs.count; ++run) {
#pragma HLS loop_tripcount min = 1 max = 256
    const int64_t begin = runs.first + run * runs.stride;
    const int64_t first = begin / line_elements;
    fetch_run(port, first, (begin + runs.length - 1) / line_elements - first + 1, lines);
  }
}

// Sixteen elements a cycle into a panel: along its rows, or (`across`) along its columns.
template <class Number, int kRows, int kColumns>
void store_runs(LineStream& lines, const Runs& runs, bool across,
                typename Number::In panel[kRows][kColumns]) {
  const int32_t line_elements = 64 / Number::kBytes;
store_runs:
  for (int32_t run = 0; run < runs.count; ++run) {
#pragma HLS loop_tripcount min = 1 max = 256
    const int64_t begin = runs.first + run * runs.stride;
    // Places count from the line's begin, so they start negative.
    int32_t place = -static_cast<int32_t>(begin % line_elements);
    Line line;
    int32_t part = 0;
  store_run:
    while (place < runs.length) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 20
      if (part == 0) line = lines.read();
      for (int32_t i = 0; i < 16; ++i) {
#pragma HLS unroll
        const int32_t at = place + i;
        if (at >= 0 && at < runs.length) {
          panel[across ? at : run][across ? run : at] = Number::take(line, part * 16 + i);
        }
      }
      place += 16;
      part = (part + 1) * 16 == line_elements ? 0 : part + 1;
    }
    // A run may end before its last line does.
  }
}

template <class Number, int kRows, int kColumns>
void load_panel(const ap_uint<512>* port, const Runs& runs, bool across,
                typename Number::In panel[kRows][kColumns]) {
#pragma HLS dataflow
  LineStream lines("lines of a panel");
  fetch_runs(port, runs, 64 / Number::kBytes, lines);
  store_runs<Number, kRows, kColumns>(lines, runs, across, panel);
}

// What enters the array in cycle `item` of row r of a, or column c of b: 0 outside.
template <class Number>
void feed_row(const GemmArray<Number>& array, int32_t r, int32_t item, int32_t items, int32_t depth,
              typename Number::In out[Number::kPack]) {
#pragma HLS inline
  const int32_t group = (item & (kGemmSums - 1)) >> 3;
  for (int32_t q = 0; q < Number::kPack; ++q) {
#pragma HLS unroll
    const int32_t l = item / kGemmSums * Number::kPack + q;
    const bool inside = item >= 0 && item < items && l < depth;
    out[q] = inside ? array.a[group * kGemmSide + r][l] : typename Number::In(0);
  }
}
template <class Number>
void feed_column(const GemmArray<Number>& array, int32_t c, int32_t item, int32_t items,
                 int32_t depth, typename Number::In out[Number::kPack]) {
#pragma HLS inline
  const int32_t group = item & 7;
  for (int32_t q = 0; q < Number::kPack; ++q) {
#pragma HLS unroll
    const int32_t l = item / kGemmSums * Number::kPack + q;
    const bool inside = item >= 0 && item < items && l < depth;
    out[q] = inside ? array.b[l][group * kGemmSide + c] : typename Number::In(0);
  }
}

// Adds the products of a panel, `depth` of k deep. Cell (r, c) works on item t - r - c in cycle t;
// item i is sum i % 32 (4 groups of rows by 8 of columns) of step i / 32 of k.
template <class Number>
void multiply_panel(int32_t depth, GemmArray<Number>& array) {
  typedef typename Number::In In;
  In from_left[kGemmSide][kGemmSide][Number::kPack] = {};
  In from_above[kGemmSide][kGemmSide][Number::kPack] = {};
#pragma HLS array_partition variable = from_left type = complete dim = 0
#pragma HLS array_partition variable = from_above type = complete dim = 0
  const int32_t items = (depth + Number::kPack - 1) / Number::kPack * kGemmSums;
multiply_panel:
  for (int32_t t = 0; t < items + 2 * (kGemmSide - 1); ++t) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 62 max = 8222
#pragma HLS dependence variable = array.sums type = inter distance = 32 dependent = true
    // From the far corner back, so that a cell reads what its neighbours had a cycle ago.
  rows:
    for (int32_t r = kGemmSide - 1; r >= 0; --r) {
#pragma HLS unroll
    columns:
      for (int32_t c = kGemmSide - 1; c >= 0; --c) {
#pragma HLS unroll
        In left[Number::kPack];
        In above[Number::kPack];
        if (c == 0) feed_row(array, r, t - r, items, depth, left);
        if (r == 0) feed_column(array, c, t - c, items, depth, above);
        for (int32_t q = 0; q < Number::kPack; ++q) {
#pragma HLS unroll
          if (c > 0) left[q] = from_left[r][c - 1][q];
          if (r > 0) above[q] = from_above[r - 1][c][q];
          from_left[r][c][q] = left[q];
          from_above[r][c][q] = above[q];
        }
        const int32_t item = t - r - c;
        if (item >= 0 && item < items) {
          typename Number::Sum& sum = array.sums[r][c][item & (kGemmSums - 1)];
          sum = Number::add(sum, left, above);
        }
      }
    }
  }
}

template <class Number>
void clear_sums(GemmArray<Number>& array) {
clear_sums:
  for (int32_t i = 0; i < kGemmSums; ++i) {
#pragma HLS pipeline II = 1
    for (int32_t cell = 0; cell < kGemmSide * kGemmSide; ++cell) {
#pragma HLS unroll
      array.sums[cell / kGemmSide][cell % kGemmSide][i] = 0;
    }
  }
}

// Sum of element (i, j) of the tile.
template <class Number>
typename Number::Sum sum_at(const GemmArray<Number>& array, int32_t i, int32_t j) {
#pragma HLS inline
  return array.sums[i % kGemmSide][j % kGemmSide][i / kGemmSide * 8 + j / kGemmSide];
}

// A product of matrices, and a tile of it.
struct GemmShape {
  int64_t m;
  int64_t n;
  int64_t k;
  bool transpose_a;
  bool transpose_b;
};
struct GemmTile {
  int64_t row;
  int64_t column;
  int32_t rows;
  int32_t columns;
};

inline int32_t at_most(int64_t left, int32_t limit) {
#pragma HLS inline
  return static_cast<int32_t>(left < limit ? left : limit);
}

inline GemmTile tile_at(const GemmShape& shape, int64_t row, int64_t column) {
#pragma HLS inline
  const GemmTile tile = {row, column, at_most(shape.m - row, kGemmRows),
                         at_most(shape.n - column, kGemmColumns)};
  return tile;
}

// The sums of a tile, over all of k.
template <class Number>
void sum_tile(const ap_uint<512>* a, const ap_uint<512>* b, const GemmShape& shape,
              const GemmTile& tile, GemmArray<Number>& array) {
  clear_sums(array);
panels:
  for (int64_t l = 0; l < shape.k; l += kGemmPanel) {
#pragma HLS loop_tripcount min = 1 max = 16
    const int32_t depth = at_most(shape.k - l, kGemmPanel);
    Runs of_a = {tile.row * shape.k + l, shape.k, tile.rows, depth};
    if (shape.transpose_a) {
      const Runs runs = {l * shape.m + tile.row, shape.m, depth, tile.rows};
      of_a = runs;
    }
    Runs of_b = {l * shape.n + tile.column, shape.n, depth, tile.columns};
    if (shape.transpose_b) {
      const Runs runs = {tile.column * shape.k + l, shape.k, tile.columns, depth};
      of_b = runs;
    }
    load_panel<Number, kGemmRows, kGemmPanel>(a, of_a, shape.transpose_a, array.a);
    load_panel<Number, kGemmPanel, kGemmColumns>(b, of_b, shape.transpose_b, array.b);
    multiply_panel(depth, array);
  }
}

// Writes a sum as it is.
template <class Number, class Element>
struct StoreSum {
  static Element value(typename Number::Sum sum, const Element*) {
#pragma HLS inline
    return static_cast<Element>(sum);
  }
};

// Store::value(sum, address) is what an element of c becomes; it may read what is there.
template <class Number, class Store, class Element>
void store_tile(const GemmArray<Number>& array, const GemmShape& shape, const GemmTile& tile,
                const Store& store, Element* c) {
store_rows:
  for (int32_t i = 0; i < tile.rows; ++i) {
#pragma HLS loop_tripcount min = 1 max = 64
  store_columns:
    for (int32_t j = 0; j < tile.columns; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 128
#pragma HLS dependence variable = c type = inter dependent = false
      Element* to = c + (tile.row + i) * shape.n + tile.column + j;
      *to = store.value(sum_at(array, i, j), to);
    }
  }
}

// The whole product, tile by tile.
template <class Number, class Store, class Element>
void multiply(const ap_uint<512>* a, const ap_uint<512>* b, const GemmShape& shape,
              const Store& store, Element* c) {
  ASSAY_ON_CHIP GemmArray<Number> array;
#pragma HLS array_partition variable = array.a type = cyclic factor = 16 dim = 1
#pragma HLS array_partition variable = array.a type = cyclic factor = 16 dim = 2
#pragma HLS array_partition variable = array.b type = cyclic factor = 16 dim = 1
#pragma HLS array_partition variable = array.b type = cyclic factor = 16 dim = 2
#pragma HLS array_partition variable = array.sums type = complete dim = 1
#pragma HLS array_partition variable = array.sums type = complete dim = 2
tiles_down:
  for (int64_t row = 0; row < shape.m; row += kGemmRows) {
#pragma HLS loop_tripcount min = 1 max = 64
  tiles_right:
    for (int64_t column = 0; column < shape.n; column += kGemmColumns) {
#pragma HLS loop_tripcount min = 1 max = 32
      const GemmTile tile = tile_at(shape, row, column);
      sum_tile(a, b, shape, tile, array);
      store_tile(array, shape, tile, store, c);
    }
  }
}

}  // namespace assay_hls
