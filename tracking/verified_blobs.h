// Which blobs this process has read and found whole, so that one that is stored again and again is
// hashed once. A file counts as the one that was read while its inode, size and time of change are
// the same; one that changed in the two seconds before it was read is not remembered, for a later
// change might not show in its times. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "kernels/base/file_layer.h"

namespace assay::tracking {

class VerifiedBlobs {
 public:
  bool holds(const std::string& sha256, const FileInfo& file);
  // `file`: as stat() said before it was read.
  void add(const std::string& sha256, const FileInfo& file);

 private:
  struct Seen {
    uint64_t inode = 0;
    int64_t size = 0;
    int64_t modified_ns = 0;
    bool operator==(const Seen&) const = default;
  };
  static Seen seen(const FileInfo& file) { return {file.inode, file.size, file.modified_ns}; }

  std::mutex mutex_;
  std::map<std::string, Seen> seen_;
};

}  // namespace assay::tracking
