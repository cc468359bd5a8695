// The table of Assay's kernels: with backends/xrt/hls it makes the library that the emulated card's
// xclbin holds. Units are as many as the link step for a card makes (backends/xrt/hls).
#include "backends/xrt/emulation/kernel_table.h"
#include "backends/xrt/hls/kernels.h"

namespace emulation = assay::backends::xrt::emulation;

extern "C" const emulation::EmulatedKernel* assay_emulated_kernels(int32_t* count) {
  static const emulation::EmulatedKernel kernels[] = {
      emulation::describe<tree_histogram>(
          "tree_histogram",
          "cells packed rows starts words cell_begin row_begin row_count width class_begin lanes "
          "word_begin rest_begin",
          2),
      emulation::describe<split_scan>(
          "split_scan", "words nodes columns rules best node_count column_count lanes class_mode",
          1),
      emulation::describe<predict_trees>(
          "predict_trees",
          "cells rows nodes sets leaf_values node_offsets set_offsets leaf_offsets scores "
          "table_rows feature_count row_begin row_count by_rows tree_begin tree_end leaf_width "
          "output_count",
          2),
      emulation::describe<gemm_f32>("gemm_f32", "a b c m n k transpose_a transpose_b alpha beta",
                                    1),
      emulation::describe<gemm_bf16>("gemm_bf16", "a b c m n k", 1),
      emulation::describe<gemm_int8>("gemm_int8", "a b c m n k", 1),
      emulation::describe<knn_topk>(
          "knn_topk", "points queries indices distances point_count query_count dim k", 1),
  };
  *count = static_cast<int32_t>(std::size(kernels));
  return kernels;
}
