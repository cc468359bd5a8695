#include "automl/models/device_forest.h"

namespace assay::automl {
namespace {

template <class T>
Status upload(kernels::Device& device, std::span<const T> values, kernels::DeviceArray<T>& array,
              const T*& address) {
  ASSAY_ASSIGN_OR_RETURN(array, kernels::DeviceArray<T>::copy_of(device, values));
  address = array.on_device();
  return {};
}

}  // namespace

Result<DeviceForest> DeviceForest::make(kernels::Device& device, const kernels::Forest& forest) {
  DeviceForest placed;
  kernels::ForestView& view = placed.view_;
  view = forest.view();
  if (device.info().shares_host_memory) return placed;
  ASSAY_RETURN_IF_ERROR(upload(device, forest.nodes(), placed.nodes_, view.nodes));
  ASSAY_RETURN_IF_ERROR(upload(device, forest.category_sets(), placed.sets_, view.category_sets));
  ASSAY_RETURN_IF_ERROR(
      upload(device, forest.leaf_values(), placed.leaf_values_, view.leaf_values));
  ASSAY_RETURN_IF_ERROR(
      upload(device, forest.node_offsets(), placed.node_offsets_, view.node_offsets));
  ASSAY_RETURN_IF_ERROR(upload(device, forest.category_set_offsets(), placed.set_offsets_,
                               view.category_set_offsets));
  ASSAY_RETURN_IF_ERROR(
      upload(device, forest.leaf_offsets(), placed.leaf_offsets_, view.leaf_offsets));
  return placed;
}

}  // namespace assay::automl
