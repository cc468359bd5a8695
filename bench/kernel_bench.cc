#include "bench/kernel_bench.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "backends/cpu/thread_pool.h"
#include "backends/devices.h"
#include "bench/ceilings.h"
#include "kernels/base/rng.h"

namespace assay::bench {
namespace {

[[noreturn]] void give_up(const Error& error) {
  std::fprintf(stderr, "kernel_bench: %s\n", error.message.c_str());
  std::exit(4);
}

template <class T>
T value_of(Result<T> result) {
  if (!result) give_up(result.error());
  return std::move(*result);
}

int wanted_threads() {
  const char* text = std::getenv("ASSAY_BENCH_THREADS");
  return text == nullptr ? usable_cpu_count() : std::atoi(text);
}

}  // namespace

bool on_gpu() {
  const char* name = std::getenv("ASSAY_BENCH_DEVICE");
  return name != nullptr && std::string_view(name).starts_with("cuda");
}

struct Bed::State {
  backends::DeviceSet set = value_of(backends::open_devices({}));
  backends::cpu::ThreadPool executor{wanted_threads()};
  kernels::Device* device = nullptr;
  std::vector<void*> placed;
  double triad = 0;
  double fma = 0;
};

Bed& Bed::instance() {
  static Bed bed;
  return bed;
}

Bed::Bed() : state_(new State) {
  const char* name = std::getenv("ASSAY_BENCH_DEVICE");
  state_->device = value_of(state_->set.find(name == nullptr ? "cpu" : name));
  state_->triad = triad_bytes_per_second(state_->executor);
  state_->fma = fma_flops_per_second(state_->executor);
  std::printf("device %s (%s), %d threads; triad %.1f GB/s, FMA %.0f GFLOP/s\n",
              state_->device->info().id.c_str(), state_->device->info().name.c_str(),
              state_->executor.thread_count(), state_->triad * 1e-9, state_->fma * 1e-9);
}

kernels::Device& Bed::device() { return *state_->device; }
const kernels::KernelSet& Bed::kernels() const { return state_->set.kernels(); }
kernels::OpContext Bed::context() { return {state_->device, &state_->executor, nullptr}; }

void* Bed::make_bytes(int64_t bytes) {
  void* address = value_of(state_->device->allocate(bytes));
  state_->placed.push_back(address);
  return address;
}

const void* Bed::place_bytes(std::span<const std::byte> bytes) {
  void* address = make_bytes(static_cast<int64_t>(bytes.size()));
  if (Status sent = state_->device->upload(address, bytes); !sent) give_up(sent.error());
  return address;
}

const float* Bed::draw(int64_t count, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(rng.next_u32() >> 8) * 0x1p-24f;
  return place(values);
}

void Bed::clear() {
  for (void* address : state_->placed) state_->device->release(address);
  state_->placed.clear();
}

void Bed::report_bytes(benchmark::State& state, double bytes) {
  using benchmark::Counter;
  state.counters["GB/s"] = Counter(bytes * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["of_triad"] = Counter(bytes / state_->triad, Counter::kIsIterationInvariantRate);
}

void Bed::report_flops(benchmark::State& state, double operations) {
  using benchmark::Counter;
  state.counters["GFLOP/s"] = Counter(operations * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["of_fma"] = Counter(operations / state_->fma, Counter::kIsIterationInvariantRate);
}

}  // namespace assay::bench
