#include "datasets/csv_scan_internal.h"

#include <algorithm>

namespace assay::datasets {
namespace {

constexpr int64_t kHeadBytes = 256 << 10;
constexpr int64_t kBlocksPerThread = 4;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

}  // namespace

CsvScan::CsvScan(std::unique_ptr<ByteSource> source, const CsvOptions& options)
    : source_(std::move(source)),
      missing_(options.missing_tokens ? MissingTokens(*options.missing_tokens) : MissingTokens()),
      block_bytes_(options.block_bytes) {}

Result<std::unique_ptr<CsvScan>> CsvScan::open(std::unique_ptr<ByteSource> source,
                                               const CsvOptions& options) {
  constexpr int64_t kMaxBlockBytes = int64_t{1} << 30;
  if (options.block_bytes < 1 || options.block_bytes > kMaxBlockBytes) {
    return fail(StatusCode::kInvalidArgument, "block_bytes={} (must be 1..{})", options.block_bytes,
                kMaxBlockBytes);
  }
  auto scan = std::unique_ptr<CsvScan>(new CsvScan(std::move(source), options));
  ASSAY_RETURN_IF_ERROR(scan->read_head(options));
  return scan;
}

Status CsvScan::read_head(const CsvOptions& options) {
  for (int64_t wanted = kHeadBytes;; wanted *= 4) {
    const auto have = static_cast<int64_t>(head_.size());
    head_.resize(static_cast<size_t>(wanted));
    ASSAY_ASSIGN_OR_RETURN(const int64_t got, source_->read(head_.data() + have, wanted - have));
    head_.resize(static_cast<size_t>(have + got));
    auto dialect = detect_dialect({head_, have + got < wanted}, options, missing_, name());
    if (dialect) {
      dialect_ = std::move(*dialect);
      break;
    }
    if (dialect.error().code != StatusCode::kResourceExhausted) {
      return tl::unexpected<Error>(std::move(dialect.error()));
    }
  }
  hash_.update(bytes_of(head_));
  return {};
}

Status CsvScan::restart() {
  ASSAY_RETURN_IF_ERROR(source_->rewind());
  const auto count = static_cast<int64_t>(head_.size());
  ASSAY_ASSIGN_OR_RETURN(const int64_t got, source_->read(head_.data(), count));
  if (got != count) return fail(StatusCode::kIo, "'{}' changed while it was read", name());
  started_ = false;
  hashing_ = false;
  return {};
}

void CsvScan::fill_ahead() {
  ahead_status_ = feed_->fill(ahead_);
  ahead_progress_ = source_->progress();
}

Result<bool> CsvScan::next(const BlockPlan& plan, Executor& executor, const StopToken& stop) {
  if (stop.requested()) {
    return fail(StatusCode::kCancelled, "reading '{}' was stopped", name());
  }
  if (!started_) {
    const int64_t blocks =
        std::max<int64_t>(kBlocksPerBatch, kBlocksPerThread * executor.thread_count());
    const FeedShape shape = {dialect_.delimiter, block_bytes_, blocks};
    feed_ = std::make_unique<RecordFeed>(
        *source_, shape, std::string_view(head_).substr(static_cast<size_t>(dialect_.data_offset)));
    next_line_ = dialect_.data_line;
    fill_ahead();
    started_ = true;
  }
  std::swap(current_, ahead_);
  progress_ = ahead_progress_;
  parsed_count_ = 0;
  if (!ahead_status_) {
    if (feed_->open_record_line() < 0) return tl::unexpected<Error>(ahead_status_.error());
    return error_at(next_line_ + feed_->open_record_line(), -1, ahead_status_.error().message);
  }
  parsed_count_ = current_.blocks.size();
  if (parsed_.size() < parsed_count_) parsed_.resize(parsed_count_);
  // Reading ahead, hashing and parsing touch different buffers.
  const auto body = [&](int64_t chunk, int) {
    if (chunk == 0) {
      fill_ahead();
    } else if (chunk == 1) {
      if (hashing_) hash_.update(bytes_of(current_.fresh));
    } else {
      const auto k = static_cast<size_t>(chunk - 2);
      parse_block(plan, current_.blocks[k], parsed_[k]);
    }
  };
  if (parsed_count_ == 0) {
    if (hashing_) hash_.update(bytes_of(current_.fresh));
    return false;
  }
  ASSAY_RETURN_IF_ERROR(executor.parallel_for(static_cast<int64_t>(parsed_count_) + 2, body));
  ASSAY_RETURN_IF_ERROR(place_blocks());
  return true;
}

Status CsvScan::place_blocks() {
  first_lines_.resize(parsed_count_);
  for (size_t k = 0; k < parsed_count_; ++k) {
    first_lines_[k] = next_line_;
    const BlockNote& error = parsed_[k].error();
    if (error.line >= 0) return error_at(next_line_ + error.line, error.field, error.text);
    next_line_ += parsed_[k].newline_count();
  }
  return {};
}

int64_t CsvScan::line_of(int64_t row) const {
  for (size_t k = 0; k < parsed_count_; ++k) {
    if (row < parsed_[k].row_count()) {
      return first_lines_[k] + newlines_before(current_.blocks[k], dialect_.delimiter, row);
    }
    row -= parsed_[k].row_count();
  }
  return next_line_;
}

tl::unexpected<Error> CsvScan::error_at(int64_t line, int32_t field, std::string_view what) const {
  if (field < 0) return fail(StatusCode::kData, "{}:{}: {}", name(), line, what);
  const auto column = static_cast<size_t>(field);
  if (column >= dialect_.names.size()) {
    return fail(StatusCode::kData, "{}:{}: field {}: {}", name(), line, field + 1, what);
  }
  return fail(StatusCode::kData, "{}:{}: column '{}': {}", name(), line, dialect_.names[column],
              what);
}

int64_t CsvScan::byte_count() const {
  auto bytes = static_cast<int64_t>(current_.buffer.capacity() + ahead_.buffer.capacity() +
                                    head_.capacity());
  for (const ParsedBlock& block : parsed_) bytes += block.byte_count();
  return bytes;
}

}  // namespace assay::datasets
