// catalog.wal: what changed since catalog.h5 was written. Any process appends frames, each with one
// write(): they may come in any order, be lost, or be torn by a full disk; a frame that is not
// whole is skipped. The journal is a hint: what it says of a run holds only for the very file it
// names.
//
//   header   "ASSAYCWL", u32 version, u32 0
//   frame    u32 "RFRM", u32 payload bytes, u32 CRC-32C of type and payload, u16 type, u16 0,
//   payload, by type:
//     1  a run file: encode() of catalog_entry_internal.h
//     2  a run file is gone, and it is known why: its run id
//     3  a reader has compared: text, the id of the catalog.h5 that it had; 256 x {u64 inode, i64
//        modified, i64 changed}: in the folders with these stamps, catalog.h5 and the frames before
//        this one are complete. Zeros: says nothing
//     4  a run file is gone, and nothing says why: texts, its run id and name
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/catalog_entry_internal.h"

namespace assay::tracking {

inline constexpr int64_t kJournalLimitBytes = int64_t{256} << 20;

std::string journal_header();
std::string entry_frame(const CatalogEntry& entry);
std::string removal_frame(std::string_view run_id);
std::string missing_frame(const MissingRun& run);
std::string stamps_frame(std::string_view catalog_id, const ShardStamps& stamps);

// One frame, read; exactly one member is set.
struct JournalFrame {
  std::optional<CatalogEntry> entry{};
  std::string removed{};
  std::optional<MissingRun> missing{};
  std::optional<ShardStamps> stamps{};
  std::string catalog_id{};  // with stamps
};

struct JournalContent {
  std::vector<JournalFrame> frames{};
  // Bytes were skipped: what a later frame says about completeness does not hold.
  bool damaged = false;
  // What was skipped is nothing that a crash leaves: neither the beginning of a frame, as of a
  // process that was killed or a disk that was full, nor zeros, as of a page that was never
  // written.
  bool foreign = false;
  size_t whole_bytes = 0;  // of the text, up to the end of the last frame
};

// Any bytes are fine: what is not a frame is skipped. `text` is the whole file, or from the end of
// a frame on (`begins` false). Fails: data for the header of something else or of a newer version.
Result<JournalContent> parse_journal(std::string_view text, bool begins);

}  // namespace assay::tracking
