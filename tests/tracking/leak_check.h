// libgit2 loses some memory when it refuses a damaged repository, and when it looks for submodules.
// Tests that make it do so say that with one of these; memory that is lost elsewhere is still
// found.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define ASSAY_LEAKS_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASSAY_LEAKS_CHECKED 1
#endif
#endif

#ifdef ASSAY_LEAKS_CHECKED
#include <sanitizer/lsan_interface.h>
#endif

namespace assay::tracking {

// While it lives, allocations of this thread may leak.
class LibraryMayLeak {
 public:
#ifdef ASSAY_LEAKS_CHECKED
  LibraryMayLeak() { __lsan_disable(); }
  ~LibraryMayLeak() { __lsan_enable(); }
#else
  LibraryMayLeak() {}
  ~LibraryMayLeak() {}
#endif
  LibraryMayLeak(const LibraryMayLeak&) = delete;
  LibraryMayLeak& operator=(const LibraryMayLeak&) = delete;
};

}  // namespace assay::tracking
