// Op predict_trees: adds the leaves that each row reaches in trees [tree_begin, tree_end) to its
// scores, for every row r, in ascending tree order (so the sum's bits do not depend on blocking):
//     scores[r, (t * leaf_width) % output_count + k] += double(leaf_values[leaf(t, r), k])
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/binned_view.h"
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
};

struct PredictTrees {
  static constexpr std::string_view kName = "predict_trees";
  using Problem = PredictTreesProblem;
  using Args = PredictTreesArgs;
};

}  // namespace assay::kernels
