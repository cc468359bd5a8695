// DeviceArray<T>: `size` elements that may live on the host, on a device, or on both. It knows
// where valid copies are; nothing moves unless `to_device` or `to_host` is called. On a device that
// shares the host's memory there is one copy and moves cost nothing. Owns its memory; not
// thread-safe; the device must outlive it.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/device.h"

namespace assay::kernels {

template <class T>
class DeviceArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  DeviceArray() = default;
  // Uninitialised memory on the device, and on the host too once asked for.
  static Result<DeviceArray> make(Device& device, int64_t size) {
    DeviceArray array;
    array.device_ = &device;
    array.size_ = size;
    if (size > 0) {
      ASSAY_ASSIGN_OR_RETURN(array.address_,
                             device.allocate(size * static_cast<int64_t>(sizeof(T))));
    }
    return array;
  }
  // A copy of `values` on the device.
  static Result<DeviceArray> copy_of(Device& device, std::span<const T> values) {
    ASSAY_ASSIGN_OR_RETURN(DeviceArray array, make(device, static_cast<int64_t>(values.size())));
    if (values.empty()) return array;
    if (array.shares()) {
      std::memcpy(array.address_, values.data(), values.size_bytes());
    } else {
      ASSAY_RETURN_IF_ERROR(device.upload(array.address_, std::as_bytes(values)));
    }
    return array;
  }

  DeviceArray(DeviceArray&& other) noexcept { swap(other); }
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    swap(other);
    return *this;
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() {
    if (address_ != nullptr) device_->release(address_);
  }

  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Device* device() const { return device_; }

  // The device's address, to be given to ops. Writing through it makes the host's copy stale:
  // call `wrote_device` after such an op.
  T* on_device() { return static_cast<T*>(address_); }
  const T* on_device() const { return static_cast<const T*>(address_); }
  void wrote_device() { host_valid_ = false; }

  // The host's copy, after `to_host`. On shared memory it is the array itself.
  Result<std::span<const T>> to_host() {
    ASSAY_RETURN_IF_ERROR(fetch());
    return std::span<const T>(host_pointer(), static_cast<size_t>(size_));
  }
  // The host's copy to be written; `to_device` must follow before an op reads it.
  Result<std::span<T>> to_host_for_writing() {
    ASSAY_RETURN_IF_ERROR(fetch());
    return std::span<T>(host_pointer(), static_cast<size_t>(size_));
  }
  // As above without fetching what the device holds: every element must be written.
  std::span<T> host_for_overwriting() {
    if (!shares()) host_.resize(static_cast<size_t>(size_));
    host_valid_ = true;
    return std::span<T>(host_pointer(), static_cast<size_t>(size_));
  }
  // Sends the host's copy.
  Status to_device() {
    if (shares() || size_ == 0) return {};
    if (!host_valid_) {
      return fail(StatusCode::kInternal, "device array: the host has no valid copy to send");
    }
    return device_->upload(address_, std::as_bytes(std::span<const T>(host_)));
  }
  // Gives the host's copy back; the device's stays.
  void drop_host() {
    host_.clear();
    host_.shrink_to_fit();
    host_valid_ = false;
  }

 private:
  bool shares() const { return device_ == nullptr || device_->info().shares_host_memory; }
  T* host_pointer() { return shares() ? static_cast<T*>(address_) : host_.data(); }
  Status fetch() {
    if (shares() || host_valid_ || size_ == 0) return {};
    host_.resize(static_cast<size_t>(size_));
    ASSAY_RETURN_IF_ERROR(device_->download(std::as_writable_bytes(std::span<T>(host_)), address_,
                                            size_ * static_cast<int64_t>(sizeof(T))));
    host_valid_ = true;
    return {};
  }
  void swap(DeviceArray& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    std::swap(host_, other.host_);
    std::swap(host_valid_, other.host_valid_);
  }

  Device* device_ = nullptr;
  void* address_ = nullptr;
  int64_t size_ = 0;
  std::vector<T> host_;
  bool host_valid_ = false;
};

}  // namespace assay::kernels
