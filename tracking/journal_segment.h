// The file format of a journal segment, writers/<writer_id>/seg-NNNNNN.wal: a header, then frames
// of changes of runs. docs/store-format.md has it byte by byte. A segment is only appended to; its
// end may be torn, so a reader takes frames up to the first that does not check, unless a note says
// that what stood there was on disk (journal_salvage.h). Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"

namespace assay::tracking {

inline constexpr uint32_t kSegmentVersion = 1;
inline constexpr size_t kSegmentHeaderBytes = 64;
inline constexpr size_t kFrameHeaderBytes = 24;
// Payloads are smaller; a longer one is no frame.
inline constexpr size_t kFrameLimitBytes = size_t{16} << 20;

// Frames of these types and above are notes about the journal, not changes of runs: a reader passes
// over those that it does not know. They belong to no run (number 0).
inline constexpr uint16_t kFirstNoteType = 64;
// Flag of a BeginRun that repeats what an earlier segment says.
inline constexpr uint16_t kRepeatedFlag = 1;
// "The file of this run holds its changes up to ...": then a missing file was deleted.
inline constexpr uint16_t kPublishedNote = 64;
// "So many bytes of that segment are on disk, with the changes up to this note's number": what does
// not check among them is damage, not the torn end that a crash leaves.
inline constexpr uint16_t kSyncedNote = 65;

struct SegmentHeader {
  uint32_t version = kSegmentVersion;
  uint64_t salt = 0;  // random; part of every checksum, so that no frame of another file fits
  int64_t created_ns = 0;
  uint64_t epoch = 0;  // the segment's number, from 1
};

std::string encode_header(const SegmentHeader& header);
// Fails: data if the bytes are no header, damaged or of a newer version; `source` names them.
Result<SegmentHeader> parse_header(std::string_view bytes, const std::string& source);

// A frame as read. The payload points into the reader's bytes.
struct Frame {
  uint16_t type = 0;
  uint16_t flags = 0;
  uint32_t run = 0;  // number of the run within its writer
  uint64_t seq = 0;  // number of the change within its writer; never falls within a segment
  std::string_view payload{};
};

// Appends a frame whose checksum is still missing. The payload is the parts, one after another.
void append_frame(const Frame& frame, std::initializer_list<std::string_view> parts,
                  std::string& to);

struct SyncedNote {
  uint64_t epoch = 0;  // of the segment: the one that the note is in, or the one before it
  uint64_t bytes = 0;
  uint64_t seq = 0;
};
inline constexpr size_t kSyncedNoteBytes = kFrameHeaderBytes + 2 * sizeof(uint64_t);
// As append_frame().
void append_synced_note(const SyncedNote& note, std::string& to);
// Nothing if the frame is another.
std::optional<SyncedNote> parse_synced_note(const Frame& frame);

// Fills in the checksums of frames made by append_frame(). Gives the seq of the last one, 0 if
// there is none.
uint64_t seal_frames(std::span<char> frames, uint64_t salt);

// Frames of a buffer that begins at a frame's boundary.
class FrameReader {
 public:
  // Frames with a seq below `least_seq` count as falling.
  FrameReader(std::string_view bytes, uint64_t salt, uint64_t least_seq = 0)
      : bytes_(bytes), salt_(salt), seq_(least_seq) {}

  // False at the end: of the bytes, or of what checks.
  bool next(Frame& frame);
  // Bytes taken so far.
  size_t offset() const { return offset_; }
  // True if what was taken is all there is.
  bool complete() const { return offset_ == bytes_.size(); }
  uint64_t last_seq() const { return seq_; }

 private:
  std::string_view bytes_;
  uint64_t salt_;
  uint64_t seq_;
  size_t offset_ = 0;
};

// "seg-000001.wal".
std::string segment_name(uint64_t epoch);
bool is_segment_name(std::string_view name);
// The number in such a name; 0 if it is none.
uint64_t segment_epoch(std::string_view name);

// A segment that is being written.
class SegmentWriter {
 public:
  // Creates the file with its header; nothing is synced. Fails: io.
  static Result<std::unique_ptr<SegmentWriter>> create(FileLayer& files, const std::string& folder,
                                                       uint64_t epoch);
  const std::string& path() const { return path_; }
  uint64_t salt() const { return header_.salt; }
  uint64_t epoch() const { return header_.epoch; }
  int64_t size() const { return size_; }

  // After a failure of either the segment is to be given up.
  Status append(std::string_view bytes);
  Status sync();
  // False if the path no longer names this file: another process took it over.
  bool in_place() const;

 private:
  SegmentWriter(FileLayer& files, std::string path) : files_(files), path_(std::move(path)) {}
  FileLayer& files_;
  std::string path_;
  SegmentHeader header_;
  std::unique_ptr<File> file_;
  FileInfo info_;
  int64_t size_ = 0;
};

}  // namespace assay::tracking
