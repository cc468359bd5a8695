// ColumnSlab: raw columns, some rows at a time, as ops take them: numbers as doubles. Those of
// columns that are held as doubles are read where they lie, others into a buffer, so that doubles
// of the whole table are never there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "datasets/binned_matrix.h"
#include "kernels/base/executor.h"
#include "kernels/base/status.h"

namespace assay::datasets {

// Some rows of a column. Not owned.
struct ColumnPart {
  std::span<const double> numbers;
  std::span<const int32_t> codes;
};

// Not thread-safe. Owns its buffer: 32 MiB, or that of 65536 rows.
class ColumnSlab {
 public:
  // Of columns of one length, which must outlive it; those that are 0 in `wanted` (if it is given)
  // are left out.
  ColumnSlab(std::span<const FeatureColumn> columns, std::span<const uint8_t> wanted);

  // Rows at a time, at most.
  int64_t row_count() const { return rows_; }
  // Makes the rows the present ones. Fails: as parallel_for.
  Status read(ChunkRange rows, Executor& executor);
  // The present rows of a column that was not left out; valid until the next read().
  ColumnPart part(size_t column) const;

 private:
  double* buffer_of(size_t column) const { return buffer_.get() + places_[column] * rows_; }

  std::span<const FeatureColumn> columns_;
  std::vector<int64_t> places_;  // in the buffer; -1: not there
  int64_t rows_;
  ChunkRange present_;
  std::unique_ptr<double[]> buffer_;
};

}  // namespace assay::datasets
