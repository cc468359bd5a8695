// What still works on a full disk must tell a full disk from other failures. Plain functions.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// Whether an `io` error of the file layer says that the disk, or the user's share of it, is full.
inline bool is_full_disk(const Error& error) {
  const auto says = [&](int reason) {
    return error.message.find(std::generic_category().message(reason)) != std::string::npos;
  };
  return error.code == StatusCode::kIo && (says(ENOSPC) || says(EDQUOT));
}

// Removes the catalog for want of room: whatever reads it does without, and the next writer makes
// it anew.
inline void drop_caches(const Workspace& workspace) {
  for (const char* cache : {"catalog.h5", "catalog.wal"}) {
    (void)workspace.files().unlink(fmt::format("{}/{}", workspace.path(), cache));
  }
}

}  // namespace assay::tracking
