// TableForms: a table of bins in the two more forms that growing trees reads on a GPU. Made from
// the table's blocks (TableFormsKernel), and kept by the device as long as the blocks are as they
// were (CudaDevice::forms_of).
//   columns  [feature_count, row_count]: dividing rows by a feature reads one byte a row
//   tiles    [tiles, row_count, tile_width], 0 where a tile has no feature: building histograms
//            reads a row of a tile as one aligned piece of at most one sector of 32 bytes
// Tile t has the features t * tile_width and following.
#pragma once

#include <cstdint>

#include "kernels/binned_view.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {

struct TableForms {
  kernels::DeviceArray<uint8_t> columns;
  kernels::DeviceArray<uint8_t> tiles;
};

// 4, 8, 16 or 32: divides kBlockWidth.
inline int32_t tile_width_of(int32_t feature_count) {
  constexpr int32_t kMost = 32;
  int32_t width = 4;
  while (width < kMost && width < feature_count) width *= 2;
  return width;
}

inline int64_t tile_count_of(int32_t feature_count) {
  const int32_t width = tile_width_of(feature_count);
  return (feature_count + width - 1) / width;
}

}  // namespace assay::backends::cuda
