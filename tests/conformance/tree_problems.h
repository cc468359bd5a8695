// Random problems for the tree ops: small, hostile, and made from a seed alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/base/rng.h"
#include "kernels/grow_tree.h"

namespace assay::conformance {

// A table in the layout of BinnedView, with ownership.
struct BinnedTable {
  int64_t row_count = 0;
  std::vector<int32_t> bin_counts;
  std::vector<kernels::FeatureKind> kinds;
  std::vector<uint8_t> bins;

  int32_t feature_count() const { return static_cast<int32_t>(bin_counts.size()); }
  // A view of `cells`, which is a copy of `bins` somewhere.
  kernels::BinnedView view(const uint8_t* cells) const;
};

// What random tables are made of.
struct TableShape {
  int64_t row_count = 0;
  int32_t feature_count = 0;
  double categorical_share = 0;
  double missing_share = 0;  // of features that have missing cells at all, half of their cells
};
// Features of 1 to 255 bins: some constant, some all missing, some correlated with the row number.
BinnedTable random_table(const TableShape& shape, Rng& rng);

struct TreeShape {
  int32_t split_count = 0;
  int32_t leaf_width = 1;
};
// Splits random leaves: deep, lopsided trees, with thresholds that need not be in use. Leaves have
// 1 to 100 rows.
kernels::Tree random_tree(const TreeShape& shape, const BinnedTable& table, Rng& rng);

// A view of a copy of the forest among the inputs of a case (harness.h).
template <class Buffers>
kernels::ForestView place_forest(const kernels::Forest& forest, Buffers& buffers) {
  const auto place = [&](const char* name, auto items) {
    return buffers.input(
        name, std::vector<std::remove_cvref_t<decltype(items[0])>>(items.begin(), items.end()));
  };
  kernels::ForestView view = forest.view();
  view.nodes = place("nodes", forest.nodes());
  view.category_sets = place("sets", forest.category_sets());
  view.leaf_values = place("leaf_values", forest.leaf_values());
  view.node_offsets = place("node_offsets", forest.node_offsets());
  view.category_set_offsets = place("set_offsets", forest.category_set_offsets());
  view.leaf_offsets = place("leaf_offsets", forest.leaf_offsets());
  return view;
}

// A grow_tree problem with its data.
struct TreeProblem {
  std::string name;
  kernels::GrowTreeProblem problem;
  BinnedTable table;
  std::vector<uint32_t> rows;
  std::vector<float> gradients;
  std::vector<float> hessians;
  std::vector<int32_t> classes;
  std::vector<float> weights;
  std::vector<uint8_t> feature_mask;
  std::vector<int8_t> monotone;
  std::vector<uint64_t> interactions;
  float max_abs_gradient = 0;
  float max_hessian = 0;

  // Sets the two bounds from the sample.
  void set_bounds();
  // Arguments on the problem's own arrays.
  kernels::GrowTreeArgs args(kernels::Tree* tree, int32_t* leaf_of) const;
};

// Any mix of modes, parameters and shapes of at most a few hundred rows.
TreeProblem random_tree_problem(uint64_t seed);
// The same with `row_count` rows, for the parts that large nodes use.
TreeProblem random_tree_problem(uint64_t seed, int64_t row_count);
// Numeric features that the gradients or classes depend on, all rows, default parameters.
TreeProblem plain_tree_problem(int64_t row_count, int32_t feature_count, int32_t class_count);

// The bytes of a tree, for comparison.
std::vector<std::byte> bytes_of(const kernels::Tree& tree);

}  // namespace assay::conformance
