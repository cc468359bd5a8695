// A lock between processes and threads on a file that is there: flock(2), which ends with the
// process that has it. Advisory, and a help rather than a promise: a file system may know no locks,
// and nobody waits for ever for a process that is stopped. Not thread-safe.
#pragma once

#include <string>

namespace assay {

class FileLock {
 public:
  // Waits until nobody else has it, `seconds` at most.
  FileLock(const std::string& path, double seconds);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  bool held() const { return held_; }

 private:
  int fd_ = -1;
  bool held_ = false;
};

}  // namespace assay
