// The sweep of prediction, for trees of few leaves: 64 rows go through a tree at once, as a mask of
// rows for each node. A split compares one byte of each row, and cuts its mask in two; no row's
// path is followed, and nothing is gathered. At the end each leaf writes its number to its rows.
//
// Cost: every split and leaf of the tree is visited, a few instructions each, whatever the rows.
// Included once for each target by predict_trees_walk.cc.
#if defined(ASSAY_BACKENDS_CPU_PREDICT_TREES_SWEEP_SIMD_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_BACKENDS_CPU_PREDICT_TREES_SWEEP_SIMD_H_
#undef ASSAY_BACKENDS_CPU_PREDICT_TREES_SWEEP_SIMD_H_
#else
#define ASSAY_BACKENDS_CPU_PREDICT_TREES_SWEEP_SIMD_H_
#endif

#include <hwy/highway.h>

#include <cstring>

#include "backends/cpu/predict_trees_walk.h"

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int32_t kSweepRows = 64;

// A tree and the planes of 64 rows.
struct Sweep {
  const SweepSplit* splits;
  size_t split_count;
  const uint16_t* leaf_nodes;
  size_t leaf_count;
  const kernels::CategorySet* sets;
  const uint8_t* planes;  // of the first row
  size_t stride;          // from one feature to the next
};

#if HWY_TARGET == HWY_SCALAR

inline uint64_t right_rows(const Sweep& sweep, const SweepSplit& split) {
  const uint8_t* bins = sweep.planes + split.feature * sweep.stride;
  uint64_t right = 0;
  for (int32_t i = 0; i < kSweepRows; ++i) {
    const bool goes = split.set >= 0 ? !sweep.sets[split.set].contains(bins[i])
                                     : static_cast<uint8_t>(bins[i] - split.shift) > split.limit;
    right |= uint64_t{goes ? 1u : 0u} << i;
  }
  return right;
}

inline void write_leaves(const Sweep& sweep, const uint64_t* reach, uint8_t* leaves) {
  for (size_t leaf = 0; leaf < sweep.leaf_count; ++leaf) {
    for (int32_t i = 0; i < kSweepRows; ++i) {
      if (((reach[sweep.leaf_nodes[leaf]] >> i) & 1) != 0) leaves[i] = static_cast<uint8_t>(leaf);
    }
  }
}

#else

using U8 = hn::CappedTag<uint8_t, kSweepRows>;

// Bit i: row i goes right.
template <class Right>
HWY_INLINE uint64_t rows_where(const uint8_t* bins, Right right) {
  const U8 d;
  uint8_t bits[sizeof(uint64_t)];
  for (size_t i = 0; i < kSweepRows; i += hn::Lanes(d)) {
    hn::StoreMaskBits(d, right(hn::LoadU(d, bins + i)), bits + i / 8);
  }
  uint64_t mask;
  std::memcpy(&mask, bits, sizeof(mask));
  return mask;
}

// Rows whose bin is not in the set: its 32 bytes are looked up in two halves, the bit in another.
HWY_INLINE uint64_t outside_set(const kernels::CategorySet& set, const uint8_t* bins) {
  const U8 d;
  HWY_ALIGN static constexpr uint8_t kBits[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                                  1, 2, 4, 8, 16, 32, 64, 128};
  const auto* bytes = reinterpret_cast<const uint8_t*>(set.words.data());
  HWY_ALIGN uint8_t copy[32];
  std::memcpy(copy, bytes, sizeof(copy));
  const auto low = hn::LoadDup128(d, copy);
  const auto high = hn::LoadDup128(d, copy + 16);
  const auto bit_table = hn::LoadDup128(d, kBits);
  return rows_where(bins, [&](auto bin) HWY_ATTR {
    const auto byte = hn::ShiftRight<3>(bin);
    const auto place = hn::And(byte, hn::Set(d, 15));
    const auto in_low = hn::Eq(place, byte);
    const auto found =
        hn::IfThenElse(in_low, hn::TableLookupBytes(low, place), hn::TableLookupBytes(high, place));
    const auto bit = hn::TableLookupBytes(bit_table, hn::And(bin, hn::Set(d, 7)));
    return hn::Eq(hn::And(found, bit), hn::Zero(d));
  });
}

HWY_INLINE uint64_t right_rows(const Sweep& sweep, const SweepSplit& split) {
  const U8 d;
  const uint8_t* bins = sweep.planes + split.feature * sweep.stride;
  if (HWY_UNLIKELY(split.set >= 0)) return outside_set(sweep.sets[split.set], bins);
  const auto shift = hn::Set(d, split.shift);
  const auto limit = hn::Set(d, split.limit);
  return rows_where(bins, [&](auto bin) HWY_ATTR { return hn::Gt(hn::Sub(bin, shift), limit); });
}

HWY_INLINE void write_leaves(const Sweep& sweep, const uint64_t* reach, uint8_t* leaves) {
  const U8 d;
  for (size_t i = 0; i < kSweepRows; i += hn::Lanes(d)) {
    auto numbers = hn::Zero(d);
    for (size_t leaf = 1; leaf < sweep.leaf_count; ++leaf) {
      const auto* bits = reinterpret_cast<const uint8_t*>(reach + sweep.leaf_nodes[leaf]) + i / 8;
      numbers = hn::IfThenElse(hn::LoadMaskBits(d, bits), hn::Set(d, static_cast<uint8_t>(leaf)),
                               numbers);
    }
    hn::StoreU(numbers, d, leaves + i);
  }
}

#endif

// The leaf number of each of the 64 rows.
HWY_INLINE void sweep_rows(const Sweep& sweep, uint8_t* leaves) {
  uint64_t reach[2 * kSweepLeaves];
  reach[0] = ~uint64_t{0};
  for (size_t k = 0; k < sweep.split_count; ++k) {
    const SweepSplit& split = sweep.splits[k];
    const uint64_t right = right_rows(sweep, split);
    const uint64_t here = reach[split.node];
    reach[2 * k + 1] = here & ~right;
    reach[2 * k + 2] = here & right;
  }
  write_leaves(sweep, reach, leaves);
}

// Values that fit a few vectors are looked up in registers.
constexpr size_t kTables = 4;
constexpr size_t kMaxLanes = HWY_MAX_BYTES / sizeof(float);

// sums[i] += values[leaves[i]] for 64 rows. `values` has kTables whole vectors if there are at most
// so many leaves.
HWY_INLINE void add_swept(const float* values, [[maybe_unused]] size_t leaf_count,
                          const uint8_t* leaves, double* sums) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const hn::Rebind<int32_t, decltype(d)> di;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<float> full;
  const hn::RebindToSigned<decltype(full)> ints;
  const hn::Rebind<uint8_t, decltype(full)> bytes;
  const size_t lanes = hn::Lanes(full);
  if (lanes >= 8 && leaf_count <= kTables * lanes) {
    HWY_ALIGN float found[kSweepRows];
    for (size_t i = 0; i < kSweepRows; i += lanes) {
      const auto leaf = hn::PromoteTo(ints, hn::LoadU(bytes, leaves + i));
      const auto last = hn::Set(ints, static_cast<int32_t>(lanes - 1));
      const auto place = hn::IndicesFromVec(full, hn::And(leaf, last));
      const auto table = hn::AndNot(last, leaf);  // its first number
      auto value = hn::TableLookupLanes(hn::LoadU(full, values), place);
      for (size_t first = lanes; first < leaf_count; first += lanes) {
        const auto own = hn::Eq(table, hn::Set(ints, static_cast<int32_t>(first)));
        const auto other = hn::TableLookupLanes(hn::LoadU(full, values + first), place);
        value = hn::IfThenElse(hn::RebindMask(full, own), other, value);
      }
      hn::Store(value, full, found + i);
    }
    for (size_t i = 0; i < kSweepRows; i += hn::Lanes(d)) {
      const auto value = hn::PromoteTo(d, hn::LoadU(df, found + i));
      hn::StoreU(hn::Add(hn::LoadU(d, sums + i), value), d, sums + i);
    }
    return;
  }
#endif
  for (size_t i = 0; i < kSweepRows; i += hn::Lanes(d)) {
    HWY_ALIGN int32_t index[kMaxLanes];
    for (size_t k = 0; k < hn::Lanes(d); ++k) index[k] = leaves[i + k];
    const auto value = hn::PromoteTo(d, hn::GatherIndex(df, values, hn::Load(di, index)));
    hn::StoreU(hn::Add(hn::LoadU(d, sums + i), value), d, sums + i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard, once a target
