// Block: what a kernel body sees of the block of threads that runs it.
//
// A kernel is a struct with kThreads, Params and a function template run(block, params). The body
// is written for the block as a whole: block.each(f) runs f(thread) for every thread and ends with
// a barrier; what is outside of `each` is uniform, the same for all threads, and writes nothing but
// local variables. So the same body is compiled for GPUs, where threads run side by side, and for
// the emulation of the tests, where they run one after the other in any order. What a thread keeps
// from one `each` to the next lies in a Block::PerThread.
//
// A Block has:
//   x(), y(), threads()   place in the grid, and threads of a block
//   each(f)
//   shared<T>(offset)     the block's shared memory from a byte on, not initialised
//   PerThread<T>          T& operator[](thread)
// Additions and maxima of memory that threads share go through add_to and raise_to.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/base/host_device.h"

namespace assay::backends::cuda {

#ifdef __CUDACC__

class GpuBlock {
 public:
  template <class T>
  struct PerThread {
    T value;
    __device__ T& operator[](int32_t) { return value; }
  };

  __device__ int64_t x() const { return blockIdx.x; }
  __device__ int64_t y() const { return blockIdx.y; }
  __device__ int32_t threads() const { return static_cast<int32_t>(blockDim.x); }
  template <class Function>
  __device__ void each(Function&& function) {
    function(static_cast<int32_t>(threadIdx.x));
    __syncthreads();
  }
  template <class T>
  __device__ T* shared(int32_t offset = 0) {
    extern __shared__ __align__(16) unsigned char bytes[];
    return reinterpret_cast<T*>(bytes + offset);
  }
};

#endif

// *target += value, for threads side by side; the value before.
ASSAY_DEVICE inline uint32_t add_to(uint32_t* target, uint32_t value) {
#ifdef __CUDA_ARCH__
  return atomicAdd(target, value);
#else
  const uint32_t before = *target;
  *target = before + value;
  return before;
#endif
}
ASSAY_DEVICE inline void add_to(uint64_t* target, uint64_t value) {
#ifdef __CUDA_ARCH__
  atomicAdd(reinterpret_cast<unsigned long long*>(target), static_cast<unsigned long long>(value));
#else
  *target += value;
#endif
}

// *target = max(*target, value).
ASSAY_DEVICE inline void raise_to(uint32_t* target, uint32_t value) {
#ifdef __CUDA_ARCH__
  atomicMax(target, value);
#else
  if (value > *target) *target = value;
#endif
}
ASSAY_DEVICE inline void raise_to(uint64_t* target, uint64_t value) {
#ifdef __CUDA_ARCH__
  atomicMax(reinterpret_cast<unsigned long long*>(target), static_cast<unsigned long long>(value));
#else
  if (value > *target) *target = value;
#endif
}

// x to a whole number, half to even; |x| < 2^62.
ASSAY_DEVICE inline int64_t round_to_even(double x) {
#ifdef __CUDA_ARCH__
  return __double2ll_rn(x);
#else
  return std::llrint(x);
#endif
}

}  // namespace assay::backends::cuda
