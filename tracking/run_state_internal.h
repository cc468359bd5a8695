// A run that is being logged: its record in memory, its points on their way, its place in the
// journal. Shared by the Run, by Metric handles, by the journal and by the publisher.
//
// A change takes the run's lock, gets its number in the journal and changes the record: what a
// snapshot holds are exactly the changes up to its number. Points are gathered in a buffer for each
// metric, whose lock is held for nanoseconds, and take that way in bulk.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "tracking/journal.h"
#include "tracking/run_change.h"
#include "tracking/run_record.h"

namespace assay::tracking {

class RunState;

// Points of one metric. Thread-safe.
class MetricBuffer {
 public:
  enum class Gate { kOpen, kFinished, kFull };

  MetricBuffer(RunState& run, std::string key, Gate gate)
      : run_(run), key_(std::move(key)), gate_(gate) {}
  MetricBuffer(const MetricBuffer&) = delete;
  MetricBuffer& operator=(const MetricBuffer&) = delete;

  // Fails: invalid_argument once the run is finished, resource_exhausted if it holds too many
  // points, io if another process took the writer over.
  Status log(const MetricPoint& point);

 private:
  friend class RunState;
  RunState& run_;
  const std::string key_;
  std::mutex mutex_;
  std::vector<MetricPoint> points_;
  Gate gate_;
  std::vector<MetricPoint>* target_ = nullptr;  // in the record; guarded by the run's lock
};

class RunState final : public JournaledRun, public std::enable_shared_from_this<RunState> {
 public:
  // The run's beginning is its first change. `journal` must outlive the last call that logs, which
  // is the Run's matter, and so must `clock`. Fails: as Journal::append().
  static Result<std::shared_ptr<RunState>> create(Journal& journal, const Clock& clock,
                                                  RunInfo info);
  // The same for a run that goes on from a record.
  static Result<std::shared_ptr<RunState>> reopen(Journal& journal, const Clock& clock,
                                                  RunRecord record);

  const std::string& id() const { return id_; }
  const std::string& experiment() const { return experiment_; }

  // Makes a change. Fails: invalid_argument after the end; as Journal::append().
  Status change(RunChange change);
  // Fails: as change(); resource_exhausted above the limit of a stream.
  Status append_text(TextStream stream, std::string_view text);
  // The buffer of a metric; lives as long as the run.
  MetricBuffer& metric(std::string_view key);

  // Moves buffered points into record and journal and gives the number of the last change.
  Result<uint64_t> last_change();
  // Ends the run: no change after this; an end without a time is now. Without an end it was given
  // up: it keeps an end that was not published, and else is interrupted. False if it had ended
  // before.
  Result<bool> seal(std::optional<FinishRun> end);
  // Takes back the end after a failed publication; the next change reopens the run.
  void unseal();
  bool sealed() const;
  // The end was reported before it was published: the record waits in the publisher's backlog.
  void set_deferred() { deferred_ = true; }
  bool deferred() const { return deferred_.load(); }

  // What is to be published, to be used at once: valid until `use` returns. The caller holds
  // publish_mutex(). Unless the run has ended it is a copy.
  Status with_snapshot(const std::function<Status(const RunRecord& record, bool final)>& use);
  // Frees what a finished and published run holds.
  void drop_record();

  std::mutex& publish_mutex() { return publish_mutex_; }
  // About what the record takes.
  int64_t held_bytes() const { return held_bytes_.load(); }

  bool move_points() override;

 private:
  friend class MetricBuffer;
  // `age_ns`: since the run was created.
  RunState(Journal& journal, const Clock& clock, RunRecord record, int64_t age_ns,
           std::string begin);
  static Result<std::shared_ptr<RunState>> launch(Journal& journal, const Clock& clock,
                                                  RunRecord record, int64_t age_ns);
  // These expect mutex_.
  Status writable() const;
  Status reopen();
  Status record_change(RunChange change, bool may_wait);
  Status move_buffer(MetricBuffer& buffer, bool may_wait);
  Status move_buffers(bool may_wait);
  FinishRun given_up() const;
  int64_t end_time_ns() const;
  void shut(MetricBuffer::Gate gate);
  MetricBuffer::Gate open_gate() const;
  void count_bytes(int64_t bytes);
  tl::unexpected<Error> finished_error() const;
  tl::unexpected<Error> full_error() const;
  tl::unexpected<Error> memory_error() const;

  Status take_full_buffer(MetricBuffer& buffer);

  Journal& journal_;
  const Clock& clock_;
  const int64_t started_ns_;  // by that clock
  const std::string id_;
  const std::string experiment_;
  std::mutex publish_mutex_;  // taken before mutex_; keeps published states in order
  mutable std::mutex mutex_;  // guards what follows
  RunRecord record_;
  std::map<std::string, std::unique_ptr<MetricBuffer>, std::less<>> metrics_;
  std::vector<MetricPoint> moved_;  // a buffer's points on their way
  std::string scratch_;
  uint64_t last_seq_ = 0;
  int64_t point_count_ = 0;
  int64_t next_checkpoint_ = 0;
  MetricBuffer::Gate gate_ = MetricBuffer::Gate::kOpen;
  bool sealed_ = false;
  std::atomic<int64_t> held_bytes_{0};
  std::atomic<bool> deferred_{false};
};

}  // namespace assay::tracking
