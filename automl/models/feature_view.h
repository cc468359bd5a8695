// FeatureView: the encoded rows of a table, as models and learners read them: as bins, or as a
// dense matrix. Made by preprocess (EncodedTable), which builds each form when it is first asked
// for, once for each device. All const functions are thread-safe.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/status.h"
#include "kernels/binned_view.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

// Dense features, f32 [row_count, column_count] row-major in the host's memory, all finite: numbers
// imputed and scaled, categories one-hot. Not owned.
struct DenseView {
  const float* values = nullptr;
  int64_t row_count = 0;
  int32_t column_count = 0;

  std::span<const float> row(int64_t index) const {
    return {values + index * column_count, static_cast<size_t>(column_count)};
  }
};

// A column by its levels, however many there are: bins tell only 253 of them apart. In the host's
// memory; not owned.
struct LevelKey {
  std::span<const int32_t> codes;  // [rows]: kMissingCode, kUnseenCode, levels
  int32_t code_count = 0;          // codes are below it
  int32_t feature = 0;             // the first one of its column
};

class FeatureView {
 public:
  virtual ~FeatureView() = default;
  virtual int64_t row_count() const = 0;
  // Columns of the bins.
  virtual int32_t feature_count() const = 0;
  // [dense columns]: the feature that each dense column comes from.
  virtual std::span<const int32_t> dense_features() const = 0;

  // The bins on `device`, valid as long as the view. `context` says how to build them if need be.
  // Fails: cancelled, resource_exhausted, device.
  virtual Result<kernels::BinnedView> bins(kernels::Device& device,
                                           const kernels::ComputeContext& context) const = 0;
  // The same for growing trees: with columns and bundles where those are made.
  virtual Result<kernels::BinnedView> growth_bins(kernels::Device& device,
                                                  const kernels::ComputeContext& context) const {
    return bins(device, context);
  }
  // What features of level targets (level_targets.h) are made from; most views have none.
  virtual std::span<const LevelKey> level_keys() const { return {}; }
  // The dense form, likewise.
  virtual Result<DenseView> dense(const kernels::ComputeContext& context) const = 0;
};

}  // namespace assay::automl
