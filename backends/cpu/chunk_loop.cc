#include "backends/cpu/chunk_loop.h"

#include <atomic>

namespace assay::backends::cpu {

Status for_chunks(const kernels::OpContext& context, int64_t chunk_count,
                  FunctionRef<void(int64_t chunk, int thread)> body) {
  std::atomic<bool> stopped{false};
  ASSAY_RETURN_IF_ERROR(context.executor->parallel_for(chunk_count, [&](int64_t chunk, int thread) {
    if (stopped.load(std::memory_order_relaxed)) return;
    if (context.stop != nullptr && context.stop->requested()) {
      stopped.store(true, std::memory_order_relaxed);
      return;
    }
    body(chunk, thread);
  }));
  if (stopped.load(std::memory_order_relaxed)) {
    return fail(StatusCode::kCancelled, "stopped by request");
  }
  return {};
}

}  // namespace assay::backends::cpu
