#include "backends/xrt/xrt_kernels.h"

namespace assay::backends::xrt {

void register_xrt_kernels(kernels::KernelSet& kernels) {
  register_grow_tree(kernels);
  register_predict_trees(kernels);
  register_gemm_narrow(kernels);
  register_knn_topk(kernels);
}

}  // namespace assay::backends::xrt
