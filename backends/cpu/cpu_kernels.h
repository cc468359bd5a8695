// The CPU's implementations of the ops, one register function an op, each in the file of its op.
#pragma once

#include "kernels/kernel_set.h"

namespace assay::backends::cpu {

// Fills the tables with everything that runs on kind "cpu". The visible list is in the .cc file.
void register_cpu_kernels(kernels::KernelSet& kernels);

void register_quantile_edges(kernels::KernelSet& kernels);
void register_bin_columns(kernels::KernelSet& kernels);
void register_loss(kernels::KernelSet& kernels);          // loss_gradients and loss_value
void register_loss_ranking(kernels::KernelSet& kernels);  // the same for losses of groups
void register_grow_tree(kernels::KernelSet& kernels);
void register_grow_trees(kernels::KernelSet& kernels);
void register_predict_trees(kernels::KernelSet& kernels);
void register_tree_shap(kernels::KernelSet& kernels);
void register_linear(kernels::KernelSet& kernels);  // linear_scores and linear_gradient
void register_gemm(kernels::KernelSet& kernels);
void register_gemm_tiles(kernels::KernelSet& kernels);  // gemm in order, gemm_bf16, gemm_int8
void register_knn_topk(kernels::KernelSet& kernels);

}  // namespace assay::backends::cpu
