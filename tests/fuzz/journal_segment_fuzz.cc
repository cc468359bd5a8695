// Fuzz target of tracking/journal_segment, journal_salvage and journal_index: a whole segment file.
// Whatever the bytes, frames lie within them, in order, also behind what does not check; any frame
// that is taken decodes or is refused; and a journal of such files is read to its end.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/fuzz/memory_files.h"
#include "tracking/journal_index.h"
#include "tracking/journal_salvage.h"
#include "tracking/journal_segment.h"
#include "tracking/run_change.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void read_frames(std::string_view bytes, uint64_t salt) {
  using namespace assay::tracking;
  FrameReader reader(bytes, salt);
  Frame frame;
  uint64_t seq = 0;
  size_t offset = 0;
  while (reader.next(frame)) {
    require(frame.seq >= seq);
    require(reader.offset() > offset && reader.offset() <= bytes.size());
    require(frame.payload.data() >= bytes.data());
    require(frame.payload.data() + frame.payload.size() <= bytes.data() + bytes.size());
    seq = frame.seq;
    offset = reader.offset();
    (void)decode_change(frame.type, frame.payload);
  }
  require(reader.offset() == offset && !reader.next(frame));
}

// `segment` from its header on.
void look_behind(std::string_view segment, uint64_t salt) {
  using namespace assay::tracking;
  FrameReader reader(segment.substr(kSegmentHeaderBytes), salt);
  Frame frame;
  while (reader.next(frame)) {
  }
  size_t end = kSegmentHeaderBytes + reader.offset();
  if (auto mended = mend_frame(segment, end, salt)) {
    mended->resize((mended->size() + 7) / 8 * 8, '\0');
    FrameReader again(*mended, salt);
    require(again.next(frame));
  }
  const auto stretches = find_stretches(segment, end + 1, salt, reader.last_seq());
  for (const Stretch& stretch : stretches) {
    require(stretch.begin > end && stretch.begin % 8 == 0 && stretch.end > stretch.begin);
    require(stretch.end <= segment.size());
    (void)run_of_bad_frame(segment, end, stretch.begin, reader.last_seq());
    end = stretch.end;
  }
  (void)synced_bytes(segment, stretches, salt, 1);
}

// A journal of two segments with the same bytes.
class TwoSegments final : public assay::MemoryFiles {
 public:
  using MemoryFiles::MemoryFiles;
  assay::Result<std::vector<assay::FolderEntry>> scan(const std::string&) override {
    return std::vector<assay::FolderEntry>{{"seg-000001.wal", {}}, {"seg-000002.wal", {}}};
  }
};

void read_journal(std::string_view bytes) {
  using namespace assay::tracking;
  TwoSegments files(bytes);
  const auto index = JournalIndex::read(files, "store/writers/w");
  require(index.has_value());
  for (const auto& [run_id, entry] : index->runs()) {
    RunRecord record;
    (void)index->replay(run_id, record);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace assay::tracking;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto header = parse_header(bytes, "input");
  require(header.has_value() || !header.error().message.empty());
  if (header) {
    read_frames(bytes.substr(kSegmentHeaderBytes), header->salt);
    look_behind(bytes, header->salt);
  }
  read_journal(bytes);
  // Mutations break checksums; made good, the frames behind them are read too.
  std::string frames(bytes.substr(0, size / 8 * 8));
  size_t at = 0;
  while (at + kFrameHeaderBytes <= frames.size()) {
    const uint32_t length = static_cast<unsigned char>(frames[at]) |
                            uint32_t{static_cast<unsigned char>(frames[at + 1])} << 8;
    const size_t end = at + kFrameHeaderBytes + (length + 7) / 8 * 8;
    frames[at + 2] = frames[at + 3] = 0;
    if (end > frames.size()) break;
    at = end;
  }
  frames.resize(at);
  seal_frames(frames, 42);
  read_frames(frames, 42);
  // A bit of them changes.
  std::string segment = encode_header({.salt = 42, .created_ns = 1, .epoch = 1}) + frames;
  if (!frames.empty()) segment[kSegmentHeaderBytes + size % frames.size()] ^= 1;
  look_behind(segment, 42);
  read_journal(segment);
  return 0;
}
