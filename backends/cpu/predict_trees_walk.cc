#include "backends/cpu/predict_trees_walk.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/predict_trees_walk.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target
//
#include <hwy/highway.h>

#include "backends/cpu/predict_trees_sweep_simd.h"

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using I32 = hn::ScalableTag<int32_t>;
using U32 = hn::ScalableTag<uint32_t>;
using VI = hn::Vec<I32>;
using VU = hn::Vec<U32>;

constexpr int32_t kVectors = 4;  // walked together, to have work while loads are on their way

// One tree, as the steps read it.
struct Walk {
  const uint32_t* short_nodes;
  const uint32_t* rules;
  const uint32_t* pairs;
  const int32_t* leaves;
  const uint32_t* sets;
  const uint8_t* tile;
};

HWY_INLINE VU gather_words(const uint32_t* words, VI index) {
  return hn::GatherIndex(U32(), words, index);
}

// The byte at each offset.
HWY_INLINE VU gather_bins(const uint8_t* tile, VI offsets) {
  const U32 u;
#if HWY_TARGET <= HWY_AVX2
  const VU words =
      hn::GatherOffset(u, reinterpret_cast<const uint32_t*>(tile), offsets);  // any alignment
  return hn::And(words, hn::Set(u, 255));
#else
  const I32 d;
  HWY_ALIGN int32_t places[HWY_MAX_BYTES / sizeof(int32_t)];
  HWY_ALIGN uint32_t bins[HWY_MAX_BYTES / sizeof(int32_t)];
  hn::Store(offsets, d, places);
  for (size_t i = 0; i < hn::Lanes(d); ++i) bins[i] = tile[places[i]];
  return hn::Load(u, bins);
#endif
}

// The sides of categorical lanes from their sets, those of the others from `right`.
HWY_INLINE VU choose_sets(const Walk& walk, VI node, VU rule, VU bins, VU right) {
  const U32 u;
  const I32 d;
  const auto categorical = hn::Ne(hn::And(rule, hn::Set(u, 1u << 31)), hn::Zero(u));
  if (hn::AllFalse(u, categorical)) return right;
  const VU set = gather_words(reinterpret_cast<const uint32_t*>(walk.leaves), node);
  const VU word_index = hn::Add(hn::ShiftLeft<3>(set), hn::ShiftRight<5>(bins));
  const VU safe = hn::IfThenElseZero(categorical, word_index);
  const VU words = gather_words(walk.sets, hn::BitCast(d, safe));
  const VU bits = hn::Shr(words, hn::And(bins, hn::Set(u, 31)));
  const VU outside = hn::AndNot(bits, hn::Set(u, 1));  // 1 where the bin is not in the set
  return hn::IfThenElse(categorical, outside, right);
}

// From a node to a child, or from a leaf to itself.
template <bool kShort, bool kSets>
HWY_INLINE VI step(const Walk& walk, VI row_offset, VI node) {
  const U32 u;
  const I32 d;
  VU rule;
  VU pair;
  VU feature;
  if constexpr (kShort) {
    rule = gather_words(walk.short_nodes, node);
    pair = hn::ShiftRight<20>(rule);
    feature = hn::And(hn::ShiftRight<9>(rule), hn::Set(u, 0x7ff));
  } else {
    rule = gather_words(walk.rules, node);
    pair = gather_words(walk.pairs, node);
    feature = hn::And(hn::ShiftRight<9>(rule), hn::Set(u, 0x3fffff));
  }
  const VU bins = gather_bins(walk.tile, hn::Add(row_offset, hn::BitCast(d, feature)));
  const VU shift = hn::And(hn::ShiftRight<8>(rule), hn::Set(u, 1));
  const VU shifted = hn::And(hn::Sub(bins, shift), hn::Set(u, 255));
  const VU limit = hn::And(rule, hn::Set(u, 255));
  // limit - shifted is negative where the row goes right: its sign bit is the side.
  VU right = hn::ShiftRight<31>(hn::Sub(limit, shifted));
  if constexpr (kSets) right = choose_sets(walk, node, rule, bins, right);
  const VU next = hn::Sub(hn::Add(hn::Add(pair, pair), right), hn::Set(u, 1));
  return hn::BitCast(d, next);
}

// The leaf number of every row.
template <bool kShort, bool kSets>
void find_leaves(const Walk& walk, int32_t depth, const WalkBlock& block) {
  const I32 d;
  const auto lanes = static_cast<int32_t>(hn::Lanes(d));
  const VI lane_offset = hn::Mul(hn::Iota(d, 0), hn::Set(d, block.stride));
  for (int32_t row = 0; row < block.row_count; row += kVectors * lanes) {
    const auto offset = [&](int32_t k) HWY_ATTR {
      return hn::Add(lane_offset, hn::Set(d, (row + k * lanes) * block.stride));
    };
    const VI offset0 = offset(0);
    const VI offset1 = offset(1);
    const VI offset2 = offset(2);
    const VI offset3 = offset(3);
    VI node0 = hn::Zero(d);
    VI node1 = node0;
    VI node2 = node0;
    VI node3 = node0;
    for (int32_t level = 0; level < depth; ++level) {
      const VI next0 = step<kShort, kSets>(walk, offset0, node0);
      const VI next1 = step<kShort, kSets>(walk, offset1, node1);
      const VI next2 = step<kShort, kSets>(walk, offset2, node2);
      const VI next3 = step<kShort, kSets>(walk, offset3, node3);
      const VI moved = hn::Or(hn::Or(hn::Xor(next0, node0), hn::Xor(next1, node1)),
                              hn::Or(hn::Xor(next2, node2), hn::Xor(next3, node3)));
      node0 = next0;
      node1 = next1;
      node2 = next2;
      node3 = next3;
      if (hn::AllTrue(d, hn::Eq(moved, hn::Zero(d)))) break;
    }
    int32_t* leaves = block.leaves + row;
    hn::StoreU(hn::GatherIndex(d, walk.leaves, node0), d, leaves);
    hn::StoreU(hn::GatherIndex(d, walk.leaves, node1), d, leaves + lanes);
    hn::StoreU(hn::GatherIndex(d, walk.leaves, node2), d, leaves + 2 * lanes);
    hn::StoreU(hn::GatherIndex(d, walk.leaves, node3), d, leaves + 3 * lanes);
  }
}

// sums[r] += values[leaf of r * width], in doubles.
void add_values(const float* values, int32_t width, const WalkBlock& block, double* sums) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const hn::Rebind<int32_t, decltype(d)> di;
  for (int32_t row = 0; row < block.row_count; row += static_cast<int32_t>(hn::Lanes(d))) {
    auto index = hn::LoadU(di, block.leaves + row);
    if (width != 1) index = hn::Mul(index, hn::Set(di, width));
    const auto leaf = hn::PromoteTo(d, hn::GatherIndex(df, values, index));
    hn::StoreU(hn::Add(hn::LoadU(d, sums + row), leaf), d, sums + row);
  }
}

// One tree that sweeps. With one value a leaf the sums are updated on the way, else the leaves are
// noted in the block.
void sweep_tree(const PackedTrees& packed, const PackedTree& tree,
                const kernels::ForestView& forest, const WalkBlock& block, double* sums) {
  const auto leaf_count = static_cast<size_t>(tree.leaf_count());
  const float* values = forest.leaf_values + tree.first_leaf * forest.leaf_width;
  const int32_t* numbers = packed.leaf_numbers.data() + tree.first_leaf_node;
  HWY_ALIGN float own_values[kSweepLeaves];  // by place among the tree's leaves
  if (sums != nullptr) {
    for (size_t i = 0; i < leaf_count; ++i) own_values[i] = values[numbers[i]];
    std::fill(own_values + leaf_count, own_values + kSweepLeaves, 0.0f);
  }
  for (int32_t row = 0; row < block.row_count; row += kSweepRows) {
    const Sweep sweep{packed.splits.data() + tree.first_split,
                      static_cast<size_t>(tree.split_count()),
                      packed.leaf_nodes.data() + tree.first_leaf_node,
                      leaf_count,
                      forest.category_sets + tree.first_set,
                      block.planes + row,
                      static_cast<size_t>(block.row_count)};
    HWY_ALIGN uint8_t leaves[kSweepRows] = {};
    sweep_rows(sweep, leaves);
    if (sums != nullptr) {
      add_swept(own_values, leaf_count, leaves, sums + row);
    } else {
      for (int32_t i = 0; i < kSweepRows; ++i) block.leaves[row + i] = numbers[leaves[i]];
    }
  }
}

void walk_all(const PackedTrees& packed, const kernels::ForestView& forest, const WalkRange& range,
              const WalkBlock& block) {
  for (size_t t = range.first; t < range.last; ++t) {
    const PackedTree& tree = packed.trees[t];
    const int64_t number = range.tree_begin + static_cast<int64_t>(t);
    const int64_t output = number * forest.leaf_width % forest.output_count;
    double* sums = block.sums + output * block.row_count;
    if (tree.sweeps && forest.leaf_width == 1) {
      sweep_tree(packed, tree, forest, block, sums);
      continue;
    }
    const bool is_short = !packed.short_nodes.empty();
    const Walk walk{is_short ? packed.short_nodes.data() + tree.first_node : nullptr,
                    packed.rules.data() + tree.first_node,
                    packed.pairs.data() + tree.first_node,
                    packed.leaves.data() + tree.first_node,
                    reinterpret_cast<const uint32_t*>(forest.category_sets + tree.first_set),
                    block.tile};
    if (tree.sweeps) {
      sweep_tree(packed, tree, forest, block, nullptr);
    } else if (is_short) {
      find_leaves<true, false>(walk, tree.depth, block);
    } else if (tree.has_sets) {
      find_leaves<false, true>(walk, tree.depth, block);
    } else {
      find_leaves<false, false>(walk, tree.depth, block);
    }
    const float* values = forest.leaf_values + tree.first_leaf * forest.leaf_width;
    for (int32_t k = 0; k < forest.leaf_width; ++k) {
      add_values(values + k, forest.leaf_width, block, sums + k * block.row_count);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

HWY_EXPORT(walk_all);

}  // namespace

void walk_trees(const PackedTrees& packed, const kernels::ForestView& forest,
                const WalkRange& range, const WalkBlock& block) {
  HWY_DYNAMIC_DISPATCH(walk_all)(packed, forest, range, block);
}

}  // namespace assay::backends::cpu
#endif  // HWY_ONCE
