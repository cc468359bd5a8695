// TreeLevels: grows the symmetric trees of one table on the GPU, level by level; several trees side
// by side, with one wait a level. Owns the histograms of the whole samples and of open leaves, in
// slots of one piece of memory. Where a level has more leaves than there are slots, no leaf keeps
// its histogram: they are made from rows, some leaves after the other, first to find the level's
// split and again to apply it. Histograms of trees that count classes have a plane for each class;
// all trees are of one mode. Not thread-safe; the trees and the device must outlive it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cuda/device.h"
#include "backends/cuda/grow_tree_level_batch.h"
#include "backends/cuda/grow_tree_rounds.h"
#include "backends/cuda/grow_tree_tables.h"
#include "backends/cuda/tree_level_kernels.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {

class TreeLevels : public TreeTables {
 public:
  // On the context's device; `rules` of the trees must be set. Fails: resource_exhausted, device.
  static Result<TreeLevels> make(const kernels::OpContext& context, const kernels::BinnedView& bins,
                                 std::span<GrowingTree> trees);

  // Grows all trees, up to the values of their leaves. Fails: cancelled, at the latest after one
  // more level; resource_exhausted, device.
  Status grow(const StopToken* stop);

 private:
  // A tree under way. Those of its leaves that have a split are divided next.
  struct Course {
    int32_t tree;
    int32_t whole_slot;           // of the whole sample's histogram
    std::vector<int32_t> leaves;  // in order of node number
    bool searches;                // whether there may be a level behind the one to be divided
  };

  TreeLevels(CudaDevice& device, const kernels::BinnedView& bins, std::span<GrowingTree> trees)
      : TreeTables(device, bins), trees_(trees) {}
  Status make_slots();
  Status grow_group(size_t first, size_t count, const StopToken* stop);
  GrowingTree& tree_of(const Course& course) { return trees_[static_cast<size_t>(course.tree)]; }
  GrownNode& node_of(const Course& course, int32_t node) {
    return tree_of(course).replay.nodes()[static_cast<size_t>(node)];
  }
  size_t count_splits(const Course& course);
  // Gives the slots of the leaves back.
  void free_leaves(const Course& course);
  // Whether every leaf of the level can keep its histogram; slots that nobody needs are free then.
  bool keeps_histograms(std::span<const Course> courses);
  void add_course(LevelBatch& batch, const Course& course, int32_t level);
  void add_search(LevelBatch& batch, const Course& course, int32_t level);
  void add_leaf(LevelBatch& batch, const Course& course, int32_t leaf, int32_t task);
  void add_children(LevelBatch& batch, const Course& course, int32_t leaf, int32_t task);
  // Work of the GPU, then what came of it.
  Status run(LevelBatch& batch);
  LevelView view_of(const LevelBatch& batch);
  Status launch(const LevelBatch& batch);
  Status launch_divisions(const LevelBatch& batch);
  Status launch_builds(const LevelBatch& batch, const LevelPass& pass);
  Status launch_gains(const LevelBatch& batch, size_t pass);
  Status launch_splits(const LevelBatch& batch, const LevelPass& pass);
  Status take_divisions(const LevelBatch& batch, std::span<Course> courses);
  void take_splits(const LevelBatch& batch, std::span<Course> courses);
  // Whether the tree goes on with the splits that its leaves have got.
  bool goes_on(Course& course, int32_t level);

  std::span<GrowingTree> trees_;
  size_t group_size_ = 1;    // trees side by side
  int64_t gain_leaves_ = 1;  // leaves whose gains there is room for
  // Of a level: what was found, and its inputs; the gains; and the best split of each feature.
  kernels::DeviceArray<std::byte> exchange_;
  kernels::DeviceArray<double> gains_;
  kernels::DeviceArray<double> sums_;
  kernels::DeviceArray<FoundSplit> found_;
  std::vector<std::byte> results_;
};

}  // namespace assay::backends::cuda
