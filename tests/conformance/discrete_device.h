// DiscreteDevice: a device whose memory the host must not touch. Every allocation is one piece of
// memory mapped twice: the address that `allocate` returns has no access rights, so that reading or
// writing it ends the process; the device's own code translates it with `translate`. Released
// addresses are unmapped. Copies are counted as on a real device. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "kernels/device.h"

namespace assay::conformance {

class DiscreteDevice final : public kernels::Device {
 public:
  // kind "discrete".
  DiscreteDevice(std::string id, int64_t memory_bytes);
  ~DiscreteDevice() override;

  const kernels::DeviceInfo& info() const override { return info_; }
  Result<void*> allocate(int64_t bytes) override;
  void release(void* address) override;
  int64_t held_bytes() const;
  // Allocations that were asked for; and of those after so many more `times` fail, as on a device
  // that is lost (kDevice) or full.
  int64_t allocations() const;
  void fail_after(int64_t count, StatusCode code, int64_t times = 1);
  // For who makes it another kind of device before anybody asks.
  kernels::DeviceInfo& own_info() { return info_; }

  // The readable twin of an address in an allocation. An address that is not in one is given back
  // as null.
  void* translate(const void* address) const;
  template <class T>
  T* translate(T* address) const {
    return static_cast<T*>(translate(static_cast<const void*>(address)));
  }

 protected:
  Status do_upload(void* target, std::span<const std::byte> bytes) override;
  Status do_download(std::span<std::byte> target, const void* source) override;

 private:
  struct Mapping {
    std::byte* twin = nullptr;
    int64_t mapped_bytes = 0;
    int64_t bytes = 0;
  };
  // The twin of [address, address + bytes), or null.
  std::byte* find(const void* address, int64_t bytes) const;
  void unmap(void* address, const Mapping& mapping);

  kernels::DeviceInfo info_;
  mutable std::mutex mutex_;
  int64_t held_bytes_ = 0;
  int64_t allocations_ = 0;
  int64_t fails_from_ = 0;  // which allocation, and the first that does not
  int64_t fails_to_ = 0;
  StatusCode failure_ = StatusCode::kDevice;
  std::map<uintptr_t, Mapping> mappings_;
};

}  // namespace assay::conformance
