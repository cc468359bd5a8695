#include "backends/xrt/arena.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "backends/xrt/worker_protocol.h"

namespace assay::backends::xrt {

int64_t whole_pages(int64_t bytes) {
  constexpr auto kPage = static_cast<int64_t>(kPageBytes);
  return (bytes + kPage - 1) / kPage * kPage;
}

Arena::~Arena() {
  if (data_ != nullptr) munmap(data_, static_cast<size_t>(bytes_));
  if (file_ >= 0) close(file_);
}

Arena::Arena(Arena&& other) noexcept { *this = std::move(other); }

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(gaps_, other.gaps_);
  return *this;
}

Result<Arena> Arena::make(int64_t bytes) {
  Arena arena;
  arena.bytes_ = whole_pages(bytes);
  arena.file_ = memfd_create("assay_fpga", MFD_CLOEXEC);
  const auto size = static_cast<size_t>(arena.bytes_);
  void* memory =
      arena.file_ < 0 || ftruncate(arena.file_, arena.bytes_) != 0
          ? MAP_FAILED
          : mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, arena.file_, 0);
  if (memory == MAP_FAILED) {
    return fail(StatusCode::kResourceExhausted, "the system refused {} bytes of shared memory",
                arena.bytes_);
  }
  arena.data_ = static_cast<std::byte*>(memory);
  arena.gaps_.emplace(0, arena.bytes_);
  return arena;
}

std::optional<int64_t> Arena::take(int64_t bytes) {
  const int64_t wanted = whole_pages(bytes);
  for (auto gap = gaps_.begin(); gap != gaps_.end(); ++gap) {
    const auto [offset, size] = *gap;
    if (size < wanted) continue;
    gaps_.erase(gap);
    if (size > wanted) gaps_.emplace(offset + wanted, size - wanted);
    return offset;
  }
  return std::nullopt;
}

void Arena::give(int64_t offset, int64_t bytes) {
  int64_t size = whole_pages(bytes);
  (void)fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size);
  const auto next = gaps_.lower_bound(offset);
  if (next != gaps_.end() && next->first == offset + size) {
    size += next->second;
    gaps_.erase(next);
  }
  const auto after = gaps_.lower_bound(offset);
  if (after != gaps_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == offset) {
      before->second += size;
      return;
    }
  }
  gaps_.emplace(offset, size);
}

}  // namespace assay::backends::xrt
