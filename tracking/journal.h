// The write-ahead journal of one process in one workspace. Runs append encoded changes to a staging
// buffer and go on; one committer thread, started by the first change, takes what was staged every
// few milliseconds (at once when somebody waits), writes it to the segment in one piece, syncs it,
// makes sure that nobody took the writer over, and only then counts it as durable.
//
// Memory: two buffers of JournalOptions::staging_bytes. Callers wait when theirs is full.
//
// Failure: a segment whose write or sync failed is given up, never retried. What was in it and was
// not acknowledged is still in the runs' records: those runs are named to `publish_soon`, and
// their changes count as durable once their run files are published. The next batch tries a new
// segment. While the disk is full nobody waits and nothing throws.
//
// Thread-safe. Lock order: a run's locks, then those in here, which call nothing while held.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/journal_segment.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {

struct JournalOptions {
  int64_t tick_ns = 10'000'000;                   // between commits nobody waits for
  int64_t retry_ns = 1'000'000'000;               // between tries after a failure
  int64_t staging_bytes = int64_t{32} << 20;      // at least 4 MiB
  int64_t segment_bytes = int64_t{64} << 20;      // a segment this large is followed by a new one
  int64_t large_change_bytes = int64_t{1} << 20;  // larger changes go to the run file only
  int64_t first_checkpoint_bytes = int64_t{4} << 20;  // journaled by a run before its first fold
  int64_t run_points = int64_t{1} << 26;              // metric points that a run may hold
  int64_t backlog_bytes = int64_t{64} << 20;  // records of finished runs that await publication
};

// What the journal knows of a run. The run itself derives from it.
class JournaledRun {
 public:
  explicit JournaledRun(std::string begin) : begin_(std::move(begin)) {}
  virtual ~JournaledRun() = default;
  JournaledRun(const JournaledRun&) = delete;
  JournaledRun& operator=(const JournaledRun&) = delete;

  // Moves buffered points into the journal without waiting for anything.
  // False if the run was busy: it is asked again at the next commit.
  virtual bool move_points() = 0;

  // The encoded BeginRun, put into each segment before the run's first frame.
  const std::string& begin() const { return begin_; }
  uint32_t number() const { return number_; }
  // All changes up to here are in the published run file.
  uint64_t published_seq() const { return published_seq_.load(); }
  // Changes up to here are not all in the journal: only publishing makes them durable.
  uint64_t unjournaled_seq() const { return unjournaled_seq_.load(); }
  bool has_hole() const { return unjournaled_seq() > published_seq(); }
  void note_published(uint64_t seq);

 private:
  friend class Journal;
  void note_unjournaled(uint64_t seq);
  const std::string begin_;
  uint32_t number_ = 0;
  std::atomic<uint64_t> published_seq_{0};
  std::atomic<uint64_t> unjournaled_seq_{0};
  std::atomic<bool> dirty_{false};
  uint64_t last_seq_ = 0;  // of its changes, journaled or not; guarded by the journal's lock
};

class Journal {
 public:
  using PublishSoon = std::function<void(uint32_t run_number)>;

  // `files` and `lease` must outlive the journal. `publish_soon` is called from any thread, also
  // with a run's locks held, and must only take a note.
  Journal(FileLayer& files, WriterLease& lease, JournalOptions options, PublishSoon publish_soon);
  // Stops without committing; call stop() before.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  const JournalOptions& options() const { return options_; }

  // Gives the run its number. The journal keeps it until release().
  void admit(const std::shared_ptr<JournaledRun>& run);
  // The run is finished and published: its frames are not needed any more.
  void release(uint32_t run_number);
  std::shared_ptr<JournaledRun> find(uint32_t run_number) const;
  // Runs that were admitted and not released.
  std::vector<std::shared_ptr<JournaledRun>> runs() const;

  // Stages a frame and gives its number. The caller holds the run's lock, so that a run's frames
  // are in the order of its changes. `may_wait`: until there is room.
  // Fails: io if another process took this writer over; cancelled after stop().
  Result<uint64_t> append(JournaledRun& run, uint16_t type,
                          std::initializer_list<std::string_view> parts, bool may_wait = true);
  // As append(), for a change that is not in the frame itself: durable once published.
  Result<uint64_t> append_omitted(JournaledRun& run, std::string_view what);

  // Notes that the run's file holds its changes up to `seq`, so that nobody takes a file that is
  // deleted later for one that was never written.
  void note_published(const std::string& run_id, uint64_t seq);

  // The run has buffered points.
  void note_dirty(const std::shared_ptr<JournaledRun>& run);

  // Has the run's file written soon, by whoever publishes.
  void publish_soon(const JournaledRun& run) const { publish_soon_(run.number()); }

  // Waits until everything up to `seq` is on disk or known not to be journaled (then the run has
  // unjournaled_seq() >= seq). Fails: io if another process took this writer over; cancelled after
  // stop().
  Status settle(uint64_t seq);
  // The number of the last change, and whether all up to `seq` are as settle() waits for.
  uint64_t last_seq() const;
  bool is_settled(uint64_t seq) const;
  // Commits what is staged now, on this thread.
  void commit();
  // commit(); then the numbers of runs whose changes are durable only once they are published.
  // Fails: io if another process took this writer over.
  Result<std::vector<uint32_t>> settle_all();
  // Has segments removed that no run needs any more.
  void reclaim_soon();

  // The last failure to write; cleared by the next success. A writer that was taken over stays so.
  Status health() const;
  bool fenced() const { return fenced_.load(); }

  // Commits, ends the thread, removes what no run needs. True if no segment is left.
  bool stop();

 private:
  struct Segment {
    std::string path;
    std::unordered_map<uint32_t, uint64_t> last_seqs;  // by run number
  };
  struct StagedRun {
    std::shared_ptr<JournaledRun> run;
    uint64_t before_seq = 0;  // of the run's change before its first one here
    uint64_t last_seq = 0;    // 0: none is here
    bool begins = false;      // the first one is its BeginRun
    bool skipping = false;    // there was no room for one: none follows before the next commit
  };
  using StagedRuns = std::unordered_map<uint32_t, StagedRun>;

  Result<uint64_t> stage(JournaledRun& run, const Frame& frame,
                         std::initializer_list<std::string_view> parts, bool may_wait);
  StagedRun& staged_run(JournaledRun& run, uint16_t type);  // expects mutex_
  bool all_covered() const;                                 // likewise
  void start_committer();                                   // expects mutex_
  void commit_loop();
  bool stopped() const;
  bool work_waits() const;  // expects mutex_
  void move_all_points();
  // Of the committer; these expect commit_mutex_.
  Status write(StagedRuns& staged);
  Status open_segment();
  Status write_frames(const StagedRuns& staged);
  void note_synced();
  void give_up_segment();
  void reclaim();
  void remove_if_done();
  bool needed(const Segment& segment) const;
  void press_for_oldest();
  void set_fenced();
  tl::unexpected<Error> fenced_error() const;

  FileLayer& files_;
  WriterLease& lease_;
  const JournalOptions options_;
  const PublishSoon publish_soon_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;     // the committer
  std::condition_variable settled_;  // who waits for room or durability
  std::string staged_;
  StagedRuns staged_runs_;
  std::vector<std::shared_ptr<JournaledRun>> dirty_;
  std::unordered_map<uint32_t, std::shared_ptr<JournaledRun>> runs_;
  uint32_t last_number_ = 0;
  uint64_t last_seq_ = 0;
  uint64_t settled_seq_ = 0;
  int waiters_ = 0;
  bool reclaim_wanted_ = false;
  bool idle_ = false;  // the committer waits for something to do
  bool stopping_ = false;
  std::optional<Error> failure_;
  std::thread committer_;
  std::atomic<bool> fenced_{false};

  // One commit at a time; guards what follows. Taken before mutex_.
  std::mutex commit_mutex_;
  std::string writing_;
  std::string bind_frames_;
  std::unique_ptr<SegmentWriter> segment_;
  Segment current_;
  bool current_durable_ = false;  // its folder entry is synced
  int64_t synced_bytes_ = 0;      // of the current segment
  // What the next segment says of the one before it, unless a segment that was never acknowledged
  // could not be removed: then those before it go, and it stays.
  std::optional<SyncedNote> last_closed_;
  bool left_one_behind_ = false;
  std::vector<Segment> closed_;    // the oldest first
  bool removal_unsynced_ = false;  // of the last segment that was removed
  uint64_t epoch_ = 0;
  // Of the last frame written: a change or a note, whose number may be that of a change that a full
  // disk kept out. No frame that follows may have a lower one.
  uint64_t written_seq_ = 0;
};

}  // namespace assay::tracking
