// Splits the large nodes of a tree, with all threads on one node. Where all columns are searched a
// node keeps its histogram until it is split: then only one child's is built, and the other's is
// the difference. A chunk of rows is divided and added to that histogram in one go, while its bins
// are in cache: which child is smaller is told by the split's masses before a row has moved.
#pragma once

#include <cstdint>
#include <vector>

#include "backends/cpu/grow_tree_bundles.h"
#include "backends/cpu/grow_tree_growth.h"
#include "backends/cpu/grow_tree_histogram.h"
#include "backends/cpu/grow_tree_partition.h"
#include "backends/cpu/grow_tree_pool.h"
#include "backends/cpu/grow_tree_search.h"
#include "backends/cpu/grow_tree_splitter.h"

namespace assay::backends::cpu {

class NodeEngine final : public NodeSplitter {
 public:
  NodeEngine(Growth& growth, const SplitSearch& search);
  Status open_root() override;
  Status split(int32_t node, int64_t least_rows) override;
  Status split_last(int32_t node) override;

 private:
  // A node whose histogram is being built or searched.
  struct Job {
    int32_t node = -1;  // -1: none
    int64_t* words = nullptr;
    bool search = false;
    std::vector<int64_t> totals;
    NodeSearch view;
  };
  // What a thread keeps between searches.
  struct Scratch {
    SearchScratch search;
    BundleSums bundle;
  };
  GrownNode& node_at(int32_t index) { return growth_.nodes[static_cast<size_t>(index)]; }
  bool wanted(int32_t node, int64_t least_rows) {
    return growth_.may_split(node_at(node)) && node_at(node).row_count() > least_rows;
  }
  RowDivision division_of(int32_t node);
  // body(i, thread) for i in [0, count): in parallel if the work, in nanoseconds of one core, is
  // worth waking threads for, else here.
  Status share(int64_t count, double work_ns, FunctionRef<void(int64_t, int)> body);
  Status divide(RowDivision& division);
  Status place(RowDivision& division);
  void set_children(int32_t node, int64_t left_count);
  Status open(int32_t node);
  Status open_sampled(int32_t node);
  void take_slots(int32_t parent, Job& built, Job& rest);
  // Split a node that has a histogram: dividing rows and adding to histograms chunk by chunk, or,
  // for many columns, one after the other with blocks of columns in parallel.
  Status open_dividing(int32_t node, int64_t least_rows);
  Status open_divided(int32_t node, int64_t least_rows);
  Status search_children(Job& built, Job& rest, RowDivision* division, int64_t least_rows);
  // Finishes the last build into `built`, takes it from `rest` (if any) and searches both; places
  // the rows of `division` (if any) at the same time.
  Status search_jobs(const ColumnPlan& plan, Job& built, Job& rest, RowDivision* division);
  // The features of one column.
  void search_column(const ColumnPlan& plan, size_t column, const Job& job, Scratch& scratch,
                     SplitChoice& best) const;
  void view_node(const ColumnPlan& plan, Job& job);
  void keep_or_release(int32_t node);

  Growth& growth_;
  const SplitSearch& search_;
  Executor& executor_;
  ColumnPlan plan_;  // all usable features
  HistogramBuilder builder_;
  HistogramPool pool_;
  std::vector<Scratch> scratches_;  // a thread each
  std::vector<int64_t> sampled_words_;
};

}  // namespace assay::backends::cpu
