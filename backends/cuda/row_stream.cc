#include "backends/cuda/row_stream.h"

#include <algorithm>
#include <cstring>

namespace assay::backends::cuda {
namespace {

constexpr int64_t kPieces = 2;  // on the GPU
// Enough for a launch to be worth its while, and to come at the full speed of copies.
constexpr int64_t kPieceBytes = int64_t{64} << 20;
constexpr int64_t kLeastRows = 4096;
constexpr int64_t kCopiedRows = 4096;  // of a chunk of copying

}  // namespace

int64_t RowStream::piece_rows(int32_t feature_count, int64_t free_bytes, int64_t most) {
  const int64_t width = std::max<int64_t>(1, feature_count);
  const int64_t wanted = std::max(kPieceBytes / width, kLeastRows);
  const int64_t fitting = free_bytes / 2 / (kPieces * width);
  return std::max<int64_t>(1, std::min({wanted, fitting, most}));
}

Result<std::unique_ptr<RowStream>> RowStream::make(CudaDevice& device,
                                                   const kernels::BinnedView& bins,
                                                   const Rows& rows, int64_t piece_rows,
                                                   Executor* executor) {
  std::unique_ptr<RowStream> stream(
      new RowStream(device, bins, rows.count, std::min(piece_rows, rows.count), executor));
  const int64_t bytes = stream->piece_rows_ * bins.feature_count;
  ASSAY_ASSIGN_OR_RETURN(stream->cells_,
                         kernels::DeviceArray<uint8_t>::make(device, kPieces * bytes));
  if (rows.numbers != nullptr) {
    stream->numbers_.resize(static_cast<size_t>(rows.count));
    const auto numbers = std::as_writable_bytes(std::span(stream->numbers_));
    ASSAY_RETURN_IF_ERROR(
        device.download(numbers, rows.numbers, static_cast<int64_t>(numbers.size())));
  }
  return stream;
}

// What is on its way must have arrived before others get the memory.
RowStream::~RowStream() {
  if (!device_->work_after_loads()) (void)device_->finish();
}

kernels::BinnedView RowStream::piece_of(ChunkRange range, int64_t number) const {
  kernels::BinnedView piece = bins_;
  piece.on_host = false;
  piece.row_count = range.end - range.begin;
  piece.bins = cells_.on_device() + number % kPieces * piece_rows_ * bins_.feature_count;
  return piece;
}

Status RowStream::each(Work work) {
  const int64_t pieces = chunk_count_of(row_count_, piece_rows_);
  for (int64_t i = 0; i <= pieces; ++i) {
    // A piece comes to where the one before the last was, as soon as that is done.
    if (i < pieces) ASSAY_RETURN_IF_ERROR(device_->loads_after_work());
    if (i > 0) {
      const ChunkRange range = chunk_range(row_count_, piece_rows_, i - 1);
      ASSAY_RETURN_IF_ERROR(work(piece_of(range, i - 1), range));
    }
    if (i == pieces) break;
    ASSAY_RETURN_IF_ERROR(load(chunk_range(row_count_, piece_rows_, i), i));
    ASSAY_RETURN_IF_ERROR(device_->work_after_loads());
  }
  return {};
}

Status RowStream::load(ChunkRange range, int64_t number) {
  const kernels::BinnedView piece = piece_of(range, number);
  for (int32_t block = 0; block < piece.block_count(); ++block) {
    void* target = const_cast<uint8_t*>(piece.bins) + piece.block_offset(block);
    ASSAY_RETURN_IF_ERROR(device_->load(target, piece.row_count * piece.block_width(block),
                                        [&](std::span<std::byte> cells, int64_t offset) {
                                          return copy_cells(range, block, cells, offset);
                                        }));
  }
  return {};
}

// Pieces of a block may begin and end within a row.
Status RowStream::copy_cells(ChunkRange range, int32_t block, std::span<std::byte> cells,
                             int64_t offset) const {
  const int64_t width = bins_.block_width(block);
  const uint8_t* from = bins_.bins + bins_.block_offset(block);
  if (numbers_.empty()) {
    std::memcpy(cells.data(), from + range.begin * width + offset, cells.size());
    return {};
  }
  const int64_t last = offset + static_cast<int64_t>(cells.size());
  const int64_t first_row = offset / width;
  const int64_t rows = chunk_count_of(last, width) - first_row;
  const auto copy = [&](int64_t chunk, int) {
    const auto [begin, end] = chunk_range(rows, kCopiedRows, chunk);
    for (int64_t row = first_row + begin; row < first_row + end; ++row) {
      const int64_t to = std::max(row * width, offset);
      const int64_t bytes = std::min((row + 1) * width, last) - to;
      std::memcpy(cells.data() + (to - offset),
                  from + int64_t{numbers_[static_cast<size_t>(range.begin + row)]} * width +
                      (to - row * width),
                  static_cast<size_t>(bytes));
    }
  };
  const int64_t chunks = chunk_count_of(rows, kCopiedRows);
  if (executor_ != nullptr) return executor_->parallel_for(chunks, copy);
  return SerialExecutor().parallel_for(chunks, copy);
}

}  // namespace assay::backends::cuda
