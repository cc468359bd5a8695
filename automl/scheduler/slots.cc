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
  const int used = static_cast<int>(std::clamp<int64_t>(slots, 1, threads));
  return {used, threads / used, static_cast<int>(std::clamp<int64_t>(roomy, 1, threads))};
}

}  // namespace assay::automl
