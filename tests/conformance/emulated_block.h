// A Block of backends/cuda/block.h in the host's memory: threads run one after the other, in an
// order that depends on the launch and the phase.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "backends/cuda/block.h"
#include "backends/cuda/driver.h"

namespace assay::conformance {

class EmulatedBlock {
 public:
  static constexpr size_t kMostThreads = 1024;

  template <class T>
  struct PerThread {
    // Garbage, as in the registers of a GPU.
    PerThread() { std::memset(static_cast<void*>(values.data()), 0xE5, sizeof(values)); }

    std::array<T, kMostThreads> values;
    T& operator[](int32_t thread) { return values[static_cast<size_t>(thread)]; }
  };

  EmulatedBlock(int32_t threads, std::vector<unsigned char>& memory, uint32_t order)
      : threads_(threads), memory_(memory), order_(order) {}

  void move_to(int64_t x, int64_t y) {
    x_ = x;
    y_ = y;
    if (!memory_.empty()) std::memset(memory_.data(), 0xE5, memory_.size());
  }
  int64_t x() const { return x_; }
  int64_t y() const { return y_; }
  int32_t threads() const { return threads_; }

  // Thread counts are powers of two, so that an odd step visits each once.
  template <class Function>
  void each(Function&& function) {
    order_ = order_ * 1664525u + 1013904223u;
    const uint32_t mask = static_cast<uint32_t>(threads_) - 1;
    const uint32_t step = (order_ >> 20) | 1u;
    uint32_t thread = order_ >> 8;
    for (int32_t i = 0; i < threads_; ++i, thread += step) {
      function(static_cast<int32_t>(thread & mask));
    }
  }
  template <class T>
  T prefix_sums(PerThread<T>& values, T* spare) {
    spare[0] = T{0};
    T sum{0};
    for (int32_t thread = 0; thread < threads_; ++thread) {
      const T own = values[thread];
      values[thread] = sum;
      sum += own;
    }
    return sum;
  }
  // In another order than a GPU's, which must not matter.
  template <class T, class Better>
  T best(PerThread<T>& values, Better&& better, T*) {
    T found = values[0];
    for (int32_t thread = 1; thread < threads_; ++thread) {
      if (better(values[thread], found)) found = values[thread];
    }
    return found;
  }
  template <class T>
  T* shared(int32_t offset = 0) {
    return reinterpret_cast<T*>(memory_.data() + offset);
  }

 private:
  int32_t threads_;
  std::vector<unsigned char>& memory_;
  uint32_t order_;
  int64_t x_ = 0;
  int64_t y_ = 0;
};

// Runs all blocks of a launch, the number of which gives their order.
template <class Kernel>
void run_kernel(const backends::cuda::LaunchShape& shape, const typename Kernel::Params& params,
                uint32_t launch) {
  static_assert((Kernel::kThreads & (Kernel::kThreads - 1)) == 0);
  static_assert(Kernel::kThreads <= static_cast<int32_t>(EmulatedBlock::kMostThreads));
  std::vector<unsigned char> memory(static_cast<size_t>(shape.shared_bytes));
  EmulatedBlock block(Kernel::kThreads, memory, launch);
  const int64_t count = shape.blocks_x * shape.blocks_y;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t place = launch % 2 == 0 ? i : count - 1 - i;
    block.move_to(place % shape.blocks_x, place / shape.blocks_x);
    Kernel::run(block, params);
  }
}

}  // namespace assay::conformance
