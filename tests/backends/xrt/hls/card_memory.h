// A card's memory as the kernels are promised it: buffers that begin at a multiple of 4 KiB and are
// as long, each with a length of its own that the test asks for. Owned; not copyable.
#pragma once

#include <ap_int.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "kernels/base/rng.h"

namespace assay::backends::xrt {

template <class T>
class CardArray {
 public:
  // `size` elements, and whatever the page has behind them, filled with `fill`.
  explicit CardArray(size_t size, T fill = T{})
      : size_(size),
        capacity_(std::max<size_t>(1, (size * sizeof(T) + kPage - 1) / kPage) * kPage / sizeof(T)),
        items_(static_cast<T*>(std::aligned_alloc(kPage, capacity_ * sizeof(T)))) {
    std::fill_n(items_.get(), capacity_, fill);
  }
  explicit CardArray(std::span<const T> items) : CardArray(items.size()) {
    std::copy(items.begin(), items.end(), items_.get());
  }

  T* data() { return items_.get(); }
  const T* data() const { return items_.get(); }
  ap_uint<512>* lines() { return reinterpret_cast<ap_uint<512>*>(items_.get()); }
  T& operator[](size_t i) { return items_.get()[i]; }
  const T& operator[](size_t i) const { return items_.get()[i]; }
  size_t size() const { return size_; }
  // With the rest of the last page.
  std::span<const T> whole() const { return {items_.get(), capacity_}; }
  std::span<const T> used() const { return {items_.get(), size_}; }

 private:
  static constexpr size_t kPage = 4096;
  struct Free {
    void operator()(T* items) const { std::free(items); }
  };
  size_t size_;
  size_t capacity_;
  std::unique_ptr<T, Free> items_;
};

template <class T>
CardArray<T> on_card(const std::vector<T>& items) {
  return CardArray<T>(std::span<const T>(items));
}

// A whole number in [low, high].
inline int64_t pick(Rng& rng, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low) + 1));
}

}  // namespace assay::backends::xrt
