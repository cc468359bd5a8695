// The root histograms of several trees from one pass over the bins. All trees start from the same
// table, so a row's bins are read once, and the trees' words, side by side, are added to a bin with
// one or a few vector additions. Sums are integers: each tree's are what its own pass would give.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/big_buffer.h"
#include "backends/cpu/grow_tree_growth.h"
#include "backends/cpu/grow_tree_histogram.h"

namespace assay::backends::cpu {

class SharedRoots {
 public:
  // Trees that one pass serves.
  static constexpr size_t kMostTrees = 8;

  // Whether two trees' roots may come from one pass.
  static bool fit_together(const Growth& first, const Growth& second);
  // Whether trees that fit together all have the same rows.
  static bool have_same_samples(std::span<Growth* const> trees);
  // Whether one pass takes less time than one a tree.
  static bool pays(std::span<Growth* const> trees);
  // 2..kMostTrees trees that fit together, in gradient mode, quantised, rows outside their samples
  // being 0 where samples differ. They must outlive this. Throws std::bad_alloc.
  explicit SharedRoots(std::vector<Growth*> trees);
  // Sets the trees' `root`, which this owns.
  Status build(Executor& executor);

 private:
  // What a thread works with.
  struct Part {
    BigBuffer<int64_t> words;    // of its own; empty where it adds to those of all
    BigBuffer<uint32_t> packed;  // [chunk, lanes]
    std::vector<uint32_t> rows;  // [chunk], if all rows are taken
  };
  // Rows [begin, end) of those that are taken, a chunk at most.
  std::span<const uint32_t> chunk_rows(int64_t begin, int64_t end, Part& part) const;
  // The same, any number of them.
  void add_rows(int64_t begin, int64_t end, std::span<const ColumnGroup> groups, Part& part,
                int64_t* words) const;
  Status add_by_groups(Executor& executor);
  Status add_by_rows(Executor& executor);
  int64_t word_count() const { return plan_.word_count() * static_cast<int64_t>(lanes_); }

  std::vector<Growth*> trees_;
  size_t lanes_;  // 4 or 8: words of a row, side by side
  ColumnPlan plan_;
  bool all_rows_;             // are taken: samples differ
  int64_t row_count_;         // that are taken
  BigBuffer<int64_t> words_;  // [bins, lanes]
};

}  // namespace assay::backends::cpu
