#include "backends/cpu/device.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "backends/cpu/big_buffer.h"
#include "backends/cpu/simd_target.h"

namespace assay::backends::cpu {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with("model name")) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "CPU";
}

}  // namespace

std::string cpu_name() { return fmt::format("{}, {}", processor_name(), simd_target_name()); }

CpuDevice::CpuDevice(int64_t memory_bytes) {
  info_.id = "cpu";
  info_.kind = "cpu";
  info_.name = cpu_name();
  info_.memory_bytes = memory_bytes;
  info_.shares_host_memory = true;
}

CpuDevice::~CpuDevice() {
  for (const auto& [address, bytes] : sizes_) std::free(address);
}

Result<void*> CpuDevice::allocate(int64_t bytes) {
  if (bytes <= 0) {
    return fail(StatusCode::kInvalidArgument, "cpu: allocation of {} bytes (must be positive)",
                bytes);
  }
  const std::lock_guard lock(mutex_);
  const int64_t free_bytes = info_.memory_bytes - held_bytes_;
  if (bytes > free_bytes) {
    return fail(StatusCode::kResourceExhausted, "cpu: allocation of {} bytes, {} of {} are free",
                bytes, free_bytes, info_.memory_bytes);
  }
  void* address = allocate_pages(static_cast<size_t>(bytes));
  if (address == nullptr) {
    return fail(StatusCode::kResourceExhausted,
                "cpu: the system refused {} bytes, though {} of the budget's {} are free", bytes,
                free_bytes, info_.memory_bytes);
  }
  sizes_.emplace(address, bytes);
  held_bytes_ += bytes;
  return address;
}

void CpuDevice::release(void* address) {
  if (address == nullptr) return;
  const std::lock_guard lock(mutex_);
  const auto found = sizes_.find(address);
  if (found == sizes_.end()) return;
  held_bytes_ -= found->second;
  sizes_.erase(found);
  std::free(address);
}

int64_t CpuDevice::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return held_bytes_;
}

Status CpuDevice::do_upload(void* target, std::span<const std::byte> bytes) {
  std::memcpy(target, bytes.data(), bytes.size());
  return {};
}

Status CpuDevice::do_download(std::span<std::byte> target, const void* source) {
  std::memcpy(target.data(), source, target.size());
  return {};
}

}  // namespace assay::backends::cpu
