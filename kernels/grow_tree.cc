#include "kernels/grow_tree.h"

#include <algorithm>
#include <cmath>

namespace assay::kernels {
namespace {

// `value` in [low, high]; a NaN is not.
template <class T>
Status check_range(std::string_view name, T value, T low, T high) {
  if (value >= low && value <= high) return {};
  return fail(StatusCode::kInvalidArgument, "grow_tree: {}={} (must be {}..{})", name, value, low,
              high);
}

Status check_finite(std::string_view name, double value) {
  if (std::isfinite(value) && value >= 0) return {};
  return fail(StatusCode::kInvalidArgument, "grow_tree: {}={} (must be finite and at least 0)",
              name, value);
}

Status check_present(std::string_view name, const void* array) {
  if (array != nullptr) return {};
  return fail(StatusCode::kInvalidArgument, "grow_tree: {} is null", name);
}

Status check_params(const TreeParams& params) {
  ASSAY_RETURN_IF_ERROR(check_range("max_leaves", params.max_leaves, 1, 1 << 30));
  ASSAY_RETURN_IF_ERROR(check_range("max_depth", params.max_depth, 0, 1024));
  ASSAY_RETURN_IF_ERROR(
      check_range("min_child_samples", params.min_child_samples, int64_t{1}, int64_t{INT32_MAX}));
  ASSAY_RETURN_IF_ERROR(check_finite("min_child_weight", params.min_child_weight));
  ASSAY_RETURN_IF_ERROR(check_finite("min_gain", params.min_gain));
  ASSAY_RETURN_IF_ERROR(check_finite("l1", params.l1));
  ASSAY_RETURN_IF_ERROR(check_finite("l2", params.l2));
  ASSAY_RETURN_IF_ERROR(check_range("columns_per_node", params.columns_per_node, 0, INT32_MAX));
  ASSAY_RETURN_IF_ERROR(check_range("onehot_levels", params.onehot_levels, 0, INT32_MAX));
  ASSAY_RETURN_IF_ERROR(
      check_range("max_category_levels", params.max_category_levels, 1, INT32_MAX));
  ASSAY_RETURN_IF_ERROR(check_finite("category_smooth", params.category_smooth));
  ASSAY_RETURN_IF_ERROR(check_finite("category_l2", params.category_l2));
  ASSAY_RETURN_IF_ERROR(check_range("gradient_bits", params.gradient_bits, 2, 15));
  if (!std::isfinite(params.leaf_scale)) {
    return fail(StatusCode::kInvalidArgument, "grow_tree: leaf_scale={} (must be finite)",
                params.leaf_scale);
  }
  return {};
}

Status check_view(const GrowTreeProblem& problem, const BinnedView& bins) {
  if (bins.row_count != problem.row_count || bins.feature_count != problem.feature_count) {
    return fail(StatusCode::kInvalidArgument,
                "grow_tree: bins are {} x {} (the problem says {} x {})", bins.row_count,
                bins.feature_count, problem.row_count, problem.feature_count);
  }
  if (bins.feature_count == 0) return {};
  ASSAY_RETURN_IF_ERROR(check_present("bins.bin_counts", bins.bin_counts));
  ASSAY_RETURN_IF_ERROR(check_present("bins.kinds", bins.kinds));
  if (bins.row_count > 0) ASSAY_RETURN_IF_ERROR(check_present("bins.bins", bins.bins));
  for (int32_t f = 0; f < bins.feature_count; ++f) {
    if (bins.bin_counts[f] < 1 || bins.bin_counts[f] > kMaxBins) {
      return fail(StatusCode::kInvalidArgument, "grow_tree: bin_counts[{}]={} (must be 1..{})", f,
                  bins.bin_counts[f], kMaxBins);
    }
  }
  return {};
}

Status check_monotone(const GrowTreeProblem& problem, const GrowTreeArgs& args) {
  if (args.monotone == nullptr) return {};
  if (problem.class_count != 0) {
    return fail(StatusCode::kInvalidArgument,
                "grow_tree: monotone constraints in class mode (they need gradients)");
  }
  for (int32_t f = 0; f < problem.feature_count; ++f) {
    const int direction = args.monotone[f];
    const bool numeric = args.bins.kinds[f] == FeatureKind::kNumeric;
    if (direction < -1 || direction > 1 || (direction != 0 && !numeric)) {
      return fail(StatusCode::kInvalidArgument,
                  "grow_tree: monotone[{}]={} (must be -1, 0 or 1, and 0 for categories)", f,
                  direction);
    }
  }
  return {};
}

Status check_inputs(const GrowTreeProblem& problem, const GrowTreeArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_present("tree", args.tree));
  if (problem.sample_count == 0) return {};
  ASSAY_RETURN_IF_ERROR(check_present("rows", args.rows));
  ASSAY_RETURN_IF_ERROR(check_present("leaf_of", args.leaf_of));
  if (problem.class_count > 0) {
    ASSAY_RETURN_IF_ERROR(check_present("classes", args.classes));
    return check_finite("max_abs_gradient", double{args.max_abs_gradient});
  }
  ASSAY_RETURN_IF_ERROR(check_present("gradients", args.gradients));
  ASSAY_RETURN_IF_ERROR(check_present("hessians", args.hessians));
  ASSAY_RETURN_IF_ERROR(check_finite("max_abs_gradient", double{args.max_abs_gradient}));
  return check_finite("max_hessian", double{args.max_hessian});
}

}  // namespace

Status check_problem(const GrowTreeProblem& problem, const GrowTreeArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_params(problem.params));
  ASSAY_RETURN_IF_ERROR(
      check_range("row_count", problem.row_count, int64_t{0}, int64_t{UINT32_MAX}));
  ASSAY_RETURN_IF_ERROR(check_range("sample_count", problem.sample_count, int64_t{0},
                                    std::min(problem.row_count, int64_t{INT32_MAX})));
  ASSAY_RETURN_IF_ERROR(check_range("feature_count", problem.feature_count, 0, INT32_MAX));
  if (problem.class_count != 0) {
    ASSAY_RETURN_IF_ERROR(check_range("class_count", problem.class_count, 2, kMaxClasses));
  }
  ASSAY_RETURN_IF_ERROR(check_view(problem, args.bins));
  ASSAY_RETURN_IF_ERROR(check_monotone(problem, args));
  return check_inputs(problem, args);
}

}  // namespace assay::kernels
