// The devices of this process and the kernels that run on them. The composition root makes the set
// once at start; devices of a kind are looked for when the kind is first asked for, and a device is
// brought up when it is chosen, so that a command that computes on the CPU, or not at all, touches
// no other. The one visible list of backends is in devices.cc.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/calibration.h"
#include "kernels/kernel_set.h"

namespace assay::backends {

struct DeviceOptions {
  int64_t memory_bytes = 0;   // the CPU's budget; 0: what the process may use
  std::string fpga_xclbin{};  // what FPGA cards are used with; empty: what ASSAY_FPGA_XCLBIN names
};

// A kind of device that did not open, and why.
struct UnavailableDevice {
  std::string kind;  // "cuda"
  std::string reason;
};

// What there is of a kind of devices.
struct FoundDevices {
  std::vector<std::unique_ptr<kernels::Device>> devices;  // by number
  std::vector<std::string> unavailable;                   // why what else is there cannot be used
  // What was looked for in vain, for who asks for a device of the kind by a number ("cuda:1") that
  // is not there; may be empty.
  std::string missing;
};

// A kind of devices beside the CPU, and how to find them; `find` is called once at most.
struct DeviceKind {
  std::string kind;
  std::function<FoundDevices()> find;
};

// Owns the devices. Thread-safe.
class DeviceSet {
 public:
  DeviceSet(std::unique_ptr<kernels::Device> host, std::vector<DeviceKind> kinds,
            kernels::KernelSet kernels);
  ~DeviceSet();
  DeviceSet(DeviceSet&&) noexcept;
  DeviceSet& operator=(DeviceSet&&) noexcept;

  // The CPU; always there.
  kernels::Device& host() const { return *host_; }
  const kernels::KernelSet& kernels() const { return kernels_; }
  // From now on costs are what they were measured to be. Before any other use of the set.
  void calibrate(const kernels::Calibration& calibration);
  // Every device that was found, the CPU first, then by kind and number: looks for all kinds, and
  // brings up none.
  std::vector<kernels::Device*> devices() const;
  std::vector<UnavailableDevice> unavailable() const;

  // The device that `name` means, in any case, brought up: an id ("cuda:0") is that device; a kind
  // ("cuda") is its first one that can be brought up; "auto" is the first of all that can and is
  // neither emulated nor untried, else the CPU. Fails: device if the kind is known and there is no
  // such device, or it cannot be brought up, with the reason; config if a setting of the user's is
  // what keeps it from that; invalid_argument for any other name, with the nearest one.
  Result<kernels::Device*> find(std::string_view name) const;
  // The devices of a list, "cpu,fpga:emu0", in its order; at least one. "auto" stands alone, and is
  // all that `find` might take for it, the CPU first. Fails: as `find`; invalid_argument for a
  // device that is named twice.
  Result<std::vector<kernels::Device*>> find_all(std::string_view list) const;

 private:
  struct Kind;
  // Of the kind, looked for now if that was not done.
  const FoundDevices& found(Kind& kind) const;
  Result<kernels::Device*> first_of(Kind& kind, std::string_view name) const;
  // The cards that "auto" may mean and that can be brought up: all, or one.
  std::vector<kernels::Device*> usable_cards(bool all) const;
  Error unknown(std::string_view name) const;

  std::unique_ptr<kernels::Device> host_;
  std::vector<std::unique_ptr<Kind>> kinds_;
  kernels::KernelSet kernels_;
};

// The CPU and every other kind of device, with the kernel set filled. Fails: invalid_argument for
// negative memory_bytes. A kind that cannot be had is listed in `unavailable`, and is no failure.
Result<DeviceSet> open_devices(const DeviceOptions& options);

// Becomes the process that owns an FPGA card, which the engine starts by itself and talks to over a
// socket that it inherits. Returns only where that fails: device.
Status become_device_worker();

}  // namespace assay::backends
