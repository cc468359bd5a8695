// What this machine can do at most, measured in the same program as what is compared with it.
#pragma once

#include "kernels/base/executor.h"

namespace assay::bench {

// Bytes per second of a[i] = b[i] + s * c[i] on doubles far larger than the caches, the write
// counted once, on the executor's threads. The best of several runs.
double triad_bytes_per_second(Executor& executor);

// f32 operations per second of independent fused multiply-adds in registers, an FMA counted as
// two, with the widest vectors that the ops use.
double fma_flops_per_second(Executor& executor);

// Additions per second of packed 64-bit words to the bins of a table of 1,000,000 x 28 cells of 255
// codes, row by row in a plain loop, a histogram for each thread: what building histograms is made
// of.
double histogram_updates_per_second(Executor& executor);

}  // namespace assay::bench
