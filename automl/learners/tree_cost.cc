#include "automl/learners/tree_cost.h"

#include <algorithm>
#include <cmath>

#include "kernels/tree.h"

namespace assay::automl {
namespace {
// What the histograms of nodes still to be split may take; at least three are kept.
constexpr int64_t kPoolBytes = int64_t{256} << 20;
// Nanoseconds of a core, measured on tables of 860 x 795, 31,000 x 14 and 1,600 x 10,000.
constexpr double kCellNs = 0.6;
constexpr double kWordNs = 2.7;
// Counts of many classes: most nodes of a forest have few rows, and then only what is there is
// looked at. 100 extra trees on 12,800 x 16 with 26 classes take 1.7 s of a core.
constexpr double kClassWordNs = 0.6;
}  // namespace

int64_t tree_bytes(int64_t leaves, int64_t leaf_width) {
  const int64_t node = static_cast<int64_t>(sizeof(kernels::TreeNode)) + 8;
  return 2 * leaves * node + leaves * leaf_width * 4;
}

int64_t bins_of(const DataShape& shape) {
  if (shape.bin_count > 0) return shape.bin_count;
  return shape.feature_count * std::min<int64_t>(255, shape.row_count + 2);
}

int64_t growing_bytes(const GrowthShape& shape, int threads) {
  const auto bins =
      static_cast<int64_t>(std::ceil(static_cast<double>(bins_of(shape.data)) * shape.columns));
  const int64_t histogram = bins * shape.classes * 8;
  const int64_t most = shape.keeps_histograms ? shape.leaves * histogram : histogram;
  // Trees that are grown together have their rows quantised and their roots summed at once, eight
  // or as many as threads; as many as threads then grow at the same time, on one budget.
  const int64_t batch = std::min<int64_t>(shape.trees, (threads + 7) / 8 * int64_t{8});
  const int64_t at_once = std::min<int64_t>(shape.trees, threads);
  const int64_t pool = std::min(at_once * most, std::max(kPoolBytes, at_once * 3 * histogram));
  const int64_t roots = batch > 1 ? (threads + (batch + 7) / 8) * 8 * histogram : 0;
  return batch * 4 * shape.data.row_count + at_once * 16 * shape.data.train_count + pool + roots +
         threads * histogram + batch * tree_bytes(shape.leaves, shape.classes);
}

double growing_cost(const GrowthWork& work) {
  // Each row is in a histogram once a level, or half of that by subtraction; levels of a
  // leaf-wise tree are about log2 of its leaves.
  const double leaves = std::max(2.0, std::min(work.leaves, work.rows));
  const double passes = 1 + 0.5 * std::log2(leaves);
  const double histograms = kCellNs * work.rows * work.columns * passes;
  // A histogram is cleared, filled, subtracted from its parent's, and both are searched.
  const double word_ns = work.classes > 2 ? kClassWordNs : kWordNs;
  const double scans = word_ns * leaves * work.bins * work.classes;
  const double partitions = 4 * work.rows * std::log2(leaves);
  return histograms + scans + partitions + 5000;
}

}  // namespace assay::automl
