#include "tracking/journal_index.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <unordered_map>

#include "tracking/journal_segment.h"
#include "tracking/wire_internal.h"

namespace assay::tracking {
namespace {

constexpr int64_t kSegmentLimitBytes = int64_t{1} << 30;
constexpr uint16_t kAfter = change_type<AfterChange>();
constexpr std::array<uint16_t, 3> kNews = {change_type<SetScore>(), change_type<FinishRun>(),
                                           change_type<ReopenRun>()};

Result<std::string> read_all(File& file) {
  ASSAY_ASSIGN_OR_RETURN(const int64_t size, file.size());
  std::string bytes(static_cast<size_t>(std::clamp<int64_t>(size, 0, kSegmentLimitBytes)), '\0');
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

}  // namespace

Result<JournalIndex> JournalIndex::read(FileLayer& files, const std::string& folder) {
  ASSAY_ASSIGN_OR_RETURN(std::vector<std::string> names, files.list(folder));
  std::erase_if(names, [](const std::string& name) { return !is_segment_name(name); });
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  // Another recovery may remove them meanwhile, the oldest first. So the newest is opened first:
  // whatever is missed then, no segment is read without the later ones, which may say that its runs
  // have files (and were perhaps deleted since).
  JournalIndex index;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const std::string path = folder + "/" + *name;
    auto file = files.open(path);
    if (!file && file.error().code == StatusCode::kNotFound) continue;
    if (!file) return tl::unexpected<Error>(std::move(file.error()));
    index.segments_.push_back(path);
    index.files_.push_back(std::move(*file));
  }
  std::reverse(index.segments_.begin(), index.segments_.end());
  std::reverse(index.files_.begin(), index.files_.end());
  for (uint32_t segment = 0; segment < index.files_.size(); ++segment) {
    ASSAY_RETURN_IF_ERROR(index.read_segment(segment));
  }
  return index;
}

Status JournalIndex::read_segment(uint32_t segment) {
  ASSAY_ASSIGN_OR_RETURN(const std::string bytes, read_all(*files_[segment]));
  return take_frames(bytes, segment);
}

Status JournalIndex::take_frames(std::string_view bytes, uint32_t segment) {
  if (unborn(bytes)) return {};
  const std::string& path = segments_[segment];
  const auto header = parse_header(bytes, path);
  if (!header) {
    damaged_.push_back(header.error().message);
    return {};
  }
  FrameReader reader(bytes.substr(kSegmentHeaderBytes), header->salt);
  std::unordered_map<uint32_t, Entry*> by_number;
  Frame frame;
  while (reader.next(frame)) {
    if (frame.type >= kFirstNoteType) {
      take_note(frame);
      continue;
    }
    const bool begins = frame.type == change_type<BeginRun>();
    const bool news = std::find(kNews.begin(), kNews.end(), frame.type) != kNews.end();
    Entry* entry = nullptr;
    if (begins || news) {
      auto change = decode_change(frame.type, frame.payload);
      if (!change) {
        damaged_.push_back(
            fmt::format("journal '{}' is damaged: {}", path, change.error().message));
        return {};
      }
      if (begins) {
        RunInfo& identity = std::get<BeginRun>(*change).info;
        entry = &runs_[identity.run_id];
        entry->identity = std::move(identity);
        by_number[frame.run] = entry;
        if ((frame.flags & kRepeatedFlag) != 0) continue;
      }
      const auto it = by_number.find(frame.run);
      if (news && it != by_number.end()) {
        it->second->news.emplace_back(frame.seq, std::move(*change));
      }
    }
    const auto it = by_number.find(frame.run);
    if (it == by_number.end() || frame.type == 0 || frame.type > kChangeTypeCount) {
      damaged_.push_back(fmt::format(
          "journal '{}' is damaged, or a newer release wrote it: a change of type {} of run {}",
          path, frame.type, frame.run));
      return {};
    }
    entry = it->second;
    const auto payload_at = static_cast<int64_t>(frame.payload.data() - bytes.data());
    Place place{segment,    payload_at, static_cast<uint32_t>(frame.payload.size()),
                frame.type, frame.seq,  0};
    if (frame.type == kAfter) place.after_seq = WireReader(frame.payload).number<uint64_t>();
    entry->places.push_back(place);
  }
  return {};
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
