// A file layer whose n-th changing operation fails, and all later ones too if asked: a full or
// broken disk. A failing append leaves half of its bytes behind, as real disks do.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/file_layer.h"

namespace assay::tracking {

class FailingFiles final : public FileLayer {
 public:
  // Operations are counted from 0; -1: none fails.
  int64_t fail_at = -1;
  bool keep_failing = false;
  int64_t count() const { return count_.load(); }
  void restart(int64_t at, bool keep) {
    count_ = 0;
    fail_at = at;
    keep_failing = keep;
  }

  Result<std::unique_ptr<File>> create(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(step("create", path));
    ASSAY_ASSIGN_OR_RETURN(auto file, real_.create(path));
    return std::make_unique<FailingFile>(*this, std::move(file), path);
  }
  Result<std::unique_ptr<File>> open(const std::string& path) override { return real_.open(path); }
  Result<std::unique_ptr<File>> open_append(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(step("open", path));
    ASSAY_ASSIGN_OR_RETURN(auto file, real_.open_append(path));
    return std::make_unique<FailingFile>(*this, std::move(file), path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    ASSAY_RETURN_IF_ERROR(step("rename to", to));
    return real_.rename(from, to);
  }
  Status link(const std::string& from, const std::string& to) override {
    ASSAY_RETURN_IF_ERROR(step("link", to));
    return real_.link(from, to);
  }
  Status unlink(const std::string& path) override { return real_.unlink(path); }
  Status make_folder(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(step("create folder", path));
    return real_.make_folder(path);
  }
  Status sync_folder(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(step("sync folder", path));
    return real_.sync_folder(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return real_.list(path);
  }
  bool exists(const std::string& path) override { return real_.exists(path); }
  Result<FileInfo> stat(const std::string& path) override { return real_.stat(path); }
  Result<std::vector<FolderEntry>> scan(const std::string& path) override {
    return real_.scan(path);
  }
  Status remove_folder(const std::string& path) override { return real_.remove_folder(path); }

 private:
  class FailingFile final : public File {
   public:
    FailingFile(FailingFiles& owner, std::unique_ptr<File> real, std::string path)
        : owner_(owner), real_(std::move(real)), path_(std::move(path)) {}
    Status append(std::span<const std::byte> bytes) override {
      Status status = owner_.step("write", path_);
      if (!status) (void)real_->append(bytes.first(bytes.size() / 2));
      return status ? real_->append(bytes) : status;
    }
    Status sync() override {
      ASSAY_RETURN_IF_ERROR(owner_.step("sync", path_));
      return real_->sync();
    }
    Result<int64_t> read_at(int64_t offset, std::span<std::byte> bytes) override {
      return real_->read_at(offset, bytes);
    }
    Result<int64_t> size() override { return real_->size(); }

   private:
    FailingFiles& owner_;
    std::unique_ptr<File> real_;
    std::string path_;
  };

  Status step(const char* doing, const std::string& path) {
    const int64_t number = count_.fetch_add(1);
    const bool fails = fail_at >= 0 && (keep_failing ? number >= fail_at : number == fail_at);
    if (!fails) return {};
    return fail(StatusCode::kIo, "cannot {} '{}': No space left on device", doing, path);
  }

  PosixFileLayer real_;
  std::atomic<int64_t> count_{0};
};

}  // namespace assay::tracking
