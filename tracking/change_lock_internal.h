// Between the look at a run that has ended and the rename that changes it, other processes stay
// away: without it two tags at once, or a tag and a deletion, could each undo the other although
// both were acknowledged.
#pragma once

#include "kernels/base/file_lock.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// What holds it for so long is stopped, and will find that it was taken over.
inline constexpr double kChangeLockSeconds = 10;

// Held until it goes out of scope.
class ChangeLock {
 public:
  explicit ChangeLock(const Workspace& workspace)
      : lock_(workspace.path() + "/WORKSPACE", kChangeLockSeconds) {}

 private:
  FileLock lock_;
};

}  // namespace assay::tracking
