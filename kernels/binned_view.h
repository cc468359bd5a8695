// BinnedView: a table of features as one byte a cell, the input of every tree op. Non-owning.
//
// Codes. Numeric: 0 is missing, 1..edge_count+1 are value bins. Categorical: 0 is missing, 1 is
// unseen or rare, 2.. are levels. At most kMaxBins codes a feature (255, so that a count fits a
// byte), all below bin_counts[feature].
//
// Layout. Features are cut into blocks of kBlockWidth; the last block may be narrower. A block is
// [row_count, width] row-major, and blocks follow one another: a row of a block is at most one
// cache line, and a tree op that follows row indices reads whole lines.
//     cell(row, f) = bins[(f / W) * W * row_count + row * width_of(f / W) + f % W],  W =
//     kBlockWidth
//
// Growing trees reads a table in two more forms, which may come with it and hold the same bins:
//   columns   column by column, for dividing rows by one feature: one byte a row is read, not the
//             line of a block that it is in;
//   bundles   features merged whose bins occur together in few ways: a bundle's code stands for one
//             way, a bin of each of its features, so that a histogram takes one addition a row for
//             all of them, and the features' sums are sums of the codes' (exact, in integers).
// Ops may read these or not; results are the same.
//
// A table may be larger than a device's memory. One that streams tables
// (DeviceInfo::streams_tables) takes the bins where they are, in the host's memory, and reads them
// piece by piece: `on_host`. Results are the same.
#pragma once

#include <cstdint>

#include "kernels/base/host_device.h"

namespace assay::kernels {

inline constexpr int32_t kMaxBins = 255;
inline constexpr int32_t kBlockWidth = 64;
inline constexpr uint8_t kMissingBin = 0;
inline constexpr uint8_t kUnseenBin = 1;  // categorical features only

enum class FeatureKind : uint8_t { kNumeric = 0, kCategorical = 1 };

// Every feature is in one bundle, often alone. All arrays are on the device of the bins, except
// those that say so.
struct BundleView {
  int32_t bundle_count = 0;
  // Codes, in the layout of BinnedView with bundles for features; those of a feature alone are its
  // bins. At most kMaxBins a bundle.
  const uint8_t* cells = nullptr;
  const int32_t* code_counts = nullptr;  // [bundle_count], host
  // Host: bundle b holds features[feature_offsets[b] .. feature_offsets[b + 1]), ascending.
  const int32_t* feature_offsets = nullptr;  // [bundle_count + 1]
  const int32_t* features = nullptr;         // [features]
  const int32_t* places = nullptr;           // [features]: where a feature is in `features`
  const int32_t* bundle_of = nullptr;        // [features]
  const uint8_t* bins = nullptr;             // [features, 256]: bin of features[i] under each code
  // Likewise: features[i] is in its usual bin under most codes of its bundle, but not under
  // odd_codes[odd_offsets[i] .. odd_offsets[i + 1]), ascending. A feature alone has none.
  const uint8_t* usual_bins = nullptr;   // [features]
  const int32_t* odd_offsets = nullptr;  // [features + 1]
  const uint8_t* odd_codes = nullptr;    // [odd_offsets[features]]
};

struct BinnedView {
  const uint8_t* bins = nullptr;  // on the device that runs the op, unless `on_host`
  int64_t row_count = 0;
  int32_t feature_count = 0;
  // Both [feature_count], always in the host's memory.
  const int32_t* bin_counts = nullptr;  // codes in use, 1..kMaxBins
  const FeatureKind* kinds = nullptr;
  const uint8_t* columns = nullptr;     // [feature_count, row_count], or null
  const BundleView* bundles = nullptr;  // host; or null
  // The bins are in the host's memory though the device has its own; columns and bundles are null.
  // Where memory is the host's it says nothing.
  bool on_host = false;

  int32_t block_count() const { return (feature_count + kBlockWidth - 1) / kBlockWidth; }
  ASSAY_HOST_DEVICE int32_t block_width(int32_t block) const {
    const int32_t rest = feature_count - block * kBlockWidth;
    return rest < kBlockWidth ? rest : kBlockWidth;
  }
  // First cell of a block.
  ASSAY_HOST_DEVICE int64_t block_offset(int32_t block) const {
    return int64_t{block} * kBlockWidth * row_count;
  }
  ASSAY_HOST_DEVICE int64_t cell_offset(int64_t row, int32_t feature) const {
    const int32_t block = feature / kBlockWidth;
    return block_offset(block) + row * block_width(block) + feature % kBlockWidth;
  }
  int64_t byte_count() const { return row_count * feature_count; }
};

}  // namespace assay::kernels
