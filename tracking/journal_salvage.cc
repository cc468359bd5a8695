#include "tracking/journal_salvage.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>

#include "kernels/base/crc32c.h"
#include "tracking/run_change.h"

namespace assay::tracking {
namespace {

constexpr size_t kAlign = 8;
constexpr size_t kSaltAt = 16;      // in the segment's header
constexpr size_t kLengthBytes = 4;  // of a frame's length, which comes first
constexpr size_t kCrcAt = 4;        // in a frame
constexpr size_t kTypeAt = 8;       // in a frame
constexpr size_t kSectorBytes = 512;
constexpr uint16_t kLastNoteType = 255;
// What may be spent on checksums of places that look like frames and are none: a file that was made
// for it could have a frame of megabytes at each of them.
constexpr size_t kTriedBytes = size_t{64} << 20;

template <class T>
T number_at(std::string_view bytes, size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

size_t padded(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// The fields of a frame's header at a place, checked or not.
struct FrameHead {
  FrameHead(std::string_view segment, size_t at)
      : size(number_at<uint32_t>(segment, at)),
        crc(number_at<uint32_t>(segment, at + 4)),
        type(number_at<uint16_t>(segment, at + 8)),
        flags(number_at<uint16_t>(segment, at + 10)),
        run(number_at<uint32_t>(segment, at + 12)),
        seq(number_at<uint64_t>(segment, at + 16)) {}
  size_t size;
  uint32_t crc;
  uint16_t type;
  uint16_t flags;
  uint32_t run;
  uint64_t seq;

  size_t whole_size() const { return kFrameHeaderBytes + padded(size); }
  bool is_change() const { return type >= 1 && type <= kChangeTypeCount; }
  bool looks_right(uint64_t last_seq) const {
    const bool known = is_change() || (type >= kFirstNoteType && type <= kLastNoteType);
    return known && flags <= kRepeatedFlag && seq >= last_seq && size <= kFrameLimitBytes;
  }
};

uint32_t checksum(std::string_view segment, size_t at, size_t size, uint64_t salt) {
  uint32_t crc = crc32c(std::as_bytes(std::span(&salt, 1)));
  crc = crc32c(segment.substr(at, kLengthBytes), crc);
  return crc32c(segment.substr(at + kTypeAt, kFrameHeaderBytes - kTypeAt + size), crc);
}

// A bit of what a checksum was made of: so many bytes before the last one.
struct BitPlace {
  size_t bytes_before_end = 0;
  size_t bit = 0;
};

// The bit whose change changes a checksum of `bytes` bytes so. Checksums are linear: it depends on
// the bit's place alone, and takes the step of one zero byte for each byte that follows.
std::optional<BitPlace> find_bit(uint32_t difference, size_t bytes) {
  std::array<uint32_t, 256> steps{};
  const uint32_t zero = crc32c(std::string_view("\0", 1));
  for (size_t i = 0; i < steps.size(); ++i) {
    const char byte = static_cast<char>(i);
    steps[i] = crc32c(std::string_view(&byte, 1)) ^ zero;
  }
  std::array<uint32_t, 8> changes{};
  for (size_t bit = 0; bit < changes.size(); ++bit) changes[bit] = steps[size_t{1} << bit];
  for (size_t k = 0; k < bytes; ++k) {
    for (size_t bit = 0; bit < changes.size(); ++bit) {
      uint32_t& change = changes[bit];
      if (change == difference) return BitPlace{k, bit};
      change = (change >> 8) ^ steps[change & 0xff];
    }
  }
  return std::nullopt;
}

// What a loss of power leaves of a sector that was not written is zeros: where the frame's part of
// a sector is all zero, a bit that should be 1 may have been the only one in it.
bool may_be_unwritten(std::string_view segment, size_t at, size_t frame_bytes, size_t byte) {
  const size_t sector = byte / kSectorBytes * kSectorBytes;
  const size_t begin = std::max(at, sector);
  const size_t end = std::min(at + frame_bytes, sector + kSectorBytes);
  const std::string_view part = segment.substr(begin, end - begin);
  return part.find_first_not_of('\0') == part.npos;
}

// The frame with the bit changed that its checksum asks for, its length being right.
std::optional<std::string> mend_content(std::string_view segment, size_t at, const FrameHead& head,
                                        uint64_t salt) {
  const size_t frame_bytes = kFrameHeaderBytes + head.size;
  std::string frame(segment.substr(at, frame_bytes));
  const uint32_t right = checksum(segment, at, head.size, salt);
  if (std::has_single_bit(right ^ head.crc)) {
    std::memcpy(frame.data() + kCrcAt, &right, sizeof right);
    return frame;
  }
  const size_t behind_crc = kFrameHeaderBytes - kTypeAt + head.size;
  const auto place = find_bit(right ^ head.crc, kLengthBytes + behind_crc);
  if (!place) return std::nullopt;
  const size_t k = place->bytes_before_end;
  const size_t byte = k < behind_crc ? frame_bytes - 1 - k : kLengthBytes - 1 - (k - behind_crc);
  if (may_be_unwritten(segment, at, frame_bytes, at + byte)) return std::nullopt;
  frame[byte] = static_cast<char>(static_cast<unsigned char>(frame[byte]) ^ 1U << place->bit);
  return frame;
}

}  // namespace

std::vector<Stretch> find_stretches(std::string_view segment, size_t from, uint64_t salt,
                                    uint64_t last_seq) {
  std::vector<Stretch> stretches;
  size_t left_to_try = kTriedBytes + 2 * segment.size();
  size_t at = padded(from);
  while (at + kFrameHeaderBytes <= segment.size()) {
    const FrameHead head(segment, at);
    const bool looks_right = head.looks_right(last_seq) && head.size <= left_to_try &&
                             at + head.whole_size() <= segment.size();
    if (!looks_right) {
      at += kAlign;
      continue;
    }
    left_to_try -= head.size;
    FrameReader reader(segment.substr(at), salt, last_seq);
    Frame frame;
    while (reader.next(frame)) {
    }
    if (reader.offset() > 0) stretches.push_back({at, at + reader.offset()});
    last_seq = reader.last_seq();
    at += std::max(reader.offset(), kAlign);
  }
  return stretches;
}

uint64_t synced_bytes(std::string_view segment, const std::vector<Stretch>& stretches,
                      uint64_t salt, uint64_t epoch) {
  uint64_t bytes = 0;
  for (const Stretch& stretch : stretches) {
    FrameReader reader(segment.substr(stretch.begin, stretch.end - stretch.begin), salt);
    Frame frame;
    while (reader.next(frame)) {
      const auto note = parse_synced_note(frame);
      if (note && note->epoch == epoch) bytes = std::max(bytes, note->bytes);
    }
  }
  return bytes;
}

uint64_t synced_bytes_unchecked(std::string_view segment, uint64_t epoch) {
  constexpr size_t kContentBytes = kSyncedNoteBytes - kFrameHeaderBytes;
  uint64_t most = 0;
  for (size_t at = kSegmentHeaderBytes; at + kSyncedNoteBytes <= segment.size(); at += kAlign) {
    const FrameHead head(segment, at);
    if (head.size != kContentBytes || head.flags != 0 || head.run != 0) continue;
    const auto note = parse_synced_note(
        {.type = head.type, .payload = segment.substr(at + kFrameHeaderBytes, kContentBytes)});
    if (note && note->epoch == epoch && note->bytes <= at) most = std::max(most, note->bytes);
  }
  return most;
}

std::optional<std::string> mend_frame(std::string_view segment, size_t at, uint64_t salt,
                                      size_t limit_bytes) {
  if (at + kFrameHeaderBytes > segment.size()) return std::nullopt;
  const size_t room = std::min(segment.size() - at - kFrameHeaderBytes, limit_bytes);
  const FrameHead head(segment, at);
  if (head.size <= room) {
    if (auto frame = mend_content(segment, at, head, salt)) return frame;
  }
  // A bit of the length: then the checksum was made of another number of bytes.
  for (size_t bit = 1; bit <= size_t{1} << 31; bit <<= 1) {
    const size_t size = head.size ^ bit;
    if (size > room) continue;
    std::string frame(segment.substr(at, kFrameHeaderBytes + size));
    const auto length = static_cast<uint32_t>(size);
    std::memcpy(frame.data(), &length, sizeof length);
    if (checksum(frame, 0, size, salt) == head.crc) return frame;
  }
  return std::nullopt;
}

std::optional<uint32_t> run_of_bad_frame(std::string_view segment, size_t at, size_t next,
                                         uint64_t last_seq) {
  if (at + kFrameHeaderBytes > segment.size()) return std::nullopt;
  const FrameHead head(segment, at);
  const bool fits =
      at + head.whole_size() == next && head.is_change() && head.seq > last_seq && head.flags == 0;
  return fits ? std::optional(head.run) : std::nullopt;
}

std::optional<uint64_t> find_salt(std::string_view segment) {
  if (segment.size() < kSegmentHeaderBytes + kFrameHeaderBytes) return std::nullopt;
  const auto salt = number_at<uint64_t>(segment, kSaltAt);
  const auto fits = [&](uint64_t candidate) {
    FrameReader reader(segment.substr(kSegmentHeaderBytes), candidate);
    Frame frame;
    return reader.next(frame);
  };
  if (fits(salt)) return salt;
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t candidate = salt ^ uint64_t { 1 } << bit;
    if (fits(candidate)) return candidate;
  }
  return std::nullopt;
}

}  // namespace assay::tracking
