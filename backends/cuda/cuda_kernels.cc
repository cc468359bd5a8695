#include "backends/cuda/cuda_kernels.h"

namespace assay::backends::cuda {

void register_cuda_kernels(kernels::KernelSet& kernels) {
  register_bin_columns(kernels);
  register_loss(kernels);
  register_gemm(kernels);
  register_gemm_narrow(kernels);
  register_knn_topk(kernels);
  register_grow_trees(kernels);
  register_predict_trees(kernels);
  register_tree_shap(kernels);
  register_linear(kernels);
}

}  // namespace assay::backends::cuda
