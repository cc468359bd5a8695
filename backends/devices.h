// The devices of this process and the kernels that run on them, opened once at start by the
// composition root. The one visible list of backends is in devices.cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernel_set.h"

namespace assay::backends {

struct DeviceOptions {
  int64_t memory_bytes = 0;  // the CPU's budget; 0: what the process may use
};

// A kind of device that did not open, and why.
struct UnavailableDevice {
  std::string kind;  // "cuda"
  std::string reason;
};

// Owns the devices. Read-only after opening, so thread-safe.
class DeviceSet {
 public:
  // The CPU; always there.
  kernels::Device& host() const { return *devices_.front(); }
  // Every device that opened: the CPU first, then by kind and number.
  std::span<const std::unique_ptr<kernels::Device>> devices() const { return devices_; }
  std::span<const UnavailableDevice> unavailable() const { return unavailable_; }
  const kernels::KernelSet& kernels() const { return kernels_; }

  // The device that `name` means, in any case: "auto" is the first accelerator that is neither
  // emulated nor untried, else the CPU; an id ("cuda:0") is that device; a kind ("cuda") is its
  // first device. Fails: device if the kind is known and there is no such device, with the reason;
  // invalid_argument for any other name, with the nearest one.
  Result<kernels::Device*> find(std::string_view name) const;

  // As open_devices, with devices given (at least one, the host first): for tests.
  static DeviceSet of(std::vector<std::unique_ptr<kernels::Device>> devices,
                      std::vector<UnavailableDevice> unavailable, kernels::KernelSet kernels);

 private:
  DeviceSet() = default;
  std::vector<std::unique_ptr<kernels::Device>> devices_;
  std::vector<UnavailableDevice> unavailable_;
  kernels::KernelSet kernels_;
};

// Opens every backend and fills the kernel set. Fails: invalid_argument for negative memory_bytes.
// A backend that does not open is listed in `unavailable`, and is no failure.
Result<DeviceSet> open_devices(const DeviceOptions& options);

// Becomes the process that owns an FPGA card, which the engine starts by itself and talks to over a
// socket that it inherits. Returns only where that fails: device.
Status become_device_worker();

}  // namespace assay::backends
