// knn_topk on GPUs, exactly: all distances are made with the contract's operations, in tiles that
// never leave a block of threads (knn_topk_kernels.h). A product of matrices would take a third of
// the operations, but has other bits, and each query's candidates would have to be measured anew.
//
// Queries x parts of the points are shared out among blocks. What is stored are lists of
// `capacity` entries; where they do not fit, queries are taken in rounds.
#include "kernels/knn_topk.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {
namespace {

using kernels::KnnTopkArgs;
using kernels::KnnTopkProblem;

// Blocks that are enough to share out evenly among the multiprocessors of any GPU.
constexpr int64_t kWantedBlocks = 4096;
// The fewest points of a part, and that many for each neighbour: lists have to pay.
constexpr int64_t kLeastPoints = 1024;
constexpr int64_t kPointsOfNeighbour = 4;
constexpr int64_t kMostParts = 256;
constexpr int64_t kMostListBytes = int64_t{1} << 30;
// Squares of differences that a round makes at most: some tenths of a second on a large GPU, after
// which it is asked whether to stop.
constexpr double kRoundWork = 4e12;

// How a problem is cut. The outcome does not depend on it.
struct Cut {
  int32_t capacity = 0;  // of a list
  int64_t parts = 1;
  int64_t part_points = 0;
  int64_t round_queries = 0;
};

Cut cut_of(const KnnTopkProblem& p, int64_t free_bytes) {
  using Kernel = NearestPointsKernel;
  Cut cut;
  const auto k = static_cast<uint32_t>(p.k);
  cut.capacity = static_cast<int32_t>(std::bit_ceil(std::max(2 * k, k + 3 * Kernel::kPoints)));
  const int64_t list_bytes = cut.capacity * int64_t{sizeof(NeighbourEntry)};
  const int64_t room = std::min(free_bytes / 2, kMostListBytes);
  const int64_t tiles = chunk_count_of(p.query_count, Kernel::kQueries);
  const int64_t most_parts =
      std::min({kMostParts, p.point_count / std::max(kLeastPoints, kPointsOfNeighbour * p.k),
                room / (Kernel::kQueries * list_bytes)});
  const int64_t parts = std::clamp<int64_t>(chunk_count_of(kWantedBlocks, tiles), 1,
                                            std::max<int64_t>(1, most_parts));
  const int64_t point_tiles = std::max<int64_t>(1, chunk_count_of(p.point_count, Kernel::kPoints));
  cut.part_points = chunk_count_of(point_tiles, parts) * Kernel::kPoints;
  cut.parts = std::max<int64_t>(1, chunk_count_of(p.point_count, cut.part_points));
  const double tile_work = static_cast<double>(Kernel::kQueries) *
                           static_cast<double>(p.point_count) * static_cast<double>(p.dim + 8);
  const int64_t working = static_cast<int64_t>(kRoundWork / std::max(tile_work, 1.0));
  const int64_t fitting = room / (Kernel::kQueries * list_bytes * cut.parts);
  cut.round_queries = Kernel::kQueries * std::clamp<int64_t>(std::min(working, fitting), 1, tiles);
  return cut;
}

// The queries of a round.
Status search(CudaDevice& device, const KnnTopkProblem& p, const KnnTopkArgs& args, const Cut& cut,
              ChunkRange queries, NeighbourEntry* lists) {
  const int64_t count = queries.end - queries.begin;
  const auto parts = static_cast<int32_t>(cut.parts);
  static_assert(kNoNeighbour == ~NeighbourEntry{0});
  ASSAY_RETURN_IF_ERROR(
      device.fill(lists, 0xff, count * parts * cut.capacity * int64_t{sizeof(NeighbourEntry)}));
  ASSAY_RETURN_IF_ERROR(device.launch<NearestPointsKernel>(
      {chunk_count_of(count, NearestPointsKernel::kQueries), parts,
       NearestPointsKernel::kSharedBytes},
      {args.points, args.queries + queries.begin * p.dim, lists, p.point_count, count,
       cut.part_points, parts, cut.capacity, p.dim, p.k}));
  ASSAY_RETURN_IF_ERROR(device.launch<MergeNeighboursKernel>(
      {count, chunk_count_of(cut.parts * p.k, MergeNeighboursKernel::kThreads), 0},
      {lists, args.indices + queries.begin * p.k, args.distances + queries.begin * p.k, parts,
       cut.capacity, p.k}));
  return device.finish();
}

Status run(const kernels::OpContext& context, const KnnTopkProblem& problem,
           const KnnTopkArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  if (problem.query_count == 0) return {};
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  const Cut cut = cut_of(problem, device.free_bytes());
  const int64_t list_count = std::min(cut.round_queries, problem.query_count) * cut.parts;
  ASSAY_ASSIGN_OR_RETURN(
      auto lists, kernels::DeviceArray<NeighbourEntry>::make(device, list_count * cut.capacity));
  for (int64_t i = 0; i < chunk_count_of(problem.query_count, cut.round_queries); ++i) {
    if (context.stop != nullptr && context.stop->requested()) {
      return fail(StatusCode::kCancelled, "knn_topk was stopped");
    }
    ASSAY_RETURN_IF_ERROR(search(device, problem, args, cut,
                                 chunk_range(problem.query_count, cut.round_queries, i),
                                 lists.on_device()));
  }
  return {};
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const KnnTopkProblem&) {
  return std::nullopt;
}

double cost(const kernels::DeviceInfo&, const KnnTopkProblem& p) {
  const auto pairs = static_cast<double>(p.point_count) * static_cast<double>(p.query_count);
  return 40'000 + 2e-4 * pairs * (static_cast<double>(p.dim) + 8);
}

}  // namespace

void register_knn_topk(kernels::KernelSet& kernels) {
  kernels.table<kernels::KnnTopk>().add({"cuda.tiles", "cuda", decline, cost, run});
}

}  // namespace assay::backends::cuda
