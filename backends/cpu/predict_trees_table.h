// LeafTable: trees as tables of leaf sets, for rows that come one at a time.
//
// A row's leaf of a tree is the only one that no split rules out, and which leaves the splits on
// one feature rule out hangs on that feature's bin alone. So for each feature the sets that are
// left under each bin are made beforehand, sixteen trees of 32 leaves side by side in one line of
// cache, and a row is sent through sixteen trees at once by an AND of one line for each feature
// that they split on: no step waits for another, no branch is mispredicted, and categories or
// missing values cost nothing. (The idea is QuickScorer's: Lucchese, Nardini, Orlando, Perego,
// Tonellotto, Venturini, SIGIR 2015; it ANDs a mask a split, not one a feature and bin.)
//
// Cost: a line and a byte for each feature of each block of trees, and a step for each tree to find
// the leaf's number. Bins whose sets are equal neighbours share a line.
//
//   trees {f0 <= 3 ? A : B}, {f0 <= 5 ? C : (f1 in {2} ? D : E)}: lines of f0 are
//   {A, C} for bins 1..3, {B, C} for 4 and 5, {B, DE} above; of f1 {AB, CD} for 2, {AB, CE} else.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/forest_cache.h"
#include "kernels/predict_trees.h"

namespace assay::backends::cpu {

class LeafTable final : public kernels::ForestCache::Item {
 public:
  static const char kType;

  // Of all trees of a forest that passes Forest::check. One that would be slower than to follow the
  // row, or too large, is made without lines, and does not pay.
  static std::unique_ptr<LeafTable> make(const kernels::ForestView& forest, int32_t feature_count);
  bool pays() const { return !blocks_.empty(); }
  bool fits(const kernels::PredictTreesProblem& problem) const {
    return problem.tree_begin == 0 && problem.tree_end == tree_count_ &&
           problem.feature_count == feature_count_;
  }
  // Adds the leaves of a row, bins [feature_count], to its scores [output_count], in order of
  // trees. Only if it pays; `forest` is the one that it was made of.
  void add_leaves(const uint8_t* row, const kernels::ForestView& forest, double* scores) const;
  int64_t byte_count() const override;

 private:
  struct alignas(64) Line {
    std::array<uint64_t, 8> words;
  };
  // A feature that trees of a block split on.
  struct Column {
    int32_t feature = 0;
    uint32_t first_line = 0;
    std::array<uint8_t, 256> line_of{};  // by bin
  };
  struct Block {
    Line all;  // every leaf of its trees
    size_t first_column = 0;
    size_t last_column = 0;
  };
  class Builder;

  template <int kBits, bool kOneScore>
  void add_bits(const uint8_t* row, const kernels::ForestView& forest, double* scores) const;

  int64_t tree_count_ = 0;
  int32_t feature_count_ = 0;
  int32_t bits_ = 32;  // of a tree in a line: 32, 64 or 128
  std::vector<Block> blocks_;
  std::vector<Column> columns_;
  std::vector<Line> lines_;
};

}  // namespace assay::backends::cpu
