#include "backends/cpu/grow_tree_numbers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "kernels/tree_rules.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/grow_tree_numbers.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kBatch = 128;             // rows
constexpr uint32_t kBatchBlocks = kBatch;  // Philox blocks of four rows that a batch may span
constexpr size_t kPad = HWY_MAX_BYTES / sizeof(uint64_t);

// Whether ascending rows have no gaps. Not empty.
inline bool is_run(std::span<const uint32_t> rows) {
  return rows.back() - rows.front() == rows.size() - 1;
}

// A batch of rows on its way.
struct Batch {
  HWY_ALIGN uint64_t blocks[2 * (kBatchBlocks + kPad)];  // four words each
  HWY_ALIGN float values[2][kBatch + kPad];              // gradients or weights; hessians
  HWY_ALIGN double offsets[kBatch + kPad];               // class mode: the draws, in [0, 1)
  HWY_ALIGN int32_t rounded[kBatch + kPad];              // class mode: the weights
  HWY_ALIGN uint32_t words[kBatch + kPad];               // 32 random bits of each row
  HWY_ALIGN uint32_t packed[kBatch + kPad];              // gradient mode: the results
};

// Philox4x32-10 of counters (first + i, 0, 0, 1), two words to each of `blocks`.
#if HWY_TARGET == HWY_SCALAR
void draw_blocks(uint64_t seed, uint32_t first, uint32_t count, uint64_t* blocks) {
  for (uint32_t i = 0; i < count; ++i) {
    const std::array<uint32_t, 4> words = philox_block(
        {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}, {first + i, 0, 0, 1});
    blocks[2 * i] = words[0] | (uint64_t{words[1]} << 32);
    blocks[2 * i + 1] = words[2] | (uint64_t{words[3]} << 32);
  }
}
#else
// A block to each 64-bit lane, whose low half counts.
void draw_blocks(uint64_t seed, uint32_t first, uint32_t count, uint64_t* blocks) {
  const hn::ScalableTag<uint64_t> d;
  const hn::Repartition<uint32_t, decltype(d)> d32;
  const auto low_mask = hn::Set(d, 0xffffffff);
  const auto multiply = [&](auto lanes, uint64_t factor) HWY_ATTR {
    return hn::MulEven(hn::BitCast(d32, lanes), hn::BitCast(d32, hn::Set(d, factor)));
  };
  for (uint32_t i = 0; i < count; i += static_cast<uint32_t>(hn::Lanes(d))) {
    auto c0 = hn::Add(hn::Iota(d, 0), hn::Set(d, uint64_t{first} + i));
    auto c1 = hn::Zero(d);
    auto c2 = hn::Zero(d);
    auto c3 = hn::Set(d, 1);
    auto k0 = static_cast<uint32_t>(seed);
    auto k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const auto p0 = multiply(c0, 0xD2511F53);
      const auto p1 = multiply(c2, 0xCD9E8D57);
      c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d, k0));
      c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d, k1));
      c1 = hn::And(p1, low_mask);
      c3 = hn::And(p0, low_mask);
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    const auto first_two = hn::Or(hn::And(c0, low_mask), hn::ShiftLeft<32>(c1));
    const auto last_two = hn::Or(hn::And(c2, low_mask), hn::ShiftLeft<32>(c3));
    hn::StoreInterleaved2(first_two, last_two, d, blocks + 2 * i);
  }
}
#endif

// Fills batch.words.
void draw_words(uint64_t seed, std::span<const uint32_t> rows, Batch& batch) {
  uint32_t* words = batch.words;
  const uint32_t first = rows.front() / 4;
  const uint32_t span = rows.back() / 4 - first + 1;
  if (span > kBatchBlocks) {  // rows far apart
    for (size_t i = 0; i < rows.size(); ++i) words[i] = kernels::rounding_word(seed, rows[i]);
    return;
  }
  draw_blocks(seed, first, span, batch.blocks);
  if (std::endian::native == std::endian::little && is_run(rows)) {
    // The words of blocks follow one another.
    std::memcpy(words, reinterpret_cast<const uint32_t*>(batch.blocks) + rows.front() % 4,
                rows.size_bytes());
    return;
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const uint64_t pair = batch.blocks[2 * (rows[i] / 4 - first) + rows[i] % 4 / 2];
    words[i] = static_cast<uint32_t>(pair >> (rows[i] % 2 * 32));
  }
}

// floor(values * scale + offsets), a batch long.
void round_values(const float* values, const double* offsets, double scale, int32_t* rounded) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const hn::Rebind<int32_t, decltype(d)> di;
  for (size_t i = 0; i < kBatch; i += hn::Lanes(d)) {
    const auto x = hn::PromoteTo(d, hn::Load(df, values + i));
    const auto sum = hn::Add(hn::Mul(x, hn::Set(d, scale)), hn::Load(d, offsets + i));
    hn::Store(hn::DemoteTo(di, hn::Floor(sum)), di, rounded + i);
  }
}

// values[i] = source[rows[i]].
void gather(const float* source, std::span<const uint32_t> rows, float* values) {
  if (is_run(rows)) {
    std::copy_n(source + rows.front(), rows.size(), values);
  } else {
    for (size_t i = 0; i < rows.size(); ++i) values[i] = source[rows[i]];
  }
}

// The packed gradients and hessians of a batch: floor(value * scale + draw) each.
void pack_batch(const float* gradients, const float* hessians, const uint32_t* words,
                const GainRules& rules, uint32_t* packed) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const hn::Rebind<int32_t, decltype(d)> di;
  const hn::Rebind<uint32_t, decltype(d)> du;
  const auto scale = hn::Set(d, 1 / rules.unit);
  const auto hessian_scale = hn::Set(d, 1 / rules.hessian_unit);
  const auto step = hn::Set(d, 0x1p-16);
  const auto rounded = [&](const float* values, auto draws, auto factor) HWY_ATTR {
    const auto offset = hn::Mul(hn::PromoteTo(d, hn::BitCast(di, draws)), step);
    const auto x = hn::PromoteTo(d, hn::LoadU(df, values));
    return hn::DemoteTo(di, hn::Floor(hn::Add(hn::Mul(x, factor), offset)));
  };
  for (size_t i = 0; i < kBatch; i += hn::Lanes(d)) {
    const auto word = hn::Load(du, words + i);
    const auto g = rounded(gradients + i, hn::And(word, hn::Set(du, 0xffff)), scale);
    const auto h = rounded(hessians + i, hn::ShiftRight<16>(word), hessian_scale);
    hn::StoreU(hn::BitCast(du, hn::Or(hn::ShiftLeft<16>(g), h)), du, packed + i);
  }
}

void quantise_gradients(const kernels::GrowTreeProblem& problem, const kernels::GrowTreeArgs& args,
                        const GainRules& rules, std::span<const uint32_t> rows, uint32_t* packed) {
  Batch batch;
  std::fill_n(batch.values[0], kBatch, 0.0f);
  std::fill_n(batch.values[1], kBatch, 0.0f);
  std::fill_n(batch.words, kBatch, 0u);
  for (size_t begin = 0; begin < rows.size(); begin += kBatch) {
    const auto part = rows.subspan(begin, std::min(kBatch, rows.size() - begin));
    draw_words(problem.seed, part, batch);
    if (part.size() == kBatch && is_run(part)) {
      const size_t first = part.front();
      pack_batch(args.gradients + first, args.hessians + first, batch.words, rules, packed + first);
      continue;
    }
    gather(args.gradients, part, batch.values[0]);
    gather(args.hessians, part, batch.values[1]);
    pack_batch(batch.values[0], batch.values[1], batch.words, rules, batch.packed);
    for (size_t i = 0; i < part.size(); ++i) packed[part[i]] = batch.packed[i];
  }
}

void quantise_weights(const kernels::GrowTreeProblem& problem, const kernels::GrowTreeArgs& args,
                      const GainRules& rules, std::span<const uint32_t> rows, uint32_t* packed) {
  Batch batch;
  std::fill_n(batch.values[0], kBatch, 1.0f);  // the weight of rows without weights
  std::fill_n(batch.offsets, kBatch, 0.0);
  for (size_t begin = 0; begin < rows.size(); begin += kBatch) {
    const auto part = rows.subspan(begin, std::min(kBatch, rows.size() - begin));
    draw_words(problem.seed, part, batch);
    for (size_t i = 0; i < part.size(); ++i) {
      batch.offsets[i] = (batch.words[i] & 0xffff) * 0x1p-16;
    }
    if (args.weights != nullptr) gather(args.weights, part, batch.values[0]);
    round_values(batch.values[0], batch.offsets, 1 / rules.unit, batch.rounded);
    for (size_t i = 0; i < part.size(); ++i) {
      packed[part[i]] = (static_cast<uint32_t>(batch.rounded[i]) << 16) |
                        static_cast<uint32_t>(args.classes[part[i]]);
    }
  }
}

void quantise(const kernels::GrowTreeProblem& problem, const kernels::GrowTreeArgs& args,
              const GainRules& rules, std::span<const uint32_t> rows, uint32_t* packed) {
  if (rules.class_mode) {
    quantise_weights(problem, args, rules, rows, packed);
  } else {
    quantise_gradients(problem, args, rules, rows, packed);
  }
}

void encode(const float* values, std::span<const uint32_t> rows, double scale, int64_t* terms) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const hn::Rebind<int64_t, decltype(d)> di;
  HWY_ALIGN float gathered[HWY_MAX_BYTES / sizeof(double)];
  HWY_ALIGN int64_t rounded[HWY_MAX_BYTES / sizeof(double)];
  const size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, scale);
  const auto round = [&](const float* x) HWY_ATTR {
    return hn::ConvertTo(di, hn::Round(hn::Mul(hn::PromoteTo(d, hn::LoadU(df, x)), factor)));
  };
  size_t begin = 0;
  if (is_run(rows)) {
    for (; begin + lanes <= rows.size(); begin += lanes) {
      hn::StoreU(round(values + rows[begin]), di, terms + begin);
    }
  }
  for (; begin < rows.size(); begin += lanes) {
    const size_t count = std::min(lanes, rows.size() - begin);
    for (size_t i = 0; i < count; ++i) gathered[i] = values[rows[begin + i]];
    std::fill(gathered + count, gathered + lanes, 0.0f);
    hn::Store(round(gathered), di, rounded);
    std::copy_n(rounded, count, terms + begin);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

HWY_EXPORT(quantise);
HWY_EXPORT(encode);

}  // namespace

void quantise_span(const kernels::GrowTreeProblem& problem, const kernels::GrowTreeArgs& args,
                   const GainRules& rules, std::span<const uint32_t> rows, uint32_t* packed) {
  HWY_DYNAMIC_DISPATCH(quantise)(problem, args, rules, rows, packed);
}

void encode_span(const float* values, std::span<const uint32_t> rows, double scale,
                 int64_t* terms) {
  HWY_DYNAMIC_DISPATCH(encode)(values, rows, scale, terms);
}

}  // namespace assay::backends::cpu
#endif  // HWY_ONCE
