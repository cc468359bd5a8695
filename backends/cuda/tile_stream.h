// TileStream: the tiles of a table that is in the host's memory (BinnedView::on_host), as growing
// trees asks for them. The GPU's memory has a slot for each of as many tiles as there is room for,
// and two more slots through which the others come, round for round: while the GPU works on one
// tile, the next one is on its way to the other slot. So any table fits of which two tiles do, and
// what fits is loaded once a call of the op.
//
// A pass over the table loads the bytes of the wanted tiles that are in no slot; a tile whose
// features are narrower than its width comes with cells of 0. Owns the slots. The device, and the
// table's bins, must outlive it. Not thread-safe: to be used by whoever has the device's lane.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backends/cuda/device.h"
#include "backends/cuda/tile_window.h"
#include "kernels/base/function_ref.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {

class TileStream {
 public:
  // How a table is cut, made from sizes alone.
  struct Plan {
    int32_t tile_width = 0;  // 4, 8, 16 or 32
    int64_t tile_bytes = 0;
    int64_t tile_count = 0;
    int64_t slot_count = 0;  // tile_count, or less: the last two are passed through
    int64_t bytes() const { return slot_count * tile_bytes; }
  };
  // For a table of which at most `room` bytes may be on the GPU: tiles as wide as in core, narrower
  // where two of these do not fit. Fails: resource_exhausted if none do.
  static Result<Plan> plan(int64_t row_count, int32_t feature_count, int64_t room);

  // Takes half of what is free on the context's device at most. Its executor copies tiles out of
  // the table; without one the calling thread does. Fails: as plan; device.
  static Result<std::unique_ptr<TileStream>> make(const kernels::OpContext& context,
                                                  const kernels::BinnedView& bins);
  ~TileStream();
  TileStream(const TileStream&) = delete;
  TileStream& operator=(const TileStream&) = delete;

  const Plan& plan() const { return plan_; }
  // Calls launch(window) for each of `tiles` (numbers of tiles, each once), those first that are in
  // slots already. What it asks of the GPU finds the tile in the window; nothing waits.
  // Fails: as launch does; cancelled if the context's stop token asks, at the latest after one more
  // tile; device.
  Status each(std::span<const int32_t> tiles, FunctionRef<Status(const TileWindow&)> launch);

 private:
  TileStream(const kernels::OpContext& context, const kernels::BinnedView& bins, const Plan& plan)
      : context_(context), device_(&device_of(context)), bins_(bins), plan_(plan) {}
  // The slot that a tile which is in none goes to, while the GPU works on slot `busy`.
  size_t slot_for(size_t busy) const;
  Status load(int32_t tile, size_t slot);
  // Cells from the `offset`-th byte of a tile on.
  Status copy_cells(int32_t tile, std::span<std::byte> cells, int64_t offset) const;
  TileWindow window_of(size_t slot) const;

  kernels::OpContext context_;
  CudaDevice* device_;
  kernels::BinnedView bins_;
  Plan plan_;
  kernels::DeviceArray<uint8_t> cells_;
  std::vector<int32_t> held_;  // [slots] the tile in each; -1: none
};

}  // namespace assay::backends::cuda
