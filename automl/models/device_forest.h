// DeviceForest: a forest where predict_trees can read it: on a device that shares the host's memory
// the forest itself, else an uploaded copy.
#pragma once

#include "kernels/base/status.h"
#include "kernels/device_array.h"
#include "kernels/tree.h"

namespace assay::automl {

class DeviceForest {
 public:
  // `forest` must outlive it and not change.
  // Fails: resource_exhausted, device.
  static Result<DeviceForest> make(kernels::Device& device, const kernels::Forest& forest);
  const kernels::ForestView& view() const { return view_; }

 private:
  kernels::ForestView view_;
  kernels::DeviceArray<kernels::TreeNode> nodes_;
  kernels::DeviceArray<kernels::CategorySet> sets_;
  kernels::DeviceArray<float> leaf_values_;
  kernels::DeviceArray<int64_t> node_offsets_;
  kernels::DeviceArray<int64_t> set_offsets_;
  kernels::DeviceArray<int64_t> leaf_offsets_;
};

}  // namespace assay::automl
