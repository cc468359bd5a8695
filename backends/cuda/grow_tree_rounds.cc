#include "backends/cuda/grow_tree_rounds.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "backends/cuda/tree_class_kernels.h"

namespace assay::backends::cuda {
namespace {

constexpr size_t kMaxTasks = 1024;       // of a batch
constexpr size_t kMaxClassTasks = 4096;  // likewise, of trees that count classes
constexpr int64_t kMaxFound = 1 << 20;   // splits of a node and feature in a batch
constexpr int64_t kMaxSlots = 4096;
constexpr int64_t kMinSlots = 3;  // a parent's and two children's
// Of what is free, for the splits of features, and for the tasks of a batch; each may come to hold
// twice what a batch asks for (make_room).
constexpr int64_t kBatchShare = 8;
constexpr int64_t kTaskBytes = 1024;  // of a task, its chunks and its searches

}  // namespace

struct TreeRounds::Batch {
  // Where the best split of a search goes; node -1: the tree's root.
  struct Aim {
    NodeRef parent;
    int side;
  };
  std::vector<NodeRef> nodes;  // of the tasks; node -1: the tree's root, which is not divided
  std::vector<SplitTask> tasks;
  std::vector<int32_t> first_divisions;  // of the tasks, and their number
  std::vector<ChunkTask> builds;
  std::vector<SearchTask> searches;
  std::vector<Aim> aims;          // of the searches
  std::vector<int32_t> features;  // lists
  std::vector<int32_t> list_of;   // [trees] where the list of all its features is; -1: not yet
  int32_t chosen_count = 0;       // features of all lists that the GPU makes, behind these
  std::vector<int32_t> cleared;   // slots
  std::vector<SubtractTask> derived;
  // What histograms are built of, parts of tasks with their most rows; cut into chunks once all are
  // known.
  struct Piece {
    ChunkTask whole;
    int64_t rows;
  };
  std::vector<Piece> to_build;
  int32_t chunk_rows = HistogramKernel::kMostChunk;
  // Places of the arrays in the exchange. Splits are at its start.
  size_t counts_at = 0;
  size_t tasks_at = 0;
  size_t divisions_at = 0;
  size_t builds_at = 0;
  size_t searches_at = 0;
  size_t features_at = 0;
  size_t cleared_at = 0;
  size_t derived_at = 0;
};

Result<TreeRounds> TreeRounds::make(const kernels::OpContext& context,
                                    const kernels::BinnedView& bins, std::span<GrowingTree> trees) {
  TreeRounds rounds(device_of(context), bins, trees);
  ASSAY_RETURN_IF_ERROR(rounds.place_cells(context));
  ASSAY_RETURN_IF_ERROR(rounds.place_tables(trees));
  if (!rounds.counts_classes()) ASSAY_RETURN_IF_ERROR(rounds.make_slots());
  const int64_t free_bytes = rounds.device_->free_bytes();
  const int64_t room = free_bytes / kBatchShare;
  rounds.most_tasks_ = static_cast<size_t>(std::clamp<int64_t>(
      room / kTaskBytes, 1, rounds.counts_classes() ? kMaxClassTasks : kMaxTasks));
  rounds.most_found_ =
      std::clamp<int64_t>(room / static_cast<int64_t>(sizeof(FoundSplit)), 1, kMaxFound);
  return rounds;
}

Status TreeRounds::make_slots() {
  if (slot_size_ == 0) return {};
  int64_t wanted = kMinSlots;
  for (const GrowingTree& tree : trees_) {
    const int64_t leaves = std::min<int64_t>(tree.problem->params.max_leaves, kMaxSlots);
    wanted += 2 * std::min(leaves, tree.problem->sample_count);
  }
  return allocate_slots(std::max(kMinSlots, std::min({wanted, slot_room(), kMaxSlots})), kMinSlots);
}

GrownNode& TreeRounds::node_of(NodeRef ref) {
  return trees_[static_cast<size_t>(ref.tree)].replay.nodes()[static_cast<size_t>(ref.node)];
}

void TreeRounds::free_slots(size_t count, std::span<const NodeRef> kept) {
  if (counts_classes() || free_slots_.size() >= count) return;
  std::vector<NodeRef> holders;
  for (size_t t = 0; t < trees_.size(); ++t) {
    const auto& nodes = trees_[t].replay.nodes();
    for (size_t n = 0; n < nodes.size(); ++n) {
      if (nodes[n].slot < 0) continue;
      const NodeRef ref{static_cast<int32_t>(t), static_cast<int32_t>(n)};
      const bool in_use = std::any_of(kept.begin(), kept.end(), [&](const NodeRef& other) {
        return other.tree == ref.tree && other.node == ref.node;
      });
      if (!in_use) holders.push_back(ref);
    }
  }
  std::stable_sort(holders.begin(), holders.end(), [&](const NodeRef& a, const NodeRef& b) {
    return node_of(a).split.gain < node_of(b).split.gain;
  });
  for (const NodeRef& holder : holders) {
    if (free_slots_.size() >= count) return;
    free_slots_.push_back(std::exchange(node_of(holder).slot, -1));
  }
}

// A node takes one more slot, or two if it has lost its own.
size_t TreeRounds::batch_size(std::span<const NodeRef> nodes) const {
  const int64_t found = std::max<int64_t>(1, most_found_ / (2 * std::max(1, feature_limit_)));
  if (counts_classes()) {
    return std::min({nodes.size(), most_tasks_, static_cast<size_t>(found)});
  }
  const auto slots = histograms_.size() / std::max<int64_t>(1, slot_size_) / kMinSlots;
  const auto limit = static_cast<size_t>(std::max<int64_t>(1, std::min(found, slots)));
  return std::min({nodes.size(), most_tasks_, limit});
}

void TreeRounds::cut(Batch& batch) const {
  int64_t rows = 0;
  for (const Batch::Piece& piece : batch.to_build) rows += piece.rows;
  batch.chunk_rows = chunk_rows_of(rows);
  for (const Batch::Piece& piece : batch.to_build) {
    ChunkTask chunk = piece.whole;
    const int64_t count = pieces_of(piece.rows, batch.chunk_rows);
    for (chunk.chunk = 0; chunk.chunk < count; ++chunk.chunk) batch.builds.push_back(chunk);
  }
  int64_t divisions = 0;
  for (size_t i = 0; i < batch.tasks.size(); ++i) {
    batch.first_divisions.push_back(static_cast<int32_t>(divisions));
    const bool divided = batch.nodes[i].node >= 0;
    if (divided) {
      divisions += pieces_of(batch.tasks[i].end - batch.tasks[i].begin, DivideRowsKernel::kRows);
    }
  }
  batch.first_divisions.push_back(static_cast<int32_t>(divisions));
}

void TreeRounds::add_search(Batch& batch, NodeRef parent, int side, SearchTask search) {
  GrowingTree& tree = trees_[static_cast<size_t>(parent.tree)];
  const bool root = parent.node < 0;
  kernels::NodeLimits limits;
  search.key = tree.problem->seed;
  if (!root) {
    const GrownNode& node = node_of(parent);
    limits = tree.limits_of(node.split).child(node.limits, side);
    search.key = kernels::child_key(node.key, side);
  }
  search.groups = limits.groups;
  search.bounds = {limits.low, limits.high};
  const kernels::TreeParams& params = tree.problem->params;
  const auto usable_count = static_cast<int32_t>(tree.features.size());
  const bool sampled = kernels::samples_columns(params, tree.features.size());
  search.feature_count = sampled ? params.columns_per_node : usable_count;
  if (sampled && search.feature_count > ChooseColumnsKernel::kMostChosen) {
    search.first_feature = static_cast<int32_t>(batch.features.size());
    kernels::choose_columns(search.key, search.feature_count, tree.features,
                            [&](int32_t feature) { batch.features.push_back(feature); });
  } else {
    batch.list_of.resize(trees_.size(), -1);
    int32_t& list = batch.list_of[static_cast<size_t>(parent.tree)];
    if (list < 0) {
      list = static_cast<int32_t>(batch.features.size());
      batch.features.insert(batch.features.end(), tree.features.begin(), tree.features.end());
    }
    search.first_feature = list;
    if (sampled) {
      search.first_usable = list;
      search.usable_count = usable_count;
      batch.chosen_count += search.feature_count;
    }
  }
  batch.searches.push_back(search);
  batch.aims.push_back({parent, side});
}

void TreeRounds::add_root(Batch& batch, int32_t tree) {
  const int64_t rows = trees_[static_cast<size_t>(tree)].problem->sample_count;
  const auto task = static_cast<int32_t>(batch.tasks.size());
  SplitTask whole{};
  whole.end = rows;
  whole.tree = tree;
  batch.nodes.push_back({tree, -1});
  batch.tasks.push_back(whole);
  SearchTask search{};
  search.task = task;
  search.part = search.built = Part::kWhole;
  search.slot = search.parent_slot = -1;
  if (counts_classes()) return add_search(batch, {tree, -1}, 0, search);
  const int32_t slot = take_slot();
  node_of({tree, 0}).slot = slot;
  batch.cleared.push_back(slot);
  batch.to_build.push_back({{task, Part::kWhole, 0, slot}, rows});
  search.slot = search.parent_slot = slot;
  add_search(batch, {tree, -1}, 0, search);
}

void TreeRounds::add_split(Batch& batch, NodeRef ref) {
  GrownNode& node = node_of(ref);
  const auto task = static_cast<int32_t>(batch.tasks.size());
  batch.nodes.push_back(ref);
  batch.tasks.push_back(task_of(node, ref.tree));
  const int64_t rows = node.row_count();
  if (!trees_[static_cast<size_t>(ref.tree)].may_search(node.depth + 1)) return;
  SearchTask search{};
  search.task = task;
  if (node.slot >= 0) {
    search.built = Part::kSmaller;
    search.slot = take_slot();
    search.parent_slot = node.slot;
    batch.cleared.push_back(search.slot);
    batch.derived.push_back({search.parent_slot, search.parent_slot, search.slot});
    batch.to_build.push_back({{task, Part::kSmaller, 0, search.slot}, rows / 2});
  }
  for (int side = 0; side < 2; ++side) {
    search.part = side == 0 ? Part::kLeft : Part::kRight;
    if (counts_classes()) {
      search.slot = search.parent_slot = -1;
    } else if (node.slot < 0) {
      search.built = search.part;
      search.slot = search.parent_slot = take_slot();
      batch.cleared.push_back(search.slot);
      batch.to_build.push_back({{task, search.part, 0, search.slot}, rows - 1});
    }
    add_search(batch, ref, side, search);
  }
}

Status TreeRounds::launch_histograms(const Batch& batch) {
  const auto* tasks = at<const SplitTask>(exchange_, batch.tasks_at);
  const auto* counts = at<const SplitCounts>(exchange_, batch.counts_at);
  ASSAY_RETURN_IF_ERROR(device_->launch<ClearSlotsKernel>(
      {pieces_of(slot_size_, ClearSlotsKernel::kThreads * ClearSlotsKernel::kEach),
       count_of(batch.cleared), 0},
      {at<const int32_t>(exchange_, batch.cleared_at), histograms_.on_device(), slot_size_}));
  if (!batch.builds.empty()) {
    ASSAY_RETURN_IF_ERROR(over_tiles([&](const Tiles& tiles) {
      return device_->launch<HistogramKernel>(
          {count_of(batch.builds), tiles.count, HistogramKernel::shared_bytes(most_bins_)},
          {bins_, tiles.window, rules_.on_device(), tasks, counts,
           at<const ChunkTask>(exchange_, batch.builds_at), tiles.numbers, bin_offsets_.on_device(),
           bin_counts_.on_device(), histograms_.on_device(), slot_size_, batch.chunk_rows,
           most_bins_});
    }));
  }
  // Searches that look at all features make the larger children's histograms themselves.
  if (!samples_columns_) return {};
  return device_->launch<SubtractSlotsKernel>(
      {pieces_of(slot_size_, SubtractSlotsKernel::kThreads * SubtractSlotsKernel::kEach),
       count_of(batch.derived), 0},
      {at<const SubtractTask>(exchange_, batch.derived_at), histograms_.on_device(), slot_size_});
}

Status TreeRounds::launch_search(const Batch& batch) {
  const auto* searches = at<const SearchTask>(exchange_, batch.searches_at);
  FoundSplit* found = found_.on_device();
  ASSAY_RETURN_IF_ERROR(device_->launch<SearchFeaturesKernel>(
      {feature_limit_, count_of(batch.searches), SearchFeaturesKernel::kSharedBytes},
      {rules_.on_device(), at<const SplitTask>(exchange_, batch.tasks_at),
       at<const SplitCounts>(exchange_, batch.counts_at), searches,
       at<const int32_t>(exchange_, batch.features_at), bin_counts_.on_device(),
       bin_offsets_.on_device(), categorical_.on_device(), histograms_.on_device(), slot_size_,
       found, feature_limit_, samples_columns_ ? 0 : 1}));
  return device_->launch<ChooseSplitsKernel>(
      {count_of(batch.searches), 1, 0},
      {searches, found, at<FoundSplit>(exchange_, 0), feature_limit_});
}

Status TreeRounds::launch_class_search(const Batch& batch) {
  const auto* searches = at<const SearchTask>(exchange_, batch.searches_at);
  FoundSplit* found = found_.on_device();
  if (!batch.searches.empty()) {
    ASSAY_RETURN_IF_ERROR(over_tiles([&](const Tiles& tiles) {
      return device_->launch<SearchClassesKernel>(
          {feature_limit_, count_of(batch.searches),
           SearchClassesKernel::shared_bytes(most_classes_)},
          {bins_, columns(), tiles.window, rules_.on_device(),
           at<const SplitTask>(exchange_, batch.tasks_at),
           at<const SplitCounts>(exchange_, batch.counts_at), searches,
           at<const int32_t>(exchange_, batch.features_at), bin_counts_.on_device(),
           categorical_.on_device(), found, feature_limit_});
    }));
  }
  return device_->launch<ChooseSplitsKernel>(
      {count_of(batch.searches), 1, 0},
      {searches, found, at<FoundSplit>(exchange_, 0), feature_limit_});
}

Status TreeRounds::launch_divisions(const Batch& batch) {
  std::vector<int32_t> features;
  for (size_t i = 0; i < batch.tasks.size(); ++i) {
    if (batch.nodes[i].node >= 0) features.push_back(batch.tasks[i].rule.feature);
  }
  if (features.empty()) return {};
  return over_splits(std::move(features), [&](const Tiles& tiles) {
    return device_->launch<DivideRowsKernel>(
        {batch.first_divisions.back(), 1, DivideRowsKernel::kSharedBytes},
        {bins_, columns(), tiles.window, rules_.on_device(),
         at<const SplitTask>(exchange_, batch.tasks_at),
         at<const int32_t>(exchange_, batch.divisions_at),
         at<SplitCounts>(exchange_, batch.counts_at), static_cast<int32_t>(batch.tasks.size())});
  });
}

Status TreeRounds::launch(const Batch& batch) {
  if (batch.chosen_count > 0) {
    ASSAY_RETURN_IF_ERROR(device_->launch<ChooseColumnsKernel>(
        {pieces_of(count_of(batch.searches), ChooseColumnsKernel::kThreads), 1, 0},
        {at<const SearchTask>(exchange_, batch.searches_at),
         at<int32_t>(exchange_, batch.features_at), static_cast<int32_t>(batch.searches.size())}));
  }
  ASSAY_RETURN_IF_ERROR(launch_divisions(batch));
  if (counts_classes()) return launch_class_search(batch);
  ASSAY_RETURN_IF_ERROR(launch_histograms(batch));
  return launch_search(batch);
}

// Places behind what is uploaded, from the `first`-th feature on, for the lists that the GPU makes.
void TreeRounds::place_chosen(Batch& batch, size_t first) {
  auto next = static_cast<int32_t>(first);
  for (SearchTask& search : batch.searches) {
    if (search.usable_count == 0) continue;
    search.first_feature = next;
    next += search.feature_count;
  }
}

Status TreeRounds::run(Batch& batch) {
  cut(batch);
  const size_t splits = Packing::rounded(batch.searches.size() * sizeof(FoundSplit));
  Packing packing;
  const std::vector<SplitCounts> no_counts(batch.tasks.size());
  batch.counts_at = splits + packing.add(no_counts);
  batch.tasks_at = splits + packing.add(batch.tasks);
  batch.divisions_at = splits + packing.add(batch.first_divisions);
  batch.builds_at = splits + packing.add(batch.builds);
  batch.cleared_at = splits + packing.add(batch.cleared);
  batch.derived_at = splits + packing.add(batch.derived);
  place_chosen(batch, batch.features.size());
  batch.searches_at = splits + packing.add(batch.searches);
  batch.features_at = splits + packing.add(batch.features);
  const size_t chosen_bytes = static_cast<size_t>(batch.chosen_count) * sizeof(int32_t);
  ASSAY_RETURN_IF_ERROR(
      make_room(*device_, exchange_, splits + packing.bytes().size() + chosen_bytes));
  ASSAY_RETURN_IF_ERROR(
      make_room(*device_, found_, batch.searches.size() * static_cast<size_t>(feature_limit_)));
  ASSAY_RETURN_IF_ERROR(device_->upload(exchange_.on_device() + splits, packing.bytes()));
  ASSAY_RETURN_IF_ERROR(launch(batch));
  results_.resize(splits + batch.tasks.size() * sizeof(SplitCounts));
  ASSAY_RETURN_IF_ERROR(
      device_->download(results_, exchange_.on_device(), static_cast<int64_t>(results_.size())));
  return take_results(batch, results_);
}

Status TreeRounds::take_results(const Batch& batch, std::span<const std::byte> outputs) {
  std::vector<SplitCounts> counts(batch.tasks.size());
  std::memcpy(counts.data(), outputs.data() + batch.counts_at, counts.size() * sizeof(SplitCounts));
  for (size_t i = 0; i < batch.tasks.size(); ++i) {
    const NodeRef ref = batch.nodes[i];
    if (ref.node < 0) continue;
    const int64_t rows = node_of(ref).row_count();
    if (int64_t{counts[i].left} + counts[i].right != rows) {
      return fail(StatusCode::kDevice, "{}: a node of {} rows was divided into {} and {}",
                  device_->info().id, rows, counts[i].left, counts[i].right);
    }
    GrowingTree& tree = trees_[static_cast<size_t>(ref.tree)];
    tree.replay.add_children(ref.node, counts[i].left, tree.limits_of(node_of(ref).split));
  }
  for (size_t i = 0; i < batch.searches.size(); ++i) {
    const SearchTask& search = batch.searches[i];
    const NodeRef parent = batch.aims[i].parent;
    const NodeRef ref{parent.tree, parent.node < 0 ? 0 : node_of(parent).left + batch.aims[i].side};
    GrownNode& node = node_of(ref);
    node.key = search.key;
    std::memcpy(&node.split, outputs.data() + i * sizeof(FoundSplit), sizeof(FoundSplit));
    const SplitCounts& rows = counts[static_cast<size_t>(search.task)];
    const Part smaller = rows.left <= rows.right ? Part::kLeft : Part::kRight;
    const bool derived = search.built == Part::kSmaller && search.part != smaller;
    node.slot = derived ? search.parent_slot : search.slot;
  }
  for (const NodeRef& ref : batch.nodes) {
    if (ref.node < 0) continue;
    GrownNode& node = node_of(ref);
    const bool handed_on = trees_[static_cast<size_t>(ref.tree)].may_search(node.depth + 1);
    if (node.slot >= 0 && !handed_on) free_slots_.push_back(node.slot);
    node.slot = -1;
  }
  // Nodes without a split need no histogram.
  for (size_t i = 0; i < batch.searches.size(); ++i) {
    const NodeRef parent = batch.aims[i].parent;
    GrownNode& node =
        node_of({parent.tree, parent.node < 0 ? 0 : node_of(parent).left + batch.aims[i].side});
    if (!node.can_split() && node.slot >= 0) {
      free_slots_.push_back(std::exchange(node.slot, -1));
    }
  }
  return {};
}

Status TreeRounds::search_roots(const StopToken* stop) {
  std::vector<int32_t> roots;
  for (size_t t = 0; t < trees_.size(); ++t) {
    trees_[t].replay.nodes()[0].split.feature = -1;
    const bool grows = trees_[t].problem->params.max_leaves > 1;
    if (grows && trees_[t].may_search(0)) roots.push_back(static_cast<int32_t>(t));
  }
  const auto most_roots = static_cast<size_t>(std::clamp<int64_t>(
      most_found_ / std::max(1, feature_limit_), 1, static_cast<int64_t>(most_tasks_)));
  for (size_t done = 0; done < roots.size();) {
    if (stop != nullptr && stop->requested()) {
      return fail(StatusCode::kCancelled, "grow_tree was stopped");
    }
    Batch batch;
    if (free_slots_.empty()) free_slots(1, {});
    const auto has_room = [&] { return counts_classes() || !free_slots_.empty(); };
    while (done < roots.size() && batch.tasks.size() < most_roots && has_room()) {
      add_root(batch, roots[done++]);
    }
    ASSAY_RETURN_IF_ERROR(run(batch));
  }
  for (GrowingTree& tree : trees_) tree.replay.open_root();
  return {};
}

Status TreeRounds::split(std::span<const NodeRef> nodes, const StopToken* stop) {
  while (!nodes.empty()) {
    if (stop != nullptr && stop->requested()) {
      return fail(StatusCode::kCancelled, "grow_tree was stopped");
    }
    const std::span<const NodeRef> some = nodes.first(batch_size(nodes));
    nodes = nodes.subspan(some.size());
    size_t slots = 0;
    for (const NodeRef& ref : some) slots += node_of(ref).slot >= 0 ? 1 : 2;
    free_slots(slots, some);
    Batch batch;
    for (const NodeRef& ref : some) add_split(batch, ref);
    ASSAY_RETURN_IF_ERROR(run(batch));
  }
  return {};
}

}  // namespace assay::backends::cuda
