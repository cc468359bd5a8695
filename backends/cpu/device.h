// CpuDevice: the host as a device. Its addresses are the host's, memory is aligned to 64 bytes, and
// a byte budget limits what may be held at once. Owns what `allocate` gave until `release`.
// Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "kernels/device.h"

namespace assay::backends::cpu {

class CpuDevice final : public kernels::Device {
 public:
  // `memory_bytes` > 0: the budget.
  explicit CpuDevice(int64_t memory_bytes);
  ~CpuDevice() override;
  CpuDevice(const CpuDevice&) = delete;
  CpuDevice& operator=(const CpuDevice&) = delete;

  const kernels::DeviceInfo& info() const override { return info_; }
  // Fails: invalid_argument for `bytes` <= 0; resource_exhausted, with the bytes asked for and
  // free.
  Result<void*> allocate(int64_t bytes) override;
  // `address` is null or from `allocate`.
  void release(void* address) override;
  // Bytes allocated and not released.
  int64_t held_bytes() const;

 protected:
  Status do_upload(void* target, std::span<const std::byte> bytes) override;
  Status do_download(std::span<std::byte> target, const void* source) override;

 private:
  kernels::DeviceInfo info_;
  mutable std::mutex mutex_;
  int64_t held_bytes_ = 0;
  std::unordered_map<void*, int64_t> sizes_;
};

// "Intel(R) Xeon(R) Processor, AVX3": the processor's name and the SIMD target its ops use.
std::string cpu_name();

}  // namespace assay::backends::cpu
