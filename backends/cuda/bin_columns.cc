#include "kernels/bin_columns.h"

#include <optional>
#include <string>
#include <vector>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {
namespace {

using kernels::BinColumnsArgs;
using kernels::BinColumnsProblem;

Status run(const kernels::OpContext& context, const BinColumnsProblem& problem,
           const BinColumnsArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.row_count == 0 || problem.feature_count == 0) return {};
  if (context.stop != nullptr && context.stop->requested()) {
    return fail(StatusCode::kCancelled, "bin_columns was stopped");
  }
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  std::vector<BinnedColumn> columns;
  for (int32_t f = 0; f < problem.feature_count; ++f) {
    const kernels::ColumnSource& column = args.columns[f];
    const bool numeric = column.kind == kernels::FeatureKind::kNumeric;
    columns.push_back({numeric ? column.numbers : nullptr, column.edges, column.codes,
                       column.code_to_bin, column.edge_count, column.code_count});
  }
  ASSAY_ASSIGN_OR_RETURN(auto there, kernels::DeviceArray<BinnedColumn>::copy_of(device, columns));
  device.bins_written(args.bins, problem.row_count * int64_t{problem.feature_count});
  const int64_t tiles = chunk_count_of(problem.row_count, BinColumnsKernel::kRows);
  ASSAY_RETURN_IF_ERROR(device.launch<BinColumnsKernel>(
      {tiles, chunk_count_of(problem.feature_count, kernels::kBlockWidth),
       BinColumnsKernel::kSharedBytes},
      {there.on_device(), args.bins, problem.row_count, problem.feature_count}));
  return device.finish();
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const BinColumnsProblem&) {
  return std::nullopt;
}

double cost(const kernels::DeviceInfo&, const BinColumnsProblem& problem) {
  return 20'000 +
         0.01 * static_cast<double>(problem.row_count) * static_cast<double>(problem.feature_count);
}

}  // namespace

void register_bin_columns(kernels::KernelSet& kernels) {
  kernels.table<kernels::BinColumns>().add({"cuda.tile", "cuda", decline, cost, run});
}

}  // namespace assay::backends::cuda
