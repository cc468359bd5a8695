#include "automl/cli/device_timing.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "automl/cli/interrupt.h"
#include "automl/cli/output.h"
#include "automl/config/calibration_file.h"
#include "backends/calibration_run.h"

namespace assay::automl::cli {
namespace {

int64_t wall_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Replaces what is known of the same device, or adds it.
void put(kernels::Calibration& calibration, kernels::DeviceCalibration device) {
  std::erase_if(calibration.devices, [&](const kernels::DeviceCalibration& known) {
    return known.kind == device.kind && known.device == device.device;
  });
  calibration.devices.push_back(std::move(device));
}

}  // namespace

Status calibrate_machine(const Invocation& invocation, Engine& engine) {
  const std::string path = calibration_path();
  if (path.empty()) return write_calibration(path, {});  // says what is missing
  kernels::Calibration calibration =
      engine.calibration().calibration.value_or(kernels::Calibration());
  calibration.processor = engine.devices().host().info().name;
  calibration.usable_cpus = usable_cpu_count();
  for (kernels::Device* device : engine.devices().devices()) {
    const kernels::DeviceInfo& info = device->info();
    if (info.emulated) {
      print_note(invocation, fmt::format("{} is emulated: it is not timed", info.id));
      continue;
    }
    print_note(invocation, fmt::format("timing {} ({})", info.id, info.name));
    const kernels::OpContext context{device, &engine.executor(), &stop_token()};
    auto timed = backends::calibrate_device(engine.devices().kernels(), context, invocation.clock);
    if (!timed) {
      const bool host = device == &engine.devices().host();
      if (host || stop_token().requested()) return tl::unexpected<Error>(std::move(timed.error()));
      print_note(invocation, fmt::format("{} is not timed: {}", info.id, timed.error().message));
      continue;
    }
    for (const std::string& failure : timed->failed) {
      print_note(invocation, fmt::format("{} is not timed for {}", info.id, failure));
    }
    put(calibration, std::move(timed->device));
  }
  calibration.made_ns = wall_ns();
  ASSAY_RETURN_IF_ERROR(write_calibration(path, calibration));
  engine.calibrate(std::move(calibration));
  print_note(invocation, path + " is written");
  return {};
}

}  // namespace assay::automl::cli
