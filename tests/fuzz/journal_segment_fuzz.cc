// Fuzz target of tracking/journal_segment: a whole segment file. Whatever the bytes, frames lie
// within them, in order; and any frame that is taken decodes or is refused.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace assay::tracking;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto header = parse_header(bytes, "input");
  require(header.has_value() || !header.error().message.empty());
  if (header) read_frames(bytes.substr(kSegmentHeaderBytes), header->salt);
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
  return 0;
}
