// Splits the large nodes of a tree, with all threads on one node. Where all columns are searched a
// node keeps its histogram until it is split: then only the smaller child's is built, and the
// larger's is the difference.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/cpu/grow_tree_growth.h"
#include "backends/cpu/grow_tree_histogram.h"
#include "backends/cpu/grow_tree_pool.h"
#include "backends/cpu/grow_tree_search.h"

namespace assay::backends::cpu {

class NodeEngine {
 public:
  NodeEngine(Growth& growth, const SplitSearch& search);
  // Finds the best split of the root.
  Status open_root();
  // Divides the rows of a node that has a split, and adds its children. Their splits are not
  // searched yet.
  Status split(int32_t node);
  // Finds the best splits of those children of a split node that have more than `least_rows` rows.
  Status open_children(int32_t node, int64_t least_rows = 0);

 private:
  // A node whose histogram is being built or searched.
  struct Job {
    int32_t node = -1;  // -1: none
    int64_t* words = nullptr;
    bool search = false;
    std::vector<int64_t> totals;
    NodeSearch view;
  };
  GrownNode& node_at(int32_t index) { return growth_.nodes[static_cast<size_t>(index)]; }
  Job make_job(int32_t node, bool search);
  Status open_alone(int32_t node);
  Status open_sampled(int32_t node);
  Status open_by_difference(int32_t parent, Job small, Job large);
  // Finishes the last build into `built`, takes it from `rest` (if any) and searches both.
  Status search_jobs(const ColumnPlan& plan, Job& built, Job& rest);
  void view_node(const ColumnPlan& plan, Job& job);
  void keep_or_release(int32_t node);

  Growth& growth_;
  const SplitSearch& search_;
  Executor& executor_;
  ColumnPlan plan_;  // all usable features
  HistogramBuilder builder_;
  HistogramPool pool_;
  std::vector<SearchScratch> scratches_;  // a thread each
  std::vector<int64_t> sampled_words_;
};

}  // namespace assay::backends::cpu
