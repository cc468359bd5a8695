#include "tests/conformance/tree_problems.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/base/status.h"

namespace assay::conformance {
namespace {

using kernels::FeatureKind;

// A whole number in [low, high].
int32_t pick(Rng& rng, int32_t low, int32_t high) {
  return low + static_cast<int32_t>(rng.below(static_cast<uint64_t>(high - low) + 1));
}
bool chance(Rng& rng, double share) { return rng.next_double() < share; }

// One of a list.
template <class T>
T one_of(Rng& rng, std::initializer_list<T> items) {
  return *(items.begin() + rng.below(items.size()));
}

// Fills the cells of one feature.
void fill_feature(BinnedTable& table, int32_t feature, double missing_share, Rng& rng) {
  const kernels::BinnedView view = table.view(table.bins.data());
  const int32_t bins = table.bin_counts[static_cast<size_t>(feature)];
  const bool all_missing = chance(rng, 0.03);
  const bool has_missing = chance(rng, missing_share);
  const bool ordered = chance(rng, 0.3);
  const int32_t used = chance(rng, 0.2) ? std::min(bins, pick(rng, 1, 4)) : bins;
  for (int64_t row = 0; row < table.row_count; ++row) {
    uint8_t code = 0;
    if (bins > 1 && !all_missing && !(has_missing && chance(rng, 0.5))) {
      const int32_t value = ordered ? static_cast<int32_t>(row * (bins - 1) / table.row_count)
                                    : pick(rng, 0, std::max(0, std::min(used, bins - 1) - 1));
      code = static_cast<uint8_t>(1 + value);
    }
    table.bins[static_cast<size_t>(view.cell_offset(row, feature))] = code;
  }
}

// `usual` three times in four, else one of the list.
template <class T>
T mostly(Rng& rng, T usual, std::initializer_list<T> items) {
  return chance(rng, 0.75) ? usual : one_of(rng, items);
}

void set_params(kernels::TreeParams& params, Rng& rng) {
  params.growth =
      one_of(rng, {kernels::GrowthPolicy::kLeafWise, kernels::GrowthPolicy::kDepthWise});
  params.max_leaves = one_of(rng, {chance(rng, 0.1) ? 1 : 2, 8, 31, 1 << 30, 1 << 30});
  params.max_depth = mostly(rng, 64, {0, 1, 4, 6, 1024});
  params.min_child_samples = mostly<int64_t>(rng, 1, {2, 5, 20});
  params.min_child_weight = mostly(rng, 0.0, {0.1, 3.0});
  params.min_gain = mostly(rng, 0.0, {1e-3, 1.0});
  params.l1 = mostly(rng, 0.0, {0.3, 5.0});
  params.l2 = mostly(rng, 1.0, {0.0, 1e-3, 100.0});
  params.random_thresholds = chance(rng, 0.25);
  params.onehot_levels = one_of(rng, {0, 4, 255});
  params.max_category_levels = one_of(rng, {1, 4, 32, 1000});
  params.category_smooth = one_of(rng, {0.0, 10.0});
  params.category_l2 = one_of(rng, {0.0, 10.0});
  params.gradient_bits = one_of(rng, {2, 5, 8, 15});
  params.leaf_scale = one_of(rng, {1.0, 0.1});
}

void fill_gradients(TreeProblem& item, Rng& rng) {
  const double scale = mostly(rng, 1.0, {1e-3, 1e30, 1e-40});
  const int32_t hessian_kind = mostly(rng, pick(rng, 0, 1), {2, 3});
  const bool whole = chance(rng, 0.2);
  for (int64_t row = 0; row < item.problem.row_count; ++row) {
    double g = whole ? pick(rng, -3, 3) : rng.next_double() * 2 - 1;
    if (chance(rng, 0.01)) g *= 1000;
    item.gradients.push_back(static_cast<float>(g * scale));
    const double hessians[4] = {1.0, rng.next_double(), chance(rng, 0.5) ? 0.0 : 1e-8, 0.0};
    item.hessians.push_back(static_cast<float>(hessians[hessian_kind]));
  }
}

void fill_classes(TreeProblem& item, Rng& rng) {
  const bool weighted = chance(rng, 0.5);
  for (int64_t row = 0; row < item.problem.row_count; ++row) {
    item.classes.push_back(pick(rng, 0, item.problem.class_count - 1));
    if (weighted) {
      item.weights.push_back(chance(rng, 0.1) ? 0.0f : static_cast<float>(rng.next_double() * 3));
    }
  }
}

// A quarter of the problems, where the reference has few candidates to weigh at few leaves.
void grow_symmetrically(TreeProblem& item, uint64_t seed) {
  Rng rng(derive_seed(seed, "symmetric tree"));
  if (!chance(rng, 0.25) || item.table.feature_count() > 28) return;
  item.problem.params.growth = kernels::GrowthPolicy::kSymmetric;
  item.problem.params.max_leaves =
      item.problem.row_count <= 64 ? one_of(rng, {5, 1 << 30}) : one_of(rng, {1, 2, 8, 16});
}

// Constraints on about half of the problems.
void set_constraints(TreeProblem& item, uint64_t seed) {
  Rng rng(derive_seed(seed, "tree constraints"));
  const bool directed = item.problem.class_count == 0 && chance(rng, 0.5);
  const bool grouped = chance(rng, 0.3);
  for (const FeatureKind kind : item.table.kinds) {
    const int32_t direction = kind == FeatureKind::kNumeric ? pick(rng, -1, 1) : 0;
    if (directed) item.monotone.push_back(static_cast<int8_t>(direction));
    if (grouped) {
      item.interactions.push_back(chance(rng, 0.1) ? 0
                                                   : uint64_t{1} << rng.below(4) | rng.below(8));
    }
  }
}

}  // namespace

kernels::BinnedView BinnedTable::view(const uint8_t* cells) const {
  kernels::BinnedView view;
  view.bins = cells;
  view.row_count = row_count;
  view.feature_count = feature_count();
  view.bin_counts = bin_counts.data();
  view.kinds = kinds.data();
  return view;
}

BinnedTable random_table(const TableShape& shape, Rng& rng) {
  BinnedTable table;
  table.row_count = shape.row_count;
  for (int32_t f = 0; f < shape.feature_count; ++f) {
    table.bin_counts.push_back(chance(rng, 0.5) ? pick(rng, 1, 12) : pick(rng, 1, 255));
    const bool categorical = chance(rng, shape.categorical_share);
    table.kinds.push_back(categorical ? FeatureKind::kCategorical : FeatureKind::kNumeric);
  }
  table.bins.resize(static_cast<size_t>(shape.row_count * shape.feature_count));
  for (int32_t f = 0; f < shape.feature_count; ++f) {
    fill_feature(table, f, shape.missing_share, rng);
  }
  return table;
}

void TreeProblem::set_bounds() {
  max_abs_gradient = 0;
  max_hessian = 0;
  for (const uint32_t row : rows) {
    if (problem.class_count > 0) {
      max_abs_gradient = std::max(max_abs_gradient, weights.empty() ? 1.0f : weights[row]);
    } else {
      max_abs_gradient = std::max(max_abs_gradient, std::abs(gradients[row]));
      max_hessian = std::max(max_hessian, hessians[row]);
    }
  }
}

kernels::GrowTreeArgs TreeProblem::args(kernels::Tree* tree, int32_t* leaf_of) const {
  kernels::GrowTreeArgs args;
  args.bins = table.view(table.bins.data());
  args.rows = rows.data();
  args.gradients = gradients.empty() ? nullptr : gradients.data();
  args.hessians = hessians.empty() ? nullptr : hessians.data();
  args.classes = classes.empty() ? nullptr : classes.data();
  args.weights = weights.empty() ? nullptr : weights.data();
  args.max_abs_gradient = max_abs_gradient;
  args.max_hessian = max_hessian;
  args.feature_mask = feature_mask.empty() ? nullptr : feature_mask.data();
  args.monotone = monotone.empty() ? nullptr : monotone.data();
  args.interactions = interactions.empty() ? nullptr : interactions.data();
  args.tree = tree;
  args.leaf_of = leaf_of;
  return args;
}

TreeProblem random_tree_problem(uint64_t seed) {
  Rng rng(derive_seed(seed, "tree rows"));
  return random_tree_problem(seed, mostly<int64_t>(rng, 300, {1, 2, 3, 7, 31, 64, 127}));
}

TreeProblem random_tree_problem(uint64_t seed, int64_t row_count) {
  Rng rng(derive_seed(seed, "tree problem"));
  TreeProblem item;
  item.name = fmt::format("seed {}, {} rows", seed, row_count);
  TableShape shape;
  shape.row_count = row_count;
  shape.feature_count = mostly(rng, one_of(rng, {2, 5, 28}), {1, 64, 65, 130});
  if (row_count > 1000) shape.feature_count = std::min(shape.feature_count, 12);
  shape.categorical_share = one_of(rng, {0.0, 0.3, 1.0});
  shape.missing_share = one_of(rng, {0.0, 0.5});
  item.table = random_table(shape, rng);
  item.problem.row_count = row_count;
  item.problem.feature_count = shape.feature_count;
  item.problem.seed = rng.next_u64();
  set_params(item.problem.params, rng);
  if (chance(rng, 0.3)) item.problem.params.columns_per_node = pick(rng, 1, shape.feature_count);
  if (chance(rng, 0.4)) item.problem.class_count = one_of(rng, {2, 3, 17});
  if (item.problem.class_count > 0) {
    fill_classes(item, rng);
  } else {
    fill_gradients(item, rng);
  }
  const double sampled = mostly(rng, 1.0, {0.6, 0.1});
  for (int64_t row = 0; row < row_count; ++row) {
    if (chance(rng, sampled)) item.rows.push_back(static_cast<uint32_t>(row));
  }
  item.problem.sample_count = static_cast<int64_t>(item.rows.size());
  if (chance(rng, 0.3)) {
    for (int32_t f = 0; f < shape.feature_count; ++f) {
      item.feature_mask.push_back(chance(rng, 0.7) ? 1 : 0);
    }
  }
  set_constraints(item, seed);
  grow_symmetrically(item, seed);
  item.set_bounds();
  return item;
}

TreeProblem plain_tree_problem(int64_t row_count, int32_t feature_count, int32_t class_count) {
  Rng rng(derive_seed(17, "plain tree", static_cast<uint64_t>(row_count)));
  TreeProblem item;
  item.name = fmt::format("plain, {} x {}", row_count, feature_count);
  item.table.row_count = row_count;
  item.table.bin_counts.assign(static_cast<size_t>(feature_count), 255);
  item.table.kinds.assign(static_cast<size_t>(feature_count), FeatureKind::kNumeric);
  item.table.bins.resize(static_cast<size_t>(row_count * feature_count));
  const kernels::BinnedView view = item.table.view(item.table.bins.data());
  for (int64_t row = 0; row < row_count; ++row) {
    double signal = 0;
    for (int32_t f = 0; f < feature_count; ++f) {
      const int32_t code = pick(rng, 0, 254);
      item.table.bins[static_cast<size_t>(view.cell_offset(row, f))] = static_cast<uint8_t>(code);
      signal += std::sin(code * 0.02 * (f + 1)) / (f + 1);
    }
    item.rows.push_back(static_cast<uint32_t>(row));
    const double noisy = signal + rng.next_double() - 0.5;
    if (class_count > 0) {
      item.classes.push_back(std::clamp(static_cast<int32_t>(std::floor(noisy)) + class_count / 2,
                                        0, class_count - 1));
    } else {
      item.gradients.push_back(static_cast<float>(noisy));
      item.hessians.push_back(static_cast<float>(0.1 + 0.15 * rng.next_double()));
    }
  }
  item.problem.row_count = item.problem.sample_count = row_count;
  item.problem.feature_count = feature_count;
  item.problem.class_count = class_count;
  item.problem.seed = rng.next_u64();
  item.set_bounds();
  return item;
}

kernels::Tree random_tree(const TreeShape& shape, const BinnedTable& table, Rng& rng) {
  kernels::Tree tree;
  tree.nodes.emplace_back();
  for (int32_t i = 0; i < shape.split_count; ++i) {
    std::vector<size_t> leaves;
    for (size_t n = 0; n < tree.nodes.size(); ++n) {
      if (tree.nodes[n].is_leaf()) leaves.push_back(n);
    }
    kernels::TreeNode& node = tree.nodes[leaves[rng.below(leaves.size())]];
    node.feature = static_cast<int32_t>(rng.below(static_cast<uint64_t>(table.feature_count())));
    node.left = static_cast<int32_t>(tree.nodes.size());
    const auto f = static_cast<size_t>(node.feature);
    if (table.kinds[f] == kernels::FeatureKind::kCategorical) {
      node.category_set = static_cast<int32_t>(tree.category_sets.size());
      tree.category_sets.emplace_back();
      for (int b = 0; b < table.bin_counts[f]; ++b) {
        if (rng.below(2) == 0) tree.category_sets.back().insert(static_cast<uint8_t>(b));
      }
    } else {
      node.threshold = static_cast<uint8_t>(
          1 + rng.below(static_cast<uint64_t>(std::max(1, table.bin_counts[f] - 1))));
      node.missing_left = static_cast<uint8_t>(rng.below(2));
    }
    tree.nodes.resize(tree.nodes.size() + 2);
  }
  int32_t leaf = 0;
  for (kernels::TreeNode& node : tree.nodes) {
    if (!node.is_leaf()) continue;
    node.left = leaf++;
    for (int32_t k = 0; k < shape.leaf_width; ++k) {
      tree.leaf_values.push_back(static_cast<float>(rng.next_double() * 2 - 1));
    }
  }
  tree.gains.assign(tree.nodes.size(), 1);
  tree.covers.resize(tree.nodes.size());
  for (size_t n = tree.nodes.size(); n-- > 0;) {
    const auto left = static_cast<size_t>(tree.nodes[n].left);
    tree.covers[n] = tree.nodes[n].is_leaf() ? static_cast<float>(1 + rng.below(100))
                                             : tree.covers[left] + tree.covers[left + 1];
  }
  return tree;
}

std::vector<std::byte> bytes_of(const kernels::Tree& tree) {
  std::vector<std::byte> bytes;
  const auto append = [&](const auto& items) {
    const auto part = std::as_bytes(std::span(items));
    bytes.insert(bytes.end(), part.begin(), part.end());
  };
  append(tree.nodes);
  append(tree.category_sets);
  append(tree.leaf_values);
  append(tree.gains);
  append(tree.covers);
  return bytes;
}

}  // namespace assay::conformance
