#include "backends/cpu/cpu_kernels.h"

namespace assay::backends::cpu {

void register_cpu_kernels(kernels::KernelSet& kernels) {
  register_quantile_edges(kernels);
  register_bin_columns(kernels);
  register_loss(kernels);
  register_loss_ranking(kernels);
  register_gemm(kernels);
  register_gemm_tiles(kernels);
  register_knn_topk(kernels);
  register_grow_tree(kernels);
  register_grow_trees(kernels);
  register_predict_trees(kernels);
  register_tree_shap(kernels);
  register_linear(kernels);
}

}  // namespace assay::backends::cpu
