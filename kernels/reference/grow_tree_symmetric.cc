// Symmetric growth: every candidate is weighed at every leaf.
#include <algorithm>
#include <numeric>
#include <utility>

#include "kernels/reference/grow_tree_internal.h"

namespace assay::kernels::reference {

size_t TreeGrower::split_level(int32_t level) {
  const uint64_t key = level_key(problem_.seed, level);
  std::vector<size_t> all(static_cast<size_t>(problem_.sample_count));
  std::iota(all.begin(), all.end(), size_t{0});
  const Sums whole = sums_of(all);
  std::vector<Sums> node_sums;
  for (const Node& node : open_) node_sums.push_back(sums_of(node.positions));
  double best_gain = 0;
  int32_t best_feature = -1;
  std::vector<std::optional<Split>> best;
  visit_features(key, [&](int32_t feature) {
    std::vector<std::vector<Sums>> bins;
    for (const Node& node : open_) bins.push_back(histogram(node.positions, feature));
    for (const Candidate& candidate : candidates(feature, whole, histogram(all, feature), key)) {
      double gain = 0;
      double scores = 0;
      std::vector<std::optional<Split>> splits;
      for (size_t i = 0; i < open_.size(); ++i) {
        splits.push_back(weigh(open_[i], node_sums[i], bins[i], candidate));
        if (splits.back()) gain += splits.back()->gain;
        scores += score(node_sums[i], candidate.l2, open_[i].limits);
      }
      if (!(gain > std::max(params_.min_gain, scores * kGainNoise))) continue;
      const bool better =
          best_feature < 0 || gain > best_gain || (gain == best_gain && feature < best_feature);
      if (!better) continue;
      best_gain = gain;
      best_feature = feature;
      best = std::move(splits);
    }
  });
  for (size_t i = 0; i < best.size(); ++i) open_[i].split = best[i];
  return static_cast<size_t>(
      std::count_if(best.begin(), best.end(), [](const auto& split) { return split.has_value(); }));
}

Status TreeGrower::grow_symmetric(const OpContext& context) {
  if (features_.empty()) return {};
  for (int32_t level = 0; level < params_.max_depth; ++level) {
    if (context.stop != nullptr && context.stop->requested()) {
      return fail(StatusCode::kCancelled, "grow_tree was stopped");
    }
    const size_t made = split_level(level);
    if (made == 0 || open_.size() + made > static_cast<size_t>(params_.max_leaves)) return {};
    size_t at = 0;
    for (size_t left = open_.size(); left > 0; --left) {
      if (open_[at].split) {
        apply_split(at);
      } else {
        ++at;
      }
    }
  }
  return {};
}

}  // namespace assay::kernels::reference
