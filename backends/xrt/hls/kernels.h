// The FPGA kernels as the host calls them: signatures, limits, and what lies in memory. C++14 and
// the vendor's ap_int.h only. Buffers come first, then scalars; the order is the order of kernel
// arguments. Nothing is checked on the card: arguments are valid (the host checks). Re-entrant:
// compute units run the same function at once, on outputs that do not overlap.
//
// Buffers begin at a multiple of 4 KiB and are as long; a kernel reads whole lines of 64 bytes that
// hold a valid element (predict_trees: whole 4 KiB of `nodes`). A buffer that a call does not use
// may be any.
#pragma once

#include <ap_int.h>

#include <cstdint>

namespace assay_hls {

// tree_histogram: columns of a call, and lanes (classes) of one.
constexpr int kHistogramColumns = 64;
constexpr int kHistogramLanes = 8;
constexpr int kHistogramCodes = 255;  // of a column
constexpr int kHistogramWords = 16384 * 8;
// split_scan.
constexpr int kScanNodes = 64;
constexpr int kScanColumns = 4096;
constexpr int kScanLanes = 8;
// predict_trees.
constexpr int kPredictFeatures = 4096;
constexpr int kPredictOutputs = 65536;
// knn_topk.
constexpr int kTopK = 64;
constexpr int kKnnDim = 4096;

}  // namespace assay_hls

extern "C" {

// The sums of a node's rows for each code of up to 64 columns of a table.
//   cells   bytes: column j of row r is cells[cell_begin + r * width + j], width <= 64; cell_begin
//           is a multiple of 64.
//   packed  uint32, by row of the table: gradient << 16 | hessian, or weight << 16 | class.
//   rows    uint32: the node's are rows[row_begin .. row_begin + row_count).
//   starts  [width + 1]: column j has the codes starts[j] .. starts[j + 1], at most 255; none: it
//           is skipped. Cells of the others are below their column's count.
//   words   out: words[word_begin + code * lanes + c]. class_begin < 0: one lane, the sum of
//           (gradient << 32) + hessian; else lane c is class class_begin + c, the sum of
//           (weight << 32) + 1 over its rows. With rest_begin >= 0 they are also subtracted from
//           words[rest_begin ..]: a sibling's sums from the parent's. Both begin at a multiple of 8
//           and may be written up to the next multiple of 8 behind their end; they do not overlap.
void tree_histogram(const ap_uint<512>* cells, const ap_uint<512>* packed, const ap_uint<512>* rows,
                    const int32_t* starts, ap_uint<512>* words, int64_t cell_begin,
                    int64_t row_begin, int64_t row_count, int32_t width, int32_t class_begin,
                    int32_t lanes, int64_t word_begin, int64_t rest_begin);

// The best threshold of each numeric column of each node, by the contract of kernels/grow_tree.h
// without constraints: gradient mode, or class mode with at most 8 classes.
//   words    as above.
//   nodes    [node_count, 2]: word_begin, row_count.
//   columns  [column_count, 4]: start, codes, bin_count (= codes), scan. The words of a column
//            begin at word_begin + start * lanes. Column 0 gives the node's totals.
//   rules    [8]: unit, hessian_unit, l1, l2, min_gain, min_child_weight, min_child_samples, -.
//   best     out, records of two words, lanes + column_count a node. For each lane: total, score of
//            the node (double). For each column: gain (double), threshold | flags << 32; flags:
//            1 missing goes left, 2 the left side has at least half of the mass. Threshold 0 (and
//            gain 0, no flags): no split is allowed, or scan is 0.
void split_scan(const ap_uint<512>* words, const int64_t* nodes, const int32_t* columns,
                const double* rules, uint64_t* best, int32_t node_count, int32_t column_count,
                int32_t lanes, int32_t class_mode);

// kernels/predict_trees.h for the positions [row_begin, row_begin + row_count) of `scores`.
//   cells   a whole BinnedView, of table_rows rows; feature_count <= kPredictFeatures.
//   rows    uint32: by_rows: row of the table of each position; else unused.
//   nodes, sets, leaf_values, offsets   a ForestView (16, 32, 4 and 8 bytes an element).
//   scores  [positions, output_count], in and out.
void predict_trees(const ap_uint<512>* cells, const ap_uint<512>* rows, const ap_uint<512>* nodes,
                   const ap_uint<512>* sets, const ap_uint<512>* leaf_values,
                   const int64_t* node_offsets, const int64_t* set_offsets,
                   const int64_t* leaf_offsets, double* scores, int64_t table_rows,
                   int32_t feature_count, int64_t row_begin, int64_t row_count, int32_t by_rows,
                   int64_t tree_begin, int64_t tree_end, int32_t leaf_width, int32_t output_count);

// kernels/gemm.h: c = alpha * op(a) * op(b) + beta * c, f32, row-major.
void gemm_f32(const ap_uint<512>* a, const ap_uint<512>* b, float* c, int64_t m, int64_t n,
              int64_t k, int32_t transpose_a, int32_t transpose_b, float alpha, float beta);
// c = a * b of bfloat16 (uint16), products exact, sums f32 in order of k.
void gemm_bf16(const ap_uint<512>* a, const ap_uint<512>* b, float* c, int64_t m, int64_t n,
               int64_t k);
// c = a * b of int8, exact modulo 2^32.
void gemm_int8(const ap_uint<512>* a, const ap_uint<512>* b, int32_t* c, int64_t m, int64_t n,
               int64_t k);

// The k nearest points of each query, ascending by (distance, index): squared Euclidean distance in
// f32, dimension j added to sum j % 8 in ascending order, the sums joined as
// ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)). NaN counts as beyond infinity. Where there are
// fewer points than k: index -1, distance infinite.
//   points, queries  f32 [point_count, dim], [query_count, dim]
//   indices, distances  out, [query_count, k]; k in 1..kTopK, dim in 1..kKnnDim
void knn_topk(const ap_uint<512>* points, const ap_uint<512>* queries, int32_t* indices,
              float* distances, int64_t point_count, int64_t query_count, int32_t dim, int32_t k);
}
