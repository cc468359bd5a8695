// When work in the background is in nobody's way: for threads whose work can wait, but whose locks
// others wait for. A low priority is no answer to that: on a busy machine such a thread is stopped
// for long in the middle of what it does, locks held, and its priority cannot be raised again
// without rights that few have. So the thread has the usual priority and chooses its moments: at
// once where a processor is idle, else seldom enough to take no more than a small share of one.
#pragma once

#include <cstdint>

namespace assay::tracking {

// Whether a processor has nothing to do, as far as can be told; false if it cannot.
bool has_idle_processor();

// Processor time of this thread so far.
int64_t thread_cpu_ns();

// How long to pause after work that took `cpu_ns`, so that it takes 1.5 % of a processor; between
// 5 ms and 2 s.
int64_t pause_after_ns(int64_t cpu_ns);

}  // namespace assay::tracking
