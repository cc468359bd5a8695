#include "backends/cpu/grow_tree_bundles.h"

#include <algorithm>
#include <cmath>

namespace assay::backends::cpu {
namespace {

int64_t mass_of_words(std::span<const int64_t> words) {
  int64_t mass = 0;
  for (const int64_t word : words) mass += mass_of(word);
  return mass;
}

// Whether a side of so much mass may stand in a node. One side of a split lacks the usual bin, so
// it has at most the mass outside of that, and this holds for no less mass than for more.
class Standing {
 public:
  Standing(const GainRules& rules, const NodeTotals& node)
      : rules_(rules), least_(static_cast<double>(rules.params.min_child_samples)) {
    if (rules.class_mode) return;
    share_ = static_cast<double>(node.row_count) / static_cast<double>(mass_of(node.words[0]));
  }
  bool operator()(int64_t mass) const {
    if (mass <= 0) return false;
    const auto weight = static_cast<double>(mass);
    if (rules_.class_mode) return weight >= least_;
    return std::floor(weight * share_ + 0.5) >= least_ &&
           weight * rules_.hessian_unit >= rules_.params.min_child_weight;
  }

 private:
  const GainRules& rules_;
  double least_;
  double share_ = 0;
};

}  // namespace

template <class Wanted>
void BundleSums::visit(const Growth& growth, const ColumnPlan& plan, size_t column,
                       const Node& node, Wanted&& wanted) {
  const kernels::BundleView& bundles = *growth.args.bins.bundles;
  const auto lanes = static_cast<size_t>(node.totals.lanes);
  const int32_t bundle = plan.bundles[column];
  rest_.resize(lanes);
  features_.clear();
  sums_.clear();
  for (int32_t place = bundles.feature_offsets[bundle]; place < bundles.feature_offsets[bundle + 1];
       ++place) {
    if (plan.searched[static_cast<size_t>(place)] == 0) continue;
    const uint8_t* code = bundles.odd_codes + bundles.odd_offsets[place];
    const uint8_t* const end = bundles.odd_codes + bundles.odd_offsets[place + 1];
    if (lanes == 1) {
      int64_t sum = 0;
      for (; code < end; ++code) sum += node.words[*code];
      rest_[0] = sum;
    } else {
      std::fill(rest_.begin(), rest_.end(), int64_t{0});
      for (; code < end; ++code) {
        const int64_t* words = node.words + *code * lanes;
        for (size_t lane = 0; lane < lanes; ++lane) rest_[lane] += words[lane];
      }
    }
    if (wanted(mass_of_words(rest_))) append(growth, place, node);
  }
  // The array has moved while it grew.
  const int64_t* words = sums_.data();
  for (FeatureSums& feature : features_) {
    feature.words = words;
    words += static_cast<size_t>(feature.count) * lanes;
  }
}

void BundleSums::append(const Growth& growth, int32_t place, const Node& node) {
  const kernels::BinnedView& view = growth.args.bins;
  const kernels::BundleView& bundles = *view.bundles;
  const auto lanes = static_cast<size_t>(node.totals.lanes);
  const int32_t feature = bundles.features[place];
  const int32_t count = view.bin_counts[feature];
  features_.push_back({feature, nullptr, nullptr, count});
  const size_t begin = sums_.size();
  sums_.resize(begin + static_cast<size_t>(count) * lanes, 0);
  int64_t* const sums = sums_.data() + begin;
  const uint8_t* const bins = bundles.bins + int64_t{place} * 256;
  for (int32_t i = bundles.odd_offsets[place]; i < bundles.odd_offsets[place + 1]; ++i) {
    const uint8_t code = bundles.odd_codes[i];
    const int64_t* words = node.words + code * lanes;
    int64_t* const target = sums + bins[code] * lanes;
    for (size_t lane = 0; lane < lanes; ++lane) target[lane] += words[lane];
  }
  int64_t* const usual = sums + bundles.usual_bins[place] * lanes;
  for (size_t lane = 0; lane < lanes; ++lane) usual[lane] = node.totals.words[lane] - rest_[lane];
}

void BundleSums::sum(const Growth& growth, const ColumnPlan& plan, size_t column,
                     const Node& node) {
  visit(growth, plan, column, node, Standing(growth.rules, node.totals));
}

void BundleSums::sum_all(const Growth& growth, const ColumnPlan& plan, size_t column,
                         const Node& node) {
  visit(growth, plan, column, node, [](int64_t) { return true; });
}

}  // namespace assay::backends::cpu
