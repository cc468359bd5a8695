#include <algorithm>
#include <cstring>

#include "datasets/record_feed_internal.h"
#include "datasets/utf8_internal.h"

namespace assay::datasets {
namespace {
constexpr int64_t kPadding = 32;  // room for a final LF and for reading ahead
}  // namespace

RecordFeed::RecordFeed(ByteSource& source, const FeedShape& shape, std::string_view head)
    : source_(source), shape_(shape), cutter_(shape.delimiter), carry_(head.begin(), head.end()) {}

Status RecordFeed::fill(TextBatch& batch) {
  batch.blocks.clear();
  batch.fresh = {};
  if (ended_) return {};
  const int64_t wanted = shape_.block_bytes * shape_.blocks_per_batch;
  const auto carried = static_cast<int64_t>(carry_.size());
  int64_t size = carried;
  int64_t room = std::max(wanted, carried) + wanted;
  // Usually once; again as long as no record has ended.
  while (batch.blocks.empty() && !ended_) {
    if (static_cast<int64_t>(batch.buffer.size()) < room + kPadding) {
      batch.buffer.resize(static_cast<size_t>(room + kPadding));
    }
    if (size == carried && carried > 0) {
      std::memcpy(batch.buffer.data(), carry_.data(), static_cast<size_t>(carried));
    }
    const int64_t asked = carried == size ? std::max<int64_t>(wanted - carried, 1) : room - size;
    ASSAY_ASSIGN_OR_RETURN(const int64_t got, source_.read(batch.buffer.data() + size, asked));
    size += got;
    ended_ = got < asked;
    ASSAY_RETURN_IF_ERROR(cut(batch, size, ended_));
    room = size * 2;
  }
  batch.fresh = {batch.buffer.data() + carried, static_cast<size_t>(size - carried)};
  return {};
}

Status RecordFeed::cut(TextBatch& batch, int64_t size, bool at_end) {
  char* const text = batch.buffer.data();
  int64_t begin = 0;
  int64_t scanned = scanned_;
  while (scanned < size) {
    // The target is at least a block away from the last cut.
    const int64_t to = std::min(size, std::max(begin, scanned) + shape_.block_bytes);
    // Positions are relative to the record at `begin` for the cutter's look at the byte before.
    const int64_t end = cutter_.scan(text, scanned, to);
    if (end > scanned) {
      batch.blocks.push_back({text + begin, text + end});
      begin = end;
    }
    scanned = to;
  }
  std::memset(text + size, 0, static_cast<size_t>(kPadding));
  if (at_end && begin < size) {
    if (cutter_.in_quotes()) {
      open_record_line_ = count_newlines(text, text + begin);
      return fail(StatusCode::kData, "a quoted field is not closed");
    }
    text[size] = '\n';
    batch.blocks.push_back({text + begin, text + size + 1});
    begin = size;
  }
  if (size - begin > kMaxRecordBytes) {
    open_record_line_ = count_newlines(text, text + begin);
    return fail(StatusCode::kData, "a record is longer than {} MiB (is a closing quote missing?)",
                kMaxRecordBytes >> 20);
  }
  if (!batch.blocks.empty()) {
    carry_.assign(text + begin, text + size);
    scanned_ = size - begin;
  } else {
    scanned_ = size;
  }
  return {};
}

}  // namespace assay::datasets
