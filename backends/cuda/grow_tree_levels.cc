#include "backends/cuda/grow_tree_levels.h"

#include <algorithm>
#include <utility>

namespace assay::backends::cuda {
namespace {

constexpr int64_t kMostLevelSlots = 4096;
constexpr int64_t kLeastLevelSlots = 2;  // a sample's and a leaf's
constexpr int64_t kMostGainBytes = int64_t{256} << 20;
constexpr int64_t kMostGainLeaves = 1 << 15;

// Leaves of a level that is searched.
int64_t most_leaves_of(const kernels::GrowTreeProblem& problem) {
  const kernels::TreeParams& params = problem.params;
  const int64_t leaves = std::min<int64_t>(params.max_leaves - 1, problem.sample_count);
  const int32_t depth = std::clamp(params.max_depth - 1, 0, 30);
  return std::max<int64_t>(1, std::min(leaves, int64_t{1} << depth));
}

}  // namespace

Result<TreeLevels> TreeLevels::make(const kernels::OpContext& context,
                                    const kernels::BinnedView& bins, std::span<GrowingTree> trees) {
  TreeLevels levels(device_of(context), bins, trees);
  ASSAY_RETURN_IF_ERROR(levels.place_cells(context));
  ASSAY_RETURN_IF_ERROR(levels.place_tables(trees));
  ASSAY_RETURN_IF_ERROR(levels.make_slots());
  return levels;
}

Status TreeLevels::make_slots() {
  if (slot_size_ == 0) return {};
  int64_t wanted = kLeastLevelSlots;
  for (const GrowingTree& tree : trees_) {
    wanted = std::max(wanted, 1 + most_leaves_of(*tree.problem));
  }
  const int64_t room = std::clamp(slot_room(), kLeastLevelSlots, kMostLevelSlots);
  const auto trees_of = [&](int64_t slots) {
    return std::clamp<int64_t>(slots / wanted, 1, static_cast<int64_t>(trees_.size()));
  };
  ASSAY_RETURN_IF_ERROR(allocate_slots(std::min(room, trees_of(room) * wanted), kLeastLevelSlots));
  const int64_t trees = trees_of(static_cast<int64_t>(free_slots_.size()));
  const int64_t free_bytes = device_->free_bytes();
  const int64_t leaf_bytes =
      int64_t{feature_limit_} * (2 * most_bins_ + 1) * static_cast<int64_t>(sizeof(double));
  gain_leaves_ = std::clamp<int64_t>(std::min(free_bytes / 4, kMostGainBytes) / leaf_bytes, 1,
                                     kMostGainLeaves);
  // Sums of gains, one a tree, take no more than the gains.
  group_size_ = static_cast<size_t>(std::min(trees, gain_leaves_));
  return {};
}

Status TreeLevels::grow(const StopToken* stop) {
  for (size_t first = 0; first < trees_.size(); first += group_size_) {
    ASSAY_RETURN_IF_ERROR(grow_group(first, std::min(group_size_, trees_.size() - first), stop));
  }
  return {};
}

Status TreeLevels::grow_group(size_t first, size_t count, const StopToken* stop) {
  std::vector<Course> courses;
  for (size_t t = first; t < first + count; ++t) {
    GrowingTree& tree = trees_[t];
    tree.replay.nodes()[0].split.feature = -1;
    if (!tree.may_search(0) || tree.problem->params.max_leaves < 2) continue;
    const int32_t slot = take_slot();
    tree.replay.nodes()[0].slot = slot;
    courses.push_back({static_cast<int32_t>(t), slot, {0}, true});
  }
  for (int32_t level = 0; !courses.empty(); ++level) {
    if (stop != nullptr && stop->requested()) {
      return fail(StatusCode::kCancelled, "grow_tree was stopped");
    }
    LevelBatch batch;
    batch.keeps = keeps_histograms(courses);
    for (const Course& course : courses) add_course(batch, course, level);
    ASSAY_RETURN_IF_ERROR(run(batch));
    ASSAY_RETURN_IF_ERROR(take_divisions(batch, courses));
    take_splits(batch, courses);
    std::erase_if(courses, [&](Course& course) { return !goes_on(course, level); });
  }
  return {};
}

size_t TreeLevels::count_splits(const Course& course) {
  return static_cast<size_t>(
      std::count_if(course.leaves.begin(), course.leaves.end(),
                    [&](int32_t leaf) { return node_of(course, leaf).can_split(); }));
}

void TreeLevels::free_leaves(const Course& course) {
  for (const int32_t leaf : course.leaves) {
    const int32_t slot = std::exchange(node_of(course, leaf).slot, -1);
    if (slot >= 0 && slot != course.whole_slot) free_slots_.push_back(slot);
  }
}

bool TreeLevels::keeps_histograms(std::span<const Course> courses) {
  size_t leaves = 0;
  size_t held = 0;
  for (const Course& course : courses) {
    if (!course.searches) {
      free_leaves(course);
      continue;
    }
    leaves += course.leaves.size() + count_splits(course);
    for (const int32_t leaf : course.leaves) {
      const int32_t slot = node_of(course, leaf).slot;
      held += slot >= 0 && slot != course.whole_slot ? 1 : 0;
    }
  }
  // Roots have their sample's.
  const bool roots = !courses.empty() && count_splits(courses[0]) == 0;
  if (roots || leaves <= free_slots_.size() + held) return true;
  for (const Course& course : courses) free_leaves(course);
  return false;
}

void TreeLevels::add_course(LevelBatch& batch, const Course& course, int32_t level) {
  const auto first = static_cast<int32_t>(batch.tasks.size());
  for (const int32_t leaf : course.leaves) {
    const GrownNode& node = node_of(course, leaf);
    SplitTask task{};
    if (node.can_split()) {
      task = task_of(node, course.tree);
    } else {
      task.begin = node.begin;
      task.end = node.end;
      task.tree = course.tree;
      task.side = node.side;
    }
    batch.tasks.push_back(task);
    batch.divided.push_back(node.can_split() ? 1 : 0);
  }
  if (!course.searches) return;
  add_search(batch, course, level);
  for (size_t i = 0; i < course.leaves.size(); ++i) {
    const auto task = first + static_cast<int32_t>(i);
    if (batch.divided[static_cast<size_t>(task)] == 0)
      add_leaf(batch, course, course.leaves[i], task);
  }
  for (size_t i = 0; i < course.leaves.size(); ++i) {
    const auto task = first + static_cast<int32_t>(i);
    if (batch.divided[static_cast<size_t>(task)] != 0) {
      add_children(batch, course, course.leaves[i], task);
    }
  }
  batch.ranges.back().count = static_cast<int32_t>(batch.leaves.size()) - batch.ranges.back().first;
}

void TreeLevels::add_search(LevelBatch& batch, const Course& course, int32_t level) {
  GrowingTree& tree = tree_of(course);
  const kernels::TreeParams& params = tree.problem->params;
  SearchTask search{};
  search.key = kernels::level_key(tree.problem->seed, level);
  search.task = static_cast<int32_t>(batch.tasks.size()) - 1;
  search.part = search.built = Part::kWhole;
  search.slot = search.parent_slot = course.whole_slot;
  search.first_feature = static_cast<int32_t>(batch.features.size());
  if (kernels::samples_columns(params, tree.features.size())) {
    kernels::choose_columns(search.key, params.columns_per_node, tree.features,
                            [&](int32_t feature) { batch.features.push_back(feature); });
  } else {
    batch.features.insert(batch.features.end(), tree.features.begin(), tree.features.end());
  }
  search.feature_count = static_cast<int32_t>(batch.features.size()) - search.first_feature;
  batch.searches.push_back(search);
  batch.ranges.push_back({static_cast<int32_t>(batch.leaves.size()), 0});
}

void TreeLevels::add_leaf(LevelBatch& batch, const Course& course, int32_t leaf, int32_t task) {
  GrownNode& node = node_of(course, leaf);
  LevelLeaf made{};
  made.search = static_cast<int32_t>(batch.searches.size()) - 1;
  made.node.groups = node.limits.groups;
  made.node.bounds = {node.limits.low, node.limits.high};
  made.node.task = task;
  made.node.part = made.node.built = Part::kWhole;
  if (batch.keeps) {
    // A root's is its sample's, which is not there yet.
    const bool builds = node.slot < 0 || node.slot == course.whole_slot;
    if (node.slot < 0) node.slot = take_slot();
    made.node.slot = made.node.parent_slot = node.slot;
    if (builds) batch.to_build.push_back({{task, Part::kWhole, 0, node.slot}, node.row_count()});
  }
  batch.leaves.push_back(made);
  batch.rows.push_back(node.row_count());
}

void TreeLevels::add_children(LevelBatch& batch, const Course& course, int32_t leaf, int32_t task) {
  GrownNode& node = node_of(course, leaf);
  const int64_t rows = node.row_count();
  const kernels::SplitLimits limits = tree_of(course).limits_of(node.split);
  LevelLeaf made{};
  made.search = static_cast<int32_t>(batch.searches.size()) - 1;
  made.node.task = task;
  const bool derives = batch.keeps && node.slot >= 0;
  if (derives) {
    made.node.built = Part::kSmaller;
    made.node.slot = take_slot();
    made.node.parent_slot = node.slot == course.whole_slot ? take_slot() : node.slot;
    batch.subtracted.push_back({made.node.parent_slot, node.slot, made.node.slot});
    batch.to_build.push_back({{task, Part::kSmaller, 0, made.node.slot}, rows / 2});
    node.slot = -1;
  }
  for (int side = 0; side < 2; ++side) {
    const kernels::NodeLimits own = limits.child(node.limits, side);
    made.node.groups = own.groups;
    made.node.bounds = {own.low, own.high};
    made.node.part = side == 0 ? Part::kLeft : Part::kRight;
    if (!derives) made.node.built = made.node.part;
    if (!derives && batch.keeps) {
      made.node.slot = made.node.parent_slot = take_slot();
      batch.to_build.push_back({{task, made.node.part, 0, made.node.slot}, rows - 1});
    }
    batch.leaves.push_back(made);
    batch.rows.push_back(derives ? rows : rows - 1);
  }
}

Status TreeLevels::run(LevelBatch& batch) {
  const auto chunk_rows = [&](int64_t rows) { return chunk_rows_of(rows); };
  batch.cut({gain_leaves_, free_slots_, feature_limit_, device_->multiprocessors(), chunk_rows});
  batch.splits_at = Packing::rounded(batch.searches.size() * sizeof(FoundSplit));
  const size_t inputs = Packing::rounded(batch.splits_at + batch.leaves.size() * sizeof(LeafSplit));
  const Packing packing = batch.pack(inputs);
  const auto features = static_cast<size_t>(feature_limit_);
  const size_t row = features * static_cast<size_t>(2 * most_bins_ + 1);
  const size_t rows = batch.passes.empty() ? 0 : static_cast<size_t>(batch.passes[0].leaf_count);
  ASSAY_RETURN_IF_ERROR(make_room(*device_, exchange_, inputs + packing.bytes().size()));
  ASSAY_RETURN_IF_ERROR(make_room(*device_, found_, batch.searches.size() * features));
  ASSAY_RETURN_IF_ERROR(make_room(*device_, gains_, rows * row));
  if (batch.passes.size() > 1) {
    ASSAY_RETURN_IF_ERROR(make_room(*device_, sums_, batch.searches.size() * row));
  }
  ASSAY_RETURN_IF_ERROR(device_->upload(exchange_.on_device() + inputs, packing.bytes()));
  ASSAY_RETURN_IF_ERROR(launch(batch));
  results_.resize(batch.counts_at + batch.tasks.size() * sizeof(SplitCounts));
  return device_->download(results_, exchange_.on_device(), static_cast<int64_t>(results_.size()));
}

LevelView TreeLevels::view_of(const LevelBatch& batch) {
  LevelView view{};
  view.trees = rules_.on_device();
  view.tasks = at<const SplitTask>(exchange_, batch.tasks_at);
  view.counts = at<const SplitCounts>(exchange_, batch.counts_at);
  view.searches = at<const SearchTask>(exchange_, batch.searches_at);
  view.leaves = at<const LevelLeaf>(exchange_, batch.leaves_at);
  view.features = at<const int32_t>(exchange_, batch.features_at);
  view.bin_counts = bin_counts_.on_device();
  view.bin_offsets = bin_offsets_.on_device();
  view.categorical = categorical_.on_device();
  view.histograms = histograms_.on_device();
  view.slot_size = slot_size_;
  view.plane_size = plane_size_;
  view.feature_limit = feature_limit_;
  view.gain_count = 2 * most_bins_;
  return view;
}

Status TreeLevels::launch(const LevelBatch& batch) {
  ASSAY_RETURN_IF_ERROR(launch_divisions(batch));
  for (size_t pass = 0; pass < batch.passes.size(); ++pass) {
    ASSAY_RETURN_IF_ERROR(launch_builds(batch, batch.passes[pass]));
    if (pass == 0) {
      ASSAY_RETURN_IF_ERROR(device_->launch<SubtractSlotsKernel>(
          {pieces_of(slot_size_, SubtractSlotsKernel::kThreads * SubtractSlotsKernel::kEach),
           count_of(batch.subtracted), 0},
          {at<const SubtractTask>(exchange_, batch.subtracted_at), histograms_.on_device(),
           slot_size_}));
    }
    ASSAY_RETURN_IF_ERROR(launch_gains(batch, pass));
  }
  ASSAY_RETURN_IF_ERROR(device_->launch<ChooseSplitsKernel>(
      {count_of(batch.searches), 1, 0},
      {at<const SearchTask>(exchange_, batch.searches_at), found_.on_device(),
       at<FoundSplit>(exchange_, 0), feature_limit_}));
  for (const LevelPass& pass : batch.passes) {
    if (!batch.keeps) ASSAY_RETURN_IF_ERROR(launch_builds(batch, pass));
    ASSAY_RETURN_IF_ERROR(launch_splits(batch, pass));
  }
  return {};
}

Status TreeLevels::launch_divisions(const LevelBatch& batch) {
  std::vector<int32_t> features;
  for (size_t i = 0; i < batch.tasks.size(); ++i) {
    if (batch.divided[i] != 0) features.push_back(batch.tasks[i].rule.feature);
  }
  if (features.empty()) return {};
  return over_splits(std::move(features), [&](const Tiles& tiles) -> Status {
    for (const LevelBatch::Slice& slice : batch.slices) {
      ASSAY_RETURN_IF_ERROR(device_->launch<DivideRowsKernel>(
          {slice.blocks, 1, DivideRowsKernel::kSharedBytes},
          {bins_, columns(), tiles.window, rules_.on_device(),
           at<const SplitTask>(exchange_, batch.tasks_at) + slice.first,
           at<const int32_t>(exchange_, batch.divisions_at) + slice.place,
           at<SplitCounts>(exchange_, batch.counts_at) + slice.first,
           static_cast<int32_t>(slice.count)}));
    }
    return {};
  });
}

Status TreeLevels::launch_builds(const LevelBatch& batch, const LevelPass& pass) {
  ASSAY_RETURN_IF_ERROR(device_->launch<ClearSlotsKernel>(
      {pieces_of(slot_size_, ClearSlotsKernel::kThreads * ClearSlotsKernel::kEach),
       static_cast<int64_t>(pass.cleared_count), 0},
      {at<const int32_t>(exchange_, batch.cleared_at) + pass.first_cleared, histograms_.on_device(),
       slot_size_}));
  if (pass.build_count == 0) return {};
  const auto* tasks = at<const SplitTask>(exchange_, batch.tasks_at);
  const auto* counts = at<const SplitCounts>(exchange_, batch.counts_at);
  const auto* chunks = at<const ChunkTask>(exchange_, batch.builds_at) + pass.first_build;
  const auto chunk_count = static_cast<int64_t>(pass.build_count);
  return over_tiles([&](const Tiles& tiles) {
    if (counts_classes()) {
      return device_->launch<CountClassesKernel>(
          {chunk_count * tile_width_, tiles.count, CountClassesKernel::shared_bytes(most_classes_)},
          {bins_, columns(), tiles.window, rules_.on_device(), tasks, counts, chunks, tiles.numbers,
           bin_offsets_.on_device(), bin_counts_.on_device(), histograms_.on_device(), slot_size_,
           plane_size_, pass.chunk_rows});
    }
    return device_->launch<HistogramKernel>(
        {chunk_count, tiles.count, HistogramKernel::shared_bytes(most_bins_)},
        {bins_, tiles.window, rules_.on_device(), tasks, counts, chunks, tiles.numbers,
         bin_offsets_.on_device(), bin_counts_.on_device(), histograms_.on_device(), slot_size_,
         pass.chunk_rows, most_bins_});
  });
}

Status TreeLevels::launch_gains(const LevelBatch& batch, size_t place) {
  const LevelPass& pass = batch.passes[place];
  const LevelView view = view_of(batch);
  static_assert(WeighClassesKernel::kSharedBytes == WeighLeavesKernel::kSharedBytes);
  const LaunchShape shape{feature_limit_, static_cast<int64_t>(pass.piece_count),
                          WeighLeavesKernel::kSharedBytes};
  const WeighLeavesKernel::Params weighed{
      view, at<const LevelPiece>(exchange_, batch.pieces_at) + pass.first_piece, gains_.on_device(),
      pass.first_leaf};
  ASSAY_RETURN_IF_ERROR(counts_classes() ? device_->launch<WeighClassesKernel>(shape, weighed)
                                         : device_->launch<WeighLeavesKernel>(shape, weighed));
  const bool ends = place + 1 == batch.passes.size();
  return device_->launch<AddGainsKernel>(
      {feature_limit_, count_of(batch.searches), AddGainsKernel::kSharedBytes},
      {view, at<const LevelPiece>(exchange_, batch.shares_at) + pass.first_share,
       gains_.on_device(), sums_.on_device(), found_.on_device(), pass.first_leaf,
       place > 0 ? 1 : 0, ends ? 1 : 0});
}

Status TreeLevels::launch_splits(const LevelBatch& batch, const LevelPass& pass) {
  static_assert(SplitClassesKernel::kSharedBytes == SplitLeavesKernel::kSharedBytes);
  const LaunchShape shape{pass.leaf_count, 1, SplitLeavesKernel::kSharedBytes};
  const SplitLeavesKernel::Params params{view_of(batch), at<const FoundSplit>(exchange_, 0),
                                         at<LeafSplit>(exchange_, batch.splits_at),
                                         pass.first_leaf};
  return counts_classes() ? device_->launch<SplitClassesKernel>(shape, params)
                          : device_->launch<SplitLeavesKernel>(shape, params);
}

Status TreeLevels::take_divisions(const LevelBatch& batch, std::span<Course> courses) {
  std::vector<SplitCounts> counts(batch.tasks.size());
  std::memcpy(counts.data(), results_.data() + batch.counts_at,
              counts.size() * sizeof(SplitCounts));
  size_t task = 0;
  size_t leaf = 0;
  for (Course& course : courses) {
    TreeReplay& replay = tree_of(course).replay;
    std::vector<int32_t> leaves;
    std::vector<int32_t> children;
    for (const int32_t node : course.leaves) {
      const SplitCounts& sides = counts[task];
      if (batch.divided[task++] == 0) {
        leaves.push_back(node);
        continue;
      }
      const int64_t rows = node_of(course, node).row_count();
      if (int64_t{sides.left} + sides.right != rows) {
        return fail(StatusCode::kDevice, "{}: a node of {} rows was divided into {} and {}",
                    device_->info().id, rows, sides.left, sides.right);
      }
      const auto limits = tree_of(course).limits_of(node_of(course, node).split);
      const int32_t left = replay.add_children(node, sides.left, limits);
      replay.split_next(node);
      children.push_back(left);
      children.push_back(left + 1);
    }
    leaves.insert(leaves.end(), children.begin(), children.end());
    course.leaves = std::move(leaves);
    if (!course.searches || !batch.keeps) continue;
    for (const int32_t node : course.leaves) {
      const SearchTask& search = batch.leaves[leaf++].node;
      const SplitCounts& sides = counts[static_cast<size_t>(search.task)];
      const Part smaller = sides.left <= sides.right ? Part::kLeft : Part::kRight;
      const bool derived = search.built == Part::kSmaller && search.part != smaller;
      node_of(course, node).slot = derived ? search.parent_slot : search.slot;
    }
  }
  return {};
}

void TreeLevels::take_splits(const LevelBatch& batch, std::span<Course> courses) {
  size_t search = 0;
  size_t leaf = 0;
  for (Course& course : courses) {
    if (!course.searches) continue;
    FoundSplit best;
    std::memcpy(&best, results_.data() + search++ * sizeof(FoundSplit), sizeof(FoundSplit));
    for (const int32_t node : course.leaves) {
      LeafSplit own;
      std::memcpy(&own, results_.data() + batch.splits_at + leaf++ * sizeof(LeafSplit),
                  sizeof(LeafSplit));
      FoundSplit& split = node_of(course, node).split;
      split = best;
      split.gain = own.gain;
      split.middle = own.middle;
      if (own.stands == 0) split.feature = -1;
    }
  }
}

bool TreeLevels::goes_on(Course& course, int32_t level) {
  const kernels::TreeParams& params = tree_of(course).problem->params;
  const size_t made = course.searches ? count_splits(course) : 0;
  const size_t leaves = course.leaves.size() + made;
  const auto most = static_cast<size_t>(params.max_leaves);
  if (made == 0 || leaves > most) {
    free_leaves(course);
    free_slots_.push_back(course.whole_slot);
    return false;
  }
  course.searches = level + 1 < params.max_depth && leaves < most;
  return true;
}

}  // namespace assay::backends::cuda
