// predict_trees on the CPU. Rows are taken in blocks: a block's bins are copied side by side, row
// by row or feature by feature as the trees need it, and every tree is gone through for all of them
// before the next (predict_trees_walk.h).
// For a handful of rows, or few trees on very wide rows, that costs more than it saves: those are
// walked one by one. Either way a row's leaves are added in order of trees.
#include "kernels/predict_trees.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "backends/cpu/cpu_kernels.h"
#include "backends/cpu/predict_trees_walk.h"

namespace assay::backends::cpu {
namespace {

using kernels::PredictTreesArgs;
using kernels::PredictTreesProblem;

constexpr int64_t kFewRows = 16;
// Features whose copying takes as long as the vector walk saves on one tree.
constexpr int64_t kFeaturesOfTree = 400;
constexpr int64_t kRowsPerTask = 64;  // walked one by one
constexpr int64_t kBlockRows = 256;
// Trees with more nodes than this stay in cache for longer blocks.
constexpr int64_t kLargeTree = 2048;
constexpr int64_t kLongBlockRows = 4096;
constexpr int64_t kBlockBytes = 1 << 20;

bool stop_requested(const kernels::OpContext& context) {
  return context.stop != nullptr && context.stop->requested();
}

constexpr size_t kTogether = 6;      // trees walked together
constexpr int64_t kCopiedBins = 16;  // of a row for each tree, that copying them pays

// Trees that a row is sent through together, step by step.
struct TreeGroup {
  const kernels::TreeNode* nodes[kTogether];
  const kernels::CategorySet* sets[kTogether];
  uint32_t at[kTogether];  // node numbers
};

// From each split a step down, from a leaf none. Whether any moved. No branches but for categories:
// where a row goes is as good as random. `row` has a byte in front, which leaves read.
template <bool kSets>
bool step_all(const uint8_t* row, TreeGroup& group) {
  int32_t all_leaves = -1;
  for (size_t k = 0; k < kTogether; ++k) {
    const kernels::TreeNode& node = group.nodes[k][group.at[k]];
    const int32_t leaf = node.feature >> 31;  // all bits or none
    const uint32_t bin = row[node.feature];
    // Where missing goes right it counts as the greatest bin.
    const uint32_t missing_left = node.missing_left != 0 ? 1 : 0;
    uint32_t left = ((bin + missing_left - 1) & 255) < node.threshold + missing_left ? 1 : 0;
    if (kSets && node.category_set >= 0 && leaf == 0) {
      left = group.sets[k][node.category_set].contains(static_cast<uint8_t>(bin)) ? 1 : 0;
    }
    const uint32_t child = static_cast<uint32_t>(node.left) + 1 - left;
    const auto stays = static_cast<uint32_t>(leaf);
    group.at[k] = (group.at[k] & stays) | (child & ~stays);
    all_leaves &= leaf;
  }
  return all_leaves == 0;
}

// Rows [begin, end), one by one, several trees at a time: a row waits for memory at every step.
template <bool kSets>
void predict_rows_together(const PredictTreesProblem& problem, const PredictTreesArgs& args,
                           const ChunkRange& range) {
  const kernels::ForestView& forest = args.forest;
  const kernels::BinnedView& bins = args.bins;
  std::vector<uint8_t> bytes(static_cast<size_t>(problem.feature_count) + 1);
  uint8_t* row = bytes.data() + 1;
  for (int64_t i = range.begin; i < range.end; ++i) {
    const int64_t number = args.rows == nullptr ? i : int64_t{args.rows[i]};
    for (int32_t b = 0; b < bins.block_count(); ++b) {
      const int64_t width = bins.block_width(b);
      std::memcpy(row + b * kernels::kBlockWidth, bins.bins + bins.block_offset(b) + number * width,
                  static_cast<size_t>(width));
    }
    for (int64_t tree = problem.tree_begin; tree < problem.tree_end;) {
      TreeGroup group;
      for (size_t k = 0; k < kTogether; ++k) {  // of too few the last again
        const auto t = std::min(tree + static_cast<int64_t>(k), problem.tree_end - 1);
        group.nodes[k] = forest.nodes + forest.node_offsets[t];
        group.sets[k] = forest.category_sets + forest.category_set_offsets[t];
        group.at[k] = 0;
      }
      while (step_all<kSets>(row, group)) {
      }
      for (size_t k = 0; k < kTogether && tree < problem.tree_end; ++k, ++tree) {
        const int64_t leaf = forest.leaf_offsets[tree] + group.nodes[k][group.at[k]].left;
        const float* values = forest.leaf_values + leaf * problem.leaf_width;
        double* scores = args.scores + i * problem.output_count +
                         tree * problem.leaf_width % problem.output_count;
        for (int32_t w = 0; w < problem.leaf_width; ++w) scores[w] += double{values[w]};
      }
    }
  }
}

// The same for rows so wide that copying one costs more than it saves.
void predict_rows(const PredictTreesProblem& problem, const PredictTreesArgs& args,
                  const ChunkRange& range) {
  const kernels::ForestView& forest = args.forest;
  for (int64_t tree = problem.tree_begin; tree < problem.tree_end; ++tree) {
    const kernels::TreeNode* nodes = forest.nodes + forest.node_offsets[tree];
    const kernels::CategorySet* sets = forest.category_sets + forest.category_set_offsets[tree];
    const float* leaves = forest.leaf_values + forest.leaf_offsets[tree] * problem.leaf_width;
    const int64_t first = tree * problem.leaf_width % problem.output_count;
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t row = args.rows == nullptr ? i : int64_t{args.rows[i]};
      const kernels::TreeNode* node = nodes;
      while (!node->is_leaf()) {
        const uint8_t bin = args.bins.bins[args.bins.cell_offset(row, node->feature)];
        node = nodes + node->left + (goes_left(*node, sets, bin) ? 0 : 1);
      }
      const float* values = leaves + int64_t{node->left} * problem.leaf_width;
      double* scores = args.scores + i * problem.output_count + first;
      for (int32_t k = 0; k < problem.leaf_width; ++k) scores[k] += double{values[k]};
    }
  }
}

// Bytes first..first + 7 of eight rows, to eight columns that are `stride` apart.
void turn_over(const uint8_t* const* rows, int64_t first, uint8_t* columns, int64_t stride) {
  uint64_t words[8];
  for (size_t i = 0; i < 8; ++i) std::memcpy(&words[i], rows[i] + first, 8);
  // Off-diagonal blocks of 4, 2 and 1 bytes change places.
  const auto swap_blocks = [&](size_t a, size_t b, unsigned bits, uint64_t mask) {
    const uint64_t moved = ((words[a] >> bits) ^ words[b]) & mask;
    words[b] ^= moved;
    words[a] ^= moved << bits;
  };
  for (size_t i = 0; i < 4; ++i) swap_blocks(i, i + 4, 32, 0x00000000ffffffff);
  for (const size_t i : {0, 1, 4, 5}) swap_blocks(i, i + 2, 16, 0x0000ffff0000ffff);
  for (const size_t i : {0, 2, 4, 6}) swap_blocks(i, i + 1, 8, 0x00ff00ff00ff00ff);
  for (size_t i = 0; i < 8; ++i)
    std::memcpy(columns + static_cast<int64_t>(i) * stride, &words[i], 8);
}

// Working memory of one thread.
struct Workspace {
  std::vector<uint8_t> tile;
  std::vector<uint8_t> planes;
  std::vector<int32_t> leaves;
  std::vector<double> sums;
};

class BlockPredictor {
 public:
  BlockPredictor(const kernels::OpContext& context, const PredictTreesProblem& problem,
                 const PredictTreesArgs& args, const PackedTrees& packed)
      : context_(context),
        problem_(problem),
        args_(args),
        packed_(packed),
        stride_(problem.feature_count + 1),
        walks_(std::any_of(packed.trees.begin(), packed.trees.end(),
                           [](const PackedTree& tree) { return !tree.sweeps; })),
        sweeps_(std::any_of(packed.trees.begin(), packed.trees.end(),
                            [](const PackedTree& tree) { return tree.sweeps; })),
        workspaces_(static_cast<size_t>(context.executor->thread_count())) {}

  Status run() {
    const int64_t rows = block_rows();
    return context_.executor->parallel_for(chunk_count_of(problem_.row_count, rows),
                                           [&](int64_t chunk, int thread) {
                                             predict(chunk_range(problem_.row_count, rows, chunk),
                                                     workspaces_[static_cast<size_t>(thread)]);
                                           });
  }

 private:
  // Rows of a block: more where a tree is large, as many as bins and sums leave room for.
  int64_t block_rows() const {
    const auto trees = static_cast<int64_t>(packed_.trees.size());
    const bool large = static_cast<int64_t>(packed_.rules.size()) > trees * kLargeTree;
    const int64_t row_bytes = stride_ + int64_t{problem_.output_count} * 8;
    const int64_t room = kBlockBytes / row_bytes / kWalkRows * kWalkRows;
    return std::clamp<int64_t>(room, kWalkRows, large ? kLongBlockRows : kBlockRows);
  }

  void predict(const ChunkRange& range, Workspace& space) {
    const int64_t count = range.end - range.begin;
    const int64_t padded = (count + kWalkRows - 1) / kWalkRows * kWalkRows;
    if (walks_) load_tile(range, padded, space.tile);
    if (sweeps_) load_planes(range, padded, space.planes);
    load_sums(range, padded, space.sums);
    space.leaves.resize(static_cast<size_t>(padded));
    const WalkBlock block{space.tile.data(),   stride_,
                          space.planes.data(), static_cast<int32_t>(padded),
                          space.leaves.data(), space.sums.data()};
    constexpr size_t kTreesBetweenStops = 16;
    for (size_t t = 0; t < packed_.trees.size(); t += kTreesBetweenStops) {
      if (stop_requested(context_)) return;
      const size_t last = std::min(packed_.trees.size(), t + kTreesBetweenStops);
      walk_trees(packed_, args_.forest, {t, last, problem_.tree_begin}, block);
    }
    store_sums(range, padded, space.sums);
  }

  void load_tile(const ChunkRange& range, int64_t padded, std::vector<uint8_t>& tile) const {
    const kernels::BinnedView& bins = args_.bins;
    const auto size = static_cast<size_t>(padded * stride_) + 3;
    if (tile.size() < size) tile.resize(size);
    for (int32_t b = 0; b < bins.block_count(); ++b) {
      const auto width = static_cast<size_t>(bins.block_width(b));
      const uint8_t* cells = bins.bins + bins.block_offset(b);
      uint8_t* target = tile.data() + b * kernels::kBlockWidth;
      for (int64_t i = range.begin; i < range.end; ++i, target += stride_) {
        const int64_t row = args_.rows == nullptr ? i : int64_t{args_.rows[i]};
        std::memcpy(target, cells + row * static_cast<int64_t>(width), width);
      }
    }
    for (int64_t i = 0; i < padded; ++i) tile[static_cast<size_t>((i + 1) * stride_ - 1)] = 255;
  }

  // The rows' bins feature by feature, and 255 as one feature more. Eight rows of eight features
  // are turned over in registers.
  void load_planes(const ChunkRange& range, int64_t padded, std::vector<uint8_t>& planes) const {
    const kernels::BinnedView& bins = args_.bins;
    const auto size = static_cast<size_t>(padded * stride_);
    if (planes.size() < size) planes.resize(size);
    const auto row_of = [&](int64_t i) {
      return args_.rows == nullptr ? i : int64_t{args_.rows[i]};
    };
    for (int32_t b = 0; b < bins.block_count(); ++b) {
      const int64_t width = bins.block_width(b);
      const uint8_t* cells = bins.bins + bins.block_offset(b);
      uint8_t* target = planes.data() + int64_t{b} * kernels::kBlockWidth * padded;
      int64_t i = range.begin;
      for (; i + 8 <= range.end; i += 8, target += 8) {
        const uint8_t* rows[8];
        for (int64_t k = 0; k < 8; ++k) rows[k] = cells + row_of(i + k) * width;
        int64_t f = 0;
        for (; f + 8 <= width; f += 8) turn_over(rows, f, target + f * padded, padded);
        for (; f < width; ++f) {
          for (int64_t k = 0; k < 8; ++k) target[f * padded + k] = rows[k][f];
        }
      }
      for (; i < range.end; ++i, ++target) {
        const uint8_t* row = cells + row_of(i) * width;
        for (int64_t f = 0; f < width; ++f) target[f * padded] = row[f];
      }
    }
    std::fill_n(planes.data() + int64_t{problem_.feature_count} * padded, padded, uint8_t{255});
  }

  // Scores are turned over to planes, one an output, and back.
  void load_sums(const ChunkRange& range, int64_t padded, std::vector<double>& sums) const {
    const int64_t outputs = problem_.output_count;
    const auto size = static_cast<size_t>(padded * outputs);
    if (sums.size() < size) sums.resize(size);
    for (int64_t i = range.begin; i < range.end; ++i) {
      for (int64_t k = 0; k < outputs; ++k) {
        sums[static_cast<size_t>(k * padded + i - range.begin)] = args_.scores[i * outputs + k];
      }
    }
  }
  void store_sums(const ChunkRange& range, int64_t padded, const std::vector<double>& sums) const {
    const int64_t outputs = problem_.output_count;
    for (int64_t i = range.begin; i < range.end; ++i) {
      for (int64_t k = 0; k < outputs; ++k) {
        args_.scores[i * outputs + k] = sums[static_cast<size_t>(k * padded + i - range.begin)];
      }
    }
  }

  const kernels::OpContext& context_;
  const PredictTreesProblem& problem_;
  const PredictTreesArgs& args_;
  const PackedTrees& packed_;
  int32_t stride_;
  bool walks_;   // some tree
  bool sweeps_;  // some tree
  std::vector<Workspace> workspaces_;
};

// Whether preparing the trees and copying rows costs less than it saves.
bool packing_pays(const PredictTreesProblem& problem) {
  const int64_t tree_count = problem.tree_end - problem.tree_begin;
  return problem.row_count >= kFewRows && problem.feature_count <= tree_count * kFeaturesOfTree;
}

Status predict(const kernels::OpContext& context, const PredictTreesProblem& problem,
               const PredictTreesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.row_count == 0 || problem.tree_begin == problem.tree_end) return {};
  if (!packing_pays(problem) || !PackedTrees::fits(problem, args.forest)) {
    ASSAY_RETURN_IF_ERROR(context.executor->parallel_for(
        chunk_count_of(problem.row_count, kRowsPerTask), [&](int64_t chunk, int) {
          if (stop_requested(context)) return;
          const ChunkRange range = chunk_range(problem.row_count, kRowsPerTask, chunk);
          const int64_t tree_count = problem.tree_end - problem.tree_begin;
          if (problem.feature_count <= tree_count * kCopiedBins) {
            const bool sets = args.forest.category_sets != nullptr;
            (sets ? predict_rows_together<true> : predict_rows_together<false>)(problem, args,
                                                                                range);
          } else {
            predict_rows(problem, args, range);
          }
        }));
  } else {
    ASSAY_ASSIGN_OR_RETURN(const PackedTrees packed,
                           pack_trees(*context.executor, problem, args.forest));
    ASSAY_RETURN_IF_ERROR(BlockPredictor(context, problem, args, packed).run());
  }
  if (stop_requested(context)) return fail(StatusCode::kCancelled, "predict_trees was stopped");
  return {};
}

Status run(const kernels::OpContext& context, const PredictTreesProblem& problem,
           const PredictTreesArgs& args) {
  try {
    return predict(context, problem, args);
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "predict_trees: no memory for {} trees",
                problem.tree_end - problem.tree_begin);
  }
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const PredictTreesProblem&) {
  return std::nullopt;
}

double cost(const kernels::DeviceInfo&, const PredictTreesProblem& problem) {
  return static_cast<double>(problem.row_count) *
         static_cast<double>(problem.tree_end - problem.tree_begin) * 6;
}

}  // namespace

void register_predict_trees(kernels::KernelSet& kernels) {
  kernels.table<kernels::PredictTrees>().add({"cpu.blocked", "cpu", decline, cost, run});
}

}  // namespace assay::backends::cpu
