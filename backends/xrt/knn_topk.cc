// knn_topk on an XRT card: the points stay there, queries are sent a group at a time, so that a run
// is never long.
#include "kernels/knn_topk.h"

#include <algorithm>
#include <optional>
#include <string>

#include "backends/xrt/knn_parts.h"
#include "backends/xrt/operand.h"
#include "backends/xrt/xrt_kernels.h"

namespace assay::backends::xrt {
namespace {

using kernels::KnnTopkArgs;
using kernels::KnnTopkProblem;

// Neighbours and dimensions that a unit has room for (backends/xrt/hls/kernels.h).
constexpr int32_t kMostCardNeighbours = 64;
constexpr int32_t kMostDimensions = 4096;
constexpr int32_t kIndices = 2;  // the kernel's arguments
constexpr int32_t kDistances = 3;

// The queries [queries.begin, queries.end).
Status search(const kernels::OpContext& context, const KnnTopkProblem& problem,
              const KnnTopkArgs& args, const Operand& points, ChunkRange queries) {
  using Arg = Batch::Arg;
  auto& device = static_cast<XrtDevice&>(*context.device);
  const int64_t count = queries.end - queries.begin;
  const int64_t places = count * problem.k;
  ASSAY_ASSIGN_OR_RETURN(const Operand asked,
                         Operand::make(device, args.queries + queries.begin * problem.dim,
                                       count * problem.dim * int64_t{sizeof(float)}));
  ASSAY_ASSIGN_OR_RETURN(const Operand indices,
                         Operand::make(device, args.indices + queries.begin * problem.k,
                                       places * int64_t{sizeof(int32_t)}));
  ASSAY_ASSIGN_OR_RETURN(const Operand distances,
                         Operand::make(device, args.distances + queries.begin * problem.k,
                                       places * int64_t{sizeof(float)}));
  Batch batch(device, context.stop);
  batch.start(CardKernel::kKnnTopk, 0,
              {Arg::in(points.address()), Arg::in(asked.address()), Arg::as_is(indices.address()),
               Arg::as_is(distances.address()), Arg::of(problem.point_count), Arg::of(count),
               Arg::of(problem.dim), Arg::of(problem.k)});
  batch.wait(0);
  batch.fetch(CardKernel::kKnnTopk, kIndices, indices.address(), 0, indices.bytes());
  batch.fetch(CardKernel::kKnnTopk, kDistances, distances.address(), 0, distances.bytes());
  ASSAY_RETURN_IF_ERROR(batch.run());
  ASSAY_RETURN_IF_ERROR(indices.copy_back());
  return distances.copy_back();
}

Status run(const kernels::OpContext& context, const KnnTopkProblem& problem,
           const KnnTopkArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  if (problem.query_count == 0) return {};
  auto& device = static_cast<XrtDevice&>(*context.device);
  ASSAY_ASSIGN_OR_RETURN(const Operand points,
                         Operand::make(device, args.points,
                                       problem.point_count * problem.dim * int64_t{sizeof(float)}));
  const int64_t at_once = queries_at_once(problem.point_count, problem.dim);
  for (int64_t i = 0; i < chunk_count_of(problem.query_count, at_once); ++i) {
    ASSAY_RETURN_IF_ERROR(
        search(context, problem, args, points, chunk_range(problem.query_count, at_once, i)));
  }
  return {};
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const KnnTopkProblem& problem) {
  if (problem.k > kMostCardNeighbours) {
    return fmt::format("{} neighbours ({} at most are sorted on the card)", problem.k,
                       kMostCardNeighbours);
  }
  if (problem.dim >= 1 && problem.dim <= kMostDimensions) return std::nullopt;
  return fmt::format("{} dimensions (1 to {} fit the card)", problem.dim, kMostDimensions);
}

double cost(const kernels::DeviceInfo&, const KnnTopkProblem& p) {
  const auto pairs = static_cast<double>(p.point_count) * static_cast<double>(p.query_count);
  return 1000 + pairs * static_cast<double>(p.dim) / 128;
}

}  // namespace

void register_knn_topk(kernels::KernelSet& kernels) {
  kernels.table<kernels::KnnTopk>().add({"xrt.sorted_lists", "fpga", decline, cost, run});
}

}  // namespace assay::backends::xrt
