#include "backends/cuda/tile_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace assay::backends::cuda {
namespace {

constexpr int32_t kLeastWidth = 4;
constexpr int64_t kPassed = 2;  // slots that tiles pass through
constexpr size_t kNoSlot = ~size_t{0};
constexpr int64_t kCopiedRows = 8192;  // of a chunk of copying

}  // namespace

Result<TileStream::Plan> TileStream::plan(int64_t row_count, int32_t feature_count, int64_t room) {
  Plan plan;
  for (plan.tile_width = tile_width_of(feature_count);; plan.tile_width /= 2) {
    plan.tile_bytes = row_count * plan.tile_width;
    plan.tile_count = chunk_count_of(feature_count, plan.tile_width);
    const int64_t fitting = plan.tile_bytes == 0 ? plan.tile_count : room / plan.tile_bytes;
    plan.slot_count = std::min(plan.tile_count, fitting);
    if (plan.slot_count >= std::min(kPassed, plan.tile_count)) return plan;
    if (plan.tile_width == kLeastWidth) break;
  }
  return fail(
      StatusCode::kResourceExhausted,
      "a table of {} rows streams through {} bytes of the GPU's memory at the least, and {} "
      "are free for it",
      row_count, kPassed * plan.tile_bytes, std::max<int64_t>(0, room));
}

Result<std::unique_ptr<TileStream>> TileStream::make(const kernels::OpContext& context,
                                                     const kernels::BinnedView& bins) {
  CudaDevice& device = device_of(context);
  int64_t room = device.free_bytes() / 2;
  while (true) {
    ASSAY_ASSIGN_OR_RETURN(const Plan cut, plan(bins.row_count, bins.feature_count, room));
    auto cells = kernels::DeviceArray<uint8_t>::make(device, cut.bytes());
    // Other lanes may have taken some of it meanwhile.
    room /= 2;
    if (!cells && cells.error().code == StatusCode::kResourceExhausted) continue;
    if (!cells) return tl::unexpected<Error>(std::move(cells.error()));
    std::unique_ptr<TileStream> stream(new TileStream(context, bins, cut));
    stream->cells_ = std::move(*cells);
    stream->held_.assign(static_cast<size_t>(cut.slot_count), -1);
    return stream;
  }
}

// What is on its way must have arrived before others get the memory.
TileStream::~TileStream() {
  if (!device_->work_after_loads()) (void)device_->finish();
}

TileWindow TileStream::window_of(size_t slot) const {
  return {cells_.on_device() + static_cast<int64_t>(slot) * plan_.tile_bytes, held_[slot], 1,
          plan_.tile_width};
}

size_t TileStream::slot_for(size_t busy) const {
  const auto empty = std::find(held_.begin(), held_.end(), -1);
  if (empty != held_.end()) return static_cast<size_t>(empty - held_.begin());
  return busy == held_.size() - 1 ? held_.size() - 2 : held_.size() - 1;
}

Status TileStream::each(std::span<const int32_t> tiles,
                        FunctionRef<Status(const TileWindow&)> launch) {
  // Slots to work on, in order, and the tiles that are still to come.
  std::vector<size_t> ready;
  std::vector<int32_t> missing;
  for (const int32_t tile : tiles) {
    const auto found = std::find(held_.begin(), held_.end(), tile);
    if (found == held_.end()) {
      missing.push_back(tile);
    } else {
      ready.push_back(static_cast<size_t>(found - held_.begin()));
    }
  }
  auto next = missing.begin();
  size_t busy = kNoSlot;
  for (size_t i = 0; i < ready.size() || next != missing.end(); ++i) {
    // Tiles come only when all that were there are at work, or none were: a slot that one of them
    // is in may then be taken for another as soon as what was asked for before is done.
    const bool loads = i + 1 >= ready.size() && next != missing.end();
    if (loads) ASSAY_RETURN_IF_ERROR(device_->loads_after_work());
    if (i < ready.size()) {
      busy = ready[i];
      ASSAY_RETURN_IF_ERROR(launch(window_of(busy)));
    }
    if (!loads) continue;
    if (context_.stop != nullptr && context_.stop->requested()) {
      return fail(StatusCode::kCancelled, "grow_tree was stopped");
    }
    const size_t slot = slot_for(busy);
    ASSAY_RETURN_IF_ERROR(load(*next++, slot));
    ASSAY_RETURN_IF_ERROR(device_->work_after_loads());
    ready.resize(std::max(ready.size(), i + 1));
    ready.push_back(slot);
  }
  return {};
}

Status TileStream::load(int32_t tile, size_t slot) {
  held_[slot] = -1;
  uint8_t* target = cells_.on_device() + static_cast<int64_t>(slot) * plan_.tile_bytes;
  ASSAY_RETURN_IF_ERROR(device_->load(
      target, plan_.tile_bytes,
      [&](std::span<std::byte> cells, int64_t offset) { return copy_cells(tile, cells, offset); }));
  held_[slot] = tile;
  return {};
}

Status TileStream::copy_cells(int32_t tile, std::span<std::byte> cells, int64_t offset) const {
  static_assert(CudaDevice::kStageBytes % kernels::kBlockWidth == 0);
  const int32_t width = plan_.tile_width;
  const int32_t first = tile * width;
  const auto used = static_cast<size_t>(std::min(width, bins_.feature_count - first));
  const int32_t stride = bins_.block_width(first / kernels::kBlockWidth);
  const uint8_t* from = bins_.bins + bins_.cell_offset(offset / width, first);
  const int64_t rows = static_cast<int64_t>(cells.size()) / width;
  const auto copy = [&](int64_t chunk, int) {
    const auto [begin, end] = chunk_range(rows, kCopiedRows, chunk);
    for (int64_t row = begin; row < end; ++row) {
      std::byte* to = cells.data() + row * width;
      std::memcpy(to, from + row * stride, used);
      std::memset(to + used, 0, static_cast<size_t>(width) - used);
    }
  };
  const int64_t chunks = chunk_count_of(rows, kCopiedRows);
  if (context_.executor != nullptr) return context_.executor->parallel_for(chunks, copy);
  return SerialExecutor().parallel_for(chunks, copy);
}

}  // namespace assay::backends::cuda
