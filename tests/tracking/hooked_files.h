// A file layer that asks before each changing operation: a test can let it wait, or fail.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/file_layer.h"

namespace assay::tracking {

class HookedFiles final : public FileLayer {
 public:
  // Called from any thread with create, append, sync, rename, link, unlink, make_folder,
  // sync_folder or remove_folder and the path; an error is what the operation gives.
  using Hook = std::function<Status(std::string_view operation, const std::string& path)>;
  explicit HookedFiles(Hook hook) : hook_(std::move(hook)) {}

  Result<std::unique_ptr<File>> create(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(hook_("create", path));
    ASSAY_ASSIGN_OR_RETURN(auto file, real_.create(path));
    return std::make_unique<HookedFile>(*this, std::move(file), path);
  }
  Result<std::unique_ptr<File>> open(const std::string& path) override { return real_.open(path); }
  Result<std::unique_ptr<File>> open_append(const std::string& path) override {
    ASSAY_ASSIGN_OR_RETURN(auto file, real_.open_append(path));
    return std::make_unique<HookedFile>(*this, std::move(file), path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    ASSAY_RETURN_IF_ERROR(hook_("rename", to));
    return real_.rename(from, to);
  }
  Status link(const std::string& from, const std::string& to) override {
    ASSAY_RETURN_IF_ERROR(hook_("link", to));
    return real_.link(from, to);
  }
  Status unlink(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(hook_("unlink", path));
    return real_.unlink(path);
  }
  Status make_folder(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(hook_("make_folder", path));
    return real_.make_folder(path);
  }
  Status sync_folder(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(hook_("sync_folder", path));
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
  Status remove_folder(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(hook_("remove_folder", path));
    return real_.remove_folder(path);
  }

 private:
  class HookedFile final : public File {
   public:
    HookedFile(HookedFiles& owner, std::unique_ptr<File> real, std::string path)
        : owner_(owner), real_(std::move(real)), path_(std::move(path)) {}
    Status append(std::span<const std::byte> bytes) override {
      ASSAY_RETURN_IF_ERROR(owner_.hook_("append", path_));
      return real_->append(bytes);
    }
    Status sync() override {
      ASSAY_RETURN_IF_ERROR(owner_.hook_("sync", path_));
      return real_->sync();
    }
    Result<int64_t> read_at(int64_t offset, std::span<std::byte> bytes) override {
      return real_->read_at(offset, bytes);
    }
    Result<int64_t> size() override { return real_->size(); }

   private:
    HookedFiles& owner_;
    std::unique_ptr<File> real_;
    std::string path_;
  };

  Hook hook_;
  PosixFileLayer real_;
};

// Lets a test stop a thread at a point and go on later.
class Barrier {
 public:
  // Of the thread: says that it is here and waits for open().
  void arrive() {
    std::unique_lock lock(mutex_);
    arrived_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void await_arrival() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return arrived_; });
  }
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool arrived_ = false;
  bool open_ = false;
};

}  // namespace assay::tracking
