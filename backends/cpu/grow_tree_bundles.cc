#include "backends/cpu/grow_tree_bundles.h"

#include <algorithm>
#include <cmath>

namespace assay::backends::cpu {
namespace {

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

void BundleSums::add_masses(const kernels::BundleView& bundles, int32_t bundle, const Node& node) {
  const int32_t lanes = node.view.totals.lanes;
  const int32_t first = bundles.feature_offsets[bundle];
  const int32_t* odd_offsets = bundles.odd_offsets + bundles.code_offsets[bundle];
  codes_.clear();
  for (int32_t code = 0; code < bundles.code_counts[bundle]; ++code) {
    const int64_t* words = node.words + int64_t{code} * lanes;
    int64_t any = 0;
    int64_t mass = 0;
    for (int32_t lane = 0; lane < lanes; ++lane) {
      any |= words[lane];
      mass += mass_of(words[lane]);
    }
    if (any == 0) continue;
    codes_.push_back(code);
    for (int32_t i = odd_offsets[code]; i < odd_offsets[code + 1]; ++i) {
      const int32_t place = bundles.odd_places[i] - first;
      int64_t& feature_mass = masses_[static_cast<size_t>(place)];
      if (feature_mass == kNone) {
        feature_mass = 0;
        found_.push_back(place);
      }
      feature_mass += mass;
    }
  }
}

void BundleSums::add_words(const kernels::BundleView& bundles, int32_t bundle, const Node& node) {
  const int32_t lanes = node.view.totals.lanes;
  const int32_t first = bundles.feature_offsets[bundle];
  const int32_t* odd_offsets = bundles.odd_offsets + bundles.code_offsets[bundle];
  for (const int32_t code : codes_) {
    const int64_t* words = node.words + int64_t{code} * lanes;
    for (int32_t i = odd_offsets[code]; i < odd_offsets[code + 1]; ++i) {
      const int32_t place = bundles.odd_places[i];
      const int64_t offset = offsets_[static_cast<size_t>(place - first)];
      if (offset == kNone) continue;
      int64_t* sums = sums_.data() + offset + int64_t{bundles.bins[place * 256 + code]} * lanes;
      for (int32_t lane = 0; lane < lanes; ++lane) sums[lane] += words[lane];
    }
  }
}

void BundleSums::sum(const Growth& growth, const ColumnPlan& plan, size_t column,
                     const Node& node) {
  const kernels::BinnedView& view = growth.args.bins;
  const kernels::BundleView& bundles = *view.bundles;
  const int32_t bundle = plan.bundles[column];
  const int32_t first = bundles.feature_offsets[bundle];
  const auto count = static_cast<size_t>(bundles.feature_offsets[bundle + 1] - first);
  const int64_t lanes = node.view.totals.lanes;
  masses_.assign(count, kNone);
  offsets_.assign(count, kNone);
  found_.clear();
  features_.clear();
  add_masses(bundles, bundle, node);
  int64_t size = 0;
  for (const int32_t place : found_) {
    const auto i = static_cast<size_t>(place);
    const bool searched = plan.searched[static_cast<size_t>(first) + i] != 0;
    if (!searched || !may_stand(growth.rules, node.view.totals, masses_[i])) continue;
    const int32_t feature = bundles.features[first + place];
    offsets_[i] = size;
    features_.push_back({feature, nullptr, nullptr, view.bin_counts[feature]});
    size += view.bin_counts[feature] * lanes;
  }
  if (features_.empty()) return;
  sums_.assign(static_cast<size_t>(size), 0);
  add_words(bundles, bundle, node);
  int64_t* sums = sums_.data();
  for (FeatureSums& feature : features_) {
    int64_t* usual = sums + bundles.usual_bins[bundles.places[feature.feature]] * lanes;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      int64_t rest = node.view.totals.words[lane];
      for (int64_t bin = 0; bin < feature.count; ++bin) rest -= sums[bin * lanes + lane];
      usual[lane] = rest;
    }
    feature.words = sums;
    sums += feature.count * lanes;
  }
}

}  // namespace assay::backends::cpu
