// BigBuffer<T>: uninitialised memory for arrays that are read in no order, on large pages where the
// system grants them: most of the cost of a random access to small pages is finding the page.
// What is freed is kept for the next buffer of about that size, up to kKeptPages bytes in all: each
// tree wants what the tree before it had, and the system takes as long to clear pages as a tree
// takes to divide its rows.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

namespace assay::backends::cpu {

// `bytes` of memory, to be freed with std::free; null if there is none. From a few megabytes on it
// is aligned to, and asked for in, large pages; else aligned to 64.
void* allocate_pages(size_t bytes);

// The same with reuse, from any thread.
inline constexpr size_t kKeptPages = size_t{32} << 20;
void* take_pages(size_t bytes);
void give_pages(void* address, size_t bytes);

struct GivePages {
  size_t bytes = 0;
  void operator()(void* address) const { give_pages(address, bytes); }
};

template <class T>
class BigBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  BigBuffer() = default;
  // Throws std::bad_alloc.
  explicit BigBuffer(size_t size)
      : data_(static_cast<T*>(take_pages(size * sizeof(T))), GivePages{size * sizeof(T)}),
        size_(size) {
    if (data_ == nullptr) throw std::bad_alloc();
  }
  T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  T& operator[](size_t i) const { return data_.get()[i]; }

 private:
  std::unique_ptr<T, GivePages> data_;
  size_t size_ = 0;
};

}  // namespace assay::backends::cpu
