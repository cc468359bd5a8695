// The kernels of kernel_list.h as GPU code: the one file of the project that nvcc compiles.
// Compiled with -fmad=false, so that doubles are added and multiplied as on the CPU.
#include <cstring>

#include "backends/cuda/gpu_launch_internal.h"
#include "backends/cuda/kernel_list.h"

namespace assay::backends::cuda {
namespace {

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads) enter(const typename Kernel::Params params) {
  GpuBlock block;
  Kernel::run(block, params);
}

template <class Kernel>
cudaError_t start(const LaunchShape& shape, const void* bytes, cudaStream_t stream) {
  typename Kernel::Params params;
  std::memcpy(static_cast<void*>(&params), bytes, sizeof(params));
  // More than every GPU gives without being asked, and no more than each can give. What is asked
  // for is of the kernel, whichever thread launches it: so always the same.
  constexpr int kUsualSharedBytes = 48 << 10;
  constexpr int kMostSharedBytes = 64 << 10;
  if (shape.shared_bytes > kUsualSharedBytes) {
    const cudaError_t error =
        cudaFuncSetAttribute(reinterpret_cast<const void*>(&enter<Kernel>),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, kMostSharedBytes);
    if (error != cudaSuccess) return error;
  }
  const dim3 grid(static_cast<unsigned>(shape.blocks_x), static_cast<unsigned>(shape.blocks_y));
  enter<Kernel>
      <<<grid, Kernel::kThreads, static_cast<size_t>(shape.shared_bytes), stream>>>(params);
  return cudaGetLastError();
}

}  // namespace

cudaError_t launch_kernel(KernelId kernel, const LaunchShape& shape, const void* params,
                          int64_t param_bytes, cudaStream_t stream) {
  cudaError_t error = cudaErrorInvalidValue;
  with_kernel(kernel, [&]<class Kernel>(Kernel*) {
    if (param_bytes == static_cast<int64_t>(sizeof(typename Kernel::Params))) {
      error = start<Kernel>(shape, params, stream);
    }
  });
  return error;
}

}  // namespace assay::backends::cuda
