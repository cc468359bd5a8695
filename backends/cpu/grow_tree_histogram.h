// Histograms of a node: for each feature and bin, the packed sums of the node's rows.
//
// A histogram is one array of words with the columns of a ColumnPlan side by side, each as long as
// its own bin count, so a column with two codes costs two words. It is built row by row: a row of
// a block of columns is at most one cache line. Columns are the features, or bundles of them
// (kernels/binned_view.h): a feature's sums are then made from its bundle's when they are searched.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/grow_tree_accumulate.h"
#include "backends/cpu/grow_tree_growth.h"
#include "kernels/device.h"

namespace assay::backends::cpu {

// The columns a histogram has and where their bins are.
struct ColumnPlan {
  struct Searched {
    int32_t feature = 0;
    // Bin of each code of its bundle; null where the codes are its bins.
    const uint8_t* bins = nullptr;
  };
  std::vector<Searched> features;       // column by column
  std::vector<int32_t> bundles;         // of each column, if the table has bundles
  std::vector<uint8_t> searched;        // [places of bundles]: whether the feature is in `features`
  std::vector<size_t> feature_offsets;  // [columns + 1]: first of `features`
  std::vector<int64_t> offsets;         // [columns + 1]: first word of each
  std::vector<ColumnGroup> groups;
  int32_t lanes = 1;

  size_t column_count() const { return offsets.size() - 1; }
  int64_t word_count() const { return offsets.back(); }
  // `features` ascending.
  static ColumnPlan make(const kernels::BinnedView& view, std::span<const int32_t> features,
                         int32_t lanes);
};

// Builds one histogram at a time, with a histogram of each thread where several add to it. Keeps
// those between builds.
class HistogramBuilder {
 public:
  // `packed` [row_count]: the quantised rows.
  HistogramBuilder(Executor& executor, const GainRules& rules, const uint32_t* packed)
      : executor_(executor), rules_(rules), packed_(packed) {}

  // Sums of `rows` into `words` [plan.word_count()], in parallel where that pays. Not finished
  // until `finish` was called for every word.
  Status build(const ColumnPlan& plan, std::span<const uint32_t> rows, int64_t* words);

  // The same from sums that are there already.
  void take(const ColumnPlan& plan, const RootWords& sums, int64_t* words);

  // The same by hand: after `begin`, any thread may `add` rows; `shared` says that more than one
  // will. Different threads may add at once.
  void begin(const ColumnPlan& plan, int64_t* words, bool shared);
  void add(std::span<const uint32_t> rows, int thread);
  // Brings words [begin, end) together; may run in parallel on disjoint parts.
  void finish(int64_t begin, int64_t end, int64_t* words) const;

 private:
  void add_group(size_t group, std::span<const uint32_t> rows, int thread);

  Executor& executor_;
  const GainRules& rules_;
  const uint32_t* packed_;
  const ColumnPlan* plan_ = nullptr;
  int64_t* words_ = nullptr;
  bool shared_ = false;
  // Of each thread, and whether it holds anything of a group [thread * group_count + group].
  std::vector<std::vector<int64_t>> partials_;
  std::vector<uint8_t> touched_;
};

}  // namespace assay::backends::cpu
