// Device: memory and identity of something that runs ops. Backends derive from it; learners see
// only this. Copies are explicit and counted. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "kernels/base/clock.h"
#include "kernels/base/executor.h"
#include "kernels/base/status.h"
#include "kernels/usage.h"

namespace assay::kernels {

// What a device is, as users name it.
struct DeviceInfo {
  std::string id;                   // "cpu", "cuda:0", "fpga:emu0"
  std::string kind;                 // "cpu", "cuda", "fpga"; an open set
  std::string name;                 // the maker's name, with the SIMD target for a CPU
  int64_t memory_bytes = 0;         // what may be planned with
  bool shares_host_memory = false;  // device addresses can be used by the host as they are
  bool emulated = false;            // results are real, speeds mean nothing
  bool untried = false;  // no device of the kind has run its code yet: "auto" leaves it alone
  // The file of what was loaded onto it, and which one it is: "assay.xclbin (uuid 12ab...)"; empty
  // where nothing is loaded, or it was not brought up yet.
  std::string image{};
  // Ops on trees take tables in the host's memory too (BinnedView::on_host).
  bool streams_tables = false;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;
  // Makes it ready, which else happens when it is first used. Fails: device.
  virtual Status bring_up() { return {}; }
  // How many threads can work with it side by side without waiting for each other.
  virtual int32_t lanes() const { return 1; }

  // `bytes` > 0, aligned to 64. Fails: resource_exhausted, with the bytes asked for and free.
  virtual Result<void*> allocate(int64_t bytes) = 0;
  virtual void release(void* address) = 0;

  // Both block. Fails: device.
  Status upload(void* target, std::span<const std::byte> bytes);
  Status download(std::span<std::byte> target, const void* source, int64_t bytes);

  // Bytes copied to and from the device since it was opened, which the caller's Usage has too. A
  // device that shares the host's memory copies too when asked; DeviceArray does not ask there.
  int64_t uploaded_bytes() const { return uploaded_bytes_.load(std::memory_order_relaxed); }
  int64_t downloaded_bytes() const { return downloaded_bytes_.load(std::memory_order_relaxed); }

 protected:
  virtual Status do_upload(void* target, std::span<const std::byte> bytes) = 0;
  virtual Status do_download(std::span<std::byte> target, const void* source) = 0;
  // Whether these two copy at once; if not, the device counts what it copies later.
  virtual bool copies_at_once() const { return true; }
  void count_upload(int64_t bytes);
  void count_download(int64_t bytes);

 private:
  std::atomic<int64_t> uploaded_bytes_{0};
  std::atomic<int64_t> downloaded_bytes_{0};
};

// Where and under what limits an op runs. Cheap to copy; owns nothing.
struct OpContext {
  Device* device = nullptr;
  Executor* executor = nullptr;     // threads of the host for this slot
  const StopToken* stop = nullptr;  // asked inside long ops, which then fail with `cancelled`
};

}  // namespace assay::kernels
