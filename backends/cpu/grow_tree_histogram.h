// Histograms of a node: for each feature and bin, the packed sums of the node's rows.
//
// A histogram is one array of words with the features of a ColumnPlan side by side, each as long as
// its own bin count, so a feature with two codes costs two words. It is built row by row: a row of
// a block of features is at most one cache line.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/grow_tree_rules.h"
#include "kernels/device.h"

namespace assay::backends::cpu {

// The features a histogram has and where their bins are.
struct ColumnPlan {
  // The features of one block.
  struct Group {
    const uint8_t* cells = nullptr;  // of the block
    int64_t width = 0;               // bytes from one row to the next
    std::vector<int32_t> columns;    // in the block
    std::vector<int32_t> offsets;    // [columns]: first word of bin 0, from `begin`
    int64_t begin = 0;               // words of the histogram that belong to the group
    int64_t end = 0;
  };
  std::vector<int32_t> features;  // ascending
  std::vector<int64_t> offsets;   // [features + 1]: first word of each
  std::vector<Group> groups;
  int32_t lanes = 1;

  int64_t word_count() const { return offsets.back(); }
  // `features` ascending.
  static ColumnPlan make(const kernels::BinnedView& bins, std::span<const int32_t> features,
                         int32_t lanes);
};

// Builds one histogram at a time, in parallel where that pays. Keeps a histogram of each thread
// between builds. Not thread-safe.
class HistogramBuilder {
 public:
  // `packed` [row_count]: the quantised rows.
  HistogramBuilder(Executor& executor, const GainRules& rules, const uint32_t* packed)
      : executor_(executor), rules_(rules), packed_(packed) {}

  // Sums of `rows` into `words` [plan.word_count()]. Not finished until `finish` was called for
  // every word.
  Status build(const ColumnPlan& plan, std::span<const uint32_t> rows, int64_t* words);
  // Brings words [begin, end) of the last build together; may run in parallel on disjoint parts.
  void finish(int64_t begin, int64_t end, int64_t* words) const;

 private:
  void add_rows(const ColumnPlan::Group& group, std::span<const uint32_t> rows,
                int64_t* words) const;

  Executor& executor_;
  const GainRules& rules_;
  const uint32_t* packed_;
  // Where rows were shared out: a histogram of each thread, and whether it holds anything of a
  // group [thread * group_count + group].
  std::vector<std::vector<int64_t>> partials_;
  std::vector<uint8_t> touched_;
  const ColumnPlan* pending_ = nullptr;  // null: the last build was written in place
};

}  // namespace assay::backends::cpu
