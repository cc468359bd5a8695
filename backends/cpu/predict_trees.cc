// predict_trees on the CPU. Rows are taken in blocks: a block's bins are copied side by side, and
// every tree is walked for all of them, a row in each lane, before the next (predict_trees_walk.h).
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

// Rows [begin, end), one by one.
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

// Working memory of one thread.
struct Workspace {
  std::vector<uint8_t> tile;
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
    load_tile(range, padded, space.tile);
    load_sums(range, padded, space.sums);
    space.leaves.resize(static_cast<size_t>(padded));
    const WalkBlock block{space.tile.data(), stride_, static_cast<int32_t>(padded),
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
          predict_rows(problem, args, chunk_range(problem.row_count, kRowsPerTask, chunk));
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
