#include "backends/cpu/big_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <new>

namespace assay::backends::cpu {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kLargePage = size_t{2} << 20;

// Freed buffers. When they are too many the oldest go.
class KeptPages {
 public:
  static KeptPages& instance() {
    static KeptPages* kept = new KeptPages;  // outlives every buffer
    return *kept;
  }

  void* take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    for (size_t i = blocks_.size(); i-- > 0;) {
      if (blocks_[i].bytes != bytes) continue;
      void* address = blocks_[i].address;
      blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i));
      total_ -= bytes;
      return address;
    }
    return nullptr;
  }

  bool give(void* address, size_t bytes) {
    if (bytes > kKeptPages / 2) return false;
    const std::lock_guard lock(mutex_);
    while (total_ + bytes > kKeptPages) {
      std::free(blocks_.front().address);
      total_ -= blocks_.front().bytes;
      blocks_.pop_front();
    }
    try {
      blocks_.push_back({address, bytes});
    } catch (const std::bad_alloc&) {
      return false;
    }
    total_ += bytes;
    return true;
  }

 private:
  struct Block {
    void* address;
    size_t bytes;
  };
  std::mutex mutex_;
  std::deque<Block> blocks_;
  size_t total_ = 0;
};

// Eight sizes between a power of two and the next: bootstrap samples of one table differ by a few
// rows, and buffers for them must count as equal, or each tree would leave its own behind.
size_t rounded_size(size_t bytes) {
  if (bytes > kKeptPages / 2) return bytes;  // not kept
  const size_t step = std::max(kLine, std::bit_floor(bytes) / 8);
  return (bytes + step - 1) / step * step;
}

}  // namespace

void* allocate_pages(size_t bytes) {
  const bool large = bytes >= 2 * kLargePage;
  const size_t padded = std::max(kLine, (bytes + kLine - 1) / kLine * kLine);
  void* address = nullptr;
  if (posix_memalign(&address, large ? kLargePage : kLine, padded) != 0) return nullptr;
  // Advice: a system without large pages works as well.
  if (large) (void)madvise(address, padded / kLargePage * kLargePage, MADV_HUGEPAGE);
  return address;
}

void* take_pages(size_t bytes) {
  void* kept = KeptPages::instance().take(rounded_size(bytes));
  return kept != nullptr ? kept : allocate_pages(rounded_size(bytes));
}

void give_pages(void* address, size_t bytes) {
  if (!KeptPages::instance().give(address, rounded_size(bytes))) std::free(address);
}

}  // namespace assay::backends::cpu
