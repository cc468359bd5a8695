// One piece of memory shared with a device worker, and which parts of it are taken. Pages cost
// nothing until they are touched, and go back to the system when they are given back. Owns its file
// and mapping. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "kernels/base/status.h"

namespace assay::backends::xrt {

class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  // Fails: resource_exhausted.
  static Result<Arena> make(int64_t bytes);

  // The offset of `bytes` > 0 rounded up to whole pages; nothing if there is no such gap.
  std::optional<int64_t> take(int64_t bytes);
  // What `take` gave, of the same size.
  void give(int64_t offset, int64_t bytes);

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  int file() const { return file_; }

 private:
  int file_ = -1;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
  std::map<int64_t, int64_t> gaps_;  // bytes by offset, none touching
};

// Rounded up to whole pages.
int64_t whole_pages(int64_t bytes);

}  // namespace assay::backends::xrt
