// Writes the files of runs: at once on the caller's thread, or soon on a thread of its own, which
// also recovers what dead writers left. That thread works while a processor is idle (idle_time.h),
// and at once when somebody waits for it; what it has begun it ends quickly, at the usual priority.
// One for each workspace and process, beside the journal. Holds the records of finished runs until
// they are published; `backlog()` tells how much that is. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "tracking/journal.h"
#include "tracking/run_record.h"

namespace assay::tracking {

struct RecoveryPace;
class RunState;
class Workspace;
class WriterLease;

class RunPublisher {
 public:
  // All must outlive it.
  RunPublisher(Workspace& workspace, WriterLease& lease) : workspace_(workspace), lease_(lease) {}
  ~RunPublisher();
  RunPublisher(const RunPublisher&) = delete;
  RunPublisher& operator=(const RunPublisher&) = delete;
  // Called once, before any run.
  void attach(Journal& journal) { journal_ = &journal; }

  // Publishes a record as runs/<2 hex>/<id>.h5. Durable when it returns.
  // Fails: io, also if another process took this writer over; internal.
  Status write(const RunRecord& record);

  // Publishes the run's state now. Fails: as write().
  Status now(RunState& run);
  // As now(), for callers that hold the run's publish_mutex().
  Status now_locked(RunState& run);
  // Queues the run; takes only a note. A run that is not known to the journal is passed over.
  void soon(uint32_t run_number);
  // Queues folders of dead writers that this writer took over.
  void recover_soon(std::vector<std::string> folders);

  // Publishes what is queued, and waits for what is under way.
  // Fails: cancelled if `stop` (may be null) says so first; else the first failure.
  Status drain(const StopToken* stop);
  // Bytes of finished runs that are not published.
  int64_t backlog() const { return backlog_.load(); }
  void note_backlog(int64_t bytes) {
    backlog_ += bytes;
    backlog_runs_ += bytes > 0 ? 1 : -1;
  }
  // Seconds that publishing the backlog takes, by what the last files took.
  double backlog_seconds() const {
    return static_cast<double>(std::max<int64_t>(0, backlog_runs_.load())) * file_seconds_.load();
  }
  // Why the last publication failed, until one succeeds.
  Status health() const;

  // Ends the thread after what it is doing; what is queued stays queued.
  void stop();

 private:
  struct Job {
    uint32_t run = 0;
    std::string folder{};  // of a dead writer; empty: publish the run
  };
  void loop();
  std::optional<Job> next();  // expects mutex_
  // Waits until the next job is in nobody's way, or somebody waits for it.
  void await_leisure(std::unique_lock<std::mutex>& lock, int64_t last_cpu_ns);
  // Expects mutex_ locked by `lock`.
  Status drain_locked(std::unique_lock<std::mutex>& lock, const StopToken* stop);
  // On the publisher's own thread, with time to spare.
  Status work_leisurely(const Job& job);
  // For who waits, until `stop` (may be null) says so.
  Status work(const Job& job, const StopToken* stop);
  Status recover(const std::string& folder, const RecoveryPace& pace);
  Status publish(uint32_t run_number);
  void done(const Job& job, const Status& status);  // expects mutex_
  void retry_failed();                              // expects mutex_
  void start_thread();                              // expects mutex_

  Workspace& workspace_;
  WriterLease& lease_;
  Journal* journal_ = nullptr;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable urgent_;
  std::condition_variable idle_;
  std::deque<uint32_t> queue_;
  std::set<uint32_t> queued_;  // what is in queue_ or failed_
  std::vector<Job> failed_;    // tried again after a while
  std::deque<std::string> folders_;
  std::optional<Error> failure_;
  int busy_ = 0;
  int waiting_ = 0;  // callers of drain()
  bool stopping_ = false;
  bool journal_failed_ = false;  // since the queue was last empty
  std::thread thread_;
  std::atomic<int64_t> backlog_{0};
  std::atomic<int64_t> backlog_runs_{0};
  std::atomic<double> file_seconds_{0};
};

}  // namespace assay::tracking
