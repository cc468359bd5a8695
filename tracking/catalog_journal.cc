#include <algorithm>
#include <optional>

#include "kernels/base/crc32c.h"
#include "tracking/byte_codec_internal.h"
#include "tracking/catalog_journal_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

constexpr std::string_view kMagic = "ASSAYCWL";
constexpr uint32_t kVersion = 1;
constexpr std::string_view kFrameMark = "RFRM";
constexpr size_t kFrameBytes = 16;
constexpr uint32_t kMostPayload = uint32_t{1} << 20;
constexpr uint16_t kEntryType = 1;
constexpr uint16_t kRemovalType = 2;
constexpr uint16_t kStampsType = 3;
constexpr uint16_t kMissingType = 4;

uint32_t frame_crc(uint16_t type, std::string_view payload) {
  const char bytes[2] = {static_cast<char>(type & 0xff), static_cast<char>(type >> 8)};
  return crc32c(payload, crc32c(std::string_view(bytes, sizeof bytes)));
}

std::string frame(uint16_t type, std::string_view payload) {
  ByteWriter to;
  to.bytes() = kFrameMark;
  to.number(static_cast<uint32_t>(payload.size()));
  to.number(frame_crc(type, payload));
  to.number(type);
  to.number(uint16_t{0});
  to.bytes() += payload;
  return std::move(to.bytes());
}

// False if the payload is not what its type says.
bool read_payload(uint16_t type, std::string_view payload, JournalFrame& frame) {
  if (type == kEntryType) {
    auto entry = decode_entry(payload);
    if (!entry) return false;
    frame.entry = std::move(*entry);
    return true;
  }
  ByteReader from(payload);
  if (type == kRemovalType) {
    frame.removed = from.text();
    return from.done() && is_ulid(frame.removed);
  }
  if (type == kMissingType) {
    MissingRun& run = frame.missing.emplace();
    run.run_id = from.text();
    run.name = from.text();
    return from.done() && is_ulid(run.run_id);
  }
  if (type != kStampsType) return false;
  frame.catalog_id = from.text();
  ShardStamps stamps;
  for (FolderStamp& stamp : stamps) {
    stamp.inode = from.number<uint64_t>();
    stamp.modified_ns = from.number<int64_t>();
    stamp.changed_ns = from.number<int64_t>();
  }
  frame.stamps = stamps;
  return from.done();
}

// Bytes of the whole frame at the beginning of `text`, or 0.
size_t read_frame(std::string_view text, JournalFrame& frame) {
  if (text.size() < kFrameBytes || text.substr(0, kFrameMark.size()) != kFrameMark) return 0;
  ByteReader from(text.substr(kFrameMark.size()));
  const auto size = from.number<uint32_t>();
  const auto crc = from.number<uint32_t>();
  const auto type = from.number<uint16_t>();
  if (size > kMostPayload || size > text.size() - kFrameBytes) return 0;
  const std::string_view payload = text.substr(kFrameBytes, size);
  if (frame_crc(type, payload) != crc || !read_payload(type, payload, frame)) return 0;
  return kFrameBytes + size;
}

// Whether a crash can leave `text` where something with that beginning was being written: each byte
// as it should be, or a zero of a page that was never written, or cut off.
bool left_by_crash(std::string_view text, std::string_view beginning) {
  const size_t known = std::min(text.size(), beginning.size());
  for (size_t i = 0; i < known; ++i) {
    if (text[i] != beginning[i] && text[i] != '\0') return false;
  }
  return true;
}

// Bytes of the header, or of what a crash left of it: some of its bytes, cut off or zero, and then
// nothing or entries of those who went on. Nothing if there is something else.
std::optional<size_t> header_bytes(std::string_view text) {
  const std::string header = journal_header();
  const size_t most = std::min(text.size(), header.size());
  const auto begins = [&](size_t cut) { return left_by_crash(text.substr(0, cut), header); };
  // The entry behind it may have been hit by a further crash: a whole one is the better sign.
  for (const bool whole : {true, false}) {
    const auto entry_at = [&](size_t at) {
      const std::string_view rest = text.substr(at);
      return rest.empty() ||
             (whole ? rest.starts_with(kFrameMark) : left_by_crash(rest, kFrameMark));
    };
    if (begins(most) && entry_at(most)) return most;
    for (size_t cut = 0; cut < most && begins(cut); ++cut) {
      if (entry_at(cut)) return cut;
    }
  }
  if (begins(most)) return most;
  return std::nullopt;
}

}  // namespace

std::string journal_header() {
  ByteWriter to;
  to.bytes() = kMagic;
  to.number(kVersion);
  to.number(uint32_t{0});
  return std::move(to.bytes());
}

std::string entry_frame(const CatalogEntry& entry) { return frame(kEntryType, encode(entry)); }

std::string removal_frame(std::string_view run_id) {
  ByteWriter to;
  to.text(run_id);
  return frame(kRemovalType, to.bytes());
}

std::string missing_frame(const MissingRun& run) {
  ByteWriter to;
  to.text(run.run_id);
  to.text(run.name);
  return frame(kMissingType, to.bytes());
}

std::string stamps_frame(std::string_view catalog_id, const ShardStamps& stamps) {
  ByteWriter to;
  to.text(catalog_id);
  for (const FolderStamp& stamp : stamps) {
    to.number(stamp.inode);
    to.number(stamp.modified_ns);
    to.number(stamp.changed_ns);
  }
  return frame(kStampsType, to.bytes());
}

Result<JournalContent> parse_journal(std::string_view text, bool begins) {
  const size_t all = text.size();
  JournalContent content;
  if (begins) {
    const auto bytes = header_bytes(text);
    if (!bytes) return fail(StatusCode::kData, "catalog.wal is no journal that this release reads");
    content.damaged = text.substr(0, *bytes) != journal_header();
    text.remove_prefix(*bytes);
  }
  content.whole_bytes = all - text.size();
  while (!text.empty()) {
    JournalFrame found;
    const size_t bytes = read_frame(text, found);
    if (bytes > 0) {
      content.frames.push_back(std::move(found));
      text.remove_prefix(bytes);
      content.whole_bytes = all - text.size();
      continue;
    }
    content.damaged = true;
    const size_t next = text.find(kFrameMark, 1);
    if (!left_by_crash(text.substr(0, next), kFrameMark)) content.foreign = true;
    if (next == std::string_view::npos) break;
    text.remove_prefix(next);
  }
  return content;
}

}  // namespace assay::tracking
