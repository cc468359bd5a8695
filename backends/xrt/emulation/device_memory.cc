#include "backends/xrt/emulation/device_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace assay::backends::xrt::emulation {
namespace {

constexpr size_t kFreedKept = 512;  // mappings are a limited resource
constexpr int kFreshByte = 0xCB;
// Larger buffers are not filled, which would touch all of their pages.
constexpr uint64_t kMostFilled = uint64_t{16} << 20;

uint64_t page_bytes() {
  static const auto bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

std::byte* DeviceMemory::Buffer::data() const { return mapping + page_bytes(); }

DeviceMemory::~DeviceMemory() {
  for (const auto& [address, buffer] : live_) munmap(buffer.mapping, buffer.mapped_bytes);
  for (const Freed& freed : freed_) munmap(freed.buffer.mapping, freed.buffer.mapped_bytes);
}

bool DeviceMemory::allocate(uint64_t address, uint64_t bytes) {
  const uint64_t page = page_bytes();
  if (bytes == 0 || bytes > UINT64_MAX / 2 || address > UINT64_MAX / 2) return false;
  const std::lock_guard lock(mutex_);
  const auto next = live_.lower_bound(address);
  if (next != live_.end() && next->first < address + bytes) return false;
  if (next != live_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second.bytes > address) return false;
  }
  Buffer buffer;
  buffer.bytes = bytes;
  const uint64_t inner = (bytes + page - 1) / page * page;
  buffer.mapped_bytes = inner + 2 * page;
  void* mapping = mmap(nullptr, buffer.mapped_bytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return false;
  buffer.mapping = static_cast<std::byte*>(mapping);
  if (mprotect(buffer.data(), inner, PROT_READ | PROT_WRITE) != 0) {
    munmap(mapping, buffer.mapped_bytes);
    return false;
  }
  if (inner <= kMostFilled) std::memset(buffer.data(), kFreshByte, inner);
  live_.emplace(address, buffer);
  return true;
}

bool DeviceMemory::free(uint64_t address) {
  const std::lock_guard lock(mutex_);
  const auto found = live_.find(address);
  if (found == live_.end()) return false;
  const Buffer& buffer = found->second;
  // New pages without rights in place of the old: the memory goes back to the system at once.
  mmap(buffer.mapping, buffer.mapped_bytes, PROT_NONE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  freed_.push_back({address, buffer});
  live_.erase(found);
  if (freed_.size() > kFreedKept) {
    munmap(freed_.front().buffer.mapping, freed_.front().buffer.mapped_bytes);
    freed_.pop_front();
  }
  return true;
}

const DeviceMemory::Buffer* DeviceMemory::find_buffer(uint64_t address, uint64_t bytes) const {
  auto after = live_.upper_bound(address);
  if (after == live_.begin()) return nullptr;
  --after;
  const uint64_t offset = address - after->first;
  const Buffer& buffer = after->second;
  return offset <= buffer.bytes && bytes <= buffer.bytes - offset ? &buffer : nullptr;
}

std::byte* DeviceMemory::find(uint64_t address, uint64_t bytes) const {
  const std::lock_guard lock(mutex_);
  const Buffer* buffer = find_buffer(address, bytes);
  if (buffer == nullptr) return nullptr;
  return buffer->data() + (address - std::prev(live_.upper_bound(address))->first);
}

std::string DeviceMemory::describe(const void* place) const {
  const std::lock_guard lock(mutex_);
  const auto at = reinterpret_cast<uintptr_t>(place);
  const auto name = [at](const Buffer& buffer, uint64_t address, const char* what) -> std::string {
    const auto first = reinterpret_cast<uintptr_t>(buffer.mapping);
    if (at < first || at >= first + buffer.mapped_bytes) return {};
    const auto byte = static_cast<int64_t>(at) - static_cast<int64_t>(first + page_bytes());
    return fmt::format("{} buffer 0x{:x} of {} bytes, at byte {}", what, address, buffer.bytes,
                       byte);
  };
  for (const auto& [address, buffer] : live_) {
    if (std::string text = name(buffer, address, "live"); !text.empty()) return text;
  }
  for (const Freed& freed : freed_) {
    if (std::string text = name(freed.buffer, freed.address, "freed"); !text.empty()) return text;
  }
  return {};
}

}  // namespace assay::backends::xrt::emulation
