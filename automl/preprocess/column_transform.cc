#include "automl/preprocess/column_transform.h"

#include <atomic>

namespace assay::automl {

Status for_chunks(int64_t count, const kernels::ComputeContext* context,
                  FunctionRef<void(int64_t chunk)> body) {
  SerialExecutor serial;
  Executor& executor = context == nullptr ? serial : *context->executor;
  const StopToken* stop = context == nullptr ? nullptr : context->stop;
  std::atomic<bool> stopped{false};
  ASSAY_RETURN_IF_ERROR(executor.parallel_for(count, [&](int64_t chunk, int) {
    if (stop != nullptr && stop->requested()) stopped = true;
    if (!stopped) body(chunk);
  }));
  if (stopped) return fail(StatusCode::kCancelled, "stopped while preparing features");
  return {};
}

}  // namespace assay::automl
