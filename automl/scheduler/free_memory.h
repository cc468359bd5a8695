// Memory that was freed and that the allocator keeps for later: large models leave holes in the
// heaps of the threads that made them.
#pragma once

#include <cstdint>

namespace assay::automl {

// Gives it back to the system if it is at least so much. Thread-safe.
void return_free_memory(int64_t least_bytes = 0);

}  // namespace assay::automl
