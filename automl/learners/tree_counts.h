// How many trees, and of how many leaves, a model may have that is to keep to limits. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "automl/learners/learner.h"

namespace assay::automl {

struct TreeCounts {
  int64_t trees = 0;  // rounds of boosting
  int64_t leaves = 0;
  bool operator==(const TreeCounts&) const = default;
};

// Of the latter a model is not to have less where it can help it.
struct FewestTrees {
  int64_t trees = 0;
  int64_t leaves = 0;
};

// At most as many of each as `now`, and of ModelUnits{trees, trees * leaves} as `most`, the better
// ones first: fewer trees, and if they were too few smaller ones; fewer trees alone; smaller trees
// alone. `now` itself, and nothing else, where it keeps to it. Empty: there is none.
inline std::vector<TreeCounts> tree_counts_within(const TreeCounts& now, const ModelUnits& most,
                                                  const FewestTrees& fewest) {
  std::vector<TreeCounts> counts;
  const auto add = [&](double trees, double leaves) {
    const TreeCounts next{static_cast<int64_t>(std::min(trees, double(now.trees))),
                          static_cast<int64_t>(std::min(leaves, double(now.leaves)))};
    const bool sound = next.trees >= 1 && next.leaves >= std::min(fewest.leaves, now.leaves) &&
                       double(next.trees) <= most.latency &&
                       double(next.trees) * double(next.leaves) <= most.size;
    if (sound && std::find(counts.begin(), counts.end(), next) == counts.end()) {
      counts.push_back(next);
    }
  };
  const auto trees_of = [&](double leaves) { return std::min(most.latency, most.size / leaves); };
  add(double(now.trees), double(now.leaves));
  if (!counts.empty()) return counts;
  const auto least = double(std::min(fewest.leaves, now.leaves));
  const double smaller =
      std::clamp(most.size / double(std::min(fewest.trees, now.trees)), least, double(now.leaves));
  const auto whole = static_cast<double>(static_cast<int64_t>(smaller));
  add(trees_of(whole), whole);
  add(trees_of(double(now.leaves)), double(now.leaves));
  add(double(now.trees), most.size / double(now.trees));
  return counts;
}

}  // namespace assay::automl
