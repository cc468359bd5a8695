#include "automl/scheduler/fold_steps.h"

#include <algorithm>

namespace assay::automl {

std::vector<int64_t> steps_by_others(std::span<const int64_t> best,
                                     std::span<const int64_t> grown) {
  std::vector<int64_t> steps(best.begin(), best.end());
  if (best.size() < 2) return steps;
  std::vector<int64_t> others;
  for (size_t fold = 0; fold < best.size(); ++fold) {
    others.assign(best.begin(), best.end());
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(fold));
    std::sort(others.begin(), others.end());
    const size_t middle = others.size() / 2;
    const int64_t median =
        others.size() % 2 == 1 ? others[middle] : (others[middle - 1] + others[middle] + 1) / 2;
    steps[fold] = std::max<int64_t>(1, std::min(median, grown[fold]));
  }
  return steps;
}

}  // namespace assay::automl
