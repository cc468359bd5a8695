// tree_shap on the CPU: rows side by side. Every row takes the same walk through a tree; only
// whether a node's split leads the row there differs, and so which of three numbers a node
// multiplies and adds with (o and o' are (1, 1), (0, 1) or (0, 0)). A block of rows first learns
// where each of its rows would go at every split, a bit a row; the three numbers of every node are
// computed once for the block; then the walk is blends, products and sums of vectors of rows, each
// lane in the order of the contract. A row that is alone takes a walk of its own (tree_shap_row.h).
#include "kernels/tree_shap.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/cpu/chunk_loop.h"
#include "backends/cpu/cpu_kernels.h"
#include "backends/cpu/tree_shap_row.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/tree_shap.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target
//
#include <hwy/highway.h>

#ifndef ASSAY_BACKENDS_CPU_TREE_SHAP_
#define ASSAY_BACKENDS_CPU_TREE_SHAP_
namespace assay::backends::cpu {
namespace {

constexpr int64_t kShapRows = 64;   // of a block, at most: the bits of a word
constexpr int64_t kShapLanes = 16;  // rows of a walk
constexpr int64_t kGroup = kernels::kShapGroup;

// r and g of a node at the points of a group, for o = 0 and 1.
struct NodeTerms {
  double missed_r[kGroup];
  double missed_g[kGroup];
  double met_r[kGroup];
  double met_g[kGroup];
};

// What a node does at each point to a row with (o, o') of (1, 1), (0, 1) and (0, 0).
struct NodeNumbers {
  double ratios[3][kGroup];   // a r'
  double factors[3][kGroup];  // (g - g') w
};

// The numbers of all nodes of a tree, the same for all rows.
struct NodeNumbering {
  std::span<const kernels::ShapStep> steps;
  double points[kGroup];
  double weights[kGroup];
  NodeTerms* terms;      // [steps], the root's are set
  NodeNumbers* numbers;  // [steps] out, but for the root
};

// The walk of up to kShapLanes rows through a tree at a group of points.
struct LaneWalk {
  const kernels::ShapStep* steps;
  int32_t step_count;
  int32_t group;               // points
  int32_t width;               // values of a leaf
  const NodeNumbers* numbers;  // [steps]
  const uint64_t* met;         // [steps]: o of every row of the block
  int32_t first_lane;          // of the rows of the block, a multiple of kShapLanes
  int32_t lane_count;
  const float* leaf_values;  // of the tree
  // [most_depth + 1, kGroup, kShapLanes] each, the last times `width`.
  double* products;
  double* factors;
  double* sums;
  double* out;  // [width, features, kShapRows], at first_lane
  int64_t feature_count;
};

}  // namespace
}  // namespace assay::backends::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::CappedTag<double, 8>;

// Bits of rows from `lane` on, as LoadMaskBits wants them.
HWY_INLINE hn::Mask<Doubles> mask_at(uint64_t bits, int64_t lane) {
  const uint64_t moved = bits >> lane;
  uint8_t bytes[8];
  std::memcpy(bytes, &moved, sizeof(moved));
  return hn::LoadMaskBits(Doubles(), bytes);
}

HWY_INLINE hn::Vec<Doubles> choose(const double (&of)[3][kGroup], int64_t q, hn::Mask<Doubles> met,
                                   hn::Mask<Doubles> before) {
  const Doubles d;
  return hn::IfThenElse(met, hn::Set(d, of[0][q]),
                        hn::IfThenElse(before, hn::Set(d, of[1][q]), hn::Set(d, of[2][q])));
}

// kPoints: of the group.
template <int64_t kPoints>
class LaneWalker {
 public:
  explicit LaneWalker(const LaneWalk& walk) : w_(walk) {}

  void run() const {
    std::fill_n(w_.products, kGroup * kShapLanes, 1.0);
    for (int32_t place = 1; place < w_.step_count; ++place) {
      const kernels::ShapStep& step = w_.steps[place];
      if (!step.is_leaf()) {
        enter(step, place);
        continue;
      }
      if (w_.width == 1) {
        add_leaf(step, place);
      } else {
        enter(step, place);
        sum_leaf(step);
        leave(step, place);
      }
      // Up, as long as right children end their parents.
      int32_t done = place;
      while (!w_.steps[done].is_left(done) && w_.steps[done].above > 0) {
        done = w_.steps[done].above;
        leave(w_.steps[done], done);
      }
    }
  }

 private:
  double* at(double* levels, int32_t depth, int64_t q) const {
    return levels + (depth * kGroup + q) * kShapLanes;
  }
  double* sums_at(int32_t depth, int64_t q, int64_t k) const {
    return w_.sums + ((depth * kGroup + q) * w_.width + k) * kShapLanes;
  }
  double* phi_at(const kernels::ShapStep& step, int64_t k) const {
    return w_.out + (k * w_.feature_count + step.feature) * kShapRows;
  }

  void enter(const kernels::ShapStep& step, int32_t place) const {
    const Doubles d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const NodeNumbers& numbers = w_.numbers[place];
    for (int64_t i = 0; i < w_.lane_count; i += lanes) {
      const auto met = mask_at(w_.met[place], w_.first_lane + i);
      const auto before = mask_at(w_.met[step.before], w_.first_lane + i);
      for (int64_t q = 0; q < kPoints; ++q) {
        const auto product = hn::LoadU(d, at(w_.products, step.depth - 1, q) + i);
        hn::StoreU(hn::Mul(product, choose(numbers.ratios, q, met, before)), d,
                   at(w_.products, step.depth, q) + i);
        hn::StoreU(choose(numbers.factors, q, met, before), d, at(w_.factors, step.depth, q) + i);
      }
    }
  }

  // enter, sum_leaf and leave for leaves of one value, of which nothing has to lie in memory.
  void add_leaf(const kernels::ShapStep& step, int32_t place) const {
    const Doubles d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const NodeNumbers& numbers = w_.numbers[place];
    const bool left = step.is_left(place);
    const auto value = hn::Set(d, double{w_.leaf_values[step.leaf]});
    double* phi = phi_at(step, 0);
    for (int64_t i = 0; i < w_.lane_count; i += lanes) {
      const auto met = mask_at(w_.met[place], w_.first_lane + i);
      const auto before = mask_at(w_.met[step.before], w_.first_lane + i);
      auto total = hn::LoadU(d, phi + i);
      for (int64_t q = 0; q < kPoints; ++q) {
        const auto above = hn::LoadU(d, at(w_.products, step.depth - 1, q) + i);
        const auto product = hn::Mul(above, choose(numbers.ratios, q, met, before));
        const auto sum = hn::Mul(product, value);
        total = hn::Add(total, hn::Mul(choose(numbers.factors, q, met, before), sum));
        pass_up(sum, left, sums_at(step.depth - 1, q, 0) + i);
      }
      hn::StoreU(total, d, phi + i);
    }
  }

  void sum_leaf(const kernels::ShapStep& step) const {
    const Doubles d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const float* values = w_.leaf_values + int64_t{step.leaf} * w_.width;
    for (int64_t q = 0; q < kPoints; ++q) {
      for (int64_t k = 0; k < w_.width; ++k) {
        const auto value = hn::Set(d, double{values[k]});
        for (int64_t i = 0; i < w_.lane_count; i += lanes) {
          const auto product = hn::LoadU(d, at(w_.products, step.depth, q) + i);
          hn::StoreU(hn::Mul(product, value), d, sums_at(step.depth, q, k) + i);
        }
      }
    }
  }

  // Adds a node's part to its feature, and its sums to its parent's.
  void leave(const kernels::ShapStep& step, int32_t place) const {
    const Doubles d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const bool left = step.is_left(place);
    for (int64_t k = 0; k < w_.width; ++k) {
      double* phi = phi_at(step, k);
      for (int64_t i = 0; i < w_.lane_count; i += lanes) {
        auto total = hn::LoadU(d, phi + i);
        for (int64_t q = 0; q < kPoints; ++q) {
          const auto sum = hn::LoadU(d, sums_at(step.depth, q, k) + i);
          total = hn::Add(total, hn::Mul(hn::LoadU(d, at(w_.factors, step.depth, q) + i), sum));
          pass_up(sum, left, sums_at(step.depth - 1, q, k) + i);
        }
        hn::StoreU(total, d, phi + i);
      }
    }
  }

  static HWY_INLINE void pass_up(hn::Vec<Doubles> sum, bool left, double* parent) {
    const Doubles d;
    hn::StoreU(left ? sum : hn::Add(hn::LoadU(d, parent), sum), d, parent);
  }

  const LaneWalk& w_;
};

void walk_lanes(const LaneWalk& walk) {
  static_assert(kGroup == 4);
  if (walk.group == 1) return LaneWalker<1>(walk).run();
  if (walk.group == 2) return LaneWalker<2>(walk).run();
  if (walk.group == 3) return LaneWalker<3>(walk).run();
  LaneWalker<4>(walk).run();
}

// kernels::shap_terms for both values of o, the group's points side by side.
void number_nodes(const NodeNumbering& n) {
  const hn::CappedTag<double, kGroup> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto one = hn::Set(d, 1.0);
  for (int64_t q = 0; q < kGroup; q += lanes) {
    const auto t = hn::LoadU(d, n.points + q);
    const auto rest = hn::Sub(one, t);
    const auto weight = hn::LoadU(d, n.weights + q);
    for (size_t place = 1; place < n.steps.size(); ++place) {
      const kernels::ShapStep& step = n.steps[place];
      const NodeTerms& before = n.terms[step.before];
      NodeTerms& terms = n.terms[place];
      NodeNumbers& numbers = n.numbers[place];
      const auto share = hn::Set(d, step.share);
      const auto missed_a = hn::Mul(rest, share);
      const auto met_a = hn::Add(t, missed_a);
      const auto missed_r = hn::Div(one, missed_a);
      const auto met_r = hn::Div(one, met_a);
      const auto missed_g = hn::Mul(hn::Sub(hn::Zero(d), share), missed_r);
      const auto met_g = hn::Mul(hn::Sub(one, share), met_r);
      const auto before_met = hn::LoadU(d, before.met_r + q);
      hn::StoreU(hn::Mul(met_a, before_met), d, numbers.ratios[0] + q);
      hn::StoreU(hn::Mul(missed_a, before_met), d, numbers.ratios[1] + q);
      hn::StoreU(hn::Mul(missed_a, hn::LoadU(d, before.missed_r + q)), d, numbers.ratios[2] + q);
      const auto before_g = hn::LoadU(d, before.met_g + q);
      const auto never_g = hn::LoadU(d, before.missed_g + q);
      hn::StoreU(hn::Mul(hn::Sub(met_g, before_g), weight), d, numbers.factors[0] + q);
      hn::StoreU(hn::Mul(hn::Sub(missed_g, before_g), weight), d, numbers.factors[1] + q);
      hn::StoreU(hn::Mul(hn::Sub(missed_g, never_g), weight), d, numbers.factors[2] + q);
      hn::StoreU(missed_r, d, terms.missed_r + q);
      hn::StoreU(missed_g, d, terms.missed_g + q);
      hn::StoreU(met_r, d, terms.met_r + q);
      hn::StoreU(met_g, d, terms.met_g + q);
    }
  }
}

// Which of 64 rows a numeric split leads to the left.
uint64_t rows_left(const uint8_t* bins, int threshold, bool missing_left) {
  using Bytes = hn::CappedTag<uint8_t, kShapRows>;
  const Bytes d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto most = hn::Set(d, static_cast<uint8_t>(threshold));
  uint64_t bits = 0;
  // The missing bin is the least: it goes left with the low ones unless it is sent right.
  static_assert(kernels::kMissingBin == 0);
  for (int64_t i = 0; i < kShapRows; i += lanes) {
    const auto bin = hn::LoadU(d, bins + i);
    auto left = hn::Eq(hn::Min(bin, most), bin);
    if (!missing_left) left = hn::AndNot(hn::Eq(bin, hn::Zero(d)), left);
    uint8_t bytes[8] = {};
    hn::StoreMaskBits(d, left, bytes);
    uint64_t part = 0;
    std::memcpy(&part, bytes, sizeof(part));
    bits |= part << i;
  }
  return bits;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

using kernels::OpContext;
using kernels::ShapStep;
using kernels::TreeShapArgs;
using kernels::TreeShapProblem;

HWY_EXPORT(walk_lanes);
HWY_EXPORT(number_nodes);
HWY_EXPORT(rows_left);

// Enough for any number of threads.
constexpr int64_t kWantedBlocks = 32;
constexpr int64_t kMostOutBytes = int64_t{4} << 20;

// By the problem alone: as many as pay for the numbers of a block, if there are that many, and as
// many as have room for what they add up.
int64_t block_rows_of(const TreeShapProblem& p) {
  const int64_t row_bytes = int64_t{p.output_count} * p.feature_count * 8;
  const int64_t room = kMostOutBytes / std::max<int64_t>(1, row_bytes);
  const int64_t wanted = std::min(chunk_count_of(p.row_count, kWantedBlocks), room);
  return std::clamp(chunk_count_of(wanted, kShapLanes) * kShapLanes, kShapLanes, kShapRows);
}

// Working memory of one thread.
class BlockExplainer {
 public:
  BlockExplainer(const TreeShapProblem& problem, const TreeShapArgs& args)
      : problem_(problem), args_(args), features_(problem.feature_count) {}

  // Adds to the rows of `range`, at most kShapRows, unless `stop` asks.
  void explain(const ChunkRange& range, const StopToken* stop) {
    reserve();
    load(range);
    for (int64_t tree = 0; tree < problem_.tree_count; ++tree) {
      if (stop != nullptr && stop->requested()) return;
      const kernels::ShapTree& shape = args_.shap.trees[tree];
      const Steps steps(args_.shap.steps + args_.forest.node_offsets[tree],
                        static_cast<size_t>(shape.step_count));
      if (steps.size() == 1) continue;
      mark_steps(steps, tree);
      for (int64_t q = 0; q < shape.point_count; q += kGroup) {
        const Group group{shape.point_offset + q, std::min(kGroup, shape.point_count - q)};
        number_steps(steps, group);
        walk(steps, tree, group);
      }
    }
    store(range);
  }

 private:
  using Steps = std::span<const ShapStep>;
  struct Group {  // of points
    int64_t begin;
    int64_t count;
  };

  void reserve() {
    const auto nodes = static_cast<size_t>(problem_.most_nodes);
    const size_t levels = static_cast<size_t>(problem_.most_depth + 1) * kGroup * kShapLanes;
    met_.resize(nodes);
    left_.resize(nodes);
    terms_.resize(nodes);
    numbers_.resize(nodes);
    products_.resize(levels);
    factors_.resize(levels);
    sums_.resize(levels * static_cast<size_t>(problem_.leaf_width));
    tile_.resize(static_cast<size_t>(features_ * kShapRows));
    out_.resize(static_cast<size_t>(problem_.output_count * features_ * kShapRows));
  }

  // The rows' bins and what is added to, a row a lane. Lanes behind the last repeat it.
  void load(const ChunkRange& range) {
    row_count_ = range.end - range.begin;
    for (int64_t i = 0; i < kShapRows; ++i) {
      const int64_t place = range.begin + std::min(i, row_count_ - 1);
      const int64_t row = args_.rows == nullptr ? place : int64_t{args_.rows[place]};
      for (int32_t f = 0; f < features_; ++f) {
        tile_[static_cast<size_t>(f * kShapRows + i)] =
            args_.bins.bins[args_.bins.cell_offset(row, f)];
      }
    }
    const int64_t numbers = problem_.output_count * features_;
    for (int64_t i = 0; i < row_count_; ++i) {
      const double* source = args_.out + (range.begin + i) * numbers;
      for (int64_t n = 0; n < numbers; ++n)
        out_[static_cast<size_t>(n * kShapRows + i)] = source[n];
    }
  }

  void store(const ChunkRange& range) {
    const int64_t numbers = problem_.output_count * features_;
    for (int64_t i = 0; i < row_count_; ++i) {
      double* target = args_.out + (range.begin + i) * numbers;
      for (int64_t n = 0; n < numbers; ++n)
        target[n] = out_[static_cast<size_t>(n * kShapRows + i)];
    }
  }

  uint64_t left_at(const kernels::TreeNode& split, const kernels::CategorySet* sets) const {
    const uint8_t* bins = tile_.data() + split.feature * kShapRows;
    if (split.category_set < 0) {
      return HWY_DYNAMIC_DISPATCH(rows_left)(bins, split.threshold, split.missing_left != 0);
    }
    uint64_t bits = 0;
    for (int64_t i = 0; i < kShapRows; ++i) {
      bits |= uint64_t{kernels::goes_left(split, sets, bins[i])} << i;
    }
    return bits;
  }

  // o of every node and row.
  void mark_steps(Steps steps, int64_t tree) {
    const kernels::TreeNode* nodes = args_.forest.nodes + args_.forest.node_offsets[tree];
    const kernels::CategorySet* sets =
        args_.forest.category_sets + args_.forest.category_set_offsets[tree];
    met_[0] = ~uint64_t{0};
    for (size_t place = 1; place < steps.size(); ++place) {
      const ShapStep& step = steps[place];
      const bool is_left = step.is_left(static_cast<int64_t>(place));
      uint64_t& left = left_[static_cast<size_t>(step.above)];
      if (is_left) left = left_at(nodes[step.parent], sets);  // its sibling comes later
      met_[place] = met_[static_cast<size_t>(step.before)] & (is_left ? left : ~left);
    }
  }

  void number_steps(Steps steps, const Group& group) {
    NodeNumbering numbering{steps, {}, {}, terms_.data(), numbers_.data()};
    // Places without a point have numbers that nothing reads.
    std::fill_n(numbering.points, kGroup, 0.5);
    std::copy_n(args_.shap.points + group.begin, group.count, numbering.points);
    std::copy_n(args_.shap.weights + group.begin, group.count, numbering.weights);
    NodeTerms& root = terms_.front();
    std::fill_n(root.missed_r, kGroup, 1.0);
    std::fill_n(root.missed_g, kGroup, 0.0);
    std::fill_n(root.met_r, kGroup, 1.0);
    std::fill_n(root.met_g, kGroup, 0.0);
    HWY_DYNAMIC_DISPATCH(number_nodes)(numbering);
  }

  void walk(Steps steps, int64_t tree, const Group& group) {
    const int64_t first = tree * problem_.leaf_width % problem_.output_count;
    LaneWalk walk{};
    walk.steps = steps.data();
    walk.step_count = static_cast<int32_t>(steps.size());
    walk.group = static_cast<int32_t>(group.count);
    walk.width = problem_.leaf_width;
    walk.numbers = numbers_.data();
    walk.met = met_.data();
    walk.leaf_values =
        args_.forest.leaf_values + args_.forest.leaf_offsets[tree] * problem_.leaf_width;
    walk.products = products_.data();
    walk.factors = factors_.data();
    walk.sums = sums_.data();
    walk.feature_count = features_;
    for (int64_t lane = 0; lane < row_count_; lane += kShapLanes) {
      walk.first_lane = static_cast<int32_t>(lane);
      walk.lane_count = static_cast<int32_t>(std::min(kShapLanes, row_count_ - lane));
      walk.out = out_.data() + first * features_ * kShapRows + lane;
      HWY_DYNAMIC_DISPATCH(walk_lanes)(walk);
    }
  }

  const TreeShapProblem& problem_;
  const TreeShapArgs& args_;
  int64_t features_;
  int64_t row_count_ = 0;
  std::vector<uint64_t> met_;
  std::vector<uint64_t> left_;  // of the splits
  std::vector<NodeTerms> terms_;
  std::vector<NodeNumbers> numbers_;
  std::vector<double> products_;
  std::vector<double> factors_;
  std::vector<double> sums_;
  std::vector<uint8_t> tile_;  // [features, kShapRows]
  std::vector<double> out_;    // [outputs, features, kShapRows]
};

Status explain_trees(const OpContext& context, const TreeShapProblem& problem,
                     const TreeShapArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.feature_count == 0 || problem.tree_count == 0) return {};
  if (problem.row_count == 1) return explain_row(context, problem, args);
  const int64_t block_rows = block_rows_of(problem);
  std::vector<BlockExplainer> explainers(static_cast<size_t>(context.executor->thread_count()),
                                         BlockExplainer(problem, args));
  ASSAY_RETURN_IF_ERROR(for_chunks(
      context, chunk_count_of(problem.row_count, block_rows), [&](int64_t chunk, int thread) {
        explainers[static_cast<size_t>(thread)].explain(
            chunk_range(problem.row_count, block_rows, chunk), context.stop);
      }));
  if (context.stop != nullptr && context.stop->requested()) {
    return fail(StatusCode::kCancelled, "tree_shap was stopped");
  }
  return {};
}

Status run_shap(const OpContext& context, const TreeShapProblem& problem,
                const TreeShapArgs& args) {
  try {
    return explain_trees(context, problem, args);
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "tree_shap: no memory for {} trees",
                problem.tree_count);
  }
}

std::optional<std::string> decline_shap(const kernels::DeviceInfo&, const TreeShapProblem&) {
  return std::nullopt;
}

double shap_cost(const kernels::DeviceInfo&, const TreeShapProblem& problem) {
  return static_cast<double>(problem.row_count) * static_cast<double>(problem.work);
}

}  // namespace

void register_tree_shap(kernels::KernelSet& kernels) {
  kernels.table<kernels::TreeShap>().add({"cpu.rows", "cpu", decline_shap, shap_cost, run_shap});
}

}  // namespace assay::backends::cpu
#endif
