// A file layer like a full disk. Not thread-safe.
#pragma once

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "tests/tracking/observed_files.h"

namespace assay::tracking {

// A full disk: nothing can be made or written. Names can be changed or not.
class FullDisk final : public ObservedFiles {
 public:
  explicit FullDisk(bool renames) : renames_(renames) {}
  int64_t refused = 0;

 protected:
  Status perform(const FileCall& call, Act act) override {
    const FileOperation what = call.operation;
    const bool works = what == FileOperation::kUnlink || what == FileOperation::kRemoveFolder ||
                       what == FileOperation::kSyncFolder ||
                       (renames_ && what == FileOperation::kRename) ||
                       (what == FileOperation::kMakeFolder && std::filesystem::exists(call.path));
    if (works) return act(call);
    ++refused;
    return fail(StatusCode::kIo, "cannot {} '{}': {}", verb_of(what), call.path,
                std::generic_category().message(ENOSPC));
  }

 private:
  const bool renames_;
};

}  // namespace assay::tracking
