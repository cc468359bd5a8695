// The exchange of growing trees: what a batch of work hands to the GPU and gets back lies in one
// piece of its memory, array behind array, so that a batch is one upload and one download. Not
// thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "backends/cuda/device.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {

// Arrays one behind the other, as one upload.
class Packing {
 public:
  static constexpr size_t kAlignment = 16;

  // The place of the array in bytes().
  template <class T>
  size_t add(const std::vector<T>& items) {
    const size_t offset = rounded(bytes_.size());
    bytes_.resize(offset + items.size() * sizeof(T));
    if (!items.empty()) {
      std::memcpy(bytes_.data() + offset, items.data(), items.size() * sizeof(T));
    }
    return offset;
  }
  std::span<const std::byte> bytes() const { return bytes_; }
  static size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

 private:
  std::vector<std::byte> bytes_;
};

// The address of an array in the exchange.
template <class T>
T* at(kernels::DeviceArray<std::byte>& exchange, size_t place) {
  return reinterpret_cast<T*>(exchange.on_device() + place);
}

// Makes room for `size` elements. What the array held may be lost. Fails: resource_exhausted,
// device.
template <class T>
Status make_room(CudaDevice& device, kernels::DeviceArray<T>& array, size_t size) {
  const auto wanted = static_cast<int64_t>(size);
  if (array.size() >= wanted) return {};
  const int64_t room = std::max(wanted, 2 * array.size());
  array = kernels::DeviceArray<T>();
  ASSAY_ASSIGN_OR_RETURN(array, kernels::DeviceArray<T>::make(device, room));
  return {};
}

// How many pieces of `size` hold `count`.
inline int64_t pieces_of(int64_t count, int64_t size) { return (count + size - 1) / size; }

inline int64_t count_of(const auto& items) { return static_cast<int64_t>(items.size()); }

}  // namespace assay::backends::cuda
