// The ops that run on GPUs, one register function an op, each in the file of its op.
#pragma once

#include "kernels/kernel_set.h"

namespace assay::backends::cuda {

// Fills the tables with everything that runs on kind "cuda". The visible list is in the .cc file.
void register_cuda_kernels(kernels::KernelSet& kernels);

void register_bin_columns(kernels::KernelSet& kernels);
void register_loss(kernels::KernelSet& kernels);        // loss_gradients and loss_value
void register_grow_trees(kernels::KernelSet& kernels);  // grow_tree too
void register_predict_trees(kernels::KernelSet& kernels);
void register_tree_shap(kernels::KernelSet& kernels);
void register_linear(kernels::KernelSet& kernels);  // linear_scores and linear_gradient
void register_gemm(kernels::KernelSet& kernels);
void register_gemm_narrow(kernels::KernelSet& kernels);  // gemm_bf16 and gemm_int8
void register_knn_topk(kernels::KernelSet& kernels);

}  // namespace assay::backends::cuda
