// A file layer on top of another that shows each changing call to a subclass before it is made: to
// count, refuse, drop, record or be killed at it. The one place in the tests that forwards every
// member of FileLayer. As thread-safe as `perform` is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/function_ref.h"

namespace assay::tracking {

enum class FileOperation {
  kCreate,
  kOpenAppend,
  kAppend,
  kSync,
  kRename,
  kLink,
  kUnlink,
  kMakeFolder,
  kRemoveFolder,
  kSyncFolder
};

struct FileCall {
  FileOperation operation = FileOperation::kCreate;
  std::string path{};  // what is made, written, synced or removed; the new name of a rename or link
  std::string from{};  // of a rename or link
  int64_t file = 0;    // of calls that open or use a file: its number, unique in the layer
  std::span<const std::byte> bytes{};  // append
};

// What the call does, as messages say it: "write", "rename to", ...
inline const char* verb_of(FileOperation operation) {
  switch (operation) {
    case FileOperation::kCreate:
      return "create";
    case FileOperation::kOpenAppend:
      return "open";
    case FileOperation::kAppend:
      return "write";
    case FileOperation::kSync:
      return "sync";
    case FileOperation::kRename:
      return "rename to";
    case FileOperation::kLink:
      return "link";
    case FileOperation::kUnlink:
      return "remove";
    case FileOperation::kMakeFolder:
      return "create folder";
    case FileOperation::kRemoveFolder:
      return "remove folder";
    case FileOperation::kSyncFolder:
      return "sync folder";
  }
  return "?";
}

class ObservedFiles : public FileLayer {
 public:
  // Makes a call on the layer below. May be given a call with fewer bytes than the caller's.
  using Act = FunctionRef<Status(const FileCall&)>;

  // `below` (nullptr: the real file system) must outlive this.
  explicit ObservedFiles(FileLayer* below = nullptr) : below_(below != nullptr ? *below : real_) {}

  Result<std::unique_ptr<File>> create(const std::string& path) final {
    return open_with({FileOperation::kCreate, path, "", ++last_file_},
                     [&] { return below_.create(path); });
  }
  Result<std::unique_ptr<File>> open_append(const std::string& path) final {
    return open_with({FileOperation::kOpenAppend, path, "", ++last_file_},
                     [&] { return below_.open_append(path); });
  }
  Result<std::unique_ptr<File>> open(const std::string& path) override { return below_.open(path); }
  Status rename(const std::string& from, const std::string& to) final {
    return perform({FileOperation::kRename, to, from},
                   [&](const FileCall&) { return below_.rename(from, to); });
  }
  Status link(const std::string& from, const std::string& to) final {
    return perform({FileOperation::kLink, to, from},
                   [&](const FileCall&) { return below_.link(from, to); });
  }
  Status unlink(const std::string& path) final {
    return perform({FileOperation::kUnlink, path},
                   [&](const FileCall&) { return below_.unlink(path); });
  }
  Status make_folder(const std::string& path) final {
    return perform({FileOperation::kMakeFolder, path},
                   [&](const FileCall&) { return below_.make_folder(path); });
  }
  Status remove_folder(const std::string& path) final {
    return perform({FileOperation::kRemoveFolder, path},
                   [&](const FileCall&) { return below_.remove_folder(path); });
  }
  Status sync_folder(const std::string& path) final {
    return perform({FileOperation::kSyncFolder, path},
                   [&](const FileCall&) { return below_.sync_folder(path); });
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return below_.list(path);
  }
  bool exists(const std::string& path) final { return below_.exists(path); }
  Result<FileInfo> stat(const std::string& path) override { return below_.stat(path); }
  Result<std::vector<FolderEntry>> scan(const std::string& path) override {
    return below_.scan(path);
  }

 protected:
  // Makes the call with `act`, or does not; what it returns is what the caller sees.
  virtual Status perform(const FileCall& call, Act act) = 0;

 private:
  class ObservedFile final : public File {
   public:
    ObservedFile(ObservedFiles& owner, std::unique_ptr<File> file, FileCall call)
        : owner_(owner), file_(std::move(file)), call_(std::move(call)) {}
    Status append(std::span<const std::byte> bytes) override {
      call_.operation = FileOperation::kAppend;
      call_.bytes = bytes;
      return owner_.perform(call_, [&](const FileCall& call) { return file_->append(call.bytes); });
    }
    Status sync() override {
      call_.operation = FileOperation::kSync;
      call_.bytes = {};
      return owner_.perform(call_, [&](const FileCall&) { return file_->sync(); });
    }
    Result<int64_t> read_at(int64_t offset, std::span<std::byte> bytes) override {
      return file_->read_at(offset, bytes);
    }
    Result<int64_t> size() override { return file_->size(); }

   private:
    ObservedFiles& owner_;
    std::unique_ptr<File> file_;
    FileCall call_;
  };

  template <class Open>
  Result<std::unique_ptr<File>> open_with(const FileCall& call, Open open) {
    std::unique_ptr<File> file;
    ASSAY_RETURN_IF_ERROR(perform(call, [&](const FileCall&) -> Status {
      ASSAY_ASSIGN_OR_RETURN(file, open());
      return {};
    }));
    return std::make_unique<ObservedFile>(*this, std::move(file), call);
  }

  PosixFileLayer real_;
  FileLayer& below_;
  std::atomic<int64_t> last_file_{0};
};

}  // namespace assay::tracking
