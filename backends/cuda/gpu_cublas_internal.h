// cuBLAS, opened at the first gemm: it is large, and most of what Assay does needs none of it.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <string>

#include "backends/cuda/driver.h"

namespace assay::backends::cuda {

// A handle of one stream. Closes it when destroyed; the library stays open. Not thread-safe.
class Cublas {
 public:
  ~Cublas();
  // Empty, or what went wrong.
  std::string gemm(const GemmCall& call, cudaStream_t stream);
  std::string gemm(const NarrowGemmCall& call, cudaStream_t stream);

 private:
  // Opens the handle if need be, and sets the mode of what is called next.
  std::string open(cudaStream_t stream, cublasMath_t mode);
  cublasHandle_t handle_ = nullptr;
};

}  // namespace assay::backends::cuda
