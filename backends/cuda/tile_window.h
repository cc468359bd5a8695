// TileWindow: some tiles of a table (table_forms.h) in the GPU's memory, as kernels get them. Those
// of a table that streams come one after the other (tile_stream.h). Owns nothing.
#pragma once

#include <cstdint>

#include "kernels/base/host_device.h"
#include "kernels/binned_view.h"

namespace assay::backends::cuda {

struct TileWindow {
  const uint8_t* cells = nullptr;  // [tile_count, rows of the table, tile_width]; null: no tiles
  int32_t first_tile = 0;
  int32_t tile_count = 0;
  int32_t tile_width = 1;  // also where there are no tiles

  ASSAY_DEVICE bool holds(int32_t feature) const {
    const int32_t tile = feature / tile_width;
    return tile >= first_tile && tile - first_tile < tile_count;
  }
  // Of row 0 and the tile's first feature.
  ASSAY_DEVICE const uint8_t* tile_cells(int32_t tile, int64_t row_count) const {
    return cells + (tile - first_tile) * row_count * tile_width;
  }
};

// The cells of one feature: of a row at first[row * stride].
struct FeatureCells {
  const uint8_t* first;  // null: they are not here
  int64_t stride;
};

// Where a table has them: in its columns, if there are any, else in its tiles, else in its blocks.
ASSAY_DEVICE inline FeatureCells feature_cells(const kernels::BinnedView& bins,
                                               const uint8_t* columns, const TileWindow& window,
                                               int32_t feature) {
  if (columns != nullptr) return {columns + int64_t{feature} * bins.row_count, 1};
  if (window.cells != nullptr) {
    if (!window.holds(feature)) return {nullptr, 0};
    const int32_t tile = feature / window.tile_width;
    return {window.tile_cells(tile, bins.row_count) + feature % window.tile_width,
            window.tile_width};
  }
  return {bins.bins + bins.cell_offset(0, feature),
          bins.block_width(feature / kernels::kBlockWidth)};
}

}  // namespace assay::backends::cuda
