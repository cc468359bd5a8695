// Synthetic tables for the tree benches: already binned, with a target that a tree can find.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/kernel_bench.h"
#include "kernels/grow_tree.h"

namespace assay::bench {

// Numeric features of 255 bins. Classes depend on a few of them, with noise.
struct TreeData {
  int64_t row_count = 0;
  int32_t feature_count = 0;
  std::vector<uint8_t> bins;     // the layout of BinnedView
  std::vector<uint8_t> columns;  // likewise
  std::vector<int32_t> bin_counts;
  std::vector<kernels::FeatureKind> kinds;
  std::vector<uint32_t> rows;
  std::vector<int32_t> classes;
  std::vector<float> gradients;  // of the logistic loss at scores of 0, made uneven by noise
  std::vector<float> hessians;

  static TreeData make(int64_t row_count, int32_t feature_count);
  // A view of `cells`, the bins on a device.
  kernels::BinnedView view(const uint8_t* cells) const;
};

// What a bench grows.
enum class TreeKind {
  kBoosting,          // leaf-wise, gradients, all columns
  kForest,            // to purity, two classes, sqrt(columns) a node
  kRegressionForest,  // to purity, gradients
  kExtraTrees,        // to purity, two classes, random thresholds
};

// A grow_tree call on data placed on the bed's device.
struct TreeCall {
  kernels::GrowTreeProblem problem;
  kernels::GrowTreeArgs args;
  kernels::Tree tree;
};
// Fills `call`; `data` must outlive it.
void place_call(Bed& bed, const TreeData& data, TreeKind kind, int32_t max_leaves, TreeCall& call);

// `tree_count` trees, each from its own seed: boosting trees of so many leaves, or with 0 a forest
// grown to purity that counts two classes. Fewer if the device does not grow such trees.
kernels::Forest grow_forest(Bed& bed, const TreeData& data, int32_t leaves, int64_t tree_count);
// A view of a copy on the bed's device, without sets of categories.
kernels::ForestView place_forest(Bed& bed, const kernels::Forest& forest);

}  // namespace assay::bench
