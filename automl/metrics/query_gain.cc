#include "automl/metrics/query_gain.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "kernels/rank_rules.h"

namespace assay::automl {

std::optional<double> QueryGain::of(std::span<const double> scores,
                                    std::span<const double> relevances) {
  sorted_.assign(relevances.begin(), relevances.end());
  std::sort(sorted_.begin(), sorted_.end(), std::greater<>());
  double best = 0;
  for (size_t rank = 0; rank < sorted_.size() && static_cast<double>(rank) < cut_; ++rank) {
    best += kernels::rank_gain(sorted_[rank]) *
            kernels::rank_discount(static_cast<int64_t>(rank), cut_);
  }
  if (!(best > 0)) return std::nullopt;
  order_.resize(scores.size());
  std::iota(order_.begin(), order_.end(), 0u);
  std::sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  });
  double sum = 0;
  for (size_t begin = 0; begin < order_.size() && static_cast<double>(begin) < cut_;) {
    size_t end = begin;
    double gains = 0;
    double discounts = 0;
    for (; end < order_.size() && scores[order_[end]] == scores[order_[begin]]; ++end) {
      gains += kernels::rank_gain(relevances[order_[end]]);
      discounts += kernels::rank_discount(static_cast<int64_t>(end), cut_);
    }
    sum += gains * (discounts / static_cast<double>(end - begin));
    begin = end;
  }
  return std::clamp(sum / best, 0.0, 1.0);
}

}  // namespace assay::automl
