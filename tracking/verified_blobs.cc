#include "tracking/verified_blobs.h"

#include "tracking/environment.h"

namespace assay::tracking {
namespace {

// Of file systems in use, none has coarser time stamps (FAT: 2 s).
constexpr int64_t kSettleNs = int64_t{2'000'000'000};

}  // namespace

bool VerifiedBlobs::holds(const std::string& sha256, const FileInfo& file) {
  const std::scoped_lock lock(mutex_);
  const auto it = seen_.find(sha256);
  return it != seen_.end() && it->second == seen(file);
}

void VerifiedBlobs::add(const std::string& sha256, const FileInfo& file) {
  if (file.modified_ns >= wall_time_ns() - kSettleNs) return;
  const std::scoped_lock lock(mutex_);
  seen_[sha256] = seen(file);
}

}  // namespace assay::tracking
