#include "backends/cpu/grow_tree_bundles.h"

#include <algorithm>
#include <cmath>

namespace assay::backends::cpu {
namespace {

// A bundle of no more features is summed as it is: finding those worth it takes as long as that.
constexpr size_t kFewFeatures = 12;

int64_t mass_of_words(const int64_t* words, int32_t lanes) {
  int64_t mass = 0;
  for (int32_t lane = 0; lane < lanes; ++lane) mass += mass_of(words[lane]);
  return mass;
}

bool any_of_words(const int64_t* words, int32_t lanes) {
  int64_t any = 0;
  for (int32_t lane = 0; lane < lanes; ++lane) any |= words[lane];
  return any != 0;
}

// Whether a side of so much mass may stand. One side of a split lacks the usual bin, so it has at
// most the mass outside of that, and this holds for no less mass than for more.
bool may_stand(const GainRules& rules, const NodeTotals& node, int64_t mass) {
  const auto least = static_cast<double>(rules.params.min_child_samples);
  const auto weight = static_cast<double>(mass);
  if (mass <= 0) return false;
  if (rules.class_mode) return weight >= least;
  const double share =
      static_cast<double>(node.row_count) / static_cast<double>(mass_of(node.words[0]));
  return std::floor(weight * share + 0.5) >= least &&
         weight * rules.hessian_unit >= rules.params.min_child_weight;
}

}  // namespace

void BundleSums::list_codes(const Column& column) {
  codes_.clear();
  for (int32_t code = 0; code < column.code_count; ++code) {
    if (any_of_words(column.words + int64_t{code} * column.lanes, column.lanes)) {
      codes_.push_back(code);
    }
  }
}

void BundleSums::drop_light(const Column& column, const GainRules& rules,
                            const NodeTotals& totals) {
  masses_.assign(static_cast<size_t>(column.feature_count), 0);
  for (const int32_t code : codes_) {
    const int64_t mass = mass_of_words(column.words + int64_t{code} * column.lanes, column.lanes);
    for (int32_t i = column.odd_offsets[code]; i < column.odd_offsets[code + 1]; ++i) {
      masses_[static_cast<size_t>(column.odd_places[i] - column.first)] += mass;
    }
  }
  for (size_t i = 0; i < masses_.size(); ++i) {
    if (!may_stand(rules, totals, masses_[i])) offsets_[i] = kNone;
  }
}

template <bool kOneLane>
void BundleSums::add_words(const Column& column) {
  const int32_t lanes = kOneLane ? 1 : column.lanes;
  for (const int32_t code : codes_) {
    const int64_t* words = column.words + int64_t{code} * lanes;
    for (int32_t i = column.odd_offsets[code]; i < column.odd_offsets[code + 1]; ++i) {
      const int32_t place = column.odd_places[i];
      const int64_t offset = offsets_[static_cast<size_t>(place - column.first)];
      if (offset == kNone) continue;
      int64_t* sums = sums_.data() + offset + int64_t{column.bins[place * 256 + code]} * lanes;
      for (int32_t lane = 0; lane < lanes; ++lane) sums[lane] += words[lane];
    }
  }
}

BundleSums::Column BundleSums::column_of(const Growth& growth, const ColumnPlan& plan,
                                         size_t column, const Node& node) {
  const kernels::BundleView& bundles = *growth.args.bins.bundles;
  const int32_t bundle = plan.bundles[column];
  const int32_t first = bundles.feature_offsets[bundle];
  return {node.words,
          node.totals.lanes,
          bundles.code_counts[bundle],
          first,
          bundles.feature_offsets[bundle + 1] - first,
          bundles.odd_offsets + bundles.code_offsets[bundle],
          bundles.odd_places,
          bundles.bins};
}

void BundleSums::begin(const ColumnPlan& plan, const Column& column) {
  list_codes(column);
  const auto count = static_cast<size_t>(column.feature_count);
  offsets_.assign(count, 0);
  for (size_t i = 0; i < count; ++i) {
    if (plan.searched[static_cast<size_t>(column.first) + i] == 0) offsets_[i] = kNone;
  }
}

void BundleSums::sum(const Growth& growth, const ColumnPlan& plan, size_t column_index,
                     const Node& node) {
  const Column column = column_of(growth, plan, column_index, node);
  begin(plan, column);
  if (offsets_.size() > kFewFeatures) drop_light(column, growth.rules, node.totals);
  add_up(growth, column, node.totals);
  keep_searchable(*growth.args.bins.bundles, growth.rules, node.totals);
}

void BundleSums::sum_all(const Growth& growth, const ColumnPlan& plan, size_t column_index,
                         const Node& node) {
  const Column column = column_of(growth, plan, column_index, node);
  begin(plan, column);
  add_up(growth, column, node.totals);
}

void BundleSums::add_up(const Growth& growth, const Column& column, const NodeTotals& totals) {
  const kernels::BinnedView& view = growth.args.bins;
  const kernels::BundleView& bundles = *view.bundles;
  const int64_t lanes = totals.lanes;
  features_.clear();
  int64_t size = 0;
  for (size_t i = 0; i < offsets_.size(); ++i) {
    if (offsets_[i] == kNone) continue;
    const int32_t feature = bundles.features[static_cast<size_t>(column.first) + i];
    offsets_[i] = size;
    features_.push_back({feature, nullptr, nullptr, view.bin_counts[feature]});
    size += int64_t{view.bin_counts[feature]} * lanes;
  }
  if (features_.empty()) return;
  sums_.assign(static_cast<size_t>(size), 0);
  lanes == 1 ? add_words<true>(column) : add_words<false>(column);
  int64_t* sums = sums_.data();
  for (FeatureSums& feature : features_) {
    int64_t* usual = sums + bundles.usual_bins[bundles.places[feature.feature]] * lanes;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      int64_t rest = totals.words[lane];
      for (int64_t bin = 0; bin < feature.count; ++bin) rest -= sums[bin * lanes + lane];
      usual[lane] = rest;
    }
    feature.words = sums;
    sums += feature.count * lanes;
  }
}

void BundleSums::keep_searchable(const kernels::BundleView& bundles, const GainRules& rules,
                                 const NodeTotals& totals) {
  const int64_t mass = mass_of_words(totals.words, totals.lanes);
  const auto light = [&](const FeatureSums& feature) {
    const int64_t* usual =
        feature.words + bundles.usual_bins[bundles.places[feature.feature]] * int64_t{totals.lanes};
    return !may_stand(rules, totals, mass - mass_of_words(usual, totals.lanes));
  };
  features_.erase(std::remove_if(features_.begin(), features_.end(), light), features_.end());
}

}  // namespace assay::backends::cpu
