#include "tracking/journal_segment.h"

#include <sys/random.h>

#include <charconv>
#include <cstring>

#include "kernels/base/crc32c.h"
#include "tracking/environment.h"
#include "tracking/wire_internal.h"

namespace assay::tracking {
namespace {

constexpr std::string_view kMagic = "ASSAYWAL";
constexpr size_t kHeaderCrcAt = kSegmentHeaderBytes - sizeof(uint32_t);
constexpr size_t kCrcAt = 4;   // in a frame
constexpr size_t kTypeAt = 8;  // the checksum covers the salt, the length and all from here
constexpr size_t kSeqAt = 16;
constexpr size_t kAlign = 8;
constexpr size_t kDigits = 6;

template <class T>
T number_at(const char* from) {
  T value{};
  std::memcpy(&value, from, sizeof value);
  return value;
}

size_t padded(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

uint32_t frame_crc(const char* frame, size_t payload_bytes, uint64_t salt) {
  uint32_t crc = crc32c(std::as_bytes(std::span(&salt, 1)));
  crc = crc32c(std::as_bytes(std::span(frame, kCrcAt)), crc);
  const size_t rest = kFrameHeaderBytes - kTypeAt + payload_bytes;
  return crc32c(std::as_bytes(std::span(frame + kTypeAt, rest)), crc);
}

uint64_t random_salt() {
  uint64_t salt = 0;
  // A salt need not be secret, only different from that of other files.
  if (::getrandom(&salt, sizeof salt, 0) != sizeof salt) {
    salt = static_cast<uint64_t>(wall_time_ns()) * 0x9E3779B97F4A7C15;
  }
  return salt;
}

}  // namespace

std::string encode_header(const SegmentHeader& header) {
  std::string bytes(kMagic);
  WireWriter to(bytes);
  to.number(header.version);
  to.number(static_cast<uint32_t>(kSegmentHeaderBytes));
  to.number(header.salt);
  to.number(header.created_ns);
  to.number(header.epoch);
  bytes.resize(kHeaderCrcAt, '\0');
  to.number(crc32c(std::as_bytes(std::span(bytes))));
  return bytes;
}

Result<SegmentHeader> parse_header(std::string_view bytes, const std::string& source) {
  if (bytes.size() < kSegmentHeaderBytes || bytes.substr(0, kMagic.size()) != kMagic) {
    return fail(StatusCode::kData, "journal '{}' is damaged: it does not begin as a journal does",
                source);
  }
  const std::string_view head = bytes.substr(0, kHeaderCrcAt);
  if (crc32c(std::as_bytes(std::span(head))) != number_at<uint32_t>(&bytes[kHeaderCrcAt])) {
    return fail(StatusCode::kData, "journal '{}' is damaged: its header does not check", source);
  }
  WireReader from(head.substr(kMagic.size()));
  SegmentHeader header;
  header.version = from.number<uint32_t>();
  if (header.version > kSegmentVersion) {
    return fail(StatusCode::kData,
                "journal '{}' has version {}, written by a newer release (this one reads up to {})",
                source, header.version, kSegmentVersion);
  }
  (void)from.number<uint32_t>();
  header.salt = from.number<uint64_t>();
  header.created_ns = from.number<int64_t>();
  header.epoch = from.number<uint64_t>();
  return header;
}

void append_frame(const Frame& frame, std::initializer_list<std::string_view> parts,
                  std::string& to) {
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  WireWriter writer(to);
  writer.count(size);
  writer.number(uint32_t{0});
  writer.number(frame.type);
  writer.number(frame.flags);
  writer.number(frame.run);
  writer.number(frame.seq);
  for (const std::string_view part : parts) to.append(part);
  to.append(padded(size) - size, '\0');
}

void append_synced_note(const SyncedNote& note, std::string& to) {
  std::string payload;
  WireWriter writer(payload);
  writer.number(note.epoch);
  writer.number(note.bytes);
  append_frame({.type = kSyncedNote, .run = 0, .seq = note.seq}, {payload}, to);
}

std::optional<SyncedNote> parse_synced_note(const Frame& frame) {
  if (frame.type != kSyncedNote) return std::nullopt;
  WireReader from(frame.payload);
  SyncedNote note{.seq = frame.seq};
  note.epoch = from.number<uint64_t>();
  note.bytes = from.number<uint64_t>();
  return from.ok() ? std::optional(note) : std::nullopt;
}

uint64_t seal_frames(std::span<char> frames, uint64_t salt) {
  uint64_t last_seq = 0;
  size_t at = 0;
  while (at < frames.size()) {
    char* frame = &frames[at];
    const size_t size = number_at<uint32_t>(frame);
    const uint32_t crc = frame_crc(frame, size, salt);
    std::memcpy(frame + kCrcAt, &crc, sizeof crc);
    last_seq = number_at<uint64_t>(frame + kSeqAt);
    at += kFrameHeaderBytes + padded(size);
  }
  return last_seq;
}

bool FrameReader::next(Frame& frame) {
  const std::string_view rest = bytes_.substr(offset_);
  if (rest.size() < kFrameHeaderBytes) return false;
  const size_t size = number_at<uint32_t>(rest.data());
  if (size > kFrameLimitBytes || kFrameHeaderBytes + padded(size) > rest.size()) return false;
  if (frame_crc(rest.data(), size, salt_) != number_at<uint32_t>(&rest[kCrcAt])) return false;
  const auto seq = number_at<uint64_t>(&rest[kSeqAt]);
  if (seq < seq_) return false;
  seq_ = seq;
  frame.type = number_at<uint16_t>(&rest[kTypeAt]);
  frame.flags = number_at<uint16_t>(&rest[10]);
  frame.run = number_at<uint32_t>(&rest[12]);
  frame.seq = seq;
  frame.payload = rest.substr(kFrameHeaderBytes, size);
  offset_ += kFrameHeaderBytes + padded(size);
  return true;
}

std::string segment_name(uint64_t epoch) { return fmt::format("seg-{:06}.wal", epoch); }

bool is_segment_name(std::string_view name) { return segment_epoch(name) > 0; }

uint64_t segment_epoch(std::string_view name) {
  constexpr std::string_view kHead = "seg-";
  constexpr std::string_view kTail = ".wal";
  if (!name.starts_with(kHead) || !name.ends_with(kTail)) return 0;
  if (name.size() < kHead.size() + kDigits + kTail.size()) return 0;
  const char* const begin = name.data() + kHead.size();
  const char* const end = name.data() + name.size() - kTail.size();
  uint64_t epoch = 0;
  const auto [stop, error] = std::from_chars(begin, end, epoch);
  return error == std::errc() && stop == end ? epoch : 0;
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(FileLayer& files,
                                                             const std::string& folder,
                                                             uint64_t epoch) {
  std::unique_ptr<SegmentWriter> segment(
      new SegmentWriter(files, fmt::format("{}/{}", folder, segment_name(epoch))));
  segment->header_ = {kSegmentVersion, random_salt(), wall_time_ns(), epoch};
  ASSAY_ASSIGN_OR_RETURN(segment->file_, files.create(segment->path_));
  Status status = segment->append(encode_header(segment->header_));
  if (status) {
    auto info = files.stat(segment->path_);
    if (info) {
      segment->info_ = *info;
      return segment;
    }
    status = tl::unexpected<Error>(std::move(info.error()));
  }
  (void)files.unlink(segment->path_);
  return tl::unexpected<Error>(std::move(status.error()));
}

Status SegmentWriter::append(std::string_view bytes) {
  ASSAY_RETURN_IF_ERROR(file_->append(std::as_bytes(std::span(bytes))));
  size_ += static_cast<int64_t>(bytes.size());
  return {};
}

Status SegmentWriter::sync() { return file_->sync(); }

bool SegmentWriter::in_place() const {
  const auto now = files_.stat(path_);
  return now && now->inode == info_.inode;
}

}  // namespace assay::tracking
