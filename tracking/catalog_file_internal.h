// catalog.h5: the catalog as columns, each array in one piece and not compressed. The file is plain
// HDF5 with a seal after it (run_seal_internal.h) whose summary, the directory, is JSON: where each
// array lies and its CRC-32C. Reading uses the directory alone, so that a list costs a few reads
// and nothing that is damaged reaches HDF5. Rows are ordered by folder, then run id.
// docs/store-format.md has the layout.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/catalog_entry_internal.h"
#include "tracking/run_column_internal.h"

namespace assay::tracking {

class RunTable;

inline constexpr int kCatalogVersion = 1;

// Bytes of the file that hold one array.
struct CatalogArray {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint32_t crc = 0;
};

// The values of one type in a column: of all rows, or of those in `rows` (u32, rising).
struct CatalogPart {
  CellKind type = CellKind::kNone;  // f64, i64, u8, or u32: numbers of texts
  CatalogArray values{};
  std::optional<CatalogArray> rows{};
  CatalogArray texts{};      // of texts: their bytes, in byte order
  CatalogArray text_ends{};  // u64: where each text ends
};

// The directory in the seal.
struct CatalogDirectory {
  std::string id{};  // a ULID, new with each writing
  uint64_t rows = 0;
  std::array<uint64_t, kShards> shard_ends{};  // the row after the last of each folder
  ShardStamps stamps{};
  CatalogArray run_ids{};      // 26 bytes each
  CatalogArray inodes{};       // u64
  CatalogArray sizes{};        // i64
  CatalogArray modified_ns{};  // i64
  std::vector<MissingRun> missing{};
  std::map<RunField, std::vector<CatalogPart>> columns{};
};

std::string to_json(const CatalogDirectory& directory);
// Fails: data unless every array lies within `image_bytes` and has the size that `rows` asks for.
Result<CatalogDirectory> parse_directory(std::string_view text, uint64_t image_bytes);

// An open catalog.h5. Thread-safe.
class CatalogFile {
 public:
  // Fails: not_found, io, data.
  static Result<std::shared_ptr<const CatalogFile>> open(FileLayer& files, const std::string& path);

  const CatalogDirectory& directory() const { return directory_; }
  size_t rows() const { return directory_.rows; }
  // All run ids, one after the other. Fails: io, data.
  Result<std::string> run_ids() const;
  Result<std::vector<FileIdentity>> identities() const;
  // Missing in every row if the catalog has no such column. Fails: io, data.
  Result<RunColumn> column(const RunField& field) const;

 private:
  CatalogFile(std::unique_ptr<File> file, std::string path, CatalogDirectory directory);
  Result<std::string> read(const CatalogArray& array) const;
  Status add_part(const CatalogPart& part, RunColumn& column) const;
  tl::unexpected<Error> damaged(std::string_view how) const;

  std::unique_ptr<File> file_;
  std::string path_;
  CatalogDirectory directory_;
};

// The bytes of a catalog file with the living rows of a table, and the runs that are known to be
// missing. Fails: as reading the table's
// columns does; internal with HDF5's reason; resource_exhausted.
Result<std::string> catalog_image(RunTable& table, const ShardStamps& stamps,
                                  std::span<const MissingRun> missing = {});

}  // namespace assay::tracking
