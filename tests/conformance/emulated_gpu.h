// EmulatedDriver: the CUDA backend's Driver without a GPU, for tests. Sessions run the very kernel
// bodies of backends/cuda in the host's memory, block by block, each `Block::each` as a loop over
// the block's threads in an order that changes from launch to launch, so that what depends on the
// order of threads or blocks shows.
//
// A session does nothing when asked: operations wait in a queue until `await` or `finish`, as on a
// GPU, and loads in another one; of the two, what may be done early or late changes from wait to
// wait, so that an order that was not asked for shows. The memory of its GPU can be touched by no
// one else: outside of its own work it has no access rights. New memory and every block's shared
// memory hold garbage. Under AddressSanitizer what is not allocated is poisoned. Sessions of a GPU
// share its memory. Thread-safe, with one session at work at a time; the log is to be read when
// none is.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/cuda/driver.h"
#include "kernels/device.h"

namespace assay::conformance {

// What goes wrong, and what has happened, in all sessions of a driver.
struct EmulationLog {
  int64_t fail_at = -1;      // the call with this number, from 0, and if it is kLost all after it
  int32_t failing_gpu = -1;  // calls of this one alone fail; -1: of any
  backends::cuda::Outcome failure = backends::cuda::Outcome::kFailed;
  int64_t calls = 0;
  int64_t launches = 0;
  int64_t loads = 0;
  int64_t loads_beside_work = 0;  // that came before some of what was asked for earlier had to
  int64_t waits = 0;
  int64_t live_allocations = 0;
  int64_t live_pins = 0;
  int64_t open_sessions = 0;
};

class EmulatedDriver final : public backends::cuda::Driver {
 public:
  // GPUs of `memory_bytes` each; with none, the obstacle is that there is none.
  EmulatedDriver(int32_t gpu_count, int64_t memory_bytes)
      : gpu_count_(gpu_count), memory_bytes_(memory_bytes) {}

  const char* obstacle() override { return gpu_count_ == 0 ? "no GPU is emulated" : nullptr; }
  int32_t gpu_count() override { return gpu_count_; }
  bool describe(int32_t gpu, backends::cuda::GpuFacts* facts) override;
  backends::cuda::Session* open(int32_t gpu, backends::cuda::GpuFacts* facts) override;
  EmulationLog& log() { return log_; }

 private:
  int32_t gpu_count_;
  int64_t memory_bytes_;
  std::recursive_mutex mutex_;  // of all sessions
  EmulationLog log_;
  std::vector<std::weak_ptr<void>> arenas_;  // the memory of each GPU, while it has sessions
};

// A device "cuda:emu" of kind "cuda" on a driver of its own that lives as long.
struct EmulatedGpu {
  std::unique_ptr<EmulatedDriver> driver;
  std::unique_ptr<kernels::Device> device;
};
// `memory_bytes` may be planned with.
EmulatedGpu open_emulated_gpu(int64_t memory_bytes, int32_t lanes = 1);

}  // namespace assay::conformance
