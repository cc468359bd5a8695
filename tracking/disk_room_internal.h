// Room on disk taken before a library writes that cannot cope with a write that fails.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/base/status.h"

namespace assay::tracking {

// Of one file that is there. What is taken stays beyond the file's end, so its size does not
// change.
class DiskRoom {
 public:
  explicit DiskRoom(const std::string& path);
  ~DiskRoom();
  DiskRoom(const DiskRoom&) = delete;
  DiskRoom& operator=(const DiskRoom&) = delete;

  // Takes the room for a file of so many bytes, if that is more than was taken before. On file
  // systems that cannot, it does nothing. Fails: io if the disk is full or the file may not grow so
  // far (`ulimit -f`).
  Status reserve(int64_t bytes);
  // Gives back what is beyond the file's end.
  void give_back();

 private:
  std::string path_;
  int descriptor_ = -1;
  int64_t reserved_ = 0;
};

}  // namespace assay::tracking
