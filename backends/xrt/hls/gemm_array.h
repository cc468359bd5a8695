// The systolic array that the three gemm kernels are made of; see gemm.h. `Number` says what an
// element is: its bytes, how it is taken from a line, what it is in a cell (In), what the sums are
// (Sum), and how many of k a cell takes at once (kPack).
#pragma once

#include <cstdint>

#include "backends/xrt/hls/gemm.h"
#include "backends/xrt/hls/line.h"

namespace assay_hls {

// Panels have k in steps of kPack, which a cell takes at once: element l of k is [l / kPack][l %
// kPack].
template <class Number>
struct GemmArray {
  typename Number::In a[kGemmRows][kGemmPanel / Number::kPack][Number::kPack];
  typename Number::In b[kGemmPanel / Number::kPack][Number::kPack][kGemmColumns];
  typename Number::Sum sums[kGemmSide][kGemmSide][kGemmSums];
};

// Element `at` of run `run` of a panel of a: along k, or (`across`: a is transposed) along rows.
// Sixteen places that begin at a multiple of 16 are in as many banks, whichever way they run.
template <class Number>
struct PanelA {
  static void put(GemmArray<Number>& array, bool across, int32_t run, int32_t at,
                  typename Number::In value) {
#pragma HLS inline
    const uint32_t l = static_cast<uint32_t>(across ? run : at);
    if (across) {
      array.a[at][l / Number::kPack][l % Number::kPack] = value;
    } else {
      array.a[run][l / Number::kPack][l % Number::kPack] = value;
    }
  }
};
// Likewise of b: along columns, or (b is transposed) along k.
template <class Number>
struct PanelB {
  static void put(GemmArray<Number>& array, bool across, int32_t run, int32_t at,
                  typename Number::In value) {
#pragma HLS inline
    const uint32_t l = static_cast<uint32_t>(across ? at : run);
    if (across) {
      array.b[l / Number::kPack][l % Number::kPack][run] = value;
    } else {
      array.b[l / Number::kPack][l % Number::kPack][at] = value;
    }
  }
};

// Sixteen elements a cycle into a panel, run behind run; each begins with a line of its own.
template <class Number, class Panel>
void store_pieces(LineStream& pieces, int32_t runs, int32_t length, bool across,
                  GemmArray<Number>& array) {
  constexpr int32_t kParts = 64 / Number::kBytes / kGemmSide;  // of a line
  const int32_t steps = runs * ((length + kGemmSide - 1) / kGemmSide);
  Line line;
  int32_t run = 0;
  int32_t group = 0;
  int32_t left = length;
store_pieces:
  for (int32_t i = 0; i < steps; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4096
    const int32_t part = group & (kParts - 1);
    if (part == 0) line = pieces.read();
    for (int32_t e = 0; e < kGemmSide; ++e) {
#pragma HLS unroll
      const typename Number::In value = Number::take(line, part * kGemmSide + e);
      if (e < left) Panel::put(array, across, run, group * kGemmSide + e, value);
    }
    const bool last = left <= kGemmSide;
    run = last ? run + 1 : run;
    group = last ? 0 : group + 1;
    left = last ? length : left - kGemmSide;
  }
}

template <class Number, class Panel>
void load_panel(const ap_uint<512>* port, const Runs& runs, int32_t pieces, int32_t length,
                bool across, GemmArray<Number>& array) {
#pragma HLS dataflow
  PlaceStream places("places of pieces");
  RequestStream requests("requests of a panel");
  StepStream steps("steps of a panel");
  LineStream lines("lines of a panel");
  LineStream piece_lines("pieces of a panel");
  locate_pieces(runs, pieces, places);
  plan_rows(places, pieces, requests, steps);
  fetch_lines(port, requests, lines);
  assemble_rows(steps, lines, pieces, piece_lines);
  store_pieces<Number, Panel>(piece_lines, runs.count, length, across, array);
}

// What enters the array in cycle `item` of row r of a, or column c of b: 0 outside.
template <class Number>
void feed_row(const GemmArray<Number>& array, int32_t r, int32_t item, int32_t items, int32_t depth,
              typename Number::In out[Number::kPack]) {
#pragma HLS inline
  const int32_t group = (item & (kGemmSums - 1)) >> 3;
  for (int32_t q = 0; q < Number::kPack; ++q) {
#pragma HLS unroll
    const int32_t step = item / kGemmSums;
    const bool inside = item >= 0 && item < items && step * Number::kPack + q < depth;
    out[q] = inside ? array.a[group * kGemmSide + r][step][q] : typename Number::In(0);
  }
}
template <class Number>
void feed_column(const GemmArray<Number>& array, int32_t c, int32_t item, int32_t items,
                 int32_t depth, typename Number::In out[Number::kPack]) {
#pragma HLS inline
  const int32_t group = item & 7;
  for (int32_t q = 0; q < Number::kPack; ++q) {
#pragma HLS unroll
    const int32_t step = item / kGemmSums;
    const bool inside = item >= 0 && item < items && step * Number::kPack + q < depth;
    out[q] = inside ? array.b[step][q][group * kGemmSide + c] : typename Number::In(0);
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
// A cell's items follow one another, and each sum is every 32nd of them.
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

// `rows` runs of `columns` elements, from element (row, column) of a matrix whose rows have
// `width`.
template <class Number>
Runs runs_of(int64_t row, int64_t column, int64_t width, int32_t rows, int32_t columns) {
#pragma HLS inline
  const Runs runs = {(row * width + column) * Number::kBytes, width * Number::kBytes, rows,
                     columns * Number::kBytes};
  return runs;
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
    const Runs of_a = shape.transpose_a ? runs_of<Number>(l, tile.row, shape.m, depth, tile.rows)
                                        : runs_of<Number>(tile.row, l, shape.k, tile.rows, depth);
    const Runs of_b = shape.transpose_b
                          ? runs_of<Number>(tile.column, l, shape.k, tile.columns, depth)
                          : runs_of<Number>(l, tile.column, shape.n, depth, tile.columns);
    load_panel<Number, PanelA<Number>>(a, of_a, piece_total(of_a), of_a.length / Number::kBytes,
                                       shape.transpose_a, array);
    load_panel<Number, PanelB<Number>>(b, of_b, piece_total(of_b), of_b.length / Number::kBytes,
                                       shape.transpose_b, array);
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
// An element of c is read and written in its own step alone.
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
  constexpr int kStepBanks = kGemmSide / Number::kPack;
  (void)kStepBanks;  // the pragmas' alone
  ASSAY_ON_CHIP GemmArray<Number> array;
#pragma HLS array_partition variable = array.a type = cyclic factor = 16 dim = 1
#pragma HLS array_partition variable = array.a type = cyclic factor = kStepBanks dim = 2
#pragma HLS array_partition variable = array.a type = complete dim = 3
#pragma HLS array_partition variable = array.b type = cyclic factor = kStepBanks dim = 1
#pragma HLS array_partition variable = array.b type = complete dim = 2
#pragma HLS array_partition variable = array.b type = cyclic factor = 16 dim = 3
#pragma HLS array_partition variable = array.sums type = complete dim = 1
#pragma HLS array_partition variable = array.sums type = complete dim = 2
#pragma HLS bind_storage variable = array.a type = ram_s2p impl = lutram
#pragma HLS bind_storage variable = array.b type = ram_s2p impl = lutram
#pragma HLS bind_storage variable = array.sums type = ram_s2p impl = lutram
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
