// TreeRounds: splits nodes of several trees of one table on the GPU, many nodes in a few launches
// and one wait. Owns the histograms of open nodes, in slots of one piece of memory; where there are
// more open nodes than slots, those of the least gain lose theirs, and their children's are made
// from rows again. Trees that count classes have no histograms of nodes (tree_class_kernels.h); all
// trees are of one mode. Not thread-safe; the trees and the device must outlive it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cuda/device.h"
#include "backends/cuda/grow_tree_replay.h"
#include "backends/cuda/grow_tree_tables.h"
#include "backends/cuda/tree_tasks.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {

// A tree under way, with its arrays on the GPU.
struct GrowingTree {
  GrowingTree(const kernels::GrowTreeProblem& a_problem, const kernels::GrowTreeArgs& an_args)
      : problem(&a_problem), args(&an_args), replay(a_problem) {}

  const kernels::GrowTreeProblem* problem;
  const kernels::GrowTreeArgs* args;
  TreeReplay replay;
  std::vector<int32_t> features;  // that nodes may split on, ascending
  TreeRules rules{};
  kernels::DeviceArray<RowItem> order[2];
  kernels::DeviceArray<int8_t> monotone;
  kernels::DeviceArray<uint64_t> interactions;

  // What a split leaves to its children.
  kernels::SplitLimits limits_of(const FoundSplit& split) const {
    kernels::SplitLimits limits;
    if (args->monotone != nullptr) limits.direction = args->monotone[split.feature];
    if (args->interactions != nullptr) limits.groups = args->interactions[split.feature];
    limits.middle = split.middle;
    return limits;
  }
  bool may_search(int32_t depth) const {
    return depth < problem->params.max_depth && !features.empty();
  }
};

// A node of a tree.
struct NodeRef {
  int32_t tree;
  int32_t node;
};

class TreeRounds : public TreeTables {
 public:
  // On the context's device; `rules` of the trees must be set. Fails: resource_exhausted, device.
  static Result<TreeRounds> make(const kernels::OpContext& context, const kernels::BinnedView& bins,
                                 std::span<GrowingTree> trees);

  // Finds the splits of the roots that may have one.
  Status search_roots(const StopToken* stop);
  // Splits the nodes, which have a split and no children, and finds their children's splits.
  Status split(std::span<const NodeRef> nodes, const StopToken* stop);

 private:
  struct Batch;

  TreeRounds(CudaDevice& device, const kernels::BinnedView& bins, std::span<GrowingTree> trees)
      : TreeTables(device, bins), trees_(trees) {}
  Status make_slots();
  GrownNode& node_of(NodeRef ref);
  // How many of `nodes` to split together.
  size_t batch_size(std::span<const NodeRef> nodes) const;
  // Makes `count` slots free, of nodes that are not in `kept`.
  void free_slots(size_t count, std::span<const NodeRef> kept);
  void add_root(Batch& batch, int32_t tree);
  void add_split(Batch& batch, NodeRef ref);
  void add_search(Batch& batch, NodeRef parent, int side, SearchTask search);
  // Cuts what there is to divide and to build into chunks.
  void cut(Batch& batch) const;
  // Work of the GPU, then what came of it.
  Status run(Batch& batch);
  static void place_chosen(Batch& batch, size_t first);
  Status launch(const Batch& batch);
  Status launch_divisions(const Batch& batch);
  Status launch_histograms(const Batch& batch);
  Status launch_search(const Batch& batch);
  Status launch_class_search(const Batch& batch);
  Status take_results(const Batch& batch, std::span<const std::byte> outputs);

  std::span<GrowingTree> trees_;
  size_t most_tasks_ = 1;   // of a batch
  int64_t most_found_ = 1;  // splits of a node and feature in a batch, if a node has no more
  // Of a batch: the splits found, the tasks' counts, and its inputs; and the splits of features.
  kernels::DeviceArray<std::byte> exchange_;
  kernels::DeviceArray<FoundSplit> found_;
  std::vector<std::byte> results_;
};

}  // namespace assay::backends::cuda
