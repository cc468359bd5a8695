// Rows through trees one by one, each followed from node to node in the forest as it is: nothing is
// prepared. For a handful of rows, or few trees on very wide rows.
#pragma once

#include "kernels/base/executor.h"
#include "kernels/predict_trees.h"

namespace assay::backends::cpu {

// The bins of a row side by side, `row` [feature_count].
void copy_row(const kernels::BinnedView& bins, int64_t number, uint8_t* row);

// Adds the leaves of rows [range.begin, range.end) of the problem to their scores. A valid problem.
void predict_single_rows(const kernels::PredictTreesProblem& problem,
                         const kernels::PredictTreesArgs& args, const ChunkRange& range);

}  // namespace assay::backends::cpu
