// An array of an op as kernels want it: at the beginning of a buffer, and there even if the op has
// none. Arrays that begin elsewhere in their buffer are copied to one of their own, and back if
// they are written. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "backends/xrt/xrt_device.h"

namespace assay::backends::xrt {

class Operand {
 public:
  Operand() = default;
  // `bytes` at `address`, which may be null if it is 0.
  static Result<Operand> make(XrtDevice& device, const void* address, int64_t bytes) {
    Operand operand;
    operand.device_ = &device;
    operand.given_ = address;
    operand.bytes_ = bytes;
    if (address != nullptr && device.offset_in_buffer(address) == 0) {
      operand.address_ = const_cast<void*>(address);
      return operand;
    }
    ASSAY_ASSIGN_OR_RETURN(operand.own_, device.allocate(std::max<int64_t>(1, bytes)));
    operand.address_ = operand.own_;
    if (bytes > 0) {
      ASSAY_RETURN_IF_ERROR(device.upload(
          operand.own_, {static_cast<const std::byte*>(address), static_cast<size_t>(bytes)}));
    }
    return operand;
  }
  Operand(Operand&& other) noexcept { *this = std::move(other); }
  Operand& operator=(Operand&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(given_, other.given_);
    std::swap(address_, other.address_);
    std::swap(own_, other.own_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Operand() {
    if (own_ != nullptr) device_->release(own_);
  }
  void* address() const { return address_; }
  int64_t bytes() const { return bytes_; }
  // Copies what was written, and fetched to the host's side, to where the op wants it.
  Status copy_back() const {
    if (own_ == nullptr || bytes_ == 0) return {};
    return device_->upload(const_cast<void*>(given_),
                           {static_cast<const std::byte*>(own_), static_cast<size_t>(bytes_)});
  }

 private:
  XrtDevice* device_ = nullptr;
  const void* given_ = nullptr;
  void* address_ = nullptr;
  void* own_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace assay::backends::xrt
