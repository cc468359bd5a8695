// GrowthLayout: the columns and bundles of a binned table (kernels/binned_view.h), made from its
// blocks on a device that shares the host's memory. Owns them. Reading is thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/base/status.h"
#include "kernels/binned_view.h"
#include "kernels/device_array.h"

namespace assay::datasets {

class GrowthLayout {
 public:
  // Bundles are made of features of few bins, greedily, and only where they are fewer than the
  // features by a fifth. What is made depends on the bins alone.
  // Fails: resource_exhausted.
  static Result<GrowthLayout> make(const kernels::BinnedView& view, kernels::Device& device,
                                   Executor& executor);
  // `view`, which it was made of, with what it holds.
  kernels::BinnedView extend(kernels::BinnedView view) const;
  int64_t byte_count() const;

 private:
  friend class BundleMaker;
  struct Bundles {
    kernels::DeviceArray<uint8_t> cells;
    std::vector<int32_t> code_counts, feature_offsets, features, places, bundle_of;
    std::vector<uint8_t> bins, usual_bins, odd_codes;
    std::vector<int32_t> odd_offsets;
    kernels::BundleView view;
  };
  kernels::DeviceArray<uint8_t> columns_;
  std::unique_ptr<Bundles> bundles_;  // null: none. Its address is in views
};

}  // namespace assay::datasets
