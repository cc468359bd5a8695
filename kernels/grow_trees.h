// Op grow_trees: the trees of one round of boosting, grown together from one table: one for each
// output of a softmax, or for each fold of a cross-validation.
//
// Tree i is what grow_tree makes of problem.trees[i] and args.trees[i], bit for bit, and so are its
// leaf numbers: trees know nothing of each other. What is shared is work. All have the same table,
// so one pass over its bins can serve all roots: a row that is not in a tree's sample adds zeros to
// that tree's sums, which are exact integers (kernels/grow_tree.h).
#pragma once

#include <string_view>
#include <vector>

#include "kernels/grow_tree.h"

namespace assay::kernels {

struct GrowTreesProblem {
  std::vector<GrowTreeProblem> trees;  // same row_count and feature_count
};

// As many; with the same `bins`, and outputs of their own.
struct GrowTreesArgs {
  std::vector<GrowTreeArgs> trees;
};

// Fails: as grow_tree does for any of the trees, and invalid_argument if they are not of one table.
// What outputs hold after a failure is unspecified.
struct GrowTrees {
  static constexpr std::string_view kName = "grow_trees";
  using Problem = GrowTreesProblem;
  using Args = GrowTreesArgs;
};

// The range checks that every implementation starts with.
Status check_problem(const GrowTreesProblem& problem, const GrowTreesArgs& args);

}  // namespace assay::kernels
