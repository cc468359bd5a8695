// The values of a column that op quantile_edges would look at, without the column as doubles.
#pragma once

#include <vector>

#include "datasets/number_view.h"
#include "kernels/quantile_edges.h"

namespace assay::datasets {

// The finite numbers, or the op's sample of them if they are more than its limit: as many as the
// limit then, of which the op takes all, so edges are the same. In row order.
std::vector<double> sample_numbers(NumberView numbers,
                                   const kernels::QuantileEdgesProblem& problem);

}  // namespace assay::datasets
