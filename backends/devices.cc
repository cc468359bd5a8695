#include "backends/devices.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <span>
#include <utility>

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

constexpr std::string_view kAuto = "auto";

std::string device_list(std::span<kernels::Device* const> devices) {
  std::string list;
  for (const kernels::Device* device : devices) {
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

std::string kind_of(std::string_view name) { return std::string(name.substr(0, name.find(':'))); }

// What people call the kinds that Assay names by their interface; empty for others.
std::string_view other_name(std::string_view kind) {
  if (kind == "gpu" || kind == "nvidia") return "cuda";
  if (kind == "xrt" || kind == "xilinx" || kind == "alveo") return "fpga";
  return {};
}

// "cuda:1", as those who count cards write it; "fpga:emu0" is no number.
bool has_number(std::string_view name) {
  const size_t colon = name.find(':');
  return colon != std::string_view::npos && colon + 1 < name.size() &&
         name.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
}

FoundDevices find_gpus() {
  auto gpus = cuda::open_driver(cuda::module_paths()).and_then([](cuda::Driver* driver) {
    return cuda::open_gpus(*driver);
  });
  FoundDevices found;
  if (gpus) {
    found.devices = std::move(*gpus);
  } else {
    found.unavailable.push_back(gpus.error().message);
  }
  return found;
}

FoundDevices find_cards(int64_t memory_bytes, const std::string& xclbin) {
  xrt::FpgaDevices cards = xrt::open_fpga_devices(memory_bytes, xclbin);
  return {std::move(cards.devices), std::move(cards.unavailable), std::move(cards.no_card)};
}

}  // namespace

struct DeviceSet::Kind {
  DeviceKind how;
  std::once_flag looked;
  FoundDevices found;
};

DeviceSet::DeviceSet(std::unique_ptr<kernels::Device> host, std::vector<DeviceKind> kinds,
                     kernels::KernelSet kernels)
    : host_(std::move(host)), kernels_(std::move(kernels)) {
  for (DeviceKind& kind : kinds) {
    kinds_.push_back(std::make_unique<Kind>());
    kinds_.back()->how = std::move(kind);
  }
}
DeviceSet::~DeviceSet() = default;
DeviceSet::DeviceSet(DeviceSet&&) noexcept = default;
DeviceSet& DeviceSet::operator=(DeviceSet&&) noexcept = default;

void DeviceSet::calibrate(const kernels::Calibration& calibration) {
  kernels::apply_calibration(calibration, kernels_);
}

const FoundDevices& DeviceSet::found(Kind& kind) const {
  std::call_once(kind.looked, [&] { kind.found = kind.how.find(); });
  return kind.found;
}

std::vector<kernels::Device*> DeviceSet::devices() const {
  std::vector<kernels::Device*> all{host_.get()};
  for (const auto& kind : kinds_) {
    for (const auto& device : found(*kind).devices) all.push_back(device.get());
  }
  return all;
}

std::vector<UnavailableDevice> DeviceSet::unavailable() const {
  std::vector<UnavailableDevice> all;
  for (const auto& kind : kinds_) {
    for (const std::string& reason : found(*kind).unavailable) {
      all.push_back({kind->how.kind, reason});
    }
  }
  return all;
}

// `name` is the kind's, or the id of a device that may be of it.
Result<kernels::Device*> DeviceSet::first_of(Kind& kind, std::string_view name) const {
  const FoundDevices& there = found(kind);
  std::string reasons;
  for (const auto& device : there.devices) {
    if (name != kind.how.kind && name != device->info().id) continue;
    Status started = device->bring_up();
    if (started) return device.get();
    if (started.error().code == StatusCode::kConfig) {
      return tl::unexpected<Error>(std::move(started.error()));
    }
    reasons += (reasons.empty() ? "" : "; ") + started.error().message;
  }
  if (!reasons.empty()) return fail(StatusCode::kDevice, "{}", reasons);
  // A device that was asked for by its number may be another than those that cannot be used.
  const std::string missing =
      there.missing.empty() || !has_number(name) ? std::string() : "; " + there.missing;
  if (!there.unavailable.empty()) {
    return fail(StatusCode::kDevice, "device '{}' is not available: {}{}", name,
                fmt::join(there.unavailable, "; "), missing);
  }
  std::vector<std::string> ids;
  for (const auto& device : there.devices) ids.push_back(device->info().id);
  // Cards have numbers, and another one's is no slip of the pen.
  const std::string_view near = has_number(name) ? std::string_view() : nearest_name(name, ids);
  return fail(StatusCode::kDevice, "no device '{}'{} (there are: {}){}", name,
              near.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", near),
              device_list(devices()), missing);
}

std::vector<kernels::Device*> DeviceSet::usable_cards(bool all) const {
  std::vector<kernels::Device*> cards;
  for (kernels::Device* device : devices()) {
    const kernels::DeviceInfo& info = device->info();
    const bool fit = device != host_.get() && !info.emulated && !info.untried;
    if (!fit || !device->bring_up()) continue;
    cards.push_back(device);
    if (!all) break;
  }
  return cards;
}

Result<kernels::Device*> DeviceSet::find(std::string_view name) const {
  const std::string wanted = lower_case(name);
  if (wanted == host_->info().id) return host_.get();
  if (wanted == kAuto) {
    const std::vector<kernels::Device*> cards = usable_cards(false);
    return cards.empty() ? host_.get() : cards.front();
  }
  const std::string kind = kind_of(wanted);
  for (const auto& known : kinds_) {
    if (known->how.kind == kind) return first_of(*known, wanted);
  }
  return tl::unexpected<Error>(unknown(name));
}

Error DeviceSet::unknown(std::string_view name) const {
  const std::string wanted = lower_case(name);
  const std::vector<kernels::Device*> all = devices();
  std::vector<std::string> names{std::string(kAuto)};
  for (const kernels::Device* device : all) names.push_back(device->info().id);
  for (const auto& kind : kinds_) names.push_back(kind->how.kind);
  if (kind_of(wanted) == host_->info().kind) {
    return {StatusCode::kDevice,
            fmt::format("no device '{}' (there are: {})", name, device_list(all))};
  }
  const std::string_view meant = other_name(kind_of(wanted));
  // The first of the kind that is there, or what its first card would be called.
  std::string near =
      meant.empty() ? std::string(nearest_name(wanted, names)) : fmt::format("{}:0", meant);
  for (const kernels::Device* device : all) {
    if (device->info().kind != meant) continue;
    near = device->info().id;
    break;
  }
  return {StatusCode::kInvalidArgument,
          fmt::format("unknown device '{}'{}; there are: {}, {}{}", name,
                      near.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", near),
                      kAuto, device_list(all), missing_list(unavailable()))};
}

Result<std::vector<kernels::Device*>> DeviceSet::find_all(std::string_view list) const {
  std::vector<kernels::Device*> chosen;
  if (lower_case(list) == kAuto) {
    chosen = usable_cards(true);
    chosen.insert(chosen.begin(), host_.get());
    return chosen;
  }
  const bool alone = list.find(',') == std::string_view::npos;
  for (;;) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, comma);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!alone && lower_case(name) == kAuto) {
      return fail(StatusCode::kInvalidArgument,
                  "'{}' stands alone: a list of devices names them, such as 'cpu,cuda:0'", kAuto);
    }
    ASSAY_ASSIGN_OR_RETURN(kernels::Device* const device, find(name));
    const std::string& id = device->info().id;
    if (std::find(chosen.begin(), chosen.end(), device) != chosen.end()) {
      return fail(StatusCode::kInvalidArgument, "device '{}' is listed twice{}", name,
                  lower_case(name) == id ? std::string() : fmt::format(" (it is {})", id));
    }
    chosen.push_back(device);
    if (comma == list.size()) return chosen;
    list.remove_prefix(comma + 1);
  }
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
  kernels::KernelSet kernels;
  cpu::register_cpu_kernels(kernels);
  cuda::register_cuda_kernels(kernels);
  xrt::register_xrt_kernels(kernels);
  return DeviceSet(
      std::make_unique<cpu::CpuDevice>(memory_bytes),
      {{"cuda", find_gpus},
       {"fpga",
        [memory_bytes, xclbin = options.fpga_xclbin] { return find_cards(memory_bytes, xclbin); }}},
      std::move(kernels));
}

}  // namespace assay::backends
