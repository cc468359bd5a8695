// check_problem and the small shared rules of the ops that have no algorithm file of their own.
#include <array>
#include <limits>

#include "kernels/bin_columns.h"
#include "kernels/gemm.h"
#include "kernels/gemm_narrow.h"
#include "kernels/grow_trees.h"
#include "kernels/knn_topk.h"
#include "kernels/loss.h"
#include "kernels/quantile_edges.h"

namespace assay::kernels {
namespace {

Status check_at_least(std::string_view op, std::string_view name, int64_t value, int64_t least) {
  if (value >= least) return {};
  return fail(StatusCode::kInvalidArgument, "{}: {}={} (must be at least {})", op, name, value,
              least);
}

}  // namespace

std::array<int64_t, 4> sample_positions(const QuantileEdgesProblem& problem, int64_t finite_count,
                                        int64_t block) {
  const std::array<uint32_t, 4> words =
      philox_block({static_cast<uint32_t>(problem.seed), static_cast<uint32_t>(problem.seed >> 32)},
                   {static_cast<uint32_t>(block), 0, 0, 2});
  __extension__ using Wide = unsigned __int128;
  const auto limit = static_cast<uint64_t>(problem.sample_limit);
  std::array<int64_t, 4> positions{};
  for (size_t k = 0; k < 4; ++k) {
    const uint64_t point = (static_cast<uint64_t>(4 * block) + k) << 32 | words[k];
    const Wide whole = (Wide{point} * static_cast<uint64_t>(finite_count)) >> 32;
    // Divisions of 64 bits are several times as fast.
    const bool fits = (whole >> 64) == 0;
    positions[k] = static_cast<int64_t>(fits ? static_cast<uint64_t>(whole) / limit
                                             : static_cast<uint64_t>(whole / limit));
  }
  return positions;
}

int64_t sample_position(const QuantileEdgesProblem& problem, int64_t finite_count, int64_t j) {
  return sample_positions(problem, finite_count, j / 4)[static_cast<size_t>(j % 4)];
}

Status check_problem(const QuantileEdgesProblem& problem) {
  ASSAY_RETURN_IF_ERROR(check_at_least(QuantileEdges::kName, "row_count", problem.row_count, 0));
  if (problem.max_value_bins < 2 || problem.max_value_bins > kMaxBins - 1) {
    return fail(StatusCode::kInvalidArgument, "{}: max_value_bins={} (must be 2..{})",
                QuantileEdges::kName, problem.max_value_bins, kMaxBins - 1);
  }
  if (problem.sample_limit < 1 || problem.sample_limit > int64_t{1} << 31) {
    return fail(StatusCode::kInvalidArgument, "{}: sample_limit={} (must be 1..2^31)",
                QuantileEdges::kName, problem.sample_limit);
  }
  return {};
}

Status check_problem(const BinColumnsProblem& problem, const BinColumnsArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_at_least(BinColumns::kName, "row_count", problem.row_count, 0));
  ASSAY_RETURN_IF_ERROR(
      check_at_least(BinColumns::kName, "feature_count", problem.feature_count, 0));
  for (int32_t f = 0; f < problem.feature_count; ++f) {
    const int32_t edge_count = args.columns[f].edge_count;
    if (args.columns[f].kind == FeatureKind::kNumeric &&
        (edge_count < 0 || edge_count > kMaxEdges)) {
      return fail(StatusCode::kInvalidArgument, "{}: edge_count={} of feature {} (must be 0..{})",
                  BinColumns::kName, edge_count, f, kMaxEdges);
    }
  }
  return {};
}

Status check_problem(const GrowTreesProblem& problem, const GrowTreesArgs& args) {
  if (problem.trees.size() != args.trees.size()) {
    return fail(StatusCode::kInvalidArgument, "{}: arguments of {} trees (must be {})",
                GrowTrees::kName, args.trees.size(), problem.trees.size());
  }
  for (size_t i = 0; i < problem.trees.size(); ++i) {
    const GrowTreeProblem& tree = problem.trees[i];
    ASSAY_RETURN_IF_ERROR(check_problem(tree, args.trees[i]));
    if (tree.row_count != problem.trees[0].row_count ||
        tree.feature_count != problem.trees[0].feature_count ||
        args.trees[i].bins.bins != args.trees[0].bins.bins) {
      return fail(StatusCode::kInvalidArgument,
                  "{}: tree {} has another table (all trees must have the same)", GrowTrees::kName,
                  i);
    }
  }
  return {};
}

Status check_problem(const LossProblem& problem) {
  constexpr std::string_view kOp = "loss";
  ASSAY_RETURN_IF_ERROR(check_at_least(kOp, "row_count", problem.row_count, 0));
  ASSAY_RETURN_IF_ERROR(check_at_least(kOp, "sample_count", problem.sample_count, 0));
  if (problem.loss == Loss::kSoftmax) {
    return check_at_least(kOp, "output_count", problem.output_count, 2);
  }
  if (problem.output_count != 1) {
    return fail(StatusCode::kInvalidArgument, "{}: output_count={} (must be 1 but for softmax)",
                kOp, problem.output_count);
  }
  const double parameter = problem.parameter;
  const auto check_parameter = [&](std::string_view name, double low, double high) -> Status {
    if (parameter > low && parameter < high) return {};
    return fail(StatusCode::kInvalidArgument, "{}: {}={} (must be above {} and below {})", kOp,
                name, parameter, low, high);
  };
  constexpr double kEndless = std::numeric_limits<double>::infinity();
  if (problem.loss == Loss::kHuber) return check_parameter("delta", 0, kEndless);
  if (problem.loss == Loss::kQuantile) return check_parameter("alpha", 0, 1);
  if (problem.loss == Loss::kTweedie) return check_parameter("power", 1, 2);
  if (problem.loss == Loss::kLambdaRank) {
    ASSAY_RETURN_IF_ERROR(
        check_at_least(kOp, "group_count", problem.group_count, problem.sample_count > 0 ? 1 : 0));
    return check_parameter("cut", 0, kEndless);
  }
  return {};
}

Status check_problem(const GemmProblem& problem) {
  ASSAY_RETURN_IF_ERROR(check_at_least(Gemm::kName, "m", problem.m, 0));
  ASSAY_RETURN_IF_ERROR(check_at_least(Gemm::kName, "n", problem.n, 0));
  ASSAY_RETURN_IF_ERROR(check_at_least(Gemm::kName, "k", problem.k, 0));
  if (!problem.in_order) return {};
  if (problem.tf32) {
    return fail(StatusCode::kInvalidArgument, "{}: in_order with tf32 (must be one of them)",
                Gemm::kName);
  }
  if (problem.alpha == 1 && problem.beta == 0) return {};
  return fail(StatusCode::kInvalidArgument, "{}: in_order with alpha={}, beta={} (must be 1 and 0)",
              Gemm::kName, problem.alpha, problem.beta);
}

Status check_problem(const GemmNarrowProblem& problem) {
  return check_problem(GemmProblem{problem.m, problem.n, problem.k});
}

Status check_problem(const KnnTopkProblem& problem) {
  ASSAY_RETURN_IF_ERROR(check_at_least(KnnTopk::kName, "point_count", problem.point_count, 0));
  if (problem.point_count > std::numeric_limits<int32_t>::max()) {
    return fail(StatusCode::kInvalidArgument, "{}: point_count={} (must be below 2^31)",
                KnnTopk::kName, problem.point_count);
  }
  ASSAY_RETURN_IF_ERROR(check_at_least(KnnTopk::kName, "query_count", problem.query_count, 0));
  ASSAY_RETURN_IF_ERROR(check_at_least(KnnTopk::kName, "dim", problem.dim, 0));
  if (problem.k >= 1 && problem.k <= kMostNeighbours) return {};
  return fail(StatusCode::kInvalidArgument, "{}: k={} (must be 1..{})", KnnTopk::kName, problem.k,
              kMostNeighbours);
}

}  // namespace assay::kernels
