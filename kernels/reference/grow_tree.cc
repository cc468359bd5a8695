// The contract of grow_tree, read aloud. Every node's sums are made anew from its rows.
#include "kernels/grow_tree.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "kernels/base/fixed_point.h"
#include "kernels/reference/grow_tree_internal.h"
#include "kernels/reference/reference_ops.h"

namespace assay::kernels::reference {
namespace {

Sums plus(Sums a, const Sums& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}
Sums minus(Sums a, const Sums& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}
bool has_rows(const Sums& sums) {
  return std::any_of(sums.begin(), sums.end(), [](int64_t sum) { return sum != 0; });
}

// Sign(g) * max(|g| - l1, 0).
double shrink(double g, double l1) {
  const double rest = std::max(std::abs(g) - l1, 0.0);
  return g < 0 ? -rest : rest;
}

bool sends_left(const Split& split, size_t bin) {
  if (split.categorical) return split.set.contains(static_cast<uint8_t>(bin));
  return bin == kMissingBin ? split.missing_left : bin <= split.threshold;
}

}  // namespace

void TreeGrower::quantise_row(size_t position, double scale, double hessian_scale) {
  const uint32_t row = args_.rows[position];
  const uint32_t word = rounding_word(problem_.seed, row);
  Sums& sums = row_sums_[position];
  if (class_mode()) {
    const double weight = args_.weights == nullptr ? 1.0 : double{args_.weights[row]};
    sums[static_cast<size_t>(args_.classes[row])] = quantise(weight, scale, word & 0xffff);
    sums.back() = 1;
  } else {
    sums[0] = quantise(double{args_.gradients[row]}, scale, word & 0xffff);
    sums[1] = quantise(double{args_.hessians[row]}, hessian_scale, word >> 16);
  }
}

void TreeGrower::quantise_rows() {
  const int64_t n = problem_.sample_count;
  const int32_t bits = params_.gradient_bits;
  const int exponent = scale_exponent(double{args_.max_abs_gradient}, gradient_limit(n, bits));
  const int hessian_exponent = scale_exponent(double{args_.max_hessian}, hessian_limit(n, bits));
  unit_ = std::ldexp(1.0, -exponent);
  hessian_unit_ = std::ldexp(1.0, -hessian_exponent);
  row_sums_.assign(static_cast<size_t>(n), Sums(sums_size(), 0));
  for (size_t i = 0; i < row_sums_.size(); ++i) {
    quantise_row(i, std::ldexp(1.0, exponent), std::ldexp(1.0, hessian_exponent));
  }
}

Sums TreeGrower::sums_of(const std::vector<size_t>& positions) const {
  Sums sums(sums_size(), 0);
  for (const size_t position : positions) sums = plus(std::move(sums), row_sums_[position]);
  return sums;
}

std::vector<Sums> TreeGrower::histogram(const std::vector<size_t>& positions,
                                        int32_t feature) const {
  std::vector<Sums> bins(static_cast<size_t>(args_.bins.bin_counts[feature]), Sums(sums_size(), 0));
  for (const size_t position : positions) {
    Sums& sums = bins[bin(position, feature)];
    sums = plus(std::move(sums), row_sums_[position]);
  }
  return bins;
}

double TreeGrower::value(const Sums& sums, double l2, const NodeLimits& limits) const {
  const double t = shrink(static_cast<double>(sums[0]) * unit_, params_.l1);
  return limited_value(t, static_cast<double>(sums[1]) * hessian_unit_ + l2, limits);
}

double TreeGrower::score(const Sums& sums, double l2, const NodeLimits& limits) const {
  if (class_mode()) {
    double squares = 0;
    double total = 0;
    for (size_t c = 0; c + 1 < sums.size(); ++c) {
      const double weight = static_cast<double>(sums[c]) * unit_;
      squares += weight * weight;
      total += weight;
    }
    return total > 0 ? squares / total : 0;
  }
  const double t = shrink(static_cast<double>(sums[0]) * unit_, params_.l1);
  if (args_.monotone != nullptr) {
    return limited_score(t, static_cast<double>(sums[1]) * hessian_unit_ + l2,
                         value(sums, l2, limits));
  }
  return t * t / (static_cast<double>(sums[1]) * hessian_unit_ + l2);
}

bool TreeGrower::may_stand(const Sums& side, const Sums& node_sums, size_t node_rows) const {
  const int64_t mass = side.back();
  if (mass <= 0) return false;
  if (class_mode()) {
    const int64_t weight = std::accumulate(side.begin(), side.end() - 1, int64_t{0});
    return mass >= params_.min_child_samples &&
           static_cast<double>(weight) * unit_ >= params_.min_child_weight;
  }
  const double share = static_cast<double>(node_rows) / static_cast<double>(node_sums.back());
  const double rows = std::floor(static_cast<double>(mass) * share + 0.5);
  return rows >= static_cast<double>(params_.min_child_samples) &&
         static_cast<double>(mass) * hessian_unit_ >= params_.min_child_weight;
}

std::vector<Candidate> TreeGrower::thresholds(int32_t feature, const Sums& sums,
                                              const std::vector<Sums>& bins, uint64_t key) const {
  size_t first = 1;
  size_t last = bins.size() - 2;
  if (params_.random_thresholds) {
    while (first < bins.size() && !has_rows(bins[first])) ++first;
    size_t high = bins.size() - 1;
    while (high > first && !has_rows(bins[high])) --high;
    if (first >= high) return {};
    first += static_cast<size_t>(threshold_draw(key, feature, static_cast<int32_t>(high - first)));
    last = first;
  }
  std::vector<Candidate> found;
  Candidate candidate;
  candidate.split.feature = feature;
  candidate.l2 = params_.l2;
  for (size_t threshold = first; threshold <= last; ++threshold) {
    candidate.split.threshold = static_cast<uint8_t>(threshold);
    if (has_rows(bins[kMissingBin])) {
      candidate.split.missing_left = true;
      found.push_back(candidate);
      candidate.split.missing_left = false;
    } else {
      int64_t left = 0;
      for (size_t b = 1; b <= threshold; ++b) left += bins[b].back();
      candidate.split.missing_left = left >= sums.back() - left;
    }
    found.push_back(candidate);
  }
  return found;
}

std::vector<size_t> TreeGrower::sorted_levels(const Sums& sums, const std::vector<Sums>& bins,
                                              std::vector<size_t> levels) const {
  const auto heaviest =
      static_cast<size_t>(std::max_element(sums.begin(), sums.end() - 1) - sums.begin());
  const auto ratio = [&](size_t level) {
    const Sums& level_sums = bins[level];
    double top = static_cast<double>(level_sums[0]) * unit_;
    double divisor = static_cast<double>(level_sums[1]) * hessian_unit_;
    if (class_mode()) {
      top = static_cast<double>(level_sums[heaviest]) * unit_;
      divisor = static_cast<double>(
                    std::accumulate(level_sums.begin(), level_sums.end() - 1, int64_t{0})) *
                unit_;
    }
    divisor += params_.category_smooth;
    return divisor > 0 ? top / divisor : 0;
  };
  std::stable_sort(levels.begin(), levels.end(),
                   [&](size_t a, size_t b) { return ratio(a) < ratio(b); });
  return levels;
}

std::vector<Candidate> TreeGrower::level_sets(int32_t feature, const Sums& sums,
                                              const std::vector<Sums>& bins, uint64_t key) const {
  std::vector<size_t> levels;
  for (size_t b = 0; b < bins.size(); ++b) {
    if (has_rows(bins[b])) levels.push_back(b);
  }
  if (levels.size() < 2) return {};
  std::vector<Candidate> found;
  const auto add = [&](std::span<const size_t> left, double l2) {
    Candidate candidate;
    candidate.split.feature = feature;
    candidate.split.categorical = true;
    candidate.l2 = l2;
    for (const size_t level : left) candidate.split.set.insert(static_cast<uint8_t>(level));
    found.push_back(candidate);
  };
  if (!params_.random_thresholds && levels.size() <= static_cast<size_t>(params_.onehot_levels)) {
    for (const size_t& level : levels) add({&level, 1}, params_.l2);
    return found;
  }
  const double l2 = params_.l2 + params_.category_l2;
  levels = sorted_levels(sums, bins, std::move(levels));
  if (params_.random_thresholds) {
    const auto count = 1 + static_cast<size_t>(threshold_draw(
                               key, feature, static_cast<int32_t>(levels.size()) - 1));
    add(std::span(levels).first(count), l2);
    return found;
  }
  const size_t longest =
      std::min(static_cast<size_t>(params_.max_category_levels), (levels.size() + 1) / 2);
  for (int order = 0; order < 2; ++order) {
    for (size_t count = 1; count <= longest; ++count) add(std::span(levels).first(count), l2);
    std::reverse(levels.begin(), levels.end());
  }
  return found;
}

std::vector<Candidate> TreeGrower::candidates(int32_t feature, const Sums& sums,
                                              const std::vector<Sums>& bins, uint64_t key) const {
  if (args_.bins.kinds[feature] == FeatureKind::kNumeric) {
    return thresholds(feature, sums, bins, key);
  }
  return level_sets(feature, sums, bins, key);
}

std::optional<Split> TreeGrower::weigh(const Node& node, const Sums& node_sums,
                                       const std::vector<Sums>& bins,
                                       const Candidate& candidate) const {
  Split split = candidate.split;
  if (!node.limits.allows(args_.interactions, split.feature)) return std::nullopt;
  Sums left(sums_size(), 0);
  for (size_t b = 0; b < bins.size(); ++b) {
    if (sends_left(split, b)) left = plus(std::move(left), bins[b]);
  }
  const Sums right = minus(node_sums, left);
  if (!may_stand(left, node_sums, node.positions.size())) return std::nullopt;
  if (!may_stand(right, node_sums, node.positions.size())) return std::nullopt;
  const double whole = score(node_sums, candidate.l2, node.limits);
  split.gain =
      (score(left, candidate.l2, node.limits) + score(right, candidate.l2, node.limits)) - whole;
  if (args_.monotone != nullptr) {
    split.limits.direction = args_.monotone[split.feature];
    const double left_value = value(left, candidate.l2, node.limits);
    const double right_value = value(right, candidate.l2, node.limits);
    split.limits.middle = (left_value + right_value) * 0.5;
    if (!keeps_direction(split.limits.direction, left_value, right_value)) return std::nullopt;
  }
  if (args_.interactions != nullptr) split.limits.groups = args_.interactions[split.feature];
  return split;
}

void TreeGrower::visit_features(uint64_t key, const std::function<void(int32_t)>& visit) {
  if (samples_columns(params_, features_.size())) {
    choose_columns(key, params_.columns_per_node, features_, visit);
  } else {
    for (const int32_t feature : features_) visit(feature);
  }
}

void TreeGrower::find_split(Node& node) {
  if (node.depth >= params_.max_depth || features_.empty()) return;
  const Sums sums = sums_of(node.positions);
  std::optional<Split>& best = node.split;
  visit_features(node.key, [&](int32_t feature) {
    const std::vector<Sums> bins = histogram(node.positions, feature);
    for (const Candidate& candidate : candidates(feature, sums, bins, node.key)) {
      const std::optional<Split> split = weigh(node, sums, bins, candidate);
      if (!split) continue;
      const double noise = score(sums, candidate.l2, node.limits) * kGainNoise;
      if (!(split->gain > std::max(params_.min_gain, noise))) continue;
      const bool better = !best || split->gain > best->gain ||
                          (split->gain == best->gain && feature < best->feature);
      if (better) best = split;
    }
  });
}

Node TreeGrower::make_node(std::vector<size_t> positions, int32_t depth, uint64_t key,
                           const NodeLimits& limits) {
  Node node;
  node.number = static_cast<int32_t>(tree_.nodes.size());
  node.depth = depth;
  node.key = key;
  node.limits = limits;
  node.positions = std::move(positions);
  tree_.nodes.emplace_back();
  tree_.gains.push_back(0);
  tree_.covers.push_back(static_cast<float>(node.positions.size()));
  if (params_.growth != GrowthPolicy::kSymmetric) find_split(node);
  return node;
}

// The open node to split next; open_.size() if there is none. open_ is in order of node number.
size_t TreeGrower::next_node() const {
  size_t next = open_.size();
  for (size_t i = 0; i < open_.size(); ++i) {
    if (!open_[i].split) continue;
    const bool first = next == open_.size();
    if (first || (params_.growth == GrowthPolicy::kLeafWise &&
                  open_[i].split->gain > open_[next].split->gain)) {
      next = i;
    }
  }
  return next;
}

void TreeGrower::apply_split(size_t index) {
  const Node parent = std::move(open_[index]);
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
  const Split& split = *parent.split;
  TreeNode node;
  node.feature = split.feature;
  node.left = static_cast<int32_t>(tree_.nodes.size());
  if (split.categorical) {
    node.category_set = static_cast<int32_t>(tree_.category_sets.size());
    tree_.category_sets.push_back(split.set);
  } else {
    node.threshold = split.threshold;
    node.missing_left = split.missing_left ? 1 : 0;
  }
  tree_.nodes[static_cast<size_t>(parent.number)] = node;
  tree_.gains[static_cast<size_t>(parent.number)] = static_cast<float>(split.gain);
  std::vector<size_t> left;
  std::vector<size_t> right;
  for (const size_t position : parent.positions) {
    const uint8_t code = bin(position, split.feature);
    (goes_left(node, tree_.category_sets.data(), code) ? left : right).push_back(position);
  }
  open_.push_back(make_node(std::move(left), parent.depth + 1, child_key(parent.key, 0),
                            split.limits.child(parent.limits, 0)));
  open_.push_back(make_node(std::move(right), parent.depth + 1, child_key(parent.key, 1),
                            split.limits.child(parent.limits, 1)));
}

void TreeGrower::add_leaf_values(const Node& node) {
  const std::vector<size_t>& positions = node.positions;
  const auto fixed = FixedPoint::for_sum(double{args_.max_abs_gradient}, problem_.sample_count);
  if (class_mode()) {
    std::vector<int64_t> weights(static_cast<size_t>(problem_.class_count), 0);
    for (const size_t position : positions) {
      const uint32_t row = args_.rows[position];
      const double weight = args_.weights == nullptr ? 1.0 : double{args_.weights[row]};
      weights[static_cast<size_t>(args_.classes[row])] += fixed.encode(weight);
    }
    const double total = fixed.decode(std::accumulate(weights.begin(), weights.end(), int64_t{0}));
    for (const int64_t weight : weights) {
      const double value = total > 0 ? fixed.decode(weight) / total * params_.leaf_scale : 0;
      tree_.leaf_values.push_back(static_cast<float>(value));
    }
    return;
  }
  const auto hessian_fixed = FixedPoint::for_sum(double{args_.max_hessian}, problem_.sample_count);
  int64_t gradient = 0;
  int64_t hessian = 0;
  for (const size_t position : positions) {
    gradient += fixed.encode(double{args_.gradients[args_.rows[position]]});
    hessian += hessian_fixed.encode(double{args_.hessians[args_.rows[position]]});
  }
  const double divisor = hessian_fixed.decode(hessian) + params_.l2;
  double value = divisor > 0 ? (0.0 - shrink(fixed.decode(gradient), params_.l1)) / divisor : 0;
  if (args_.monotone != nullptr) value = node.limits.hold(value);
  tree_.leaf_values.push_back(static_cast<float>(value * params_.leaf_scale));
}

void TreeGrower::number_leaves() {
  int32_t leaf = 0;
  for (const Node& node : open_) {
    tree_.nodes[static_cast<size_t>(node.number)].left = leaf;
    for (const size_t position : node.positions) args_.leaf_of[position] = leaf;
    add_leaf_values(node);
    ++leaf;
  }
}

Status TreeGrower::grow(const OpContext& context) {
  tree_ = Tree{};
  quantise_rows();
  features_ = usable_features(args_.bins, args_.feature_mask);
  std::vector<size_t> all(static_cast<size_t>(problem_.sample_count));
  std::iota(all.begin(), all.end(), size_t{0});
  open_.push_back(make_node(std::move(all), 0, problem_.seed, {}));
  if (params_.growth == GrowthPolicy::kSymmetric) {
    ASSAY_RETURN_IF_ERROR(grow_symmetric(context));
    number_leaves();
    return {};
  }
  while (open_.size() < static_cast<size_t>(params_.max_leaves)) {
    if (context.stop != nullptr && context.stop->requested()) {
      return fail(StatusCode::kCancelled, "grow_tree was stopped");
    }
    const size_t next = next_node();
    if (next == open_.size()) break;
    apply_split(next);
  }
  number_leaves();
  return {};
}

Status grow_tree(const OpContext& context, const GrowTreeProblem& problem,
                 const GrowTreeArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  return TreeGrower(problem, args).grow(context);
}

}  // namespace assay::kernels::reference
