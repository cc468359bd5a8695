#include "tracking/journal_index.h"

#include <algorithm>
#include <array>
#include <span>

#include "tracking/journal_salvage.h"
#include "tracking/record_seal_internal.h"
#include "tracking/run_folders_internal.h"
#include "tracking/run_trash.h"
#include "tracking/wire_internal.h"

namespace assay::tracking {
namespace {

constexpr int64_t kSegmentLimitBytes = int64_t{1} << 30;
constexpr size_t kNoteLimitBytes = 256;  // no note that matters is longer
constexpr uint16_t kAfter = change_type<AfterChange>();
constexpr std::array<uint16_t, 3> kNews = {change_type<SetScore>(), change_type<FinishRun>(),
                                           change_type<ReopenRun>()};

Result<std::string> read_begin(File& file, int64_t limit) {
  ASSAY_ASSIGN_OR_RETURN(const int64_t size, file.size());
  std::string bytes(static_cast<size_t>(std::clamp<int64_t>(size, 0, limit)), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    ASSAY_ASSIGN_OR_RETURN(const int64_t count,
                           file.read_at(static_cast<int64_t>(done),
                                        std::as_writable_bytes(std::span(bytes).subspan(done))));
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

// A file whose header never reached the disk: it was being created.
bool unborn(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, kSegmentHeaderBytes);
  return head.size() < kSegmentHeaderBytes || head.find_first_not_of('\0') == head.npos;
}

std::string_view name_in(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Has a number of its own; repetitions and notes have that of a change before them.
bool is_change(const Frame& frame) {
  return frame.type < kFirstNoteType && frame.type != kAfter && (frame.flags & kRepeatedFlag) == 0;
}

std::string lost_changes(uint64_t count, std::string_view whose) {
  if (count == 0) return "no change is lost";
  return fmt::format("up to {} {} of {} {} lost unless run files have {}", count,
                     count == 1 ? "change" : "changes", whose, count == 1 ? "is" : "are",
                     count == 1 ? "it" : "them");
}

}  // namespace

Result<JournalIndex> JournalIndex::read(FileLayer& files, const std::string& folder) {
  ASSAY_ASSIGN_OR_RETURN(std::vector<FolderEntry> entries, files.scan(folder));
  std::erase_if(entries, [](const FolderEntry& entry) { return !is_segment_name(entry.name); });
  std::sort(entries.begin(), entries.end(), [](const FolderEntry& a, const FolderEntry& b) {
    return a.name.size() != b.name.size() ? a.name.size() < b.name.size() : a.name < b.name;
  });
  // Another recovery may remove them meanwhile, the oldest first. So the newest is opened first:
  // whatever is missed then, no segment is read without the later ones, which may say that its runs
  // have files (and were perhaps deleted since).
  JournalIndex index;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const std::string path = folder + "/" + entry->name;
    auto file = files.open(path);
    if (!file && file.error().code == StatusCode::kNotFound) {
      // Gone, or something else stands in its place.
      std::string why = why_no_file(path, entry->info);
      if (why.empty()) why = why_not_found(files, path, entry->info);
      if (!why.empty()) index.damaged_.push_back(std::move(why));
      continue;
    }
    if (!file) return tl::unexpected<Error>(std::move(file.error()));
    index.segments_.push_back(path);
    index.files_.push_back(std::move(*file));
  }
  std::reverse(index.segments_.begin(), index.segments_.end());
  std::reverse(index.files_.begin(), index.files_.end());
  for (uint32_t segment = 0; segment < index.files_.size(); ++segment) {
    ASSAY_ASSIGN_OR_RETURN(FirstNote note, index.first_note(segment));
    index.first_notes_.push_back(note);
  }
  for (uint32_t segment = 0; segment < index.files_.size(); ++segment) {
    ASSAY_RETURN_IF_ERROR(index.read_segment(segment));
  }
  index.note_orphans();
  if (!index.damaged_.empty()) index.note_deleted(files, folder);
  return index;
}

Result<JournalIndex::FirstNote> JournalIndex::first_note(uint32_t segment) const {
  // What the oldest says is of no use: segments before it were removed.
  if (segment == 0) return FirstNote();
  ASSAY_ASSIGN_OR_RETURN(
      const std::string bytes,
      read_begin(*files_[segment], static_cast<int64_t>(kSegmentHeaderBytes + kSyncedNoteBytes)));
  const auto header = parse_header(bytes, segments_[segment]);
  if (!header) return FirstNote();  // told when the segment is read
  FrameReader reader(std::string_view(bytes).substr(kSegmentHeaderBytes), header->salt);
  Frame frame;
  if (!reader.next(frame)) return FirstNote();
  const auto note = parse_synced_note(frame);
  const uint64_t previous = segment_epoch(name_in(segments_[segment - 1]));
  const uint64_t own = segment_epoch(name_in(segments_[segment]));
  if (!note || note->epoch < previous || note->epoch >= own) return FirstNote();
  return note->epoch == previous ? FirstNote{note, {}} : FirstNote{{}, note};
}

Status JournalIndex::read_segment(uint32_t segment) {
  ASSAY_ASSIGN_OR_RETURN(const std::string bytes, read_begin(*files_[segment], kSegmentLimitBytes));
  if (const auto& missing = first_notes_[segment].of_missing) note_missing(segment, *missing);
  Reading reading{.segment = segment, .bytes = bytes};
  if (segment + 1 < segments_.size()) {
    if (const auto& note = first_notes_[segment + 1].of_previous) {
      reading.synced = note->bytes;
      reading.synced_seq = note->seq;
    }
  }
  if (unborn(bytes)) {
    // What was on disk once is not being created.
    const uint64_t epoch = segment_epoch(name_in(segments_[segment]));
    reading.synced = std::max(reading.synced, synced_bytes_unchecked(bytes, epoch));
    if (reading.synced > 0) note_gap(reading, 0, bytes.size());
    return {};
  }
  const auto header = parse_header(bytes, segments_[segment]);
  if (header) {
    reading.salt = header->salt;
    read_frames(reading);
    return {};
  }
  damaged_.push_back(header.error().message);
  if (written_by_newer(header.error().message)) return {};  // who knows what its frames are
  if (const auto salt = find_salt(bytes)) {
    reading.salt = *salt;
    read_frames(reading);
  }
  return {};
}

void JournalIndex::read_frames(Reading& reading) {
  const std::string_view bytes = reading.bytes;
  auto end = take_stretch(reading, kSegmentHeaderBytes);
  if (!end) return;
  if (*end < bytes.size()) {
    const auto behind = find_stretches(bytes, *end + 1, reading.salt, last_seq_);
    const uint64_t epoch = segment_epoch(name_in(segments_[reading.segment]));
    reading.synced = std::max(reading.synced, synced_bytes(bytes, behind, reading.salt, epoch));
    for (const Stretch& stretch : behind) {
      const bool was_synced = *end < reading.synced;
      if (!was_synced && !mend_frame(bytes, *end, reading.salt)) return;  // a torn end
      note_gap(reading, *end, stretch.begin);
      if (was_synced && stretch.begin > reading.synced) return;  // behind what was never synced
      end = take_stretch(reading, stretch.begin);
      if (!end) return;
    }
  }
  const bool damage =
      *end < reading.synced || (*end < bytes.size() && mend_frame(bytes, *end, reading.salt));
  if (damage) note_gap(reading, *end, bytes.size());
}

// Without the note that a run was published, one that was deleted since would come back. A run's id
// in the note, which the journal knows, vouches for it.
size_t JournalIndex::take_mended_note(const Reading& reading, size_t at) {
  auto bytes = mend_frame(reading.bytes, at, reading.salt, kNoteLimitBytes);
  if (!bytes) return 0;
  bytes->resize((bytes->size() + 7) / 8 * 8, '\0');
  FrameReader reader(*bytes, reading.salt);
  Frame frame;
  if (!reader.next(frame) || frame.type < kFirstNoteType) return 0;
  take_note(frame);
  return at + bytes->size();
}

std::optional<size_t> JournalIndex::take_stretch(const Reading& reading, size_t at) {
  FrameReader reader(reading.bytes.substr(at), reading.salt,
                     at > kSegmentHeaderBytes ? last_seq_ : 0);
  Frame frame;
  while (reader.next(frame)) {
    if (!take_frame(reading, frame)) return std::nullopt;
    last_seq_ = std::max(last_seq_, frame.seq);
  }
  return at + reader.offset();
}

bool JournalIndex::take_frame(const Reading& reading, const Frame& frame) {
  const std::string& path = segments_[reading.segment];
  if (frame.type >= kFirstNoteType) {
    take_note(frame);
    return true;
  }
  const bool begins = frame.type == change_type<BeginRun>();
  const bool news = std::find(kNews.begin(), kNews.end(), frame.type) != kNews.end();
  if (begins || news) {
    auto change = decode_change(frame.type, frame.payload);
    if (!change) {
      damaged_.push_back(fmt::format("journal '{}' is damaged: {}", path, change.error().message));
      return false;
    }
    if (begins) {
      RunInfo& identity = std::get<BeginRun>(*change).info;
      Entry& entry = runs_[identity.run_id];
      entry.identity = std::move(identity);
      by_number_[frame.run] = &entry;
      if ((frame.flags & kRepeatedFlag) != 0) return true;
    }
    const auto it = by_number_.find(frame.run);
    if (news && it != by_number_.end()) {
      it->second->news.emplace_back(frame.seq, std::move(*change));
    }
  }
  const auto it = by_number_.find(frame.run);
  const bool known_type = frame.type > 0 && frame.type <= kChangeTypeCount;
  if (it == by_number_.end() && known_type && !damaged_.empty()) {
    ++orphans_[frame.run];
    return true;
  }
  if (!known_type) {
    // Its checksum fits, so it is what somebody wrote.
    damaged_.push_back(fmt::format(
        "journal '{}' has a change of type {} (this release knows {}), written by a newer "
        "release: use a newer Assay",
        path, frame.type, kChangeTypeCount));
    return false;
  }
  if (it == by_number_.end()) {
    damaged_.push_back(fmt::format("journal '{}' is damaged: a change of type {} of run {}", path,
                                   frame.type, frame.run));
    return false;
  }
  const auto payload_at = static_cast<int64_t>(frame.payload.data() - reading.bytes.data());
  Place place{reading.segment, payload_at, static_cast<uint32_t>(frame.payload.size()),
              frame.type,      frame.seq,  0};
  if (frame.type == kAfter) place.after_seq = WireReader(frame.payload).number<uint64_t>();
  it->second->places.push_back(place);
  return true;
}

// Numbers of changes tell how many are missing; gaps in the numbers that a full disk left, whose
// changes are in run files only, count too.
std::optional<uint64_t> JournalIndex::lost_in_gap(const Reading& reading, size_t end) const {
  const uint64_t before = last_seq_;
  const bool first = before == 0 && segment_epoch(name_in(segments_[reading.segment])) > 1;
  if (first) return std::nullopt;  // what came before was removed with its numbers
  if (end == reading.bytes.size()) {
    const bool known = reading.synced_seq >= before && reading.synced_seq > 0;
    return known ? std::optional(reading.synced_seq - before) : std::nullopt;
  }
  FrameReader reader(reading.bytes.substr(end), reading.salt);
  Frame next;
  if (!reader.next(next)) return std::nullopt;
  return next.seq - before - (is_change(next) && next.seq > before ? 1 : 0);
}

void JournalIndex::note_gap(const Reading& reading, size_t begin, size_t end) {
  std::optional<uint64_t> lost = lost_in_gap(reading, end);
  if (take_mended_note(reading, begin) == end) lost = 0;
  std::string whose = "runs that cannot be told";
  const auto number = run_of_bad_frame(reading.bytes, begin, end, last_seq_);
  const auto run = number ? by_number_.find(*number) : by_number_.end();
  if (run != by_number_.end()) {
    whose = "run " + run->second->identity.run_id;
    run->second->lost += lost.value_or(1);
  }
  const std::string what =
      begin == reading.bytes.size()
          ? fmt::format("it ends there, and {} bytes of it were on disk", reading.synced)
          : fmt::format("{} bytes do not check", end - begin);
  damaged_.push_back(fmt::format(
      "journal '{}' is damaged at byte {}: {}; {}", segments_[reading.segment], begin, what,
      lost ? lost_changes(*lost, whose) : fmt::format("changes of {} may be lost", whose)));
}

void JournalIndex::note_missing(uint32_t segment, const SyncedNote& note) {
  const std::string& other = segments_[segment];
  const uint64_t lost = note.seq - std::min(note.seq, last_seq_);
  damaged_.push_back(fmt::format("journal '{}/{}' is missing: {} bytes of it were on disk; {}",
                                 other.substr(0, other.rfind('/')), segment_name(note.epoch),
                                 note.bytes, lost_changes(lost, "runs that cannot be told")));
}

void JournalIndex::note_orphans() {
  for (const auto& [number, count] : orphans_) {
    const std::string& path = segments_.front();
    damaged_.push_back(fmt::format(
        "journal '{}' is damaged: the beginning of its run {} is lost, "
        "and with it {} {} that check",
        path.substr(0, path.rfind('/')), number, count, count == 1 ? "change" : "changes"));
  }
}

// The same where the note is lost for good and the run is still in the trash.
void JournalIndex::note_deleted(FileLayer& files, const std::string& folder) {
  const std::string workspace = folder.substr(0, folder.rfind("/writers/"));
  const auto names = files.list(fmt::format("{}/{}", workspace, kRunTrash));
  if (!names) return;
  for (const std::string& name : *names) {
    const auto it = runs_.find(name.substr(0, name.find('-')));
    if (it == runs_.end()) continue;
    it->second.published_seq = std::max<uint64_t>(it->second.published_seq, 1);
  }
}

void JournalIndex::take_note(const Frame& frame) {
  if (frame.type != kPublishedNote) return;
  WireReader from(frame.payload);
  const std::string run_id = from.text();
  const auto seq = from.number<uint64_t>();
  const auto it = runs_.find(run_id);
  if (from.ok() && it != runs_.end()) {
    it->second.published_seq = std::max(it->second.published_seq, seq);
  }
}

uint64_t JournalIndex::reach(const Entry& entry, uint64_t seq) {
  for (const Place& place : entry.places) {
    if (place.type == kAfter) {
      if (seq < place.after_seq) break;
    } else if (place.seq > seq) {
      if (place.type == change_type<OmittedChange>()) break;
      seq = place.seq;
    }
  }
  return seq;
}

Status JournalIndex::replay(const std::string& run_id, RunRecord& record) const {
  const auto it = runs_.find(run_id);
  if (it == runs_.end()) return {};
  const Entry& entry = it->second;
  if (record.info.run_id.empty()) {
    apply(record, BeginRun{entry.identity});
  } else if (record.info.writer != entry.identity.writer) {
    return {};
  }
  std::string payload;
  const uint64_t last = reach(entry, record.info.wal_seq);
  for (const Place& place : entry.places) {
    if (place.type == kAfter || place.seq <= record.info.wal_seq || place.seq > last) continue;
    payload.resize(place.size);
    ASSAY_ASSIGN_OR_RETURN(
        const int64_t count,
        files_[place.segment]->read_at(place.offset, std::as_writable_bytes(std::span(payload))));
    if (static_cast<size_t>(count) != payload.size()) {
      return fail(StatusCode::kData, "journal '{}' was cut while it was read",
                  segments_[place.segment]);
    }
    auto change = decode_change(place.type, payload);
    if (!change) {
      return fail(StatusCode::kData, "journal '{}' is damaged: {}", segments_[place.segment],
                  change.error().message);
    }
    apply(record, std::move(*change));
    record.info.wal_seq = place.seq;
  }
  return {};
}

void JournalIndex::replay_news(const Entry& entry, RunInfo& info) {
  if (info.writer != entry.identity.writer) return;
  RunRecord record;
  record.info = std::move(info);
  const uint64_t last = reach(entry, record.info.wal_seq);
  for (const auto& [seq, change] : entry.news) {
    if (seq > record.info.wal_seq && seq <= last) apply(record, change);
  }
  record.info.wal_seq = last;
  info = std::move(record.info);
}

}  // namespace assay::tracking
