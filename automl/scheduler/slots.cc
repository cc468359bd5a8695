#include "automl/scheduler/slots.h"

#include <algorithm>

namespace assay::automl {

SlotPlan plan_slots(const SlotRequest& request) {
  const int threads = std::max(request.threads, 1);
  int64_t slots = request.wanted_slots;
  int64_t roomy = slots;
  if (slots <= 0) {
    const int64_t wanted_threads = std::clamp<int64_t>(request.cells / kCellsPerThread, 1, threads);
    roomy = slots = threads / wanted_threads;
    if (request.memory_bytes > 0 && request.bytes_per_trial > 0) {
      slots = std::min(slots, request.memory_bytes / request.bytes_per_trial);
    }
  }
  const auto least = static_cast<int64_t>(request.device_count);
  const auto within = [&](int64_t count) {
    return static_cast<int>(std::max(std::clamp<int64_t>(count, 1, threads), least));
  };
  SlotPlan plan;
  plan.slots = within(slots);
  plan.threads_per_slot = std::max(1, threads / plan.slots);
  plan.without_memory_limit = within(roomy);
  for (size_t slot = 0; slot < static_cast<size_t>(plan.slots); ++slot) {
    const bool first = slot < request.device_count;
    plan.devices.push_back(first ? slot : request.host.value_or(slot % request.device_count));
  }
  return plan;
}

}  // namespace assay::automl
