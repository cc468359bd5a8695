// Any bytes as catalog.wal: frames or none, never a crash; what was read is written and read back.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tracking/catalog_journal_internal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace assay::tracking;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool begins : {true, false}) {
    const auto content = parse_journal(text, begins);
    if (!content) continue;
    if (content->whole_bytes > text.size()) std::abort();
    for (const JournalFrame& frame : content->frames) {
      std::string written;
      if (frame.entry) written = entry_frame(*frame.entry);
      if (!frame.removed.empty()) written = removal_frame(frame.removed);
      if (frame.stamps) written = stamps_frame(frame.catalog_id, *frame.stamps);
      const auto back = parse_journal(written, false);
      if (!back || back->damaged || back->frames.size() != 1) std::abort();
    }
  }
  // The checksum keeps mutations out of the payloads: here they come in.
  const auto entry = decode_entry(text);
  if (entry && !decode_entry(encode(*entry))) std::abort();
  return 0;
}
