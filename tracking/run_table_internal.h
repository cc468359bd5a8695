// The runs that a Catalog knows, as columns: the rows of catalog.h5, then rows that were learned
// since. A row that was replaced or whose file is gone is dead; row numbers do not change. Columns
// are loaded when they are first asked for. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/catalog_entry_internal.h"
#include "tracking/catalog_file_internal.h"
#include "tracking/run_column_internal.h"

namespace assay::tracking {

class RunTable {
 public:
  // `base` may be null. Fails: io, data.
  static Result<RunTable> create(std::shared_ptr<const CatalogFile> base);

  const CatalogFile* base() const { return base_.get(); }
  size_t rows() const { return dead_.size(); }
  size_t living() const { return rows() - dead_count_; }
  // Rows that are not in catalog.h5, or dead.
  size_t changed() const { return extras_.size() + dead_count_; }
  bool alive(size_t row) const { return dead_[row] == 0; }
  std::string_view id(size_t row) const;
  // The entry of a row that is not in catalog.h5.
  const CatalogEntry& extra(size_t row) const { return extras_[row - (rows() - extras_.size())]; }
  // Fails: io, data.
  Result<FileIdentity> identity(size_t row);

  std::optional<size_t> find(std::string_view run_id) const;
  // The living rows of one folder, by run id.
  std::vector<size_t> shard_rows(size_t shard) const;

  // Adds a run, or replaces the row that has its id. Gives the row.
  size_t put(CatalogEntry entry);
  void remove(size_t row);
  // A row that is only shown: find() does not know it, and drop_shown() takes all of them away.
  void show(CatalogEntry entry);
  void drop_shown();

  // A value for each row, dead ones too; valid until the next put() or forget().
  // Fails: io, data.
  Result<RunColumn*> column(const RunField& field);
  // Frees a column.
  void forget(const RunField& field) { columns_.erase(field); }
  bool loaded(const RunField& field) const { return columns_.contains(field); }
  // What some row has a value for, in order; attributes included.
  std::vector<RunField> fields() const;
  // The same, and without a catalog.h5 all columns are loaded, in one pass over the rows.
  std::vector<RunField> load_all();

 private:
  explicit RunTable(std::shared_ptr<const CatalogFile> base) : base_(std::move(base)) {}
  Result<RunColumn> load(const RunField& field);

  std::shared_ptr<const CatalogFile> base_;
  std::string base_ids_;
  std::vector<FileIdentity> base_identities_;  // loaded when first needed
  std::vector<uint8_t> dead_;
  size_t dead_count_ = 0;
  std::vector<CatalogEntry> extras_;
  size_t shown_ = 0;                               // of extras_, the last ones
  std::vector<std::vector<size_t>> extra_shards_;  // rows
  std::unordered_map<std::string, size_t> extra_rows_;
  std::map<RunField, RunColumn> columns_;
};

}  // namespace assay::tracking
