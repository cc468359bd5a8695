#include "tracking/run_follower.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "tracking/journal_salvage.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/wire_internal.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {
namespace {

// More than a frame can take, so that each part holds at least one.
constexpr int64_t kPartBytes = static_cast<int64_t>(2 * kFrameLimitBytes);
// Each try starts over because a folder was renamed between its listing and the look into it.
constexpr int kTries = 16;
constexpr uint16_t kBegin = change_type<BeginRun>();
constexpr uint16_t kAfter = change_type<AfterChange>();
constexpr uint16_t kOmitted = change_type<OmittedChange>();
// Of all changes these are followed.
constexpr std::array<uint16_t, 5> kFollowed = {change_type<AddPoints>(), change_type<AppendText>(),
                                               change_type<SetScore>(), change_type<FinishRun>(),
                                               change_type<ReopenRun>()};

// Up to `limit` bytes from `offset`.
Result<std::string> read_part(File& file, int64_t offset, int64_t limit) {
  ASSAY_ASSIGN_OR_RETURN(const int64_t size, file.size());
  std::string bytes(static_cast<size_t>(std::clamp<int64_t>(size - offset, 0, limit)), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    ASSAY_ASSIGN_OR_RETURN(const int64_t count,
                           file.read_at(offset + static_cast<int64_t>(done),
                                        std::as_writable_bytes(std::span(bytes).subspan(done))));
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

RunFollower::RunFollower(Workspace& workspace, RunInfo info)
    : workspace_(workspace), path_(run_file_of(workspace, info.run_id)) {
  fresh_.info = std::move(info);
  fresh_.info.wal_seq = 0;
}

Result<RunFollower> RunFollower::open(Workspace& workspace, std::string_view reference) {
  ASSAY_ASSIGN_OR_RETURN(RunInfo info, find_run(workspace, reference));
  if (info.status == RunStatus::kInterrupted) info.status = RunStatus::kRunning;  // as recorded
  return RunFollower(workspace, std::move(info));
}

Result<bool> RunFollower::open_segments() {
  FileLayer& files = workspace_.files();
  for (int tries = 0;; ++tries) {
    const auto folders = writer_folders(files, workspace_.path());
    writer_is_dead_ = true;
    if (!folders && folders.error().code == StatusCode::kNotFound) return true;
    if (!folders) return tl::unexpected<Error>(folders.error());
    const auto ours = std::find_if(folders->begin(), folders->end(), [&](const auto& folder) {
      return folder.writer_id == fresh_.info.writer;
    });
    if (ours == folders->end()) return true;
    // Asked first: what a dead writer wrote is there by now.
    writer_is_dead_ = ours->taken ||
                      writer_liveness(files, workspace_.path(), ours->writer_id) == Liveness::kDead;
    const auto names = files.list(ours->path);
    if (names) return open_new(*names, ours->path);
    if (names.error().code != StatusCode::kNotFound || tries == kTries) {
      return tl::unexpected<Error>(names.error());
    }
  }
}

Result<bool> RunFollower::open_new(const std::vector<std::string>& names,
                                   const std::string& folder) {
  std::vector<uint64_t> epochs;
  for (const std::string& name : names) {
    const uint64_t epoch = segment_epoch(name);
    if (epoch > last_epoch_) epochs.push_back(epoch);
  }
  std::sort(epochs.begin(), epochs.end());
  bool seamless = true;
  for (const uint64_t epoch : epochs) {
    auto file = workspace_.files().open(folder + "/" + segment_name(epoch));
    const bool gone = !file && file.error().code == StatusCode::kNotFound;
    if (!file && !gone) return tl::unexpected<Error>(file.error());
    seamless = seamless && !gone && epoch == last_epoch_ + 1;
    last_epoch_ = epoch;
    if (!gone) segments_[epoch].file = std::move(*file);
  }
  return seamless;
}

Status RunFollower::look_at_file() {
  const auto info = workspace_.files().stat(path_);
  if (!info && info.error().code == StatusCode::kNotFound) {
    if (!workspace_.files().exists(workspace_.path() + "/WORKSPACE")) {
      return fail(StatusCode::kIo, "the workspace '{}' is gone: it was moved or removed",
                  workspace_.path());
    }
    if (!file_ && !segments_.empty()) return {};  // it is only in the journal
    return fail(StatusCode::kNotFound, "run {} was deleted", fresh_.info.run_id);
  }
  if (!info) return tl::unexpected<Error>(info.error());
  if (file_ == *info) return {};
  ASSAY_ASSIGN_OR_RETURN(file_state_, read_run_info(workspace_.files(), path_));
  file_ = *info;
  return {};
}

bool RunFollower::file_is_ahead() const {
  if (!file_state_) return false;
  const RunInfo& seen = fresh_.info;
  if (file_state_->writer != seen.writer || file_state_->wal_seq > seen.wal_seq) return true;
  // Recovery ends a run without a change in its journal.
  return file_state_->wal_seq == seen.wal_seq && file_state_->finished && !seen.finished;
}

Status RunFollower::read_whole_file() {
  ASSAY_ASSIGN_OR_RETURN(RunRecord record, read_run(workspace_.files(), path_));
  const auto add_rest = [](std::string& to, const std::string& text, size_t given) {
    to += std::string_view(text).substr(std::min(given + to.size(), text.size()));
  };
  add_rest(fresh_.stdout_text, record.stdout_text, stdout_bytes_);
  add_rest(fresh_.stderr_text, record.stderr_text, stderr_bytes_);
  for (const auto& [key, points] : record.metrics) {
    std::vector<MetricPoint>& to = fresh_.metrics[key];
    const size_t given = std::min(points_[key] + to.size(), points.size());
    to.insert(to.end(), points.begin() + static_cast<std::ptrdiff_t>(given), points.end());
  }
  if (record.info.writer != fresh_.info.writer) {
    segments_.clear();
    last_epoch_ = 0;
  }
  fresh_.info = std::move(record.info);
  file_state_ = fresh_.info;
  return {};
}

Result<bool> RunFollower::take(Segment& segment, const Frame& frame) {
  if (frame.type >= kFirstNoteType) return true;
  if (frame.type == kBegin) {
    ASSAY_ASSIGN_OR_RETURN(const RunChange begin, decode_change(frame.type, frame.payload));
    if (std::get<BeginRun>(begin).info.run_id == fresh_.info.run_id) segment.run = frame.run;
    if ((frame.flags & kRepeatedFlag) != 0) return true;
  }
  if (segment.run != frame.run) return true;
  uint64_t& seen = fresh_.info.wal_seq;
  if (frame.type == kAfter) return seen >= WireReader(frame.payload).number<uint64_t>();
  if (frame.seq <= seen) return true;
  if (frame.type == kOmitted) return false;
  if (std::find(kFollowed.begin(), kFollowed.end(), frame.type) != kFollowed.end()) {
    ASSAY_ASSIGN_OR_RETURN(RunChange change, decode_change(frame.type, frame.payload));
    apply(fresh_, std::move(change));
  }
  seen = frame.seq;
  return true;
}

Result<bool> RunFollower::read_segment(Segment& segment, const std::string& source) {
  if (!segment.has_header) {
    ASSAY_ASSIGN_OR_RETURN(const std::string head,
                           read_part(*segment.file, 0, static_cast<int64_t>(kSegmentHeaderBytes)));
    const bool unborn =
        head.size() < kSegmentHeaderBytes || head.find_first_not_of('\0') == head.npos;
    if (unborn) return true;
    ASSAY_ASSIGN_OR_RETURN(const SegmentHeader header, parse_header(head, source));
    segment.has_header = true;
    segment.salt = header.salt;
    segment.offset = static_cast<int64_t>(kSegmentHeaderBytes);
  }
  while (true) {
    ASSAY_ASSIGN_OR_RETURN(const std::string bytes,
                           read_part(*segment.file, segment.offset, kPartBytes));
    FrameReader reader(bytes, segment.salt, segment.least_seq);
    Frame frame;
    size_t taken = 0;
    while (reader.next(frame)) {
      auto done = take(segment, frame);
      if (!done) {
        return fail(StatusCode::kData, "journal '{}' is damaged: {}", source, done.error().message);
      }
      if (!*done) {
        segment.offset += static_cast<int64_t>(taken);
        return false;
      }
      taken = reader.offset();
      segment.least_seq = reader.last_seq();
    }
    if (taken == 0) {
      ASSAY_RETURN_IF_ERROR(check_end(segment, bytes, source));
      return true;
    }
    segment.offset += static_cast<int64_t>(taken);
  }
}

// What does not check is being written, or torn, unless a note behind it says that it was on disk.
Status RunFollower::check_end(const Segment& segment, std::string_view bytes,
                              const std::string& source) {
  if (bytes.size() <= kSyncedNoteBytes) return {};
  const auto behind = find_stretches(bytes, 1, segment.salt, segment.least_seq);
  const uint64_t synced = synced_bytes(bytes, behind, segment.salt, segment_epoch(source));
  if (synced <= static_cast<uint64_t>(segment.offset)) return {};
  return fail(StatusCode::kData, "journal '{}' is damaged at byte {}", source, segment.offset);
}

Status RunFollower::read_journal() {
  while (!segments_.empty()) {
    const auto first = segments_.begin();
    ASSAY_ASSIGN_OR_RETURN(const bool through,
                           read_segment(first->second, segment_name(first->first)));
    // Nothing is appended to a segment that is followed by another.
    if (!through || segments_.size() == 1) return {};
    segments_.erase(first);
  }
  return {};
}

Result<RunNews> RunFollower::next() {
  // Segments before the file: what is published and removed from them later is in the file.
  ASSAY_ASSIGN_OR_RETURN(const bool seamless, open_segments());
  ASSAY_RETURN_IF_ERROR(look_at_file());
  if (begun_ ? !seamless && file_is_ahead() : file_state_.has_value()) {
    ASSAY_RETURN_IF_ERROR(read_whole_file());
  }
  begun_ = true;
  ASSAY_RETURN_IF_ERROR(read_journal());
  if (file_is_ahead()) {
    ASSAY_RETURN_IF_ERROR(read_whole_file());
    ASSAY_RETURN_IF_ERROR(read_journal());
  }
  stdout_bytes_ += fresh_.stdout_text.size();
  stderr_bytes_ += fresh_.stderr_text.size();
  for (const auto& [key, points] : fresh_.metrics) points_[key] += points.size();
  RunNews news{fresh_.info, std::move(fresh_.stdout_text), std::move(fresh_.stderr_text),
               std::move(fresh_.metrics)};
  fresh_ = {};
  fresh_.info = news.info;
  if (writer_is_dead_ && news.info.status == RunStatus::kRunning) {
    news.info.status = RunStatus::kInterrupted;
  }
  return news;
}

}  // namespace assay::tracking
