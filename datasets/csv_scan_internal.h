// A pass over a CSV file: reads ahead, hashes and parses at the same time, and hands out parsed
// blocks in file order. csv_reader and csv_blocks build their tables on it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "datasets/csv_block_internal.h"
#include "datasets/csv_dialect_internal.h"
#include "kernels/base/hash.h"

namespace assay::datasets {

// Owns the source and all buffers. Not thread-safe.
class CsvScan {
 public:
  // At least; more with many threads.
  static constexpr int64_t kBlocksPerBatch = 32;

  // Reads the head and the dialect. Fails: as read_csv.
  static Result<std::unique_ptr<CsvScan>> open(std::unique_ptr<ByteSource> source,
                                               const CsvOptions& options);

  const CsvDialect& dialect() const { return dialect_; }
  const MissingTokens& missing() const { return missing_; }
  const std::string& name() const { return source_->name(); }
  // Share of the file that next() has parsed.
  double progress() const { return progress_; }

  // Parses the next batch: false at the end of the file. Fails: data, with file, line and column;
  // io; cancelled. Blocks whose records are all empty lines are among the parsed.
  Result<bool> next(const BlockPlan& plan, Executor& executor, const StopToken& stop);
  // What the last next() parsed, in file order.
  std::span<const ParsedBlock> blocks() const { return {parsed_.data(), parsed_count_}; }
  // The line of the first byte of block k of the last batch, from 1.
  int64_t first_line(size_t k) const { return first_lines_[k]; }

  // The line on which row `row` of the last batch begins, its blocks counted through, from 1.
  int64_t line_of(int64_t row) const;

  // Begins again at the first record. The hash is not taken a second time.
  Status restart();
  // SHA-256 of all bytes; call once, after next() gave false.
  std::string finish_hash() { return hash_.finish(); }
  Status check_unchanged() const { return source_->check_unchanged(); }
  // An error at a place: "data.csv:12: column 'age': ...". Field -1 names no column.
  tl::unexpected<Error> error_at(int64_t line, int32_t field, std::string_view what) const;
  // Memory held by buffers.
  int64_t byte_count() const;

 private:
  CsvScan(std::unique_ptr<ByteSource> source, const CsvOptions& options);
  Status read_head(const CsvOptions& options);
  void fill_ahead();
  Status place_blocks();

  std::unique_ptr<ByteSource> source_;
  MissingTokens missing_;
  int64_t block_bytes_;
  std::string head_;
  CsvDialect dialect_;
  std::unique_ptr<RecordFeed> feed_;
  TextBatch current_;
  TextBatch ahead_;
  Status ahead_status_;
  std::vector<ParsedBlock> parsed_;
  size_t parsed_count_ = 0;
  std::vector<int64_t> first_lines_;
  int64_t next_line_ = 1;
  double progress_ = 0;
  double ahead_progress_ = 0;
  bool started_ = false;
  bool hashing_ = true;
  Sha256 hash_;
};

}  // namespace assay::datasets
