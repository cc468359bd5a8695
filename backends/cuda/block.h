// Block: what a kernel body sees of the block of threads that runs it.
//
// A kernel is a struct with kThreads, Params and a function template run(block, params). The body
// is written for the block as a whole: block.each(f) runs f(thread) for every thread and ends with
// a barrier; what is outside of `each` is uniform, the same for all threads, and writes nothing but
// local variables. So the same body is compiled for GPUs, where threads run side by side, and for
// the emulation of the tests, where they run one after the other in any order. What a thread keeps
// from one `each` to the next lies in a Block::PerThread, whose values are indexed by constants.
//
// A Block has:
//   x(), y(), threads()   place in the grid, and threads of a block
//   each(f)
//   shared<T>(offset)     the block's shared memory from a byte on, not initialised
//   PerThread<T>          T& operator[](thread)
//   prefix_sums(values, spare)  every thread's value becomes the sum of those of lower threads; the
//                         sum of all is given. `spare` is shared memory for kMostWarps values
//   best(values, better, spare)  the value that is better than all others; better(a, b) must be a
//                         strict order. `spare` as above; blocks of one warp need none
// The last two are called where `each` is. Additions and maxima of memory that threads share go
// through add_to and raise_to.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/base/host_device.h"

#ifdef __CUDACC__
#define ASSAY_UNROLL _Pragma("unroll")
#else
#define ASSAY_UNROLL
#endif

namespace assay::backends::cuda {

inline constexpr int32_t kWarp = 32;
inline constexpr int32_t kMostWarps = 32;

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

  template <class T>
  __device__ T prefix_sums(PerThread<T>& values, T* spare) {
    const auto thread = static_cast<int32_t>(threadIdx.x);
    const int32_t lane = thread % kWarp;
    const int32_t warp = thread / kWarp;
    const int32_t warps = threads() / kWarp;
    const T own = values.value;
    const T through = sum_through(own, lane);
    if (warps == 1) {
      values.value = through - own;
      return __shfl_sync(kAllLanes, through, kWarp - 1);
    }
    if (lane == kWarp - 1) spare[warp] = through;
    __syncthreads();
    if (warp == 0) {
      const T sums = sum_through(lane < warps ? spare[lane] : T{0}, lane);
      if (lane < warps) spare[lane] = sums;
    }
    __syncthreads();
    values.value = through - own + (warp > 0 ? spare[warp - 1] : T{0});
    const T total = spare[warps - 1];
    __syncthreads();
    return total;
  }

  template <class T, class Better>
  __device__ T best(PerThread<T>& values, Better&& better, T* spare) {
    T found = best_of_warp(values.value, better);
    const int32_t warps = threads() / kWarp;
    if (warps == 1) return found;
    if (threadIdx.x % kWarp == 0) spare[threadIdx.x / kWarp] = found;
    __syncthreads();
    found = spare[0];
    for (int32_t warp = 1; warp < warps; ++warp) {
      if (better(spare[warp], found)) found = spare[warp];
    }
    __syncthreads();
    return found;
  }

 private:
  static constexpr unsigned kAllLanes = 0xffffffffu;

  template <class T, class Better>
  __device__ static T best_of_warp(T found, Better&& better) {
    static_assert(sizeof(T) % sizeof(uint32_t) == 0);
    for (int32_t distance = kWarp / 2; distance > 0; distance /= 2) {
      uint32_t words[sizeof(T) / sizeof(uint32_t)];
      std::memcpy(words, &found, sizeof(T));
      for (uint32_t& word : words) word = __shfl_xor_sync(kAllLanes, word, distance);
      T other;
      std::memcpy(&other, words, sizeof(T));
      if (better(other, found)) found = other;
    }
    return found;
  }

  template <class T>
  __device__ static T sum_through(T value, int32_t lane) {
    for (int32_t distance = 1; distance < kWarp; distance *= 2) {
      const T below = __shfl_up_sync(kAllLanes, value, distance);
      if (lane >= distance) value += below;
    }
    return value;
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
