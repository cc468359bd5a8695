// PlacedArray<T>: a DeviceArray that ops on its own device and on the host take turns with. Ops of
// one fit may run on different devices (what a device does not declare is the host's work); each
// says where it wants the array, and a copy is made only if the last writer was elsewhere. Not
// thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "kernels/base/status.h"
#include "kernels/device_array.h"

namespace assay::automl {

template <class T>
class PlacedArray {
 public:
  PlacedArray() = default;
  static Result<PlacedArray> make(kernels::Device& home, int64_t size) {
    PlacedArray placed;
    ASSAY_ASSIGN_OR_RETURN(placed.array_, kernels::DeviceArray<T>::make(home, size));
    return placed;
  }
  // With these values, on the host until a device asks for them.
  static Result<PlacedArray> copy_of(kernels::Device& home, std::span<const T> values) {
    ASSAY_ASSIGN_OR_RETURN(PlacedArray placed, make(home, static_cast<int64_t>(values.size())));
    std::copy(values.begin(), values.end(), placed.host_overwrite().begin());
    return placed;
  }
  // Room for `count` elements, whose values are lost. What is there is kept if it is long enough
  // and not much longer, so that lengths that vary little ask for memory once; size() may be above
  // `count`.
  Status make_room(kernels::Device& home, int64_t count) {
    if (count <= size() && size() - count <= size() / 8) return {};
    *this = PlacedArray();  // gives its memory back before it asks for more
    ASSAY_ASSIGN_OR_RETURN(*this, make(home, count + count / 64));
    return {};
  }

  int64_t size() const { return array_.size(); }

  // `at` is the array's own device, or else the host's. Null for an empty array.
  Result<const T*> read_at(kernels::Device& at) {
    if (is_home(at)) {
      ASSAY_RETURN_IF_ERROR(send());
      return std::as_const(array_).on_device();
    }
    ASSAY_ASSIGN_OR_RETURN(const std::span<const T> values, array_.to_host());
    return values.data();
  }
  // For an op that reads and writes, or writes only some elements.
  Result<T*> update_at(kernels::Device& at) {
    if (is_home(at)) {
      ASSAY_RETURN_IF_ERROR(send());
      array_.wrote_device();
      return array_.on_device();
    }
    ASSAY_ASSIGN_OR_RETURN(const std::span<T> values, array_.to_host_for_writing());
    host_is_newer_ = true;
    return values.data();
  }
  // For an op that writes everything that will be read.
  T* overwrite_at(kernels::Device& at) {
    if (!is_home(at)) return host_overwrite().data();
    host_is_newer_ = false;
    array_.wrote_device();
    return array_.on_device();
  }

  Result<std::span<const T>> host_read() { return array_.to_host(); }
  Result<std::span<T>> host_update() {
    host_is_newer_ = true;
    return array_.to_host_for_writing();
  }
  std::span<T> host_overwrite() {
    host_is_newer_ = true;
    return array_.host_for_overwriting();
  }

 private:
  bool is_home(const kernels::Device& at) const { return &at == array_.device(); }
  Status send() {
    if (!host_is_newer_) return {};
    host_is_newer_ = false;
    return array_.to_device();
  }

  kernels::DeviceArray<T> array_;
  bool host_is_newer_ = false;
};

}  // namespace assay::automl
