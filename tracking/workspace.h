// A workspace is one folder that holds runs, blobs, registered models and who writes to them
// (docs/store-format.md). Nothing inside holds an absolute path: moving the folder moves it.
// Opening only reads; the first write takes a writer lease. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {

inline constexpr int kWorkspaceFormat = 1;

// Where a command looks for its workspace, in this order.
struct WorkspaceSearch {
  std::string explicit_path{};      // --workspace, or empty
  std::string environment_value{};  // ASSAY_WORKSPACE, or empty
  std::string start_folder{};  // `.assay` is sought from here upward; usually the current folder
  bool create = true;          // make what is not there; false for commands that only read
};

class Workspace {
 public:
  // Opens the workspace in `path`, or in `path`/.assay. `files` (nullptr: the real file system)
  // must outlive the workspace. Fails: not_found, data if WORKSPACE is damaged or of a newer
  // format.
  static Result<std::shared_ptr<Workspace>> open(const std::string& path,
                                                 FileLayer* files = nullptr);
  // Makes a workspace in a folder that is missing or empty, or opens the one that is there.
  // Two processes may create at once. Fails: invalid_argument for a bad display name,
  // already_exists if the folder holds other things, io.
  static Result<std::shared_ptr<Workspace>> create(const std::string& path,
                                                   const std::string& display_name,
                                                   FileLayer* files = nullptr);
  // Fails: not_found if there is none and `create` is false; as open() and create().
  static Result<std::shared_ptr<Workspace>> discover(const WorkspaceSearch& search,
                                                     FileLayer* files = nullptr);

  const std::string& path() const { return path_; }
  const std::string& display_name() const { return display_name_; }
  const std::string& uuid() const { return uuid_; }
  FileLayer& files() const { return files_; }

  // The writer lease of this process, taken at the first call; dead writers are cleaned then.
  // Fails: io, with the workspace's path (a read-only folder, a full disk).
  Result<WriterLease*> writer();
  // Shows other machines that this process lives; call it now and then from long work. Does
  // nothing before the first write, and at most one write in 10 s.
  Status heartbeat();
  // Creates a folder below the workspace and makes it durable; remembers that it did.
  Status ensure_folder(const std::string& relative_path);

 private:
  Workspace(std::string path, FileLayer& files);
  std::string path_;
  std::string display_name_;
  std::string uuid_;
  FileLayer& files_;
  std::mutex mutex_;
  std::unique_ptr<WriterLease> lease_;
  std::set<std::string> durable_folders_;
};

}  // namespace assay::tracking
