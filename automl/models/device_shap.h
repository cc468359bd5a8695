// DeviceShap: what tree_shap reads beside a forest, where it can read it: on a device that shares
// the host's memory the plan itself, else an uploaded copy.
#pragma once

#include "kernels/base/status.h"
#include "kernels/device_array.h"
#include "kernels/tree_shap_plan.h"

namespace assay::automl {

class DeviceShap {
 public:
  // `plan` must outlive it.
  // Fails: resource_exhausted, device.
  static Result<DeviceShap> make(kernels::Device& device, const kernels::TreeShapPlan& plan);
  const kernels::TreeShapView& view() const { return view_; }

 private:
  kernels::TreeShapView view_;
  kernels::DeviceArray<kernels::ShapStep> steps_;
  kernels::DeviceArray<kernels::ShapTree> trees_;
  kernels::DeviceArray<double> points_;
  kernels::DeviceArray<double> weights_;
};

}  // namespace assay::automl
