// ShuffledTable: encoded rows gathered from the blocks of a file, whose features can be given the
// values of other rows: what permutation importance predicts. Owns its rows, in the host's memory.
// Not thread-safe while it changes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "automl/models/feature_view.h"

namespace assay::automl {

class ShuffledTable final : public FeatureView {
 public:
  // `dense`: whether the dense form is gathered too; without it dense() fails.
  explicit ShuffledTable(bool dense) : has_dense_(dense) {}

  // Appends some rows of a block; all blocks must be encoded by the same encoder.
  // Fails: as FeatureView::bins and dense.
  Status append(const FeatureView& block, std::span<const uint32_t> rows,
                const kernels::ComputeContext& context);
  // Puts the rows in their final order of memory. Call once, after the last append.
  void settle();

  // Row i gets the values that these features have in row order[i]; `order` is a permutation of all
  // rows. restore() takes the last shuffle back; shuffles are not to be nested.
  void shuffle(std::span<const int32_t> features, std::span<const uint32_t> order);
  void restore();

  int64_t row_count() const override { return row_count_; }
  int32_t feature_count() const override { return static_cast<int32_t>(kinds_.size()); }
  std::span<const int32_t> dense_features() const override { return dense_features_; }
  // Fails: device for a device that does not share the host's memory.
  Result<kernels::BinnedView> bins(kernels::Device& device,
                                   const kernels::ComputeContext& context) const override;
  Result<DenseView> dense(const kernels::ComputeContext& context) const override;
  std::span<const LevelKey> level_keys() const override { return keys_; }

 private:
  kernels::BinnedView view() const;
  bool is_moved(int32_t feature) const;

  bool has_dense_;
  int64_t row_count_ = 0;
  std::vector<int32_t> bin_counts_;
  std::vector<kernels::FeatureKind> kinds_;
  std::vector<std::vector<uint8_t>> blocks_;  // one a block of features, until settle()
  std::vector<uint8_t> bins_;
  std::vector<int32_t> dense_features_;
  std::vector<float> dense_;                 // [rows, dense columns]
  std::vector<std::vector<int32_t>> codes_;  // of the level keys
  std::vector<LevelKey> keys_;               // from settle() on
  // What shuffle() overwrote.
  std::vector<int32_t> moved_;
  std::vector<uint8_t> old_bins_;                // [moved features, rows]
  std::vector<float> old_dense_;                 // [moved dense columns, rows]
  std::vector<std::vector<int32_t>> old_codes_;  // of the keys that moved, by key; else empty
};

}  // namespace assay::automl
