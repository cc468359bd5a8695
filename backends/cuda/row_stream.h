// RowStream: rows of a table that is in the host's memory (BinnedView::on_host), piece by piece as
// small tables on the GPU, for ops that look at all features of a row. A piece comes while the GPU
// works on the one before, where that work is not waited for (Shapley values are). Owns the memory
// of two pieces. The device and the table's bins must outlive it. Not thread-safe: to be used by
// whoever has the device's lane.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backends/cuda/device.h"
#include "kernels/base/executor.h"
#include "kernels/base/function_ref.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {

class RowStream {
 public:
  // What is read: rows of the table, in this order.
  struct Rows {
    const uint32_t* numbers = nullptr;  // [count], the GPU's; null: 0, 1, 2, ...
    int64_t count = 0;
  };
  // How many rows a piece has, made from sizes alone: up to `most`, of 64 MiB at most, in two
  // pieces that take at most half of `free_bytes`; at least 1.
  static int64_t piece_rows(int32_t feature_count, int64_t free_bytes, int64_t most);

  // Pieces of `piece_rows` >= 1 rows; `executor` copies them out of the table, or null: the calling
  // thread does. Fails: resource_exhausted, device.
  static Result<std::unique_ptr<RowStream>> make(CudaDevice& device,
                                                 const kernels::BinnedView& bins, const Rows& rows,
                                                 int64_t piece_rows, Executor* executor);
  ~RowStream();
  RowStream(const RowStream&) = delete;
  RowStream& operator=(const RowStream&) = delete;

  // Calls work(piece, range) for all rows in their order: row i of `piece` is rows[range.begin +
  // i]. What it asks of the GPU finds the piece there. Fails: as work does; device.
  using Work = FunctionRef<Status(const kernels::BinnedView& piece, ChunkRange range)>;
  Status each(Work work);

 private:
  RowStream(CudaDevice& device, const kernels::BinnedView& bins, int64_t row_count,
            int64_t piece_rows, Executor* executor)
      : device_(&device),
        bins_(bins),
        row_count_(row_count),
        piece_rows_(piece_rows),
        executor_(executor) {}
  kernels::BinnedView piece_of(ChunkRange range, int64_t number) const;
  Status load(ChunkRange range, int64_t number);
  // Cells from the `offset`-th byte of a piece on, whose block `block` they are of.
  Status copy_cells(ChunkRange range, int32_t block, std::span<std::byte> cells,
                    int64_t offset) const;

  CudaDevice* device_;
  kernels::BinnedView bins_;
  int64_t row_count_;
  int64_t piece_rows_;
  Executor* executor_;
  std::vector<uint32_t> numbers_;  // of the rows, if there is a list
  kernels::DeviceArray<uint8_t> cells_;
};

}  // namespace assay::backends::cuda
