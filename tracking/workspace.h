// A workspace is one folder that holds runs, blobs, registered models and who writes to them
// (docs/store-format.md). Nothing inside holds an absolute path: moving the folder moves it.
// Opening only reads; the first write takes a writer lease, and takes over what dead writers left.
// Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "kernels/base/clock.h"
#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/journal.h"
#include "tracking/verified_blobs.h"
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

class RunPublisher;

// A display name after a folder's name (a `.assay` after the folder that it is in): what a name may
// not hold becomes '-'.
std::string workspace_name_for(const std::string& folder);

class Workspace {
 public:
  // Opens the workspace in `path`, or in `path`/.assay. `files` (nullptr: the real file system)
  // must outlive the workspace. Fails: not_found; data if WORKSPACE is damaged, of a newer format,
  // or lost (workspace_marker.h); io if one of its folders is a link that leads nowhere.
  static Result<std::shared_ptr<Workspace>> open(const std::string& path,
                                                 FileLayer* files = nullptr);
  // Makes a workspace in a folder that is missing or empty, or opens the one that is there.
  // Two processes may create at once. Fails: invalid_argument for a bad display name,
  // already_exists if the folder holds other things, data if it holds a workspace without its file
  // WORKSPACE, io.
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

  // As close() without a limit, if it was not closed.
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  // The writer lease of this process, taken at the first call. Folders of dead writers are taken
  // over then; their journals are recovered in the background (see recover()), and readers see
  // what is in them at once. Fails: io, with the workspace's path (a read-only folder, a full
  // disk); cancelled after close().
  Result<WriterLease*> writer();
  // What runs are written through; both take the lease. Fails: as writer().
  Result<Journal*> journal();
  Result<RunPublisher*> publisher();
  // Before the first write, for tests and measurements.
  void tune_journal(const JournalOptions& options) { options_ = options; }
  // What runs measure their duration with: the time of day may be set meanwhile. BootClock, until a
  // test says otherwise, before the first run; it must outlive the workspace.
  void set_clock(const Clock& clock) { clock_ = &clock; }
  const Clock& clock() const { return *clock_; }

  // Publishes the files of all runs that ended, ends the recovery of dead writers, and makes
  // durable what was logged. Does nothing before the first write.
  // Fails: cancelled if `stop` (may be null) says so while any is left: that is safe in the
  // journal, and recovered by the next writer if this process ends; io.
  Status flush(const StopToken* stop = nullptr);
  // How long flush() would take to write the files of runs that ended, by estimate.
  double backlog_seconds();
  // Takes over and recovers what dead writers left, now. Fails: as writer() and flush().
  Status recover(const StopToken* stop = nullptr);
  // flush(), then gives up the lease: nothing can be written any more. Runs that never ended are
  // published as interrupted. Fails: as flush(). If cancelled, threads may still be at work: keep
  // the workspace until the process ends, for its destructor would wait for them.
  Status close(const StopToken* stop = nullptr);
  // Shows other machines that this process lives; call it now and then from long work. Does
  // nothing before the first write, and at most one write in 10 s.
  Status heartbeat();
  // Creates a folder below the workspace and makes it durable; remembers that it did.
  Status ensure_folder(const std::string& relative_path);
  VerifiedBlobs& verified_blobs() { return verified_blobs_; }
  // Held by the thread that renames an experiment.
  std::mutex& rename_mutex() { return rename_mutex_; }

 private:
  Workspace(std::string path, FileLayer& files);
  std::string path_;
  std::string display_name_;
  std::string uuid_;
  FileLayer& files_;
  JournalOptions options_;
  const BootClock boot_clock_;
  const Clock* clock_ = &boot_clock_;
  VerifiedBlobs verified_blobs_;
  std::mutex rename_mutex_;
  std::mutex folders_mutex_;
  std::set<std::string> durable_folders_;
  Status begin_writing();  // expects writer_mutex_
  Status take_over();      // likewise
  std::mutex writer_mutex_;
  bool closed_ = false;
  std::unique_ptr<WriterLease> lease_;
  std::unique_ptr<RunPublisher> publisher_;
  std::unique_ptr<Journal> journal_;
};

}  // namespace assay::tracking
