// A process that writes to a workspace owns writers/<writer_id>/: LEASE (who it is), tmp/ (its
// temporary files, the only place where it makes any) and pins/ (hard links to blobs that it
// relies on), and the segments of its journal. It is made as writers/<writer_id>.born and renamed
// when it is whole, so a folder <writer_id> without a LEASE is a dead writer's. The first write of
// a process takes over the folders of dead writers by renaming them, which fences a writer that was
// only asleep: its next rename finds no temporary file, and its journal is not where it was.
// Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"

namespace assay::tracking {

// What a LEASE file says.
struct LeaseInfo {
  std::string writer_id{};
  std::string host{};           // host name
  std::string machine_id{};     // /etc/machine-id, or empty
  std::string boot_id{};        // changes with each start of the machine
  std::string pid_namespace{};  // pids of different containers do not compare
  int64_t pid = 0;
  int64_t start_ticks = 0;   // process start, clock ticks since boot: pids are reused
  int64_t heartbeat_ns = 0;  // nanoseconds since 1970 UTC
};

enum class Liveness {
  kAlive,
  kDead,
  kElsewhere,  // on another machine or in another container, with a recent heartbeat
};

// A writer that cannot be looked up here counts as dead when its heartbeat is this old.
inline constexpr int64_t kForeignLeaseExpiryNs = int64_t{24} * 3600 * 1'000'000'000;

class WriterLease {
 public:
  // Makes the writer's folder below `<workspace>/writers`. `files` must outlive the lease.
  // Fails: io (a full or read-only file system, or it took so long that it seemed dead).
  static Result<std::unique_ptr<WriterLease>> acquire(FileLayer& files,
                                                      const std::string& workspace_path);
  ~WriterLease() { release(); }
  WriterLease(const WriterLease&) = delete;
  WriterLease& operator=(const WriterLease&) = delete;

  const std::string& id() const { return info_.writer_id; }
  std::string tmp_folder() const { return folder_ + "/tmp"; }
  std::string pins_folder() const { return folder_ + "/pins"; }
  // Removes the folder, or, if a journal is left in it, gives it up for the next writer to recover.
  // Call it last; a failure is harmless: the folder is taken over once this process is gone.
  void release();
  // Whether nobody took the folder over. What is published without a rename or link from
  // tmp_folder() asks before it acts; what is acknowledged without the journal asks after its sync.
  // Fails: io.
  Status check_held() const;
  // What check_held() and others say then.
  tl::unexpected<Error> taken_error() const;
  // Renews the heartbeat if the last is older than `min_age_ns`.
  // Fails: io; not_found if another process took the folder over.
  Status heartbeat(int64_t min_age_ns);

 private:
  WriterLease(FileLayer& files, std::string folder, LeaseInfo info);
  FileLayer& files_;
  std::string folder_;
  std::mutex mutex_;
  LeaseInfo info_;
};

// This process, without a writer id.
LeaseInfo this_process();

// Whether the holder of a lease lives: by boot id, pid and process start time on this machine.
Liveness liveness_of(const LeaseInfo& lease);

// Whether the writer with this id lives. One without a folder, or without a LEASE in it, is dead.
Liveness writer_liveness(FileLayer& files, const std::string& workspace_path,
                         const std::string& writer_id);

// A folder below writers/.
struct WriterFolder {
  std::string path{};
  std::string writer_id{};  // who made it
  bool taken = false;       // by somebody, so that its writer is fenced
};

// All folders of writers, taken ones included; not those of writers that are being born. Fails: io;
// not_found if the workspace has none.
Result<std::vector<WriterFolder>> writer_folders(FileLayer& files,
                                                 const std::string& workspace_path);

// Takes over the folders of dead writers by renaming them to `<id>.taken-<own id>`, and gives the
// paths of all that this writer holds now, also from an earlier call. Folders that hold what this
// release does not know are left alone. Removes what is left of writers that died while they were
// born; one without a LEASE is left alone for an hour. Safe to run in several processes at once:
// one gets it. Fails: io where the disk is so full that a folder cannot be renamed; what was taken
// until then is given by the next call.
Result<std::vector<std::string>> take_over_dead_writers(FileLayer& files,
                                                        const std::string& workspace_path,
                                                        const std::string& own_writer_id);

// Removes a folder that was taken over: temporary files, pins, lease. False if it holds a journal
// or could not be removed.
bool remove_writer_folder(FileLayer& files, const std::string& folder);

}  // namespace assay::tracking
