// The parallel loop of the CPU ops: chunks of a range on the context's executor, with the stop
// token asked before each chunk.
#pragma once

#include <cstdint>

#include "kernels/device.h"

namespace assay::backends::cpu {

// Calls body(chunk, thread) for every chunk in [0, chunk_count). Fails: cancelled if the context's
// stop token asks (chunks not begun are left out), and as Executor::parallel_for.
Status for_chunks(const kernels::OpContext& context, int64_t chunk_count,
                  FunctionRef<void(int64_t chunk, int thread)> body);

}  // namespace assay::backends::cpu
