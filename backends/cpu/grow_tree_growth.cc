#include "backends/cpu/grow_tree_growth.h"

#include "kernels/tree_rules.h"

namespace assay::backends::cpu {
namespace {

// So many features to a bundle, on the mean, and histograms of bundles take less time than those
// of the features, however few rows there are.
constexpr int32_t kBundledFeatures = 8;

}  // namespace

bool Growth::samples_columns() const {
  return kernels::samples_columns(problem.params, features.size());
}

bool Growth::order_matters() const {
  const kernels::TreeParams& params = problem.params;
  const bool shallow = params.max_depth < 31 && params.max_leaves >= (1 << params.max_depth);
  return !shallow && problem.sample_count > params.max_leaves;
}

int64_t Growth::subtree_rows() const {
  const kernels::BundleView* const bundles = args.bins.bundles;
  const auto most = static_cast<int32_t>(features.size()) / kBundledFeatures;
  const bool few_bundles = bundles != nullptr && bundles->bundle_count <= most;
  return few_bundles && !samples_columns() ? 0 : kSubtreeRows;
}

bool Growth::opens_root() const {
  GrownNode node;
  node.end = problem.sample_count;
  const bool apart = !order_matters() && problem.sample_count <= subtree_rows();
  return problem.params.max_leaves > 1 && !apart && may_split(node) && !samples_columns();
}

bool Growth::may_split(const GrownNode& node) const {
  return node.depth < problem.params.max_depth && node.row_count() >= 2 && !features.empty();
}

GrownNode left_child(const GrownNode& parent, int64_t left_count) {
  GrownNode child;
  child.begin = parent.begin;
  child.end = parent.begin + left_count;
  child.key = kernels::child_key(parent.key, 0);
  child.limits = parent.split.limits.child(parent.limits, 0);
  child.depth = parent.depth + 1;
  return child;
}

GrownNode right_child(const GrownNode& parent, int64_t left_count) {
  GrownNode child;
  child.begin = parent.begin + left_count;
  child.end = parent.end;
  child.key = kernels::child_key(parent.key, 1);
  child.limits = parent.split.limits.child(parent.limits, 1);
  child.depth = parent.depth + 1;
  return child;
}

}  // namespace assay::backends::cpu
