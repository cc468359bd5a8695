#include "backends/cpu/predict_trees_block.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "backends/cpu/predict_trees_walk.h"

namespace assay::backends::cpu {
namespace {

using kernels::PredictTreesArgs;
using kernels::PredictTreesProblem;

constexpr int64_t kBlockRows = 256;
// Where rows leave a block, what is left of it should still be some.
constexpr int64_t kExitBlockRows = 512;
// Rows that are asked first whether they are decided.
constexpr size_t kSampledRows = 32;
// Trees with more nodes than this stay in cache for longer blocks.
constexpr int64_t kLargeTree = 2048;
constexpr int64_t kLongBlockRows = 4096;
constexpr int64_t kBlockBytes = 1 << 20;

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
  std::vector<int64_t> places;  // of the block's rows in the problem, ascending
  std::vector<uint8_t> stops;   // of the same rows
  std::vector<double> scores;   // of one
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
        tree_cost_(tree_cost(packed)),
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
  // Rows of a block: more where a tree is large or rows go early, as many as bins and sums leave
  // room for.
  int64_t block_rows() const {
    const auto trees = static_cast<int64_t>(packed_.trees.size());
    const bool large = static_cast<int64_t>(packed_.rules.size()) > trees * kLargeTree;
    const int64_t row_bytes = stride_ + int64_t{problem_.output_count} * 8;
    const int64_t room = kBlockBytes / row_bytes / kWalkRows * kWalkRows;
    const int64_t most = args_.exit != nullptr ? kExitBlockRows : kBlockRows;
    return std::clamp<int64_t>(room, kWalkRows, large ? kLongBlockRows : most);
  }

  void predict(const ChunkRange& range, Workspace& space) {
    space.places.resize(static_cast<size_t>(range.end - range.begin));
    std::iota(space.places.begin(), space.places.end(), range.begin);
    load_sums(space);
    load_bins(space);
    const auto tree_count = static_cast<int64_t>(packed_.trees.size());
    for (int64_t t = 0; t < tree_count && !space.places.empty();) {
      if (context_.stop != nullptr && context_.stop->requested()) return;
      const int64_t last = std::min(tree_count, t + step_from(t));
      walk_trees(
          packed_, args_.forest,
          {static_cast<size_t>(t), static_cast<size_t>(last), problem_.tree_begin},
          {space.tile.data(), stride_, space.planes.data(),
           static_cast<int32_t>(padded_rows(space)), space.leaves.data(), space.sums.data()});
      t = last;
      if (args_.exit != nullptr && t < tree_count) stop_rows(problem_.tree_begin + t, space);
    }
    store_sums(space);
  }

  // Trees until the next question whether to stop, or which rows do.
  int64_t step_from(int64_t tree) const {
    constexpr int64_t kTreesBetweenStops = 16;
    if (args_.exit == nullptr) return kTreesBetweenStops;
    const int64_t step = args_.exit->bounds->step();
    return step - (problem_.tree_begin + tree) % step;
  }

  static int64_t padded_rows(const Workspace& space) {
    const auto count = static_cast<int64_t>(space.places.size());
    return (count + kWalkRows - 1) / kWalkRows * kWalkRows;
  }

  void load_bins(Workspace& space) const {
    if (walks_) load_tile(space);
    if (sweeps_) load_planes(space);
    space.leaves.resize(static_cast<size_t>(padded_rows(space)));
  }

  // The bins of a block of features, of the row at a place.
  const uint8_t* cells_of(int32_t block, int64_t place) const {
    const int64_t row = args_.rows == nullptr ? place : int64_t{args_.rows[place]};
    return args_.bins.bins + args_.bins.block_offset(block) + row * args_.bins.block_width(block);
  }

  void load_tile(Workspace& space) const {
    const int64_t padded = padded_rows(space);
    const auto size = static_cast<size_t>(padded * stride_) + 3;
    if (space.tile.size() < size) space.tile.resize(size);
    for (int32_t b = 0; b < args_.bins.block_count(); ++b) {
      const auto width = static_cast<size_t>(args_.bins.block_width(b));
      uint8_t* target = space.tile.data() + b * kernels::kBlockWidth;
      for (const int64_t place : space.places) {
        std::memcpy(target, cells_of(b, place), width);
        target += stride_;
      }
    }
    for (int64_t i = 0; i < padded; ++i)
      space.tile[static_cast<size_t>((i + 1) * stride_ - 1)] = 255;
  }

  // The rows' bins feature by feature, and 255 as one feature more. Eight rows of eight features
  // are turned over in registers.
  void load_planes(Workspace& space) const {
    const int64_t padded = padded_rows(space);
    const auto size = static_cast<size_t>(padded * stride_);
    if (space.planes.size() < size) space.planes.resize(size);
    for (int32_t b = 0; b < args_.bins.block_count(); ++b) {
      const int64_t width = args_.bins.block_width(b);
      uint8_t* target = space.planes.data() + int64_t{b} * kernels::kBlockWidth * padded;
      size_t i = 0;
      for (; i + 8 <= space.places.size(); i += 8, target += 8) {
        const uint8_t* rows[8];
        for (size_t k = 0; k < 8; ++k) rows[k] = cells_of(b, space.places[i + k]);
        int64_t f = 0;
        for (; f + 8 <= width; f += 8) turn_over(rows, f, target + f * padded, padded);
        for (; f < width; ++f) {
          for (int64_t k = 0; k < 8; ++k) target[f * padded + k] = rows[k][f];
        }
      }
      for (; i < space.places.size(); ++i, ++target) {
        const uint8_t* row = cells_of(b, space.places[i]);
        for (int64_t f = 0; f < width; ++f) target[f * padded] = row[f];
      }
    }
    std::fill_n(space.planes.data() + int64_t{problem_.feature_count} * padded, padded,
                uint8_t{255});
  }

  // Scores are turned over to planes, one an output, and back.
  void load_sums(Workspace& space) const {
    const int64_t outputs = problem_.output_count;
    const int64_t padded = padded_rows(space);
    const auto size = static_cast<size_t>(padded * outputs);
    if (space.sums.size() < size) space.sums.resize(size);
    double* sums = space.sums.data();
    for (const int64_t place : space.places) {
      for (int64_t k = 0; k < outputs; ++k) sums[k * padded] = args_.scores[place * outputs + k];
      ++sums;
    }
  }
  void store_sums(const Workspace& space) const {
    const int64_t outputs = problem_.output_count;
    const int64_t padded = padded_rows(space);
    const double* sums = space.sums.data();
    for (const int64_t place : space.places) {
      for (int64_t k = 0; k < outputs; ++k) args_.scores[place * outputs + k] = sums[k * padded];
      ++sums;
    }
  }

  // Lets rows go that are decided before tree `tree` of the forest, if there are enough of them;
  // else all go on, which is right as well.
  void stop_rows(int64_t tree, Workspace& space) const {
    const size_t count = space.places.size();
    // Mostly hardly any is decided: a few rows tell.
    const size_t stride = std::max<size_t>(1, count / kSampledRows);
    const size_t sampled = mark_stops(tree, stride, space) * stride;
    if (!stopping_pays(tree, count, std::min(sampled, count))) return;
    const size_t stopped = stride == 1 ? sampled : mark_stops(tree, 1, space);
    if (!stopping_pays(tree, count, stopped)) return;
    store_sums(space);
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) {
      if (space.stops[i] == 0) {
        space.places[kept++] = space.places[i];
      } else {
        decide_early(args_.exit->rule, *args_.exit->bounds, tree, scores_at(space.places[i]));
      }
    }
    space.places.resize(kept);
    load_sums(space);
    load_bins(space);
  }

  std::span<double> scores_at(int64_t place) const {
    const auto outputs = static_cast<size_t>(problem_.output_count);
    return {args_.scores + static_cast<size_t>(place) * outputs, outputs};
  }

  // Which rows of the block, of every stride-th, are decided; how many.
  size_t mark_stops(int64_t tree, size_t stride, Workspace& space) const {
    const kernels::EarlyExit& exit = *args_.exit;
    const size_t count = space.places.size();
    space.stops.resize(count);
    size_t stopped = 0;
    if (problem_.output_count == 1) {
      const double low = exit.bounds->low(tree)[0];
      const double high = exit.bounds->high(tree)[0];
      for (size_t i = 0; i < count; i += stride) {
        space.stops[i] = kernels::side_decided(exit.rule, low, high, space.sums[i]) ? 1 : 0;
        stopped += space.stops[i];
      }
      return stopped;
    }
    const auto padded = static_cast<size_t>(padded_rows(space));
    std::vector<double>& scores = space.scores;
    scores.resize(static_cast<size_t>(problem_.output_count));
    for (size_t i = 0; i < count; i += stride) {
      for (size_t k = 0; k < scores.size(); ++k) scores[k] = space.sums[k * padded + i];
      space.stops[i] = decide_early(exit.rule, *exit.bounds, tree, scores) ? 1 : 0;
      stopped += space.stops[i];
    }
    return stopped;
  }

  // Whether what rows are spared, if they stop before `tree`, takes longer than to find them and to
  // load the others anew. In nanoseconds, about.
  bool stopping_pays(int64_t tree, size_t count, size_t stopped) const {
    constexpr double kOutput = 2;
    constexpr double kByte = 0.5;
    const double spared = tree_cost_ * static_cast<double>(problem_.tree_end - tree);
    const double asked = kOutput * problem_.output_count;
    const double loaded = kByte * (stride_ + 8.0 * problem_.output_count);
    const auto rest = static_cast<double>(count - stopped);
    return spared * static_cast<double>(stopped) >
           asked * static_cast<double>(count) + loaded * rest;
  }

  // Nanoseconds of a row in a tree, about.
  static double tree_cost(const PackedTrees& packed) {
    constexpr double kSweptNode = 0.025;
    constexpr double kLevel = 2;
    double sum = 0;
    for (const PackedTree& tree : packed.trees) {
      sum += tree.sweeps ? kSweptNode * tree.node_count : kLevel * tree.depth;
    }
    return sum / std::max<double>(1, static_cast<double>(packed.trees.size()));
  }

  const kernels::OpContext& context_;
  const PredictTreesProblem& problem_;
  const PredictTreesArgs& args_;
  const PackedTrees& packed_;
  int32_t stride_;
  bool walks_;   // some tree
  bool sweeps_;  // some tree
  double tree_cost_;
  std::vector<Workspace> workspaces_;
};

}  // namespace

Status predict_blocks(const kernels::OpContext& context, const PredictTreesProblem& problem,
                      const PredictTreesArgs& args, const PackedTrees& packed) {
  return BlockPredictor(context, problem, args, packed).run();
}

}  // namespace assay::backends::cpu
