#include "automl/cli/engine.h"

#include <algorithm>

#include "automl/config/units.h"
#include "backends/cpu/thread_pool.h"
#include "kernels/base/names.h"

namespace assay::automl::cli {

Result<std::unique_ptr<Engine>> Engine::open(const EngineOptions& options) {
  const int usable = usable_cpu_count();
  const int64_t usable_memory = usable_memory_bytes();
  const int64_t memory = options.memory_bytes > 0 ? options.memory_bytes : usable_memory / 10 * 8;
  if (memory > usable_memory) {
    return fail(StatusCode::kInvalidArgument, "budget.memory={} (this process may use {} at most)",
                format_bytes(memory), format_bytes(usable_memory >> 20 << 20));
  }
  ASSAY_ASSIGN_OR_RETURN(auto devices, backends::open_devices({memory, options.fpga_xclbin}));
  std::unique_ptr<Engine> engine(new Engine(std::move(devices)));
  engine->calibration_ =
      read_calibration(calibration_path(), engine->devices_.host().info().name, usable);
  if (const auto& known = engine->calibration_.calibration) engine->devices_.calibrate(*known);
  const bool left = lower_case(options.device) == "auto";
  if (left && !options.several) {
    ASSAY_ASSIGN_OR_RETURN(kernels::Device* const device, engine->devices_.find(options.device));
    engine->chosen_ = {device};
  } else {
    auto chosen = engine->devices_.find_all(options.device);
    if (!chosen) return fail_with(std::move(chosen.error()), "device");
    engine->chosen_ = std::move(*chosen);
  }
  const std::vector<kernels::Device*>& chosen = engine->chosen_;
  if (chosen.size() > 1 && !options.several) {
    return fail(StatusCode::kInvalidArgument,
                "device: '{}' is a list, and this command computes on one device", options.device);
  }
  kernels::Device& host = engine->devices_.host();
  if (left && chosen.front() != &host) engine->spare_ = {&host};
  engine->threads_ =
      options.threads > 0 ? static_cast<int>(std::min<int64_t>(options.threads, usable)) : usable;
  engine->memory_bytes_ = memory;
  engine->executor_ = make_executor(engine->threads_);
  return engine;
}

void Engine::calibrate(kernels::Calibration calibration) {
  devices_.calibrate(calibration);
  calibration_ = {std::move(calibration), {}};
}

kernels::ComputeContext Engine::context(const StopToken& stop) {
  return {&devices_.kernels(), chosen_.front(), &devices_.host(), executor_.get(), &stop};
}

std::unique_ptr<Executor> Engine::make_executor(int threads) {
  return std::make_unique<backends::cpu::ThreadPool>(threads);
}

}  // namespace assay::automl::cli
