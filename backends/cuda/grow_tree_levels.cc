#include "backends/cuda/grow_tree_levels.h"

#include <algorithm>
#include <utility>

namespace assay::backends::cuda {
namespace {

constexpr int64_t kDivideTasks = 1024;  // of a launch: its blocks look for their task
constexpr int64_t kMostLevelSlots = 4096;
constexpr int64_t kLeastLevelSlots = 2;  // a sample's and a leaf's
constexpr int64_t kMostGainBytes = int64_t{256} << 20;
constexpr int64_t kMostGainLeaves = 1 << 15;
constexpr int32_t kMostPiece = 8;  // leaves of a block

// Leaves of a level that is searched.
int64_t most_leaves_of(const kernels::GrowTreeProblem& problem) {
  const kernels::TreeParams& params = problem.params;
  const int64_t leaves = std::min<int64_t>(params.max_leaves - 1, problem.sample_count);
  const int32_t depth = std::clamp(params.max_depth - 1, 0, 30);
  return std::max<int64_t>(1, std::min(leaves, int64_t{1} << depth));
}

}  // namespace

// Leaves [first_leaf, first_leaf + leaf_count) whose gains are in memory together, and places of
// what is theirs in the arrays of the batch.
struct TreeLevels::Pass {
  int32_t first_leaf = 0;
  int32_t leaf_count = 0;
  size_t first_piece = 0;
  size_t piece_count = 0;
  size_t first_share = 0;
  size_t first_cleared = 0;
  size_t cleared_count = 0;
  size_t first_build = 0;
  size_t build_count = 0;
  int32_t chunk_rows = HistogramKernel::kMostChunk;
};

struct TreeLevels::Batch {
  // What a histogram is built of, with its most rows; cut into chunks once all are known.
  struct Piece {
    ChunkTask whole;
    int64_t rows;
  };
  // Tasks [first, first + count), cut by divisions [place, place + count].
  struct Slice {
    int64_t first;
    int64_t count;
    int64_t place;
    int32_t blocks;
  };
  bool keeps = true;  // leaves keep their histograms
  std::vector<SplitTask> tasks;
  std::vector<uint8_t> divided;  // of the tasks
  std::vector<SearchTask> searches;
  std::vector<LevelPiece> ranges;  // of the searches: the tree's leaves
  std::vector<LevelLeaf> leaves;
  std::vector<int64_t> rows;  // of the leaves, at most
  std::vector<int32_t> features;
  std::vector<SubtractTask> subtracted;
  std::vector<Piece> to_build;  // where leaves keep their histograms
  // Made of the above.
  std::vector<Slice> slices;
  std::vector<Pass> passes;
  std::vector<int32_t> divisions;
  std::vector<LevelPiece> pieces;
  std::vector<LevelPiece> shares;
  std::vector<int32_t> cleared;
  std::vector<ChunkTask> builds;
  // Places of the arrays in the exchange. The best splits of the searches are at its start.
  size_t splits_at = 0;
  size_t counts_at = 0;
  size_t tasks_at = 0;
  size_t searches_at = 0;
  size_t leaves_at = 0;
  size_t features_at = 0;
  size_t subtracted_at = 0;
  size_t divisions_at = 0;
  size_t pieces_at = 0;
  size_t shares_at = 0;
  size_t cleared_at = 0;
  size_t builds_at = 0;
};

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
    Batch batch;
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

void TreeLevels::add_course(Batch& batch, const Course& course, int32_t level) {
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

void TreeLevels::add_search(Batch& batch, const Course& course, int32_t level) {
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

void TreeLevels::add_leaf(Batch& batch, const Course& course, int32_t leaf, int32_t task) {
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

void TreeLevels::add_children(Batch& batch, const Course& course, int32_t leaf, int32_t task) {
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

void TreeLevels::cut_pieces(Batch& batch, Pass& pass) const {
  // So many leaves a block that there are still blocks for two turns of all multiprocessors.
  constexpr int64_t kBlocks = 2 * 16;
  const int64_t blocks = int64_t{feature_limit_} * pass.leaf_count;
  const auto piece = static_cast<int32_t>(
      std::clamp<int64_t>(blocks / (kBlocks * device_->multiprocessors()), 1, kMostPiece));
  pass.first_piece = batch.pieces.size();
  pass.first_share = batch.shares.size();
  const int32_t pass_end = pass.first_leaf + pass.leaf_count;
  for (const LevelPiece& range : batch.ranges) {
    const int32_t begin = std::clamp(range.first, pass.first_leaf, pass_end);
    const int32_t end = std::clamp(range.first + range.count, pass.first_leaf, pass_end);
    batch.shares.push_back({begin, end - begin});
    for (int32_t first = begin; first < end; first += piece) {
      batch.pieces.push_back({first, std::min(piece, end - first)});
    }
  }
  pass.piece_count = batch.pieces.size() - pass.first_piece;
}

void TreeLevels::cut_builds(Batch& batch, Pass& pass) const {
  std::vector<Batch::Piece> to_build;
  if (batch.keeps) {
    if (pass.first_leaf == 0) to_build = batch.to_build;
  } else {
    for (int32_t i = 0; i < pass.leaf_count; ++i) {
      const auto leaf = static_cast<size_t>(pass.first_leaf + i);
      SearchTask& node = batch.leaves[leaf].node;
      node.slot = node.parent_slot = free_slots_[static_cast<size_t>(i)];
      to_build.push_back({{node.task, node.part, 0, node.slot}, batch.rows[leaf]});
    }
  }
  int64_t rows = 0;
  for (const Batch::Piece& piece : to_build) rows += piece.rows;
  pass.chunk_rows = chunk_rows_of(rows);
  pass.first_cleared = batch.cleared.size();
  pass.first_build = batch.builds.size();
  for (const Batch::Piece& piece : to_build) {
    batch.cleared.push_back(piece.whole.slot);
    ChunkTask chunk = piece.whole;
    const int64_t count = pieces_of(piece.rows, pass.chunk_rows);
    for (chunk.chunk = 0; chunk.chunk < count; ++chunk.chunk) batch.builds.push_back(chunk);
  }
  pass.cleared_count = batch.cleared.size() - pass.first_cleared;
  pass.build_count = batch.builds.size() - pass.first_build;
}

void TreeLevels::cut_passes(Batch& batch) const {
  const int64_t slots = batch.keeps ? gain_leaves_ : count_of(free_slots_);
  const int64_t most = std::min(gain_leaves_, slots);
  for (int64_t first = 0; first < count_of(batch.leaves); first += most) {
    Pass pass;
    pass.first_leaf = static_cast<int32_t>(first);
    pass.leaf_count = static_cast<int32_t>(std::min(most, count_of(batch.leaves) - first));
    cut_pieces(batch, pass);
    cut_builds(batch, pass);
    batch.passes.push_back(pass);
  }
  for (int64_t first = 0; first < count_of(batch.tasks); first += kDivideTasks) {
    Batch::Slice slice{first, std::min(kDivideTasks, count_of(batch.tasks) - first),
                       count_of(batch.divisions), 0};
    for (int64_t i = first; i < first + slice.count; ++i) {
      const auto task = static_cast<size_t>(i);
      batch.divisions.push_back(slice.blocks);
      if (batch.divided[task] == 0) continue;
      const int64_t rows = batch.tasks[task].end - batch.tasks[task].begin;
      slice.blocks += static_cast<int32_t>(pieces_of(rows, DivideRowsKernel::kRows));
    }
    batch.divisions.push_back(slice.blocks);
    batch.slices.push_back(slice);
  }
}

Status TreeLevels::run(Batch& batch) {
  cut_passes(batch);
  batch.splits_at = Packing::rounded(batch.searches.size() * sizeof(FoundSplit));
  const size_t inputs = Packing::rounded(batch.splits_at + batch.leaves.size() * sizeof(LeafSplit));
  Packing packing;
  const std::vector<SplitCounts> no_counts(batch.tasks.size());
  batch.counts_at = inputs + packing.add(no_counts);
  batch.tasks_at = inputs + packing.add(batch.tasks);
  batch.searches_at = inputs + packing.add(batch.searches);
  batch.leaves_at = inputs + packing.add(batch.leaves);
  batch.features_at = inputs + packing.add(batch.features);
  batch.subtracted_at = inputs + packing.add(batch.subtracted);
  batch.divisions_at = inputs + packing.add(batch.divisions);
  batch.pieces_at = inputs + packing.add(batch.pieces);
  batch.shares_at = inputs + packing.add(batch.shares);
  batch.cleared_at = inputs + packing.add(batch.cleared);
  batch.builds_at = inputs + packing.add(batch.builds);
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

LevelView TreeLevels::view_of(const Batch& batch) {
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
  view.feature_limit = feature_limit_;
  view.gain_count = 2 * most_bins_;
  return view;
}

Status TreeLevels::launch(const Batch& batch) {
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
  for (const Pass& pass : batch.passes) {
    if (!batch.keeps) ASSAY_RETURN_IF_ERROR(launch_builds(batch, pass));
    ASSAY_RETURN_IF_ERROR(launch_splits(batch, pass));
  }
  return {};
}

Status TreeLevels::launch_divisions(const Batch& batch) {
  std::vector<int32_t> features;
  for (size_t i = 0; i < batch.tasks.size(); ++i) {
    if (batch.divided[i] != 0) features.push_back(batch.tasks[i].rule.feature);
  }
  if (features.empty()) return {};
  return over_splits(std::move(features), [&](const Tiles& tiles) -> Status {
    for (const Batch::Slice& slice : batch.slices) {
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

Status TreeLevels::launch_builds(const Batch& batch, const Pass& pass) {
  ASSAY_RETURN_IF_ERROR(device_->launch<ClearSlotsKernel>(
      {pieces_of(slot_size_, ClearSlotsKernel::kThreads * ClearSlotsKernel::kEach),
       static_cast<int64_t>(pass.cleared_count), 0},
      {at<const int32_t>(exchange_, batch.cleared_at) + pass.first_cleared, histograms_.on_device(),
       slot_size_}));
  if (pass.build_count == 0) return {};
  return over_tiles([&](const Tiles& tiles) {
    return device_->launch<HistogramKernel>(
        {static_cast<int64_t>(pass.build_count), tiles.count,
         HistogramKernel::shared_bytes(most_bins_)},
        {bins_, tiles.window, rules_.on_device(), at<const SplitTask>(exchange_, batch.tasks_at),
         at<const SplitCounts>(exchange_, batch.counts_at),
         at<const ChunkTask>(exchange_, batch.builds_at) + pass.first_build, tiles.numbers,
         bin_offsets_.on_device(), bin_counts_.on_device(), histograms_.on_device(), slot_size_,
         pass.chunk_rows, most_bins_});
  });
}

Status TreeLevels::launch_gains(const Batch& batch, size_t place) {
  const Pass& pass = batch.passes[place];
  const LevelView view = view_of(batch);
  ASSAY_RETURN_IF_ERROR(device_->launch<WeighLeavesKernel>(
      {feature_limit_, static_cast<int64_t>(pass.piece_count), WeighLeavesKernel::kSharedBytes},
      {view, at<const LevelPiece>(exchange_, batch.pieces_at) + pass.first_piece,
       gains_.on_device(), pass.first_leaf}));
  const bool ends = place + 1 == batch.passes.size();
  return device_->launch<AddGainsKernel>(
      {feature_limit_, count_of(batch.searches), AddGainsKernel::kSharedBytes},
      {view, at<const LevelPiece>(exchange_, batch.shares_at) + pass.first_share,
       gains_.on_device(), sums_.on_device(), found_.on_device(), pass.first_leaf,
       place > 0 ? 1 : 0, ends ? 1 : 0});
}

Status TreeLevels::launch_splits(const Batch& batch, const Pass& pass) {
  return device_->launch<SplitLeavesKernel>(
      {pass.leaf_count, 1, SplitLeavesKernel::kSharedBytes},
      {view_of(batch), at<const FoundSplit>(exchange_, 0),
       at<LeafSplit>(exchange_, batch.splits_at), pass.first_leaf});
}

Status TreeLevels::take_divisions(const Batch& batch, std::span<Course> courses) {
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

void TreeLevels::take_splits(const Batch& batch, std::span<Course> courses) {
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
