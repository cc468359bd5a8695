#include "automl/learners/goss.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

// A chunk.
constexpr int64_t kSelectRows = 8192;
constexpr int64_t kGrownWords = 64;

// Of the bits of a float >= 0, which are in the order of the numbers; the sign is left out.
struct Digit {
  int shift;
  int bits;
};
constexpr std::array<Digit, 3> kDigits = {{{20, 11}, {10, 10}, {0, 10}}};

}  // namespace

Result<GossDraw> GossDraw::make(std::span<const uint32_t> rows, std::span<const float> sizes,
                                const GossShares& shares, uint64_t seed, Executor& executor) {
  GossDraw draw(rows, sizes);
  draw.factor_ = (1 - shares.top) / shares.other;
  draw.key_ = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  const double share = shares.top < 1 ? shares.other / (1 - shares.top) : 0;
  draw.limit_ = static_cast<uint64_t>(std::min(share, 1.0) * 4294967296.0);
  const auto count = static_cast<int64_t>(rows.size());
  const auto kept = std::min<int64_t>(std::llround(shares.top * static_cast<double>(count)), count);
  draw.least_ = std::numeric_limits<float>::infinity();
  if (kept > 0) ASSAY_RETURN_IF_ERROR(draw.find_least(kept, executor));
  return draw;
}

// The kept-th greatest, digit by digit: of the numbers with the digits found so far, how many have
// each next one.
Status GossDraw::find_least(int64_t kept, Executor& executor) {
  const auto count = static_cast<int64_t>(sizes_.size());
  std::vector<std::vector<int64_t>> counts(static_cast<size_t>(executor.thread_count()));
  uint32_t found = 0;
  uint32_t mask = 0;
  int64_t same = 0;
  for (const Digit digit : kDigits) {
    const uint32_t most = (uint32_t{1} << digit.bits) - 1;
    for (std::vector<int64_t>& mine : counts) mine.clear();
    ASSAY_RETURN_IF_ERROR(
        executor.parallel_for(chunk_count_of(count, kSelectRows), [&](int64_t chunk, int thread) {
          std::vector<int64_t>& mine = counts[static_cast<size_t>(thread)];
          mine.resize(size_t{most} + 1);
          const auto [begin, end] = chunk_range(count, kSelectRows, chunk);
          for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
            const auto bits = std::bit_cast<uint32_t>(sizes_[i]);
            if ((bits & mask) == found) ++mine[bits >> digit.shift & most];
          }
        }));
    uint32_t value = most + 1;
    for (same = 0; same < kept;) {
      kept -= same;
      --value;
      same = 0;
      for (const std::vector<int64_t>& mine : counts) same += mine.empty() ? 0 : mine[value];
    }
    found |= value << digit.shift;
    mask |= most << digit.shift;
  }
  least_ = std::bit_cast<float>(found);
  tie_end_ = sizes_.size();
  return same > kept ? find_tie(kept, executor) : Status();
}

Status GossDraw::find_tie(int64_t ties, Executor& executor) {
  const auto count = static_cast<int64_t>(sizes_.size());
  std::vector<int64_t> equal(static_cast<size_t>(chunk_count_of(count, kSelectRows)));
  ASSAY_RETURN_IF_ERROR(
      executor.parallel_for(static_cast<int64_t>(equal.size()), [&](int64_t chunk, int) {
        const auto [begin, end] = chunk_range(count, kSelectRows, chunk);
        equal[static_cast<size_t>(chunk)] =
            std::count(sizes_.begin() + begin, sizes_.begin() + end, least_);
      }));
  size_t chunk = 0;
  while (chunk + 1 < equal.size() && equal[chunk] < ties) ties -= equal[chunk++];
  tie_end_ = chunk * static_cast<size_t>(kSelectRows);
  for (; ties > 0 && tie_end_ < sizes_.size(); ++tie_end_)
    ties -= sizes_[tie_end_] == least_ ? 1 : 0;
  return {};
}

// Four rows in sequence share a block of random words.
GossWord GossDraw::word(int64_t begin, int64_t end) const {
  GossWord word;
  std::array<uint32_t, 4> words{};
  uint32_t block = std::numeric_limits<uint32_t>::max();
  for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
    const uint64_t bit = uint64_t{1} << (i - static_cast<size_t>(begin));
    if (sizes_[i] > least_ || (sizes_[i] == least_ && i < tie_end_)) {
      word.chosen |= bit;
      continue;
    }
    const uint32_t row = rows_[i];
    if (row / 4 != block) {
      block = row / 4;
      words = philox_block(key_, {block, 0, 0, 3});
    }
    if (words[row % 4] < limit_) word.drawn |= bit;
  }
  word.chosen |= word.drawn;
  return word;
}

Status grow_drawn(std::span<const uint32_t> rows, std::span<const GossWord> words, double factor,
                  const GossPlane& plane, Executor& executor) {
  const auto grown = [&](float value) {
    constexpr double kMost = std::numeric_limits<float>::max();
    return static_cast<float>(std::clamp(double{value} * factor, -kMost, kMost));
  };
  const auto count = static_cast<int64_t>(words.size());
  struct Most {
    float gradient = 0;
    float hessian = 0;
  };
  std::vector<Most> most(static_cast<size_t>(chunk_count_of(count, kGrownWords)));
  ASSAY_RETURN_IF_ERROR(
      executor.parallel_for(static_cast<int64_t>(most.size()), [&](int64_t chunk, int) {
        Most mine;
        const auto [begin, end] = chunk_range(count, kGrownWords, chunk);
        for (auto w = static_cast<size_t>(begin); w < static_cast<size_t>(end); ++w) {
          for (uint64_t left = words[w].chosen; left != 0; left &= left - 1) {
            const auto bit = static_cast<size_t>(std::countr_zero(left));
            const uint32_t row = rows[64 * w + bit];
            float& gradient = plane.gradients[row];
            float& hessian = plane.hessians[row];
            if ((words[w].drawn >> bit & 1) != 0) {
              gradient = grown(gradient);
              hessian = grown(hessian);
            }
            mine.gradient = std::max(mine.gradient, std::abs(gradient));
            mine.hessian = std::max(mine.hessian, hessian);
          }
        }
        most[static_cast<size_t>(chunk)] = mine;
      }));
  plane.max_abs_gradient = plane.max_hessian = 0;
  for (const Most& some : most) {
    plane.max_abs_gradient = std::max(plane.max_abs_gradient, some.gradient);
    plane.max_hessian = std::max(plane.max_hessian, some.hessian);
  }
  return {};
}

}  // namespace assay::automl
