// What still works on a full disk must tell a full disk from other failures. Plain functions.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

#include "kernels/base/status.h"

namespace assay::tracking {

// Whether an `io` error of the file layer says that the disk, or the user's share of it, is full.
inline bool is_full_disk(const Error& error) {
  const auto says = [&](int reason) {
    return error.message.find(std::generic_category().message(reason)) != std::string::npos;
  };
  return error.code == StatusCode::kIo && (says(ENOSPC) || says(EDQUOT));
}

}  // namespace assay::tracking
