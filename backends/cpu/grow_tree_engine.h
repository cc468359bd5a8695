// Splits the nodes of a tree: large ones with all threads on one, small ones side by side with a
// thread each. Where all columns are searched a node keeps its histogram until it is split: then
// only one child's is built, and the other's is the difference. A chunk of rows is divided and
// added to that histogram in one go, while its bins are in cache: which child is smaller is told by
// the split's masses before a row has moved.
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

class NodeEngine final : public NodeSplitter, public StepSplitter {
 public:
  NodeEngine(Growth& growth, const SplitSearch& search);
  Status open_root() override;
  Status split(int32_t node, int64_t least_rows) override;
  Status split_last(int32_t node) override;
  StepSplitter* steps() override;
  bool has_room(int32_t splits_left) const override;
  bool splits_apart(std::span<const int32_t> open, int32_t splits_left) const override;
  void begin(int32_t node, bool opens, int thread) override;
  Status run(int thread) override;
  void end(int thread) override;

 private:
  // A node whose histogram is being built or searched.
  struct Job {
    int32_t node = -1;  // -1: none
    int64_t* words = nullptr;
    bool search = false;
    std::vector<int64_t> totals;
    NodeSearch view;
  };
  // A node that is being split, and its children; one is built and the other is the rest.
  struct Splitting {
    int32_t node = -1;
    bool opens = false;  // finds splits of the children
    bool build_right = false;
    Job built;
    Job rest;
  };
  // What a thread keeps between nodes.
  struct Scratch {
    SearchScratch search;
    BundleSums bundle;
    // When it works alone.
    HistogramBuilder builder;
    Splitting splitting;
  };
  // Who works: all threads, or this one alone.
  struct Hands {
    HistogramBuilder& builder;
    int thread = -1;  // -1: all
    bool alone() const { return thread >= 0; }
  };
  GrownNode& node_at(int32_t index) { return growth_.nodes[static_cast<size_t>(index)]; }
  const GrownNode& node_at(int32_t index) const {
    return growth_.nodes[static_cast<size_t>(index)];
  }
  bool wanted(int32_t node, int64_t least_rows) const {
    return growth_.may_split(node_at(node)) && node_at(node).row_count() > least_rows;
  }
  RowDivision division_of(int32_t node);
  Hands all_hands() { return {builder_}; }
  // Nanoseconds that one core takes to split it.
  double work_of(int32_t node) const;
  // body(i, thread) for i in [0, count): in parallel if the work, in nanoseconds of one core, is
  // worth waking threads for, else here.
  Status share(const Hands& hands, int64_t count, double work_ns,
               FunctionRef<void(int64_t, int)> body);
  void set_children(int32_t node, int64_t left_count);
  bool opens_children(int32_t node, int64_t least_rows) const;
  Status open(int32_t node);
  Status open_sampled(int32_t node);
  Splitting begin_split(int32_t node, bool opens);
  Status run_split(Splitting& splitting, int64_t least_rows, const Hands& hands);
  void end_split(const Splitting& splitting);
  Status split_now(int32_t node, bool opens, int64_t least_rows);
  Status search_children(Splitting& splitting, RowDivision* division, int64_t least_rows,
                         const Hands& hands);
  // Finishes the last build into `built`, takes it from `rest` (if any) and searches both; places
  // the rows of `division` (if any) at the same time.
  Status search_jobs(const ColumnPlan& plan, Job& built, Job& rest, RowDivision* division,
                     const Hands& hands);
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
