// Op predict_trees: adds the leaves that each row reaches in trees [tree_begin, tree_end) to its
// scores, for every row r, in ascending tree order (so the sum's bits do not depend on blocking):
//     scores[r, (t * leaf_width) % output_count + k] += double(leaf_values[leaf(t, r), k])
// Rows are those of `rows`, which may repeat and come in any order. A bin at or above the feature's
// bin count is allowed: it goes where goes_left says.
//
// With `exit` an implementation may leave trees out for rows whose decision these cannot change
// (kernels/early_exit.h). Such a row's scores are then bounds which its rule decides as it decides
// the sums over all trees, strictly on the same side; all other rows have their sums, bit for bit.
// Which rows stop, and where, is the implementation's choice, and does not depend on threads; to go
// through all trees is right, too.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/binned_view.h"
#include "kernels/early_exit.h"
#include "kernels/forest_cache.h"
#include "kernels/op_table.h"
#include "kernels/tree.h"

namespace assay::kernels {

struct PredictTreesProblem {
  int64_t row_count = 0;  // rows to predict
  int32_t feature_count = 0;
  int64_t tree_begin = 0;
  int64_t tree_end = 0;
  int32_t leaf_width = 1;
  int32_t output_count = 1;
};

struct PredictTreesArgs {
  BinnedView bins;
  ForestView forest;               // passes Forest::check
  const uint32_t* rows = nullptr;  // [row_count] rows of `bins`; null: 0, 1, 2, ...
  double* scores = nullptr;        // in and out, [row_count, output_count] row-major, by position
  // Host: where an implementation may keep what it makes of this forest, or null. Of this very
  // forest, unchanged, on one device; sums are the same with it and without, and decisions are.
  ForestCache* cache = nullptr;
  const EarlyExit* exit = nullptr;  // host; null: scores are sums over all trees
};

// Fails: invalid_argument for sizes that do not fit together, missing arrays, or an exit whose
// bounds are of another forest or whose trees are not the last ones; cancelled if the
// context's stop token asks (scores are then partly updated).
struct PredictTrees {
  static constexpr std::string_view kName = "predict_trees";
  using Problem = PredictTreesProblem;
  using Args = PredictTreesArgs;
};

// The range checks that every implementation starts with.
Status check_problem(const PredictTreesProblem& problem, const PredictTreesArgs& args);

}  // namespace assay::kernels
