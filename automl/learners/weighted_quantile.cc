#include "automl/learners/weighted_quantile.h"

#include <algorithm>
#include <cstdint>

#include "kernels/base/fixed_point.h"

namespace assay::automl {

double weighted_quantile(std::span<WeightedValue> values, double alpha) {
  const auto weighty = std::partition(values.begin(), values.end(),
                                      [](const WeightedValue& item) { return item.weight > 0; });
  values = {values.begin(), weighty};
  if (values.empty()) return 0;
  double most = 0;
  for (const WeightedValue& item : values) most = std::max(most, item.weight);
  const FixedPoint fixed = FixedPoint::for_sum(most, static_cast<int64_t>(values.size()));
  const auto weight_of = [&](size_t begin, size_t end) {
    int64_t sum = 0;
    for (size_t i = begin; i < end; ++i) sum += fixed.encode(values[i].weight);
    return sum;
  };
  const double goal = alpha * static_cast<double>(weight_of(0, values.size()));
  // The wanted value stands in [first, last), when all are in order; `below` is the weight of those
  // before `first`.
  size_t first = 0;
  size_t last = values.size();
  int64_t below = 0;
  const auto less = [](const WeightedValue& a, const WeightedValue& b) {
    return a.value < b.value;
  };
  const auto at = [&](size_t i) { return values.begin() + static_cast<std::ptrdiff_t>(i); };
  while (last - first > 1) {
    const size_t middle = first + (last - first) / 2;
    std::nth_element(at(first), at(middle), at(last), less);
    const int64_t left = weight_of(first, middle);
    if (static_cast<double>(below + left) >= goal) {
      last = middle;
    } else {
      below += left;
      first = middle;
    }
  }
  const double value = values[first].value;
  const bool exact = static_cast<double>(below + weight_of(first, first + 1)) == goal;
  if (!exact || first + 1 == values.size()) return value;
  const double next = std::min_element(at(first + 1), values.end(), less)->value;
  return value + (next - value) * 0.5;
}

}  // namespace assay::automl
