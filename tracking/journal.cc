#include "tracking/journal.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "tracking/run_change.h"
#include "tracking/wire_internal.h"

namespace assay::tracking {
namespace {

constexpr int64_t kHeartbeatNs = int64_t{10} * 1'000'000'000;
// An active segment that nobody needs is removed early if it is at least this large: readers of
// the workspace would go through it.
constexpr int64_t kWorthRemoving = int64_t{1} << 20;
// So many closed segments may wait for runs that log little, before those runs are published.
constexpr size_t kPatientSegments = 2;
// A buffer this small is kept, however little is written.
constexpr size_t kKeptBytes = size_t{1} << 20;
constexpr uint16_t kBindType = change_type<BeginRun>();
constexpr uint16_t kOmittedType = change_type<OmittedChange>();

void raise(std::atomic<uint64_t>& to, uint64_t value) {
  uint64_t now = to.load();
  while (now < value && !to.compare_exchange_weak(now, value)) {
  }
}

std::string_view folder_of(const std::string& path) {
  return std::string_view(path).substr(0, path.rfind('/'));
}

}  // namespace

void JournaledRun::note_published(uint64_t seq) { raise(published_seq_, seq); }
void JournaledRun::note_unjournaled(uint64_t seq) { raise(unjournaled_seq_, seq); }

Journal::Journal(FileLayer& files, WriterLease& lease, JournalOptions options,
                 PublishSoon publish_soon)
    : files_(files), lease_(lease), options_(options), publish_soon_(std::move(publish_soon)) {}

Journal::~Journal() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  settled_.notify_all();
  if (committer_.joinable()) committer_.join();
}

void Journal::admit(const std::shared_ptr<JournaledRun>& run) {
  const std::scoped_lock lock(mutex_);
  run->number_ = ++last_number_;
  runs_.emplace(run->number_, run);
}

void Journal::release(uint32_t run_number) {
  std::shared_ptr<JournaledRun> last;  // destroyed after the lock is given back
  const std::scoped_lock lock(mutex_);
  const auto it = runs_.find(run_number);
  if (it == runs_.end()) return;
  last = std::move(it->second);
  runs_.erase(it);
}

std::shared_ptr<JournaledRun> Journal::find(uint32_t run_number) const {
  const std::scoped_lock lock(mutex_);
  const auto it = runs_.find(run_number);
  return it == runs_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<JournaledRun>> Journal::runs() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::shared_ptr<JournaledRun>> all;
  for (const auto& [number, run] : runs_) all.push_back(run);
  return all;
}

Result<uint64_t> Journal::stage(JournaledRun& run, const Frame& frame,
                                std::initializer_list<std::string_view> parts, bool may_wait) {
  const auto limit = static_cast<size_t>(options_.staging_bytes);
  size_t bytes = kFrameHeaderBytes + 8;
  for (const std::string_view part : parts) bytes += part.size();
  std::unique_lock lock(mutex_);
  const auto room = [&] {
    return staged_.empty() || staged_.size() + bytes <= limit || failure_.has_value() || stopping_;
  };
  if (may_wait && !room()) {
    wake_.notify_one();
    settled_.wait(lock, room);
  }
  if (fenced_) return fenced_error();
  if (stopping_) return fail(StatusCode::kCancelled, "the workspace was closed");
  const uint64_t seq = ++last_seq_;
  StagedRun& staged = staged_run(run, frame.type);
  run.last_seq_ = seq;
  staged.skipping = staged.skipping || (failure_ && staged_.size() + bytes > limit);
  if (staged.skipping) {
    // The disk takes nothing: what is in memory is all there is until the run is published.
    run.note_unjournaled(seq);
    lock.unlock();
    publish_soon_(run.number_);
    return seq;
  }
  const bool was_urgent = staged_.size() >= limit / 2;
  append_frame({.type = frame.type, .run = run.number_, .seq = seq}, parts, staged_);
  staged.last_seq = seq;
  start_committer();
  if (!was_urgent && staged_.size() >= limit / 2) wake_.notify_one();
  return seq;
}

Journal::StagedRun& Journal::staged_run(JournaledRun& run, uint16_t type) {
  const auto [it, fresh] = staged_runs_.try_emplace(run.number_);
  StagedRun& staged = it->second;
  if (!fresh) return staged;
  const auto known = runs_.find(run.number_);
  if (known != runs_.end()) staged.run = known->second;
  staged.before_seq = run.last_seq_;
  staged.begins = type == kBindType;
  return staged;
}

Result<uint64_t> Journal::append(JournaledRun& run, uint16_t type,
                                 std::initializer_list<std::string_view> parts, bool may_wait) {
  return stage(run, {.type = type}, parts, may_wait);
}

Result<uint64_t> Journal::append_omitted(JournaledRun& run, std::string_view what) {
  std::string payload;
  encode_change(OmittedChange{std::string(what)}, payload);
  ASSAY_ASSIGN_OR_RETURN(const uint64_t seq, stage(run, {.type = kOmittedType}, {payload}, true));
  run.note_unjournaled(seq);  // published after the next commit, if its end has not come by then
  return seq;
}

void Journal::note_published(const std::string& run_id, uint64_t seq) {
  std::string payload;
  WireWriter to(payload);
  to.text(run_id);
  to.number(seq);
  const std::scoped_lock lock(mutex_);
  if (failure_ || stopping_ || !committer_.joinable()) return;
  append_frame({.type = kPublishedNote, .run = 0, .seq = last_seq_}, {payload}, staged_);
  start_committer();
}

void Journal::note_dirty(const std::shared_ptr<JournaledRun>& run) {
  if (run->dirty_.exchange(true)) return;
  const std::scoped_lock lock(mutex_);
  dirty_.push_back(run);
  start_committer();
}

void Journal::start_committer() {
  if (stopping_) return;
  if (committer_.joinable()) {
    // Woken at each change it would take the processor from who logs, only to wait on for its tick.
    if (std::exchange(idle_, false)) wake_.notify_one();
    return;
  }
  try {
    committer_ = std::thread([this] { commit_loop(); });
  } catch (const std::system_error& error) {
    // The next change tries again; whoever waits commits by itself.
    failure_ = Error{StatusCode::kResourceExhausted,
                     fmt::format("the journal's thread cannot be started: {}", error.what())};
  }
}

bool Journal::stopped() const {
  const std::scoped_lock lock(mutex_);
  return stopping_;
}

bool Journal::work_waits() const {
  return !staged_.empty() || !dirty_.empty() || reclaim_wanted_ ||
         (waiters_ > 0 && settled_seq_ < last_seq_);
}

void Journal::commit_loop() {
  const auto half = static_cast<size_t>(options_.staging_bytes) / 2;
  const auto urgent = [&] {
    return stopping_ || waiters_ > 0 || (!failure_ && staged_.size() >= half);
  };
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    idle_ = true;
    wake_.wait_for(lock, std::chrono::nanoseconds(kHeartbeatNs),
                   [&] { return stopping_ || work_waits(); });
    idle_ = false;
    if (!stopping_ && work_waits()) {
      const int64_t pause_ns = failure_ ? options_.retry_ns : options_.tick_ns;
      wake_.wait_for(lock, std::chrono::nanoseconds(pause_ns), urgent);
    }
    if (stopping_) break;
    const bool commits = work_waits();
    lock.unlock();
    if (commits) commit();
    const Status alive = lease_.heartbeat(kHeartbeatNs);
    if (!alive && alive.error().code == StatusCode::kNotFound) set_fenced();
    lock.lock();
  }
}

uint64_t Journal::last_seq() const {
  const std::scoped_lock lock(mutex_);
  return last_seq_;
}

bool Journal::is_settled(uint64_t seq) const {
  const std::scoped_lock lock(mutex_);
  return settled_seq_ >= seq;
}

Status Journal::settle(uint64_t seq) {
  std::unique_lock lock(mutex_);
  if (settled_seq_ < seq) {
    start_committer();
    if (!committer_.joinable() && !stopping_) {
      lock.unlock();
      commit();
      lock.lock();
    }
    ++waiters_;
    wake_.notify_one();
    settled_.wait(lock, [&] { return settled_seq_ >= seq || stopping_; });
    --waiters_;
  }
  if (fenced_) return fenced_error();
  if (settled_seq_ < seq) return fail(StatusCode::kCancelled, "the workspace was closed");
  return {};
}

Result<std::vector<uint32_t>> Journal::settle_all() {
  commit();
  if (fenced_) return fenced_error();
  std::vector<uint32_t> holes;
  for (const auto& run : runs()) {
    if (run->has_hole()) holes.push_back(run->number());
  }
  return holes;
}

bool Journal::all_covered() const {
  return std::none_of(runs_.begin(), runs_.end(),
                      [](const auto& entry) { return entry.second->has_hole(); });
}

void Journal::move_all_points() {
  std::vector<std::shared_ptr<JournaledRun>> dirty;
  {
    const std::scoped_lock lock(mutex_);
    dirty.swap(dirty_);
  }
  const auto half = static_cast<size_t>(options_.staging_bytes) / 2;
  for (size_t i = 0; i < dirty.size(); ++i) {
    {
      const std::scoped_lock lock(mutex_);
      if (staged_.size() >= half) {  // the rest comes with the next commit
        dirty_.insert(dirty_.end(), dirty.begin() + static_cast<std::ptrdiff_t>(i), dirty.end());
        return;
      }
    }
    dirty[i]->dirty_ = false;
    if (!dirty[i]->move_points()) note_dirty(dirty[i]);
  }
}

void Journal::commit() {
  const std::scoped_lock commit_lock(commit_mutex_);
  move_all_points();
  StagedRuns staged;
  uint64_t last_seq = 0;
  bool reclaims = false;
  {
    const std::scoped_lock lock(mutex_);
    staged_.swap(writing_);
    staged_runs_.swap(staged);
    last_seq = last_seq_;
    reclaims = std::exchange(reclaim_wanted_, false);
  }
  settled_.notify_all();  // there is room
  Status written;
  if (!writing_.empty()) written = write(staged);
  // After a burst its memory is given back.
  if (writing_.size() < writing_.capacity() / 16 && writing_.capacity() > kKeptBytes) writing_ = {};
  writing_.clear();
  {
    const std::scoped_lock lock(mutex_);
    if (!written) {
      failure_ = written.error();
      for (const auto& [number, entry] : staged) {
        if (entry.run != nullptr) entry.run->note_unjournaled(entry.last_seq);
      }
    } else if (!fenced_ && failure_ && (!staged.empty() || all_covered())) {
      failure_.reset();
    }
    settled_seq_ = last_seq;
  }
  settled_.notify_all();
  if (!fenced_) {
    for (const auto& [number, entry] : staged) {
      if (entry.run != nullptr && entry.run->has_hole()) publish_soon_(number);
    }
  }
  if (reclaims) reclaim();
}

Status Journal::write(StagedRuns& staged) {
  if (fenced_) return fenced_error();
  const bool all_published = std::all_of(staged.begin(), staged.end(), [](const auto& entry) {
    return entry.second.run == nullptr ||
           entry.second.run->published_seq() >= entry.second.last_seq;
  });
  // Notes matter only where there are frames of the runs they name.
  const bool no_segments = segment_ == nullptr && closed_.empty();
  if (all_published && (no_segments || stopped())) return {};
  if (segment_ != nullptr && segment_->size() >= options_.segment_bytes) {
    give_up_segment();
    press_for_oldest();
  }
  Status status = segment_ == nullptr ? open_segment() : Status();
  if (!status) return status;
  status = write_frames(staged);
  if (status) status = segment_->sync();
  if (status && !current_durable_) {
    status = files_.sync_folder(std::string(folder_of(segment_->path())));
  }
  if (status && !segment_->in_place()) {
    set_fenced();
    return fenced_error();
  }
  if (status) {
    current_durable_ = true;
    synced_bytes_ = segment_->size();
    note_synced();
    return {};
  }
  // Nothing in a segment without a durable commit was ever acknowledged.
  if (!current_durable_) {
    const Status removed = files_.unlink(segment_->path());
    left_one_behind_ = left_one_behind_ || !removed;
    segment_.reset();
    current_ = {};
  } else {
    give_up_segment();
  }
  if (!files_.exists(lease_.tmp_folder())) {
    set_fenced();
    return fenced_error();
  }
  return status;
}

Status Journal::open_segment() {
  const std::string folder(folder_of(lease_.tmp_folder()));
  // A number is never used twice: a file that could not be removed may have it.
  auto segment = SegmentWriter::create(files_, folder, ++epoch_);
  if (!segment) {
    if (!files_.exists(folder)) {
      set_fenced();
      return fenced_error();
    }
    return tl::unexpected<Error>(std::move(segment.error()));
  }
  segment_ = std::move(*segment);
  current_ = {segment_->path(), {}};
  current_durable_ = false;
  synced_bytes_ = 0;
  return {};
}

Status Journal::write_frames(const StagedRuns& staged) {
  bind_frames_.clear();
  if (!current_durable_ && last_closed_ && !left_one_behind_) {
    append_synced_note(*last_closed_, bind_frames_);
  }
  for (const auto& [number, entry] : staged) {
    if (entry.run == nullptr || entry.last_seq == 0) continue;
    const auto [it, fresh] = current_.last_seqs.try_emplace(number, 0);
    it->second = entry.last_seq;
    if (fresh && !entry.begins) {
      append_frame({.type = kBindType, .flags = kRepeatedFlag, .run = number, .seq = written_seq_},
                   {entry.run->begin()}, bind_frames_);
    }
    if (entry.run->has_hole() && entry.before_seq > 0) {
      std::string payload;
      encode_change(AfterChange{entry.before_seq}, payload);
      append_frame({.type = change_type<AfterChange>(), .run = number, .seq = written_seq_},
                   {payload}, bind_frames_);
    }
  }
  if (!bind_frames_.empty()) {
    seal_frames(bind_frames_, segment_->salt());
    ASSAY_RETURN_IF_ERROR(segment_->append(bind_frames_));
  }
  const uint64_t last_seq = seal_frames(writing_, segment_->salt());
  ASSAY_RETURN_IF_ERROR(segment_->append(writing_));
  written_seq_ = std::max(written_seq_, last_seq);
  return {};
}

// Before anything is acknowledged, so that whoever finds the journal of a killed process knows what
// must be in there. It is not synced itself: a loss of power may take the last one.
void Journal::note_synced() {
  bind_frames_.clear();
  append_synced_note({segment_->epoch(), static_cast<uint64_t>(synced_bytes_), written_seq_},
                     bind_frames_);
  seal_frames(bind_frames_, segment_->salt());
  if (!segment_->append(bind_frames_)) give_up_segment();  // the commit is on disk all the same
}

void Journal::give_up_segment() {
  last_closed_ = {segment_->epoch(), static_cast<uint64_t>(synced_bytes_), written_seq_};
  segment_.reset();
  closed_.push_back(std::move(current_));
  current_ = {};
}

bool Journal::needed(const Segment& segment) const {
  return std::any_of(segment.last_seqs.begin(), segment.last_seqs.end(), [&](const auto& entry) {
    const auto run = find(entry.first);
    return run != nullptr && run->published_seq() < entry.second;
  });
}

void Journal::press_for_oldest() {
  if (closed_.size() <= kPatientSegments) return;
  for (const auto& [number, seq] : closed_.front().last_seqs) {
    const auto run = find(number);
    if (run != nullptr && run->published_seq() < seq) publish_soon_(number);
  }
}

// The oldest first, and each for good before the next: a later segment says which runs have a file,
// and must not be gone while an older one has the beginning of such a run. Else a crash would bring
// back a part of a run whose file was deleted since.
void Journal::remove_if_done() {
  auto done = closed_.begin();
  for (; done != closed_.end() && !fenced_ && !needed(*done); ++done) {
    if (removal_unsynced_ && !files_.sync_folder(std::string(folder_of(done->path)))) break;
    removal_unsynced_ = false;
    const Status removed = files_.unlink(done->path);
    if (!removed && removed.error().code != StatusCode::kNotFound) break;
    removal_unsynced_ = true;
  }
  closed_.erase(closed_.begin(), done);
}

void Journal::reclaim() {
  const bool idle_segment =
      segment_ != nullptr && segment_->size() >= kWorthRemoving && !needed(current_);
  if (idle_segment) give_up_segment();
  remove_if_done();
}

void Journal::reclaim_soon() {
  const std::scoped_lock lock(mutex_);
  if (!committer_.joinable()) return;  // nothing was ever written
  reclaim_wanted_ = true;
  wake_.notify_one();
}

void Journal::set_fenced() {
  fenced_ = true;
  const std::scoped_lock lock(mutex_);
  failure_ = fenced_error().value();
}

tl::unexpected<Error> Journal::fenced_error() const { return lease_.taken_error(); }

Status Journal::health() const {
  if (fenced_) return fenced_error();
  const std::scoped_lock lock(mutex_);
  if (failure_) return tl::unexpected<Error>(*failure_);
  return {};
}

bool Journal::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (committer_.joinable()) committer_.join();
  commit();
  const std::scoped_lock commit_lock(commit_mutex_);
  if (segment_ != nullptr) give_up_segment();
  remove_if_done();
  return closed_.empty();
}

}  // namespace assay::tracking
