// Reads text in batches of whole records, each batch cut into blocks that parse independently. Two
// batches alternate: one is filled while the other is parsed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/byte_source_internal.h"
#include "datasets/record_cutter_internal.h"

namespace assay::datasets {

// Whole records [begin, end). The last byte is LF, and 16 readable bytes follow.
struct TextBlock {
  const char* begin = nullptr;
  const char* end = nullptr;
};

struct TextBatch {
  std::vector<char> buffer;
  std::vector<TextBlock> blocks;  // empty at the end of the file
  std::string_view fresh;         // what was read from the file for this batch
};

struct FeedShape {
  char delimiter = ',';
  int64_t block_bytes = 256 << 10;
  int64_t blocks_per_batch = 32;
};

// A record longer than this is taken for a missing closing quote.
inline constexpr int64_t kMaxRecordBytes = 64 << 20;

// Not thread-safe. The source must outlive it.
class RecordFeed {
 public:
  // `head` is what was already read from the source and not yet parsed; it begins a record.
  RecordFeed(ByteSource& source, const FeedShape& shape, std::string_view head);

  // Fails: as ByteSource::read; data for an unclosed quote (open_record_line()).
  Status fill(TextBatch& batch);
  // After fill() failed with an unclosed quote: LF bytes in this batch before the record that is
  // not closed; else -1.
  int64_t open_record_line() const { return open_record_line_; }

 private:
  Status cut(TextBatch& batch, int64_t size, bool at_end);

  ByteSource& source_;
  FeedShape shape_;
  RecordCutter cutter_;
  std::vector<char> carry_;  // begins a record
  int64_t scanned_ = 0;      // bytes of carry_ that the cutter has seen
  int64_t open_record_line_ = -1;
  bool ended_ = false;
};

}  // namespace assay::datasets
