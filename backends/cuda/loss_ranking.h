// RankedRows: how the rows of a sample rank in their groups, on the GPU, for the kernels of losses
// of rankings. Owns 24 bytes of the GPU's memory a row and 16 a group. Not thread-safe; the device
// must outlive it.
#pragma once

#include <cstdint>
#include <span>

#include "backends/cuda/device.h"
#include "backends/cuda/loss_ranking_kernels.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {

class RankedRows {
 public:
  // Ranks them; `group_ends` as in kernels::LossGradientsArgs. Adds work to the stream: nothing is
  // there to be read by the host. Fails: resource_exhausted, device.
  static Result<RankedRows> make(CudaDevice& device, const LossInputs& in,
                                 std::span<const int64_t> group_ends);

  // Valid as long as this is.
  Ranking view();

 private:
  kernels::DeviceArray<int64_t> group_ends_;
  kernels::DeviceArray<RankedRow> rows_;
  kernels::DeviceArray<double> best_order_;
  kernels::DeviceArray<double> bests_;
};

}  // namespace assay::backends::cuda
