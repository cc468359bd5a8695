// The folder in /tmp that a device worker runs in. Whoever made it holds a lock on a file of it
// that the system drops when this process ends, however it ends: what a killed owner left behind is
// known by that, and removed by whoever makes the next. Owned; not thread-safe.
#pragma once

#include <string>
#include <utility>

#include "kernels/base/status.h"

namespace assay::backends::xrt {

class RunFolder {
 public:
  RunFolder() = default;
  ~RunFolder() { remove(); }
  RunFolder(RunFolder&& other) noexcept { *this = std::move(other); }
  RunFolder& operator=(RunFolder&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(lock_, other.lock_);
    return *this;
  }

  // An empty folder but for the lock, after those of owners that are gone were removed, and what
  // still ran in them was killed. Fails: device.
  static Result<RunFolder> make();
  // Empty if there is none.
  const std::string& path() const { return path_; }
  void remove();

 private:
  std::string path_;
  int lock_ = -1;
};

}  // namespace assay::backends::xrt
