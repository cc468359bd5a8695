// What growing a tree takes, for plans made before it: memory and work. Pure functions.
#pragma once

#include <cstdint>

#include "automl/learners/learner.h"

namespace assay::automl {

// A node or tree that chooses among fewer columns than this knows too little.
inline constexpr double kFewColumns = 100;

// A tree in memory or in a file.
int64_t tree_bytes(int64_t leaves, int64_t leaf_width);

struct GrowthShape {
  DataShape data;
  int64_t leaves = 31;
  int64_t classes = 1;           // words of a histogram bin: 1 for gradients
  bool keeps_histograms = true;  // nodes see all columns, so children come from their parents'
  double columns = 1;            // share of the columns that a tree sees
  int64_t trees = 1;             // that are grown together
};

// Peak of one grow_tree or grow_trees: quantised rows, row order, histograms.
int64_t growing_bytes(const GrowthShape& shape, int threads);

struct GrowthWork {
  double rows = 0;     // of the sample
  double columns = 0;  // that a node looks at
  double bins = 0;     // of these columns together
  double leaves = 0;
  double classes = 1;  // words of a bin
};

// Bins of all features, where `shape` does not say it: as many as there can be.
int64_t bins_of(const DataShape& shape);

// In nanoseconds of a core, about.
double growing_cost(const GrowthWork& work);

}  // namespace assay::automl
