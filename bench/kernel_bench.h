// What the kernel benches share: one device, one executor, and counters that set a result beside
// the machine's measured ceiling.
#pragma once

#include <benchmark/benchmark.h>

#include <string>

#include "kernels/kernel_set.h"

namespace assay::bench {

// The device (ASSAY_BENCH_DEVICE, default "cpu"), its kernels, and an executor of
// ASSAY_BENCH_THREADS threads (default: as many as may be used). Opened at the first call; the
// program ends with a message if that fails.
// Whether the benches run on a GPU, which is given problems of its size as well. May be asked
// before the bed is there.
bool on_gpu();

class Bed {
 public:
  static Bed& instance();
  kernels::Device& device();
  const kernels::KernelSet& kernels() const;
  kernels::OpContext context();

  // A device array of `values`; the program ends if there is no room.
  template <class T>
  const T* place(const std::vector<T>& values) {
    return static_cast<const T*>(place_bytes(std::as_bytes(std::span(values))));
  }
  template <class T>
  T* make(int64_t size) {
    return static_cast<T*>(make_bytes(size * static_cast<int64_t>(sizeof(T))));
  }
  // As `place`, of `count` floats in [0, 1) by a seed.
  const float* draw(int64_t count, uint64_t seed);
  // Gives back everything placed so far.
  void clear();

  // Counters: GB/s or GFLOP/s an iteration of `bytes` or `operations`, and its share of the
  // ceiling.
  void report_bytes(benchmark::State& state, double bytes);
  void report_flops(benchmark::State& state, double operations);

  // Runs the op once for each iteration; the label names implementation and device.
  template <class Op>
  void run(benchmark::State& state, const typename Op::Problem& problem,
           const typename Op::Args& args) {
    const auto plan = kernels::plan_op(kernels().table<Op>(), device().info(), problem);
    if (plan.chosen == nullptr) return state.SkipWithError("no implementation takes this problem");
    for (auto _ : state) {
      if (Status status = plan.chosen->run(context(), problem, args); !status) {
        return state.SkipWithError(status.error().message.c_str());
      }
    }
    state.SetLabel(std::string(plan.chosen->name) + " on " + device().info().id);
  }

 private:
  Bed();
  const void* place_bytes(std::span<const std::byte> bytes);
  void* make_bytes(int64_t bytes);
  struct State;
  State* state_;  // lives to the end of the program
};

}  // namespace assay::bench
