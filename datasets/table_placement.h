// Where a device's ops on trees find a table: in its own memory, or, if that is too small and the
// device streams tables, in the host's (BinnedView::on_host). Owns nothing; thread-safe as far as
// `place` is.
#pragma once

#include <cstdint>

#include "datasets/binned_matrix.h"
#include "kernels/base/executor.h"
#include "kernels/base/function_ref.h"
#include "kernels/base/status.h"
#include "kernels/binned_view.h"
#include "kernels/device.h"

namespace assay::datasets {

// Whether a table of so many bytes is left in the host's memory, whatever else the device holds: if
// it takes more than three quarters of what may be planned with there. The rest is for rows'
// gradients and scores.
bool exceeds_device(const kernels::DeviceInfo& device, int64_t byte_count);

// The table of `byte_count` bytes for ops on `device`: what place(device) gives, or place(host) to
// be streamed, if the table exceeds a device that streams or finds no room beside what is there.
// Fails: as place does.
using PlaceTable = FunctionRef<Result<kernels::BinnedView>(kernels::Device&)>;
Result<kernels::BinnedView> place_table(kernels::Device& device, kernels::Device& host,
                                        int64_t byte_count, PlaceTable place);

// The same of matrices that are made for a device each: that of `matrix_on`, with columns and
// bundles for growing trees on `device` itself if `growth` says who makes them.
using MatrixOn = FunctionRef<Result<BinnedMatrix*>(kernels::Device&)>;
Result<kernels::BinnedView> place_matrix(kernels::Device& device, kernels::Device& host,
                                         int64_t byte_count, MatrixOn matrix_on,
                                         Executor* growth = nullptr);

}  // namespace assay::datasets
