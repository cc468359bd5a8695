// A file layer in which some files and folders cannot be read, as by a process that lacks the
// rights: they are seen in their folders and can be moved, and stay unreadable wherever they are.
// (Rights themselves do not stop root, which tests may be.) Not thread-safe while deny() runs.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/tracking/observed_files.h"

namespace assay::tracking {

class UnreadableFiles final : public ObservedFiles {
 public:
  void deny(const std::string& path) { denied_.insert(ObservedFiles::stat(path)->inode); }

  Result<std::unique_ptr<File>> open(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(check(path));
    return ObservedFiles::open(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(check(path));
    return ObservedFiles::list(path);
  }
  Result<std::vector<FolderEntry>> scan(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(check(path));
    return ObservedFiles::scan(path);
  }

 protected:
  Status perform(const FileCall& call, Act act) override { return act(call); }

 private:
  Status check(const std::string& path) {
    const auto info = ObservedFiles::stat(path);
    if (!info || !denied_.contains(info->inode)) return {};
    return fail(StatusCode::kIo, "cannot open '{}': Permission denied", path);
  }

  std::set<uint64_t> denied_;
};

}  // namespace assay::tracking
