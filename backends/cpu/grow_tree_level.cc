#include "backends/cpu/grow_tree_level.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/cpu/grow_tree_limits.h"
#include "backends/cpu/grow_tree_scan.h"
#include "kernels/tree_rules.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/grow_tree_level.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target
//
#include <hwy/highway.h>

#include "backends/cpu/grow_tree_gain_simd.h"

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

// gains[i] += the gain of left[i] + `more`, where it is allowed. Both are whole vectors long.
void add_scanned(const GainRules& rules, const LeafBins& leaf, double l2, const int64_t* left,
                 int32_t count, int64_t more, double* gains) {
  const F64 d;
  const U64 u;
  static_assert(HWY_MAX_BYTES / sizeof(double) <= kGainLanes);
  const auto lanes = static_cast<int32_t>(hn::Lanes(d));
  const GradientRules constants = gradient_rules(rules, leaf.node, l2, leaf.score);
  const VU total = hn::Set(u, static_cast<uint64_t>(leaf.node.words[0]));
  const VU added = hn::Set(u, static_cast<uint64_t>(more));
  for (int32_t i = 0; i < count; i += lanes) {
    const VU words = hn::LoadU(u, reinterpret_cast<const uint64_t*>(left) + i);
    const SplitGain split = split_gain(constants, hn::Add(words, added), total);
    const VF gain = hn::IfThenElseZero(split.allowed, split.gain);
    hn::StoreU(hn::Add(hn::LoadU(d, gains + i), gain), d, gains + i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

HWY_EXPORT(add_scanned);

bool has_rows(const int64_t* words, int32_t lanes) {
  return std::any_of(words, words + lanes, [](int64_t word) { return word != 0; });
}

int64_t mass_of_all(const int64_t* words, int32_t lanes) {
  int64_t mass = 0;
  for (int32_t c = 0; c < lanes; ++c) mass += mass_of(words[c]);
  return mass;
}

const int64_t* words_of(const int64_t* sums, int32_t bin, int32_t lanes) {
  return sums + int64_t{bin} * lanes;
}

// One side of a split.
struct Side {
  bool enough = false;  // of mass, rows and weight
  double value = 0;     // with monotone constraints
};

Side side_of(const GainRules& rules, const NodeTotals& node, double l2, const int64_t* words) {
  Side side;
  const int64_t mass = mass_of_all(words, node.lanes);
  if (mass <= 0) return side;
  double weight = 0;
  double rows = 0;
  if (rules.class_mode) {
    for (int32_t c = 0; c < node.lanes; ++c) weight += static_cast<double>(sum_of(words[c]));
    weight *= rules.unit;
    rows = static_cast<double>(mass);
  } else {
    const double share = static_cast<double>(node.row_count) /
                         static_cast<double>(mass_of_all(node.words, node.lanes));
    weight = static_cast<double>(mass) * rules.hessian_unit;
    rows = std::floor(static_cast<double>(mass) * share + 0.5);
  }
  side.enough = rows >= static_cast<double>(rules.params.min_child_samples) &&
                weight >= rules.params.min_child_weight;
  if (rules.monotone != nullptr) {
    const double gradient = static_cast<double>(sum_of(words[0])) * rules.unit;
    const double rest = std::max(std::abs(gradient) - rules.params.l1, 0.0);
    side.value = kernels::limited_value(gradient < 0 ? -rest : rest, weight + l2, node.limits);
  }
  return side;
}

double side_score(const GainRules& rules, const NodeTotals& node, double l2, const int64_t* words) {
  NodeTotals side = node;
  side.words = words;
  return node_score(rules, side, l2);
}

// The split that sends `left` to the left: `split` with its gain and limits, or feature -1.
SplitChoice weigh(const GainRules& rules, const LeafBins& leaf, double l2,
                  const std::vector<int64_t>& left, SplitChoice split) {
  const NodeTotals& node = leaf.node;
  const int32_t feature = std::exchange(split.feature, -1);
  if (!node.limits.allows(rules.interactions, feature)) return split;
  std::vector<int64_t> right(node.words, node.words + node.lanes);
  for (size_t c = 0; c < right.size(); ++c) right[c] -= left[c];
  const Side left_side = side_of(rules, node, l2, left.data());
  const Side right_side = side_of(rules, node, l2, right.data());
  if (!left_side.enough || !right_side.enough) return split;
  if (rules.monotone != nullptr) {
    split.limits.direction = rules.monotone[feature];
    split.limits.middle = (left_side.value + right_side.value) * 0.5;
    if (!kernels::keeps_direction(split.limits.direction, left_side.value, right_side.value)) {
      return split;
    }
  }
  if (rules.interactions != nullptr) split.limits.groups = rules.interactions[feature];
  split.gain =
      (side_score(rules, node, l2, left.data()) + side_score(rules, node, l2, right.data())) -
      leaf.score;
  split.left_heavy = mass_of_all(left.data(), node.lanes) >= mass_of_all(right.data(), node.lanes);
  split.feature = feature;
  return split;
}

// Calls visit(candidate, its left sums without missing) for each.
template <class Visit>
void visit_candidates(const CandidateRun& run, const LeafBins& leaf, Visit&& visit) {
  const int32_t lanes = leaf.node.lanes;
  std::vector<int64_t> left(static_cast<size_t>(lanes), 0);
  for (int32_t i = 0; i < static_cast<int32_t>(run.bins.size()); ++i) {
    const int64_t* words = words_of(leaf.sums, run.bins[static_cast<size_t>(i)], lanes);
    for (int32_t c = 0; c < lanes; ++c) {
      int64_t& sum = left[static_cast<size_t>(c)];
      sum = (run.alone ? 0 : sum) + words[c];
    }
    if (i >= run.first) visit(i - run.first, left);
  }
}

void add_missing(const LeafBins& leaf, std::vector<int64_t>& left) {
  for (size_t c = 0; c < left.size(); ++c) left[c] += leaf.sums[c];  // bin 0
}

// Gradient mode without monotone constraints.
void add_gradient_gains(const GainRules& rules, const CandidateRun& run, const LeafBins& leaf,
                        double* gains) {
  if (mass_of(leaf.node.words[0]) == 0) return;
  int64_t left[kMaxCandidates + kGainLanes];
  visit_candidates(run, leaf,
                   [&](int32_t i, const std::vector<int64_t>& sums) { left[i] = sums[0]; });
  std::fill_n(left + run.count(), kGainLanes, int64_t{0});
  const auto add = [&](int64_t more) {
    HWY_DYNAMIC_DISPATCH(add_scanned)(rules, leaf, run.l2, left, run.count(), more, gains);
  };
  if (run.tries_missing) {
    add(leaf.sums[0]);
    gains += run.stride();
  }
  add(0);
}

// Gradient mode with monotone constraints.
void add_limited_gains(const GainRules& rules, const CandidateRun& run, const LeafBins& leaf,
                       double* gains) {
  if (mass_of(leaf.node.words[0]) == 0) return;
  const LimitedGain splits(rules, leaf.node, run.l2, leaf.score, rules.monotone[run.feature]);
  const auto add = [&](int64_t left, double& sum) {
    double gain = 0;
    double middle = 0;
    if (splits.weigh(left, gain, middle)) sum += gain;
  };
  visit_candidates(run, leaf, [&](int32_t i, const std::vector<int64_t>& left) {
    double* own = gains + i;
    if (run.tries_missing) {
      add(left[0] + leaf.sums[0], *own);
      own += run.stride();
    }
    add(left[0], *own);
  });
}

// Levels of the whole sample, in order of the contract's ratio.
std::vector<uint8_t> sorted_levels(const GainRules& rules, const FeatureTotals& totals,
                                   std::vector<uint8_t> levels) {
  const int32_t lanes = rules.lanes;
  const int64_t* greatest =
      std::max_element(totals.total, totals.total + lanes,
                       [](int64_t a, int64_t b) { return sum_of(a) < sum_of(b); });
  const auto heaviest = static_cast<int32_t>(greatest - totals.total);
  const auto ratio = [&](uint8_t level) {
    const int64_t* words = words_of(totals.sums, level, lanes);
    const double top =
        static_cast<double>(sum_of(words[rules.class_mode ? heaviest : 0])) * rules.unit;
    double divisor = static_cast<double>(mass_of(words[0])) * rules.hessian_unit;
    if (rules.class_mode) {
      int64_t weight = 0;
      for (int32_t c = 0; c < lanes; ++c) weight += sum_of(words[c]);
      divisor = static_cast<double>(weight) * rules.unit;
    }
    divisor += rules.params.category_smooth;
    return divisor > 0 ? top / divisor : 0.0;
  };
  std::stable_sort(levels.begin(), levels.end(),
                   [&](uint8_t a, uint8_t b) { return ratio(a) < ratio(b); });
  return levels;
}

void append_thresholds(const GainRules& rules, const FeatureTotals& totals, uint64_t key,
                       std::vector<CandidateRun>& runs) {
  const auto occurs = [&](int32_t bin) {
    return has_rows(words_of(totals.sums, bin, rules.lanes), rules.lanes);
  };
  CandidateRun run;
  run.feature = totals.feature;
  run.tries_missing = occurs(kernels::kMissingBin);
  run.l2 = rules.params.l2;
  int32_t last = totals.bin_count - 2;
  if (rules.params.random_thresholds) {
    int32_t low = 1;
    int32_t high = totals.bin_count - 1;
    while (low < high && !occurs(low)) ++low;
    while (low < high && !occurs(high)) --high;
    if (low >= high) return;
    last = low + kernels::threshold_draw(key, totals.feature, high - low);
    run.first = last - 1;
  }
  for (int32_t bin = 1; bin <= last; ++bin) run.bins.push_back(static_cast<uint8_t>(bin));
  if (run.count() > 0) runs.push_back(std::move(run));
}

void append_levels(const GainRules& rules, const FeatureTotals& totals, uint64_t key,
                   std::vector<CandidateRun>& runs) {
  const kernels::TreeParams& params = rules.params;
  std::vector<uint8_t> levels;
  for (int32_t bin = 0; bin < totals.bin_count; ++bin) {
    if (has_rows(words_of(totals.sums, bin, rules.lanes), rules.lanes)) {
      levels.push_back(static_cast<uint8_t>(bin));
    }
  }
  const auto count = static_cast<int32_t>(levels.size());
  if (count < 2) return;
  CandidateRun run;
  run.feature = totals.feature;
  run.categorical = true;
  run.l2 = params.l2;
  if (!params.random_thresholds && count <= params.onehot_levels) {
    run.alone = true;
    run.bins = std::move(levels);
    runs.push_back(std::move(run));
    return;
  }
  run.l2 = params.l2 + params.category_l2;
  levels = sorted_levels(rules, totals, std::move(levels));
  int32_t longest = std::min(params.max_category_levels, (count + 1) / 2);
  if (params.random_thresholds) {
    longest = 1 + kernels::threshold_draw(key, totals.feature, count - 1);
    run.first = longest - 1;
  }
  for (int order = 0; order < (params.random_thresholds ? 1 : 2); ++order) {
    run.bins.assign(levels.begin(), levels.begin() + longest);
    runs.push_back(run);
    std::reverse(levels.begin(), levels.end());
  }
}

}  // namespace

size_t CandidateRun::stride() const {
  return (static_cast<size_t>(count()) + kGainLanes - 1) / kGainLanes * kGainLanes;
}

void append_runs(const GainRules& rules, const FeatureTotals& totals, uint64_t key,
                 std::vector<CandidateRun>& runs) {
  if (totals.categorical) {
    append_levels(rules, totals, key, runs);
  } else {
    append_thresholds(rules, totals, key, runs);
  }
}

void add_gains(const GainRules& rules, const CandidateRun& run, const LeafBins& leaf,
               double* gains) {
  if (!leaf.node.limits.allows(rules.interactions, run.feature)) return;
  if (!rules.class_mode) {
    const auto add = rules.monotone == nullptr ? add_gradient_gains : add_limited_gains;
    return add(rules, run, leaf, gains);
  }
  SplitChoice split;
  split.feature = run.feature;
  visit_candidates(run, leaf, [&](int32_t i, std::vector<int64_t>& left) {
    double* gain = gains + i;
    if (run.tries_missing) {
      std::vector<int64_t> with_missing = left;
      add_missing(leaf, with_missing);
      const SplitChoice found = weigh(rules, leaf, run.l2, with_missing, split);
      if (found.feature >= 0) *gain += found.gain;
      gain += run.stride();
    }
    const SplitChoice found = weigh(rules, leaf, run.l2, left, split);
    if (found.feature >= 0) *gain += found.gain;
  });
}

SplitChoice split_of(const Candidate& candidate, const FeatureTotals& totals) {
  const CandidateRun& run = *candidate.run;
  SplitChoice split;
  split.feature = run.feature;
  split.categorical = run.categorical;
  const auto last = static_cast<size_t>(run.first + candidate.index);
  if (run.categorical) {
    for (size_t i = run.alone ? last : 0; i <= last; ++i) split.set.insert(run.bins[i]);
    return split;
  }
  split.threshold = run.bins[last];
  split.missing_left = candidate.missing_left;
  if (run.tries_missing) return split;
  const int32_t lanes = totals.lanes;
  int64_t left = 0;
  for (size_t i = 0; i <= last; ++i) {
    left += mass_of_all(words_of(totals.sums, run.bins[i], lanes), lanes);
  }
  split.missing_left = left >= mass_of_all(totals.total, lanes) - left;
  return split;
}

SplitChoice split_leaf(const GainRules& rules, const Candidate& candidate, const LeafBins& leaf,
                       SplitChoice split) {
  const CandidateRun& run = *candidate.run;
  std::vector<int64_t> left;
  visit_candidates(run, leaf, [&](int32_t i, const std::vector<int64_t>& sums) {
    if (i == candidate.index) left = sums;
  });
  if (run.tries_missing && candidate.missing_left) add_missing(leaf, left);
  return weigh(rules, leaf, run.l2, left, std::move(split));
}

}  // namespace assay::backends::cpu
#endif  // HWY_ONCE
