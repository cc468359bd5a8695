#include "backends/cpu/grow_tree_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "kernels/tree_rules.h"

namespace assay::backends::cpu {
namespace {

bool has_rows(const int64_t* words, int32_t lanes) {
  for (int32_t c = 0; c < lanes; ++c) {
    if (words[c] != 0) return true;
  }
  return false;
}

uint8_t code_of(const FeatureSums& sums, int32_t index) {
  return sums.codes == nullptr ? static_cast<uint8_t>(index) : sums.codes[index];
}

ScanInput scan_of(const GainRules& rules, const NodeSearch& node, int32_t feature) {
  ScanInput input;
  input.node = node.totals;
  if (rules.monotone != nullptr) input.direction = rules.monotone[feature];
  return input;
}

// What the split that a scan found leaves to its children.
kernels::SplitLimits limits_of(const GainRules& rules, const ScanInput& input,
                               const ScanBest& found, int32_t feature) {
  kernels::SplitLimits limits{input.direction, found.middle};
  if (rules.interactions != nullptr) limits.groups = rules.interactions[feature];
  return limits;
}

}  // namespace

NodeSearch::NodeSearch(const GainRules& rules, const NodeTotals& node) : totals(node) {
  const kernels::TreeParams& params = rules.params;
  // Sides' rows may be rounded up in gradient mode: two of them hold at most one row more.
  if (node.row_count < 2 || node.row_count + 1 < 2 * params.min_child_samples) return;
  if (!rules.class_mode && mass_of(node.words[0]) == 0) return;
  splittable = true;
  score = node_score(rules, node, params.l2);
  floor = gain_floor(rules, score);
  category_score = node_score(rules, node, params.l2 + params.category_l2);
  category_floor = gain_floor(rules, category_score);
  if (!rules.class_mode) return;
  for (int32_t c = 1; c < node.lanes; ++c) {
    if (sum_of(node.words[c]) > sum_of(node.words[heaviest])) heaviest = c;
  }
  // All rows of one class: every gain is rounding noise.
  const int64_t* end = node.words + node.lanes;
  splittable = std::count_if(node.words, end, [](int64_t word) { return word != 0; }) > 1;
}

void SplitSearch::search(const NodeSearch& whole, const FeatureSums& sums, SearchScratch& scratch,
                         SplitChoice& best) const {
  if (!whole.totals.limits.allows(rules_.interactions, sums.feature)) return;
  // Gains that cannot win need not be looked at. An equal one wins on a lower feature.
  NodeSearch node = whole;
  if (best.feature >= 0) {
    const double least = sums.feature > best.feature
                             ? best.gain
                             : std::nextafter(best.gain, -std::numeric_limits<double>::infinity());
    node.floor = std::max(node.floor, least);
    node.category_floor = std::max(node.category_floor, least);
  }
  SplitChoice choice;
  if (bins_.kinds[sums.feature] == kernels::FeatureKind::kCategorical) {
    choice = categorical(node, sums, scratch);
  } else if (rules_.params.random_thresholds) {
    choice = random_numeric(node, sums, scratch);
  } else {
    choice = numeric(node, sums);
  }
  if (choice.beats(best)) best = choice;
}

SplitChoice SplitSearch::numeric(const NodeSearch& node, const FeatureSums& sums) const {
  const int32_t lanes = node.totals.lanes;
  ScanInput input = scan_of(rules_, node, sums.feature);
  input.increments = sums.words + lanes;
  input.count = sums.count - 1;
  // The greatest bin cannot be a threshold.
  if (input.count > 0 && code_of(sums, sums.count - 1) == bins_.bin_counts[sums.feature] - 1) {
    --input.count;
  }
  input.missing = has_rows(sums.words, lanes) ? sums.words : nullptr;
  input.l2 = rules_.params.l2;
  input.score = node.score;
  input.floor = node.floor;
  const ScanBest found = scan_candidates(rules_, input);
  SplitChoice choice;
  if (found.candidate < 0) return choice;
  choice.gain = found.gain;
  choice.feature = sums.feature;
  choice.threshold = code_of(sums, found.candidate + 1);
  choice.missing_left = found.missing_left;
  choice.left_heavy = found.left_heavy;
  choice.limits = limits_of(rules_, input, found, sums.feature);
  return choice;
}

SplitChoice SplitSearch::random_numeric(const NodeSearch& node, const FeatureSums& sums,
                                        SearchScratch& scratch) const {
  const int32_t lanes = node.totals.lanes;
  int32_t low = 1;
  int32_t high = sums.count - 1;
  while (low < high && !has_rows(sums.words + int64_t{low} * lanes, lanes)) ++low;
  while (low < high && !has_rows(sums.words + int64_t{high} * lanes, lanes)) --high;
  SplitChoice choice;
  if (low >= high) return choice;
  const int32_t first = code_of(sums, low);
  const int32_t threshold =
      first + kernels::threshold_draw(node.totals.key, sums.feature, code_of(sums, high) - first);
  scratch.words.assign(static_cast<size_t>(lanes), 0);
  for (int32_t i = low; i < high && code_of(sums, i) <= threshold; ++i) {
    for (int32_t c = 0; c < lanes; ++c) {
      scratch.words[static_cast<size_t>(c)] += sums.words[int64_t{i} * lanes + c];
    }
  }
  search_threshold(
      node, {sums.feature, static_cast<uint8_t>(threshold), scratch.words.data(), sums.words},
      choice);
  return choice;
}

void SplitSearch::search_threshold(const NodeSearch& node, const Threshold& threshold,
                                   SplitChoice& best) const {
  if (!node.totals.limits.allows(rules_.interactions, threshold.feature)) return;
  ScanInput input = scan_of(rules_, node, threshold.feature);
  input.increments = threshold.left;
  input.count = 1;
  input.missing = has_rows(threshold.missing, node.totals.lanes) ? threshold.missing : nullptr;
  input.l2 = rules_.params.l2;
  input.score = node.score;
  input.floor = node.floor;
  const ScanBest found = scan_candidates(rules_, input);
  if (found.candidate < 0) return;
  SplitChoice choice;
  choice.gain = found.gain;
  choice.feature = threshold.feature;
  choice.threshold = threshold.threshold;
  choice.missing_left = found.missing_left;
  choice.left_heavy = found.left_heavy;
  choice.limits = limits_of(rules_, input, found, threshold.feature);
  if (choice.beats(best)) best = choice;
}

SplitChoice SplitSearch::one_hot(const NodeSearch& node, const FeatureSums& sums,
                                 const std::vector<int32_t>& levels) const {
  SplitChoice choice;
  ScanInput input = scan_of(rules_, node, sums.feature);
  input.count = 1;
  input.l2 = rules_.params.l2;
  input.score = node.score;
  input.floor = node.floor;
  for (const int32_t level : levels) {
    input.increments = sums.words + int64_t{level} * node.totals.lanes;
    const ScanBest found = scan_candidates(rules_, input);
    if (found.candidate < 0) continue;
    choice.gain = input.floor = found.gain;
    choice.feature = sums.feature;
    choice.categorical = true;
    choice.left_heavy = found.left_heavy;
    choice.limits = limits_of(rules_, input, found, sums.feature);
    choice.set = {};
    choice.set.insert(code_of(sums, level));
  }
  return choice;
}

void SplitSearch::sort_levels(const NodeSearch& node, const FeatureSums& sums,
                              SearchScratch& scratch) const {
  const int32_t lanes = node.totals.lanes;
  const auto ratio = [&](int32_t level) {
    const int64_t* words = sums.words + int64_t{level} * lanes;
    double top = static_cast<double>(sum_of(words[node.heaviest])) * rules_.unit;
    double divisor = static_cast<double>(mass_of(words[0])) * rules_.hessian_unit;
    if (rules_.class_mode) {
      int64_t weight = 0;
      for (int32_t c = 0; c < lanes; ++c) weight += sum_of(words[c]);
      divisor = static_cast<double>(weight) * rules_.unit;
    }
    divisor += rules_.params.category_smooth;
    return divisor > 0 ? top / divisor : 0.0;
  };
  scratch.keyed.clear();
  for (const int32_t level : scratch.levels) scratch.keyed.emplace_back(ratio(level), level);
  std::sort(scratch.keyed.begin(), scratch.keyed.end());
  for (size_t i = 0; i < scratch.levels.size(); ++i) scratch.levels[i] = scratch.keyed[i].second;
}

SplitChoice SplitSearch::categorical(const NodeSearch& node, const FeatureSums& sums,
                                     SearchScratch& scratch) const {
  const kernels::TreeParams& params = rules_.params;
  const int32_t lanes = node.totals.lanes;
  std::vector<int32_t>& levels = scratch.levels;
  levels.clear();
  for (int32_t i = 0; i < sums.count; ++i) {
    if (has_rows(sums.words + int64_t{i} * lanes, lanes)) levels.push_back(i);
  }
  const auto level_count = static_cast<int32_t>(levels.size());
  SplitChoice choice;
  if (level_count < 2) return choice;
  if (!params.random_thresholds && level_count <= params.onehot_levels) {
    return one_hot(node, sums, levels);
  }
  sort_levels(node, sums, scratch);
  ScanInput input = scan_of(rules_, node, sums.feature);
  input.l2 = params.l2 + params.category_l2;
  input.score = node.category_score;
  input.floor = node.category_floor;
  int32_t longest = std::min(params.max_category_levels, (level_count + 1) / 2);
  if (params.random_thresholds) {
    longest = 1 + kernels::threshold_draw(node.totals.key, sums.feature, level_count - 1);
  }
  for (int order = 0; order < (params.random_thresholds ? 1 : 2); ++order) {
    scratch.words.clear();
    for (int32_t i = 0; i < longest; ++i) {
      const int64_t* words = sums.words + int64_t{levels[static_cast<size_t>(i)]} * lanes;
      if (params.random_thresholds && i > 0) {
        for (int32_t c = 0; c < lanes; ++c) scratch.words[static_cast<size_t>(c)] += words[c];
      } else {
        scratch.words.insert(scratch.words.end(), words, words + lanes);
      }
    }
    input.increments = scratch.words.data();
    input.count = params.random_thresholds ? 1 : longest;
    const ScanBest found = scan_candidates(rules_, input);
    if (found.candidate >= 0) {
      choice.gain = input.floor = found.gain;
      choice.feature = sums.feature;
      choice.categorical = true;
      choice.left_heavy = found.left_heavy;
      choice.limits = limits_of(rules_, input, found, sums.feature);
      choice.set = {};
      const int32_t taken = params.random_thresholds ? longest : found.candidate + 1;
      for (int32_t i = 0; i < taken; ++i) {
        choice.set.insert(code_of(sums, levels[static_cast<size_t>(i)]));
      }
    }
    std::reverse(levels.begin(), levels.end());
  }
  return choice;
}

}  // namespace assay::backends::cpu
