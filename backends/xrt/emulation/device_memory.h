// The memory of the emulated device: buffers at addresses that the host chooses, each in pages of
// its own between pages that nobody may touch. What is freed stays out of reach for a while, so
// that a kernel that uses it faults, and `describe` can say what it hit. Fresh buffers hold a
// pattern and not zeros: what was never sent to the device must not pass for data. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <span>
#include <string>

namespace assay::backends::xrt::emulation {

class DeviceMemory {
 public:
  DeviceMemory() = default;
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  // False if the system has no memory, or a live buffer overlaps [address, address + bytes).
  bool allocate(uint64_t address, uint64_t bytes);
  // False if no live buffer begins at `address`.
  bool free(uint64_t address);
  // Where [address, address + bytes) of a live buffer is; null if it is not within one.
  std::byte* find(uint64_t address, uint64_t bytes) const;
  // What is at a place in this process's memory: "freed buffer 0x4000 at byte 16", or empty if it
  // is no buffer's.
  std::string describe(const void* place) const;

 private:
  struct Buffer {
    std::byte* mapping = nullptr;  // with a guard page on each side
    uint64_t mapped_bytes = 0;
    uint64_t bytes = 0;
    std::byte* data() const;
  };
  struct Freed {
    uint64_t address = 0;
    Buffer buffer;
  };
  const Buffer* find_buffer(uint64_t address, uint64_t bytes) const;

  mutable std::mutex mutex_;
  std::map<uint64_t, Buffer> live_;  // by device address
  std::deque<Freed> freed_;          // oldest first
};

}  // namespace assay::backends::xrt::emulation
