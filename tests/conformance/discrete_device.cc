#include "tests/conformance/discrete_device.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace assay::conformance {

DiscreteDevice::DiscreteDevice(std::string id, int64_t memory_bytes) {
  info_.id = std::move(id);
  info_.kind = "discrete";
  info_.name = "memory out of the host's reach";
  info_.memory_bytes = memory_bytes;
  info_.shares_host_memory = false;
  info_.emulated = true;
}

DiscreteDevice::~DiscreteDevice() {
  for (const auto& [address, mapping] : mappings_) {
    // Keys are addresses as numbers, so that an address inside a mapping can be looked up.
    unmap(reinterpret_cast<void*>(address), mapping);  // NOLINT(performance-no-int-to-ptr)
  }
}

Result<void*> DiscreteDevice::allocate(int64_t bytes) {
  if (bytes <= 0) {
    return fail(StatusCode::kInvalidArgument, "{}: allocation of {} bytes (must be positive)",
                info_.id, bytes);
  }
  const std::lock_guard lock(mutex_);
  ++allocations_;
  if (allocations_ >= fails_from_ && allocations_ < fails_to_) {
    return tl::unexpected<Error>(Error{failure_, info_.id + " is lost"});
  }
  if (bytes > info_.memory_bytes - held_bytes_) {
    return fail(StatusCode::kResourceExhausted, "{}: allocation of {} bytes, {} of {} are free",
                info_.id, bytes, info_.memory_bytes - held_bytes_, info_.memory_bytes);
  }
  const int64_t page = sysconf(_SC_PAGESIZE);
  Mapping mapping;
  mapping.bytes = bytes;
  mapping.mapped_bytes = (bytes + page - 1) / page * page;
  const auto mapped = static_cast<size_t>(mapping.mapped_bytes);
  const int file = memfd_create("assay_discrete", MFD_CLOEXEC);
  void* address = MAP_FAILED;
  void* twin = MAP_FAILED;
  if (file >= 0 && ftruncate(file, mapping.mapped_bytes) == 0) {
    address = mmap(nullptr, mapped, PROT_NONE, MAP_SHARED, file, 0);
    twin = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  if (file >= 0) close(file);
  if (address == MAP_FAILED || twin == MAP_FAILED) {
    if (address != MAP_FAILED) munmap(address, mapped);
    if (twin != MAP_FAILED) munmap(twin, mapped);
    return fail(StatusCode::kResourceExhausted, "{}: the system refused {} bytes", info_.id, bytes);
  }
  mapping.twin = static_cast<std::byte*>(twin);
  held_bytes_ += bytes;
  mappings_.emplace(reinterpret_cast<uintptr_t>(address), mapping);
  return address;
}

void DiscreteDevice::unmap(void* address, const Mapping& mapping) {
  munmap(address, static_cast<size_t>(mapping.mapped_bytes));
  munmap(mapping.twin, static_cast<size_t>(mapping.mapped_bytes));
}

void DiscreteDevice::release(void* address) {
  const std::lock_guard lock(mutex_);
  const auto found = mappings_.find(reinterpret_cast<uintptr_t>(address));
  if (found == mappings_.end()) return;
  unmap(address, found->second);
  held_bytes_ -= found->second.bytes;
  mappings_.erase(found);
}

int64_t DiscreteDevice::allocations() const {
  const std::lock_guard lock(mutex_);
  return allocations_;
}

void DiscreteDevice::fail_after(int64_t count, StatusCode code, int64_t times) {
  const std::lock_guard lock(mutex_);
  fails_from_ = allocations_ + count + 1;
  fails_to_ = fails_from_ + times;
  failure_ = code;
}

int64_t DiscreteDevice::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return held_bytes_;
}

std::byte* DiscreteDevice::find(const void* address, int64_t bytes) const {
  const std::lock_guard lock(mutex_);
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  auto after = mappings_.upper_bound(wanted);
  if (after == mappings_.begin()) return nullptr;
  --after;
  const auto offset = static_cast<int64_t>(wanted - after->first);
  return offset + bytes <= after->second.bytes ? after->second.twin + offset : nullptr;
}

void* DiscreteDevice::translate(const void* address) const { return find(address, 0); }

Status DiscreteDevice::do_upload(void* target, std::span<const std::byte> bytes) {
  std::byte* twin = find(target, static_cast<int64_t>(bytes.size()));
  if (twin == nullptr) {
    return fail(StatusCode::kDevice, "{}: upload of {} bytes to an address outside any allocation",
                info_.id, bytes.size());
  }
  std::memcpy(twin, bytes.data(), bytes.size());
  return {};
}

Status DiscreteDevice::do_download(std::span<std::byte> target, const void* source) {
  const std::byte* twin = find(source, static_cast<int64_t>(target.size()));
  if (twin == nullptr) {
    return fail(StatusCode::kDevice,
                "{}: download of {} bytes from an address outside any allocation", info_.id,
                target.size());
  }
  std::memcpy(target.data(), twin, target.size());
  return {};
}

}  // namespace assay::conformance
