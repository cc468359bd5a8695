#include "backends/devices.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "backends/cpu/cpu_kernels.h"
#include "backends/cpu/device.h"
#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/module.h"
#include "backends/xrt/fpga_devices.h"
#include "backends/xrt/installation.h"
#include "backends/xrt/xrt_kernels.h"
#include "kernels/base/executor.h"
#include "kernels/base/names.h"

namespace assay::backends {
namespace {

std::string device_list(std::span<const std::unique_ptr<kernels::Device>> devices) {
  std::string list;
  for (const auto& device : devices) {
    list += (list.empty() ? "" : ", ") + device->info().id;
  }
  return list;
}

std::string missing_list(std::span<const UnavailableDevice> unavailable) {
  std::string list;
  for (const UnavailableDevice& missing : unavailable) {
    list +=
        fmt::format("{}{}: {}", list.empty() ? " (not " : "; not ", missing.kind, missing.reason);
  }
  return list.empty() ? list : list + ")";
}

void open_cuda(std::vector<std::unique_ptr<kernels::Device>>& devices,
               std::vector<UnavailableDevice>& unavailable) {
  auto gpus = cuda::open_driver(cuda::module_paths()).and_then([](cuda::Driver* driver) {
    return cuda::open_gpus(*driver);
  });
  if (!gpus) return unavailable.push_back({"cuda", gpus.error().message});
  for (auto& gpu : *gpus) devices.push_back(std::move(gpu));
}

}  // namespace

Result<kernels::Device*> DeviceSet::find(std::string_view name) const {
  const std::string wanted = lower_case(name);
  if (wanted == "auto") {
    for (const auto& device : devices_) {
      const kernels::DeviceInfo& info = device->info();
      if (info.kind != "cpu" && !info.emulated && !info.untried) return device.get();
    }
    return &host();
  }
  for (const auto& device : devices_) {
    if (wanted == device->info().id || wanted == device->info().kind) return device.get();
  }
  const std::string kind = wanted.substr(0, wanted.find(':'));
  for (const UnavailableDevice& missing : unavailable_) {
    if (kind == missing.kind) {
      return fail(StatusCode::kDevice, "device '{}' is not available: {}", name, missing.reason);
    }
  }
  std::vector<std::string> names{"auto"};
  for (const auto& device : devices_) {
    if (kind == device->info().kind) {
      return fail(StatusCode::kDevice, "no device '{}' (there are: {})", name,
                  device_list(devices_));
    }
    names.push_back(device->info().id);
    if (names.back() != device->info().kind) names.push_back(device->info().kind);
  }
  for (const UnavailableDevice& missing : unavailable_) names.push_back(missing.kind);
  // What people call the kinds that Assay names by their interface.
  const std::string_view near = kind == "gpu" || kind == "nvidia"   ? "cuda:0"
                                : kind == "xrt" || kind == "xilinx" ? "fpga:0"
                                                                    : nearest_name(wanted, names);
  return fail(StatusCode::kInvalidArgument, "unknown device '{}'{}; there are: auto, {}{}", name,
              near.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", near),
              device_list(devices_), missing_list(unavailable_));
}

DeviceSet DeviceSet::of(std::vector<std::unique_ptr<kernels::Device>> devices,
                        std::vector<UnavailableDevice> unavailable, kernels::KernelSet kernels) {
  DeviceSet set;
  set.devices_ = std::move(devices);
  set.unavailable_ = std::move(unavailable);
  set.kernels_ = std::move(kernels);
  return set;
}

Status become_device_worker() {
  ASSAY_ASSIGN_OR_RETURN(const xrt::Installation installation, xrt::find_installation());
  std::string program = installation.worker();
  char* arguments[] = {program.data(), nullptr};
  execv(program.c_str(), arguments);
  return fail(StatusCode::kDevice, "{} cannot be started: {}", program, std::strerror(errno));
}

Result<DeviceSet> open_devices(const DeviceOptions& options) {
  if (options.memory_bytes < 0) {
    return fail(StatusCode::kInvalidArgument, "memory_bytes={} (must be 0 or positive)",
                options.memory_bytes);
  }
  const int64_t memory_bytes =
      options.memory_bytes > 0 ? options.memory_bytes : usable_memory_bytes();
  std::vector<std::unique_ptr<kernels::Device>> devices;
  std::vector<UnavailableDevice> unavailable;
  kernels::KernelSet kernels;

  devices.push_back(std::make_unique<cpu::CpuDevice>(memory_bytes));
  cpu::register_cpu_kernels(kernels);
  open_cuda(devices, unavailable);
  cuda::register_cuda_kernels(kernels);
  xrt::FpgaDevices cards = xrt::open_fpga_devices(memory_bytes);
  for (auto& card : cards.devices) devices.push_back(std::move(card));
  for (std::string& reason : cards.unavailable) unavailable.push_back({"fpga", std::move(reason)});
  xrt::register_xrt_kernels(kernels);

  return DeviceSet::of(std::move(devices), std::move(unavailable), std::move(kernels));
}

}  // namespace assay::backends
