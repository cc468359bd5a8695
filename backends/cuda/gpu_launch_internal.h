// What the module's driver needs of the file that nvcc compiles.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "backends/cuda/driver.h"

namespace assay::backends::cuda {

// Puts a launch on the stream; `params` are those of the kernel. cudaErrorInvalidValue if there is
// no such kernel, or its parameters have another size.
cudaError_t launch_kernel(KernelId kernel, const LaunchShape& shape, const void* params,
                          int64_t param_bytes, cudaStream_t stream);

}  // namespace assay::backends::cuda
