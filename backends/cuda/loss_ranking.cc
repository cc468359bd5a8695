#include "backends/cuda/loss_ranking.h"

#include "kernels/base/executor.h"

namespace assay::backends::cuda {

using kernels::DeviceArray;

Result<RankedRows> RankedRows::make(CudaDevice& device, const LossInputs& in,
                                    std::span<const int64_t> group_ends) {
  RankedRows ranked;
  const auto groups = static_cast<int64_t>(group_ends.size());
  ASSAY_ASSIGN_OR_RETURN(ranked.group_ends_, DeviceArray<int64_t>::copy_of(device, group_ends));
  ASSAY_ASSIGN_OR_RETURN(ranked.rows_, DeviceArray<RankedRow>::make(device, in.sample_count));
  ASSAY_ASSIGN_OR_RETURN(ranked.best_order_, DeviceArray<double>::make(device, in.sample_count));
  ASSAY_ASSIGN_OR_RETURN(ranked.bests_, DeviceArray<double>::make(device, groups));
  ASSAY_RETURN_IF_ERROR(device.launch<RankRowsKernel>(
      {chunk_count_of(in.sample_count, RankRowsKernel::kThreads), 1, 0}, {in, ranked.view()}));
  ASSAY_RETURN_IF_ERROR(device.launch<BestOrderKernel>(
      {chunk_count_of(groups, BestOrderKernel::kThreads), 1, 0}, {ranked.view(), in.parameter}));
  return ranked;
}

Ranking RankedRows::view() {
  return {group_ends_.on_device(), group_ends_.size(), rows_.on_device(), best_order_.on_device(),
          bests_.on_device()};
}

}  // namespace assay::backends::cuda
