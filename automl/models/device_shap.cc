#include "automl/models/device_shap.h"

namespace assay::automl {

using kernels::DeviceArray;

Result<DeviceShap> DeviceShap::make(kernels::Device& device, const kernels::TreeShapPlan& plan) {
  DeviceShap placed;
  placed.view_ = plan.view();
  if (device.info().shares_host_memory) return placed;
  ASSAY_ASSIGN_OR_RETURN(placed.steps_,
                         DeviceArray<kernels::ShapStep>::copy_of(device, plan.steps()));
  ASSAY_ASSIGN_OR_RETURN(placed.trees_,
                         DeviceArray<kernels::ShapTree>::copy_of(device, plan.trees()));
  ASSAY_ASSIGN_OR_RETURN(placed.points_, DeviceArray<double>::copy_of(device, plan.points()));
  ASSAY_ASSIGN_OR_RETURN(placed.weights_, DeviceArray<double>::copy_of(device, plan.weights()));
  placed.view_ = {placed.steps_.on_device(), placed.trees_.on_device(), placed.points_.on_device(),
                  placed.weights_.on_device()};
  return placed;
}

}  // namespace assay::automl
