// One compute unit of the emulated device: a bank of registers, and a thread that runs the kernel
// when the start bit is written. Addresses among the arguments are translated to this process's
// memory; one that is no live buffer's ends the model with a note. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "backends/xrt/emulation/device_memory.h"
#include "backends/xrt/emulation/kernel_table.h"

namespace assay::backends::xrt::emulation {

class ComputeUnit {
 public:
  // The kernel's description and the memory must outlive it.
  ComputeUnit(const EmulatedKernel& kernel, int32_t number, const DeviceMemory& memory);
  ~ComputeUnit();
  ComputeUnit(const ComputeUnit&) = delete;
  ComputeUnit& operator=(const ComputeUnit&) = delete;

  const std::string& name() const { return name_; }
  // Writes registers; bit 0 of register 0 starts the kernel.
  void write(uint64_t offset, std::span<const std::byte> data);
  // `bytes` of registers: register 0 tells whether the unit runs (1), has run (6) or is idle (4).
  std::vector<std::byte> read(uint64_t offset, uint64_t bytes) const;

  // What the calling thread runs, for who reports a fault: null outside of kernels.
  static const ComputeUnit* running_here();
  const DeviceMemory& memory() const { return memory_; }

 private:
  enum class State { kIdle, kRunning, kDone };
  std::vector<uint64_t> arguments() const;
  void work();

  const EmulatedKernel& kernel_;
  std::string name_;
  const DeviceMemory& memory_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::byte> registers_;
  State state_ = State::kIdle;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace assay::backends::xrt::emulation
