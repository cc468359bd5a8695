#include <algorithm>
#include <new>
#include <span>
#include <utility>

#include "tracking/environment.h"
#include "tracking/run_state_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kBufferPoints = 4096;
constexpr size_t kTextLimitBytes = size_t{64} << 20;
constexpr size_t kTextPieceBytes = size_t{256} << 10;
constexpr int64_t kRecordBytes = 4096;  // of a run without content

std::string describe(const RunChange& change) {
  if (const auto* put = std::get_if<PutPredictions>(&change)) {
    return fmt::format("predictions '{}'", put->set->name);
  }
  if (const auto* put = std::get_if<PutTable>(&change)) {
    return fmt::format("table '{}'", put->table->name);
  }
  return fmt::format("a change of type {}", change_type_of(change));
}

// About what a record that was read takes: texts, points and arrays.
int64_t content_bytes(const RunRecord& record) {
  size_t bytes = record.stdout_text.size() + record.stderr_text.size();
  for (const auto& [key, points] : record.metrics) bytes += points.size() * sizeof(MetricPoint);
  auto total = static_cast<int64_t>(bytes);
  for (const auto& set : record.predictions) total += change_bytes(PutPredictions{set});
  for (const auto& table : record.tables) total += change_bytes(PutTable{table});
  return total;
}

}  // namespace

Status MetricBuffer::log(const MetricPoint& point) try {
  bool fenced = false;
  bool first = false;
  bool full = false;
  {
    const std::scoped_lock lock(mutex_);
    if (gate_ != Gate::kOpen) {
      return gate_ == Gate::kFull ? Status(run_.full_error()) : Status(run_.finished_error());
    }
    fenced = run_.journal_.fenced();  // while the gate is open the journal is there
    if (!fenced) {
      first = points_.empty();
      points_.push_back(point);
      full = points_.size() >= kBufferPoints;
    }
  }
  if (fenced) return run_.journal_.health();
  if (full) return run_.take_full_buffer(*this);
  if (first) run_.journal_.note_dirty(run_.shared_from_this());
  return {};
} catch (const std::bad_alloc&) {
  return run_.memory_error();
}

Result<std::shared_ptr<RunState>> RunState::create(Journal& journal, const Clock& clock,
                                                   RunInfo info) {
  RunRecord record;
  record.info = std::move(info);
  return launch(journal, clock, std::move(record), 0);
}

Result<std::shared_ptr<RunState>> RunState::reopen(Journal& journal, const Clock& clock,
                                                   RunRecord record) {
  const int64_t age_ns = std::max<int64_t>(0, wall_time_ns() - record.info.created_ns);
  return launch(journal, clock, std::move(record), age_ns);
}

Result<std::shared_ptr<RunState>> RunState::launch(Journal& journal, const Clock& clock,
                                                   RunRecord record, int64_t age_ns) {
  std::string begin;
  encode_change(BeginRun{record.info}, begin);
  std::shared_ptr<RunState> run(
      new RunState(journal, clock, std::move(record), age_ns, std::move(begin)));
  journal.admit(run);
  auto seq = journal.append(*run, change_type<BeginRun>(), {run->begin()});
  if (!seq) {
    journal.release(run->number());
    return tl::unexpected<Error>(std::move(seq.error()));
  }
  run->last_seq_ = *seq;
  return run;
}

RunState::RunState(Journal& journal, const Clock& clock, RunRecord record, int64_t age_ns,
                   std::string begin)
    : JournaledRun(std::move(begin)),
      journal_(journal),
      clock_(clock),
      started_ns_(clock.now_ns() - age_ns),
      id_(record.info.run_id),
      experiment_(record.info.experiment),
      record_(std::move(record)),
      held_bytes_(kRecordBytes + content_bytes(record_)) {
  for (const auto& [key, points] : record_.metrics) {
    point_count_ += static_cast<int64_t>(points.size());
  }
  next_checkpoint_ = 2 * held_bytes_ + journal.options().first_checkpoint_bytes - 2 * kRecordBytes;
  if (point_count_ >= journal.options().run_points) gate_ = MetricBuffer::Gate::kFull;
}

tl::unexpected<Error> RunState::finished_error() const {
  return fail(StatusCode::kInvalidArgument, "run {} is finished: nothing can be added", id_);
}

tl::unexpected<Error> RunState::full_error() const {
  return fail(StatusCode::kResourceExhausted, "run {} is full: it holds {} points of metrics", id_,
              journal_.options().run_points);
}

tl::unexpected<Error> RunState::memory_error() const {
  return fail(StatusCode::kResourceExhausted, "not enough memory to log to run {}", id_);
}

Status RunState::writable() const { return sealed_ ? Status(finished_error()) : Status(); }

// After an end that could not be published logging goes on: the journal must know.
Status RunState::reopen() {
  return record_.info.finished ? record_change(ReopenRun{}, true) : Status();
}

void RunState::count_bytes(int64_t bytes) {
  held_bytes_ += bytes;
  if (held_bytes_ < next_checkpoint_) return;
  next_checkpoint_ = 2 * held_bytes_;
  journal_.publish_soon(*this);
}

Status RunState::record_change(RunChange change, bool may_wait) {
  const int64_t bytes = change_bytes(change);
  const bool large = bytes > journal_.options().large_change_bytes;
  const uint16_t type = change_type_of(change);
  scratch_.clear();
  if (large) {
    scratch_ = describe(change);
  } else {
    encode_change(change, scratch_);
  }
  // The record first: whatever fails from here on, it never lacks what the journal has.
  apply(record_, std::move(change));
  auto seq = large ? journal_.append_omitted(*this, scratch_)
                   : journal_.append(*this, type, {scratch_}, may_wait);
  if (!seq) return tl::unexpected<Error>(std::move(seq.error()));
  last_seq_ = *seq;
  count_bytes(bytes);
  return {};
}

Status RunState::change(RunChange change) try {
  const std::scoped_lock lock(mutex_);
  ASSAY_RETURN_IF_ERROR(writable());
  ASSAY_RETURN_IF_ERROR(reopen());
  return record_change(std::move(change), true);
} catch (const std::bad_alloc&) {
  return memory_error();
}

Status RunState::append_text(TextStream stream, std::string_view text) try {
  const std::scoped_lock lock(mutex_);
  ASSAY_RETURN_IF_ERROR(writable());
  const bool out = stream == TextStream::kStdout;
  const size_t held = (out ? record_.stdout_text : record_.stderr_text).size();
  if (text.size() > kTextLimitBytes - held) {
    return fail(StatusCode::kResourceExhausted, "run {}: {} is full (at most {} bytes)", id_,
                out ? "stdout" : "stderr", kTextLimitBytes);
  }
  ASSAY_RETURN_IF_ERROR(reopen());
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, kTextPieceBytes);
    ASSAY_RETURN_IF_ERROR(record_change(AppendText{stream, std::string(piece)}, true));
    text.remove_prefix(piece.size());
  }
  return {};
} catch (const std::bad_alloc&) {
  return memory_error();
}

MetricBuffer& RunState::metric(std::string_view key) {
  const std::scoped_lock lock(mutex_);
  const auto it = metrics_.find(key);
  if (it != metrics_.end()) return *it->second;
  auto buffer = std::make_unique<MetricBuffer>(*this, std::string(key), gate_);
  return *metrics_.emplace(std::string(key), std::move(buffer)).first->second;
}

Status RunState::move_buffer(MetricBuffer& buffer, bool may_wait) {
  moved_.clear();
  {
    const std::scoped_lock lock(buffer.mutex_);
    if (buffer.points_.empty()) return {};
    moved_.swap(buffer.points_);
  }
  ASSAY_RETURN_IF_ERROR(reopen());
  scratch_.clear();
  encode_points_head(buffer.key_, moved_.size(), scratch_);
  const auto bytes = std::as_bytes(std::span(moved_));
  const std::string_view points(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (buffer.target_ == nullptr) buffer.target_ = &record_.metrics[buffer.key_];
  buffer.target_->insert(buffer.target_->end(), moved_.begin(), moved_.end());
  ASSAY_ASSIGN_OR_RETURN(
      last_seq_, journal_.append(*this, change_type<AddPoints>(), {scratch_, points}, may_wait));
  point_count_ += static_cast<int64_t>(moved_.size());
  count_bytes(static_cast<int64_t>(points.size()));
  if (point_count_ >= journal_.options().run_points) shut(MetricBuffer::Gate::kFull);
  return {};
}

Status RunState::move_buffers(bool may_wait) {
  for (const auto& [key, buffer] : metrics_) {
    ASSAY_RETURN_IF_ERROR(move_buffer(*buffer, may_wait));
  }
  return {};
}

Status RunState::take_full_buffer(MetricBuffer& buffer) {
  const std::scoped_lock lock(mutex_);
  return move_buffer(buffer, true);
}

bool RunState::move_points() try {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  // A writer that was taken over keeps nothing: who logs is told at the next change.
  (void)move_buffers(false);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

void RunState::shut(MetricBuffer::Gate gate) {
  gate_ = gate;
  for (const auto& [key, buffer] : metrics_) {
    const std::scoped_lock lock(buffer->mutex_);
    buffer->gate_ = gate;
  }
}

Result<uint64_t> RunState::last_change() try {
  const std::scoped_lock lock(mutex_);
  if (!sealed_) ASSAY_RETURN_IF_ERROR(move_buffers(true));
  return last_seq_;
} catch (const std::bad_alloc&) {
  return memory_error();
}

FinishRun RunState::given_up() const {
  const RunInfo& info = record_.info;
  if (info.finished) return {info.status, info.message, info.ended_ns};
  return {RunStatus::kInterrupted, "it was given up without being finished", 0};
}

// The time of day may have been set since the run began.
int64_t RunState::end_time_ns() const {
  return record_.info.created_ns + std::max<int64_t>(0, clock_.now_ns() - started_ns_);
}

Result<bool> RunState::seal(std::optional<FinishRun> end) try {
  const std::scoped_lock lock(mutex_);
  if (sealed_) return false;
  // What is logged from here on is refused; what was logged before is in the buffers.
  shut(MetricBuffer::Gate::kFinished);
  Status status = move_buffers(true);
  if (!end) end = given_up();
  if (end->ended_ns == 0) end->ended_ns = end_time_ns();
  if (status) status = record_change(std::move(*end), true);
  if (!status) {
    shut(open_gate());
    return tl::unexpected<Error>(std::move(status.error()));
  }
  shut(MetricBuffer::Gate::kFinished);  // moving may have found it full
  record_.info.wal_seq = last_seq_;
  sealed_ = true;
  return true;
} catch (const std::bad_alloc&) {
  return memory_error();
}

void RunState::unseal() {
  const std::scoped_lock lock(mutex_);
  sealed_ = false;
  shut(open_gate());
}

MetricBuffer::Gate RunState::open_gate() const {
  const bool full = point_count_ >= journal_.options().run_points;
  return full ? MetricBuffer::Gate::kFull : MetricBuffer::Gate::kOpen;
}

bool RunState::sealed() const {
  const std::scoped_lock lock(mutex_);
  return sealed_;
}

Status RunState::with_snapshot(
    const std::function<Status(const RunRecord& record, bool final)>& use) {
  std::unique_lock lock(mutex_);
  if (sealed_) {
    lock.unlock();  // nothing changes it any more
    return use(record_, true);
  }
  // A snapshot must not wait for room in the journal: it is what makes room on a full disk.
  ASSAY_RETURN_IF_ERROR(move_buffers(false));
  RunRecord copy = record_;
  copy.info.wal_seq = last_seq_;
  lock.unlock();
  return use(copy, false);
}

void RunState::drop_record() {
  const std::scoped_lock lock(mutex_);
  RunInfo info = std::move(record_.info);
  record_ = {};
  record_.info = std::move(info);
  for (const auto& [key, buffer] : metrics_) buffer->target_ = nullptr;
  moved_ = {};
  held_bytes_ = kRecordBytes;
}

}  // namespace assay::tracking
