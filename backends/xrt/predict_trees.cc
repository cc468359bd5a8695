// predict_trees on an XRT card: rows are cut into as many parts as keep its compute units busy, and
// while one part is computed the cells and scores of the next are sent and the scores of the last
// brought back. Cells are sent by parts where rows are taken in their order.
// Many trees are walked in several rounds, so that a run is never long.
#include "kernels/predict_trees.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>

#include "backends/xrt/operand.h"
#include "backends/xrt/predict_parts.h"
#include "backends/xrt/xrt_kernels.h"

namespace assay::backends::xrt {
namespace {

using kernels::ForestView;
using kernels::PredictTreesArgs;
using kernels::PredictTreesProblem;

// Features of a row that a unit keeps (backends/xrt/hls/kernels.h).
constexpr int32_t kMostFeatures = 4096;
constexpr int32_t kCells = 0;  // the kernel's arguments
constexpr int32_t kScores = 8;
constexpr int64_t kLineBytes = 64;

// Sizes of the packed arrays up to tree `end`, in elements. A tree's nodes end where its last leaf
// or split says: the view does not tell, so they are counted.
struct ForestSizes {
  int64_t nodes = 0;
  int64_t sets = 0;
  int64_t leaves = 0;
};

ForestSizes sizes_of(const ForestView& forest, int64_t begin, int64_t end) {
  ForestSizes sizes;
  for (int64_t tree = begin; tree < end; ++tree) {
    const kernels::TreeNode* nodes = forest.nodes + forest.node_offsets[tree];
    // Children come in pairs behind their parents: the last pair ends the tree.
    int64_t count = 1;
    int64_t sets = 0;
    int64_t leaves = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (nodes[i].is_leaf()) {
        leaves = std::max<int64_t>(leaves, nodes[i].left + 1);
      } else {
        count = std::max<int64_t>(count, nodes[i].left + 2);
        sets = std::max<int64_t>(sets, nodes[i].category_set + 1);
      }
    }
    sizes.nodes = std::max(sizes.nodes, forest.node_offsets[tree] + count);
    sizes.sets = std::max(sizes.sets, forest.category_set_offsets[tree] + sets);
    sizes.leaves = std::max(sizes.leaves, forest.leaf_offsets[tree] + leaves);
  }
  return sizes;
}

// The arrays in the kernel's order, but for the scores.
Result<std::array<Operand, kScores>> place_inputs(XrtDevice& device,
                                                  const PredictTreesProblem& problem,
                                                  const PredictTreesArgs& args) {
  const ForestView& forest = args.forest;
  // Only arrays that must be copied are measured.
  const bool in_place =
      device.offset_in_buffer(forest.nodes) == 0 &&
      device.offset_in_buffer(forest.leaf_values) == 0 &&
      (forest.category_sets == nullptr || device.offset_in_buffer(forest.category_sets) == 0);
  const ForestSizes sizes =
      in_place ? ForestSizes() : sizes_of(forest, problem.tree_begin, problem.tree_end);
  const int64_t offsets = problem.tree_end * 8;
  const std::pair<const void*, int64_t> arrays[kScores] = {
      {args.bins.bins, args.bins.byte_count()},
      {args.rows, args.rows == nullptr ? 0 : problem.row_count * 4},
      {forest.nodes, sizes.nodes * static_cast<int64_t>(sizeof(kernels::TreeNode))},
      {forest.category_sets, sizes.sets * static_cast<int64_t>(sizeof(kernels::CategorySet))},
      {forest.leaf_values, sizes.leaves * problem.leaf_width * 4},
      {forest.node_offsets, offsets},
      {forest.category_set_offsets, offsets},
      {forest.leaf_offsets, offsets}};
  std::array<Operand, kScores> placed;
  for (size_t i = 0; i < placed.size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(placed[i], Operand::make(device, arrays[i].first, arrays[i].second));
  }
  return placed;
}

// Adds some of the trees to some of the parts of rows.
class Walk {
 public:
  Walk(const kernels::OpContext& context, const PredictTreesProblem& problem,
       const PredictTreesArgs& args, std::span<const Operand> inputs, const Operand& scores)
      : context_(context), problem_(problem), args_(args), inputs_(inputs), scores_(scores) {}

  Status run(ChunkRange trees, ChunkRange parts) {
    Batch batch(static_cast<XrtDevice&>(*context_.device), context_.stop);
    for (int64_t part = parts.begin; part < parts.end; ++part) {
      if (args_.rows == nullptr) send_cells(batch, part);
      batch.send(CardKernel::kPredictTrees, kScores, scores_.address(), offset_of(part),
                 bytes_of(part));
      if (part >= parts.begin + 2) bring(batch, part - 2);
      start(batch, trees, part);
    }
    for (int64_t part = std::max(parts.begin, parts.end - 2); part < parts.end; ++part) {
      bring(batch, part);
    }
    return batch.run();
  }

 private:
  ChunkRange rows_of(int64_t part) const {
    return chunk_range(problem_.row_count, kPartRows, part);
  }
  int64_t row_bytes() const { return int64_t{problem_.output_count} * 8; }
  int64_t offset_of(int64_t part) const { return rows_of(part).begin * row_bytes(); }
  int64_t bytes_of(int64_t part) const {
    return (rows_of(part).end - rows_of(part).begin) * row_bytes();
  }

  // The lines of the part's rows in each block, less the first ones, which the part before has
  // sent.
  void send_cells(Batch& batch, int64_t part) const {
    const kernels::BinnedView& bins = args_.bins;
    const ChunkRange rows = rows_of(part);
    const bool last_part = rows.end == problem_.row_count;
    for (int32_t block = 0; block < bins.block_count(); ++block) {
      const bool last_block = block + 1 == bins.block_count();
      const auto line_at = [&](int64_t row) {
        const int64_t byte = bins.block_offset(block) + row * bins.block_width(block);
        return std::min((byte + kLineBytes - 1) / kLineBytes * kLineBytes, bins.byte_count());
      };
      const int64_t begin = line_at(rows.begin);
      // Rows of the table that no position takes go with the last part: the card has all of it
      // then.
      const int64_t end = line_at(last_part ? bins.row_count : rows.end);
      batch.send_part(CardKernel::kPredictTrees, kCells, inputs_[kCells].address(), begin,
                      end - begin, last_part && last_block);
    }
  }

  void start(Batch& batch, ChunkRange trees, int64_t part) const {
    using Arg = Batch::Arg;
    const ChunkRange rows = rows_of(part);
    std::vector<Arg> args;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const bool by_parts = i == kCells && args_.rows == nullptr;
      const void* address = inputs_[i].address();
      args.push_back(by_parts ? Arg::as_is(address) : Arg::in(address));
    }
    const std::vector<Arg> rest = {Arg::as_is(scores_.address()),
                                   Arg::of(args_.bins.row_count),
                                   Arg::of(problem_.feature_count),
                                   Arg::of(rows.begin),
                                   Arg::of(rows.end - rows.begin),
                                   Arg::of(args_.rows == nullptr ? 0 : 1),
                                   Arg::of(trees.begin),
                                   Arg::of(trees.end),
                                   Arg::of(problem_.leaf_width),
                                   Arg::of(problem_.output_count)};
    args.insert(args.end(), rest.begin(), rest.end());
    batch.start(CardKernel::kPredictTrees, static_cast<uint32_t>(part % 2), std::move(args));
  }
  void bring(Batch& batch, int64_t part) const {
    batch.wait(static_cast<uint32_t>(part % 2));
    batch.fetch(CardKernel::kPredictTrees, kScores, scores_.address(), offset_of(part),
                bytes_of(part));
  }

  const kernels::OpContext& context_;
  const PredictTreesProblem& problem_;
  const PredictTreesArgs& args_;
  std::span<const Operand> inputs_;
  const Operand& scores_;
};

Status run(const kernels::OpContext& context, const PredictTreesProblem& problem,
           const PredictTreesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.row_count == 0 || problem.tree_begin == problem.tree_end) return {};
  auto& device = static_cast<XrtDevice&>(*context.device);
  ASSAY_ASSIGN_OR_RETURN(const auto inputs, place_inputs(device, problem, args));
  ASSAY_ASSIGN_OR_RETURN(
      const Operand scores,
      Operand::make(device, args.scores, problem.row_count * problem.output_count * 8));
  Walk walk(context, problem, args, inputs, scores);
  // Trees in ascending order, whatever is cut: the order in which a row's scores are summed.
  const int64_t step = trees_at_once(problem.row_count);
  const int64_t parts = chunk_count_of(problem.row_count, kPartRows);
  for (int64_t tree = problem.tree_begin; tree < problem.tree_end; tree += step) {
    const ChunkRange trees{tree, std::min(tree + step, problem.tree_end)};
    ASSAY_RETURN_IF_ERROR(walk.run(trees, {0, parts}));
  }
  return scores.copy_back();
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const PredictTreesProblem& problem) {
  if (problem.feature_count <= kMostFeatures) return std::nullopt;
  return fmt::format("{} features (a row of {} at most fits the card)", problem.feature_count,
                     kMostFeatures);
}

double cost(const kernels::DeviceInfo&, const PredictTreesProblem& problem) {
  const auto trees = static_cast<double>(problem.tree_end - problem.tree_begin);
  return static_cast<double>(problem.row_count) * (16 + trees);
}

}  // namespace

void register_predict_trees(kernels::KernelSet& kernels) {
  kernels.table<kernels::PredictTrees>().add({"xrt.ensemble", "fpga", decline, cost, run});
}

}  // namespace assay::backends::xrt
