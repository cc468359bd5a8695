// What the catalog keeps of one run file: which file it was, and the run's summary. Plain values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/missing_run.h"
#include "tracking/run_field.h"
#include "tracking/run_summary.h"

namespace assay::tracking {

inline constexpr size_t kRunIdBytes = 26;
inline constexpr size_t kShards = 256;

// A run file is replaced only by rename: another file has another inode, size or time.
struct FileIdentity {
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_ns = 0;
  bool operator==(const FileIdentity&) const = default;
};
FileIdentity identity_of(const FileInfo& info);

// A state of a folder of run files: as long as the folder shows the same one, no name in it was
// added, replaced or removed. All zero: not known.
struct FolderStamp {
  uint64_t inode = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;
  bool known() const { return inode != 0; }
  bool operator==(const FolderStamp&) const = default;
};
FolderStamp stamp_of(const FileInfo& info);
using ShardStamps = std::array<FolderStamp, kShards>;

struct CatalogEntry {
  FileIdentity file{};
  RunSummary summary{};
};

// Number of the folder that holds the run's file.
size_t shard_of(std::string_view run_id);
// "runs/<2 hex>" below the workspace.
std::string shard_folder(size_t shard);

// The value that a query sees; nothing if it is missing. Besides the attributes of run_field.h:
// writer, wal_seq, finished, trend.
std::optional<Value> field_value(const RunSummary& summary, const RunField& field);

// Bytes in the journal. decode() fails with data if they are not what encode() makes.
std::string encode(const CatalogEntry& entry);
Result<CatalogEntry> decode_entry(std::string_view bytes);

}  // namespace assay::tracking
