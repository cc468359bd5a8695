// A parallel loop whose bodies may fail and may run ops: what they use counts as the caller's.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/executor.h"
#include "kernels/base/function_ref.h"
#include "kernels/base/status.h"
#include "kernels/usage.h"

namespace assay::kernels {

// Calls body(chunk) once for each chunk in [0, chunk_count), as Executor::parallel_for; all of
// them, whatever fails. Fails: as parallel_for; else with the first failure in the order of the
// chunks.
inline Status for_each_chunk(Executor& executor, int64_t chunk_count,
                             FunctionRef<Status(int64_t)> body) {
  Usage* const usage = Usage::current();
  std::vector<Status> statuses(static_cast<size_t>(chunk_count));
  ASSAY_RETURN_IF_ERROR(executor.parallel_for(chunk_count, [&](int64_t chunk, int) {
    const UsageScope scope(usage);
    statuses[static_cast<size_t>(chunk)] = body(chunk);
  }));
  for (Status& status : statuses) ASSAY_RETURN_IF_ERROR(std::move(status));
  return {};
}

}  // namespace assay::kernels
