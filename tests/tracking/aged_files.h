// The real file system, on which folders look as if nothing had changed in them for a while: the
// catalog trusts a folder's times only two seconds after a change, and a test does not wait. Counts
// what lists cost.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "kernels/base/file_layer.h"

namespace assay::tracking {

class AgedFiles final : public FileLayer {
 public:
  std::atomic<int> run_files_opened{0};
  std::atomic<int> folders_listed{0};
  bool aged = true;
  bool writable = true;

  void restart() { run_files_opened = folders_listed = 0; }

  Result<std::unique_ptr<File>> create(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(check(path));
    return real_.create(path);
  }
  Result<std::unique_ptr<File>> open(const std::string& path) override {
    if (path.find("/runs/") != std::string::npos) ++run_files_opened;
    return real_.open(path);
  }
  Result<std::unique_ptr<File>> open_append(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(check(path));
    return real_.open_append(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    ASSAY_RETURN_IF_ERROR(check(to));
    return real_.rename(from, to);
  }
  Status link(const std::string& from, const std::string& to) override {
    ASSAY_RETURN_IF_ERROR(check(to));
    return real_.link(from, to);
  }
  Status unlink(const std::string& path) override { return real_.unlink(path); }
  Status make_folder(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(check(path));
    return real_.make_folder(path);
  }
  Status remove_folder(const std::string& path) override { return real_.remove_folder(path); }
  Status sync_folder(const std::string& path) override { return real_.sync_folder(path); }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return real_.list(path);
  }
  bool exists(const std::string& path) override { return real_.exists(path); }
  Result<FileInfo> stat(const std::string& path) override {
    auto info = real_.stat(path);
    if (info && info->folder && aged) {
      info->modified_ns -= kAgeNs;
      info->changed_ns -= kAgeNs;
    }
    return info;
  }
  Result<std::vector<FolderEntry>> scan(const std::string& path) override {
    // Of writers there are few; runs have 256 folders.
    if (path.find("/runs") != std::string::npos) ++folders_listed;
    return real_.scan(path);
  }

 private:
  static constexpr int64_t kAgeNs = int64_t{60} * 1'000'000'000;

  Status check(const std::string& path) const {
    if (writable) return {};
    return fail(StatusCode::kIo, "cannot write '{}': Read-only file system", path);
  }

  PosixFileLayer real_;
};

}  // namespace assay::tracking
