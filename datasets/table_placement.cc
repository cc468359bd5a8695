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

}  // namespace assay::datasets
