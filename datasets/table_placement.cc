#include "datasets/table_placement.h"

namespace assay::datasets {

bool exceeds_device(const kernels::DeviceInfo& device, int64_t byte_count) {
  return !device.shares_host_memory && byte_count > device.memory_bytes - device.memory_bytes / 4;
}

Result<kernels::BinnedView> place_table(kernels::Device& device, kernels::Device& host,
                                        int64_t byte_count, PlaceTable place) {
  const bool streams = device.info().streams_tables && !device.info().shares_host_memory;
  if (!streams || !exceeds_device(device.info(), byte_count)) {
    Result<kernels::BinnedView> placed = place(device);
    const bool full = !placed && placed.error().code == StatusCode::kResourceExhausted;
    if (!streams || !full) return placed;
  }
  ASSAY_ASSIGN_OR_RETURN(kernels::BinnedView view, place(host));
  view.columns = nullptr;
  view.bundles = nullptr;
  view.on_host = true;
  return view;
}

Result<kernels::BinnedView> place_matrix(kernels::Device& device, kernels::Device& host,
                                         int64_t byte_count, MatrixOn matrix_on, Executor* growth) {
  const auto place = [&](kernels::Device& at) -> Result<kernels::BinnedView> {
    ASSAY_ASSIGN_OR_RETURN(BinnedMatrix * matrix, matrix_on(at));
    if (growth != nullptr && &at == &device) ASSAY_RETURN_IF_ERROR(matrix->prepare_growth(*growth));
    return matrix->view();
  };
  return place_table(device, host, byte_count, place);
}

}  // namespace assay::datasets
