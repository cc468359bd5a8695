#include "automl/scheduler/free_memory.h"

#include <malloc.h>

namespace assay::automl {

void return_free_memory(int64_t least_bytes) {
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 33)
  if (static_cast<int64_t>(mallinfo2().fordblks) < least_bytes) return;
#endif
  malloc_trim(0);
#endif
  (void)least_bytes;
}

}  // namespace assay::automl
