// Quantiles of weighted values, exact and without sorting.
#pragma once

#include <span>

namespace assay::automl {

struct WeightedValue {
  double value = 0;
  double weight = 0;  // >= 0 and finite
};

// The least value up to which the weights reach `alpha` (in (0, 1)) of their sum; where they reach
// exactly that, the mean of this value and the next one (so that the median of 1 and 2 is 1.5).
// Values of weight 0 do not count; without any other, 0. Weights add in fixed point: the result
// does not depend on the order of the values. Reorders them. O(n).
double weighted_quantile(std::span<WeightedValue> values, double alpha);

}  // namespace assay::automl
