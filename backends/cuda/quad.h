// Quad: four numbers of 32 bits side by side, which a thread of a GPU reads and writes at once.
#pragma once

#include <cstdint>

#include "kernels/base/host_device.h"

namespace assay::backends::cuda {

template <class T>
struct alignas(16) Quad {
  static_assert(sizeof(T) == 4);
  T at[4];
};

// `address` is a multiple of 16.
template <class T>
ASSAY_DEVICE Quad<T> load_quad(const T* address) {
  return *reinterpret_cast<const Quad<T>*>(address);
}
template <class T>
ASSAY_DEVICE void store_quad(T* address, const Quad<T>& quad) {
  *reinterpret_cast<Quad<T>*>(address) = quad;
}

}  // namespace assay::backends::cuda
