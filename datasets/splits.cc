#include "datasets/splits.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/base/rng.h"

namespace assay::datasets {
namespace {

std::vector<uint32_t> row_numbers(int64_t count) {
  std::vector<uint32_t> rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), 0u);
  return rows;
}

Status check_shape(int64_t row_count, const SplitShape& shape) {
  if (shape.folds < 1) {
    return fail(StatusCode::kInvalidArgument, "folds={} (must be at least 1)", shape.folds);
  }
  if (shape.folds == 1 && !(shape.fraction > 0 && shape.fraction < 1)) {
    return fail(StatusCode::kInvalidArgument,
                "validation fraction {} (must be above 0 and below 1)", shape.fraction);
  }
  if (row_count > int64_t{1} << 32) {
    return fail(StatusCode::kInvalidArgument, "{} rows cannot be split (at most 2^32)", row_count);
  }
  if (row_count < 2) {
    return fail(StatusCode::kData, "{} row{} cannot be split (must be at least 2)", row_count,
                row_count == 1 ? "" : "s");
  }
  if (row_count < shape.folds) {
    return fail(StatusCode::kData, "{} rows cannot be split into {} folds (at most {})", row_count,
                shape.folds, row_count);
  }
  return {};
}

// Rows that validate in a holdout: at least one, and one is left to train.
int64_t holdout_count(int64_t row_count, double fraction) {
  const auto count =
      static_cast<int64_t>(std::floor(static_cast<double>(row_count) * fraction + 0.5));
  return std::clamp<int64_t>(count, 1, row_count - 1);
}

// One fold for each value below `folds` in fold_of; rows with -1 never validate.
std::vector<Split> splits_of(const std::vector<int32_t>& fold_of, int folds) {
  std::vector<Split> splits(static_cast<size_t>(folds));
  for (size_t f = 0; f < splits.size(); ++f) {
    Split& split = splits[f];
    for (size_t row = 0; row < fold_of.size(); ++row) {
      auto& side = fold_of[row] == static_cast<int32_t>(f) ? split.valid : split.train;
      side.push_back(static_cast<uint32_t>(row));
    }
  }
  return splits;
}

SplitPlan plan_of(const std::vector<int32_t>& fold_of, const SplitShape& shape,
                  std::string_view kind) {
  const std::string_view blank = kind.empty() ? "" : " ";
  std::string method = shape.folds == 1
                           ? fmt::format("{}{}holdout {:.3g}", kind, blank, shape.fraction)
                           : fmt::format("{}{}{}-fold", kind, blank, shape.folds);
  return {splits_of(fold_of, shape.folds), std::move(method)};
}

// Rows of each code, ascending codes, rows in random order.
std::vector<std::vector<uint32_t>> shuffled_members(std::span<const int32_t> codes, uint64_t seed) {
  const int32_t most = *std::max_element(codes.begin(), codes.end());
  std::vector<std::vector<uint32_t>> members(static_cast<size_t>(most) + 1);
  for (size_t row = 0; row < codes.size(); ++row) {
    members[static_cast<size_t>(codes[row])].push_back(static_cast<uint32_t>(row));
  }
  std::erase_if(members, [](const auto& rows) { return rows.empty(); });
  for (size_t m = 0; m < members.size(); ++m) {
    Rng rng(derive_seed(seed, "split", m));
    shuffle(members[m], rng);
  }
  return members;
}

// Dense codes 0.. in ascending order of the given ones, which may be any integers.
std::vector<int32_t> dense_codes(std::span<const int32_t> codes, int64_t& count) {
  std::vector<int32_t> distinct(codes.begin(), codes.end());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  count = static_cast<int64_t>(distinct.size());
  std::vector<int32_t> dense(codes.size());
  for (size_t row = 0; row < codes.size(); ++row) {
    dense[row] = static_cast<int32_t>(
        std::lower_bound(distinct.begin(), distinct.end(), codes[row]) - distinct.begin());
  }
  return dense;
}

// Each stratum gives its share of the running total, so that rounding does not add up; it keeps
// one row to train.
std::vector<int32_t> stratified_holdout(const std::vector<std::vector<uint32_t>>& members,
                                        int64_t row_count, double fraction) {
  std::vector<int32_t> fold_of(static_cast<size_t>(row_count), -1);
  double due = 0;
  int64_t taken = 0;
  for (const auto& rows : members) {
    const auto size = static_cast<int64_t>(rows.size());
    due += static_cast<double>(size) * fraction;
    const auto wanted = static_cast<int64_t>(std::floor(due + 0.5)) - taken;
    const int64_t count = std::clamp<int64_t>(wanted, 0, size - 1);
    for (int64_t i = 0; i < count; ++i) fold_of[rows[static_cast<size_t>(i)]] = 0;
    taken += count;
  }
  if (taken == 0) {
    const auto largest =
        std::max_element(members.begin(), members.end(),
                         [](const auto& a, const auto& b) { return a.size() < b.size(); });
    fold_of[largest->front()] = 0;
  }
  return fold_of;
}

// The rows of each group of dense codes, groups and rows in random order.
std::vector<std::vector<uint32_t>> shuffled_groups(std::span<const int32_t> codes, uint64_t seed) {
  auto members = shuffled_members(codes, seed);
  std::vector<uint32_t> order = row_numbers(static_cast<int64_t>(members.size()));
  Rng rng(derive_seed(seed, "groups"));
  shuffle(order, rng);
  std::vector<std::vector<uint32_t>> shuffled(members.size());
  for (size_t g = 0; g < order.size(); ++g) shuffled[g] = std::move(members[order[g]]);
  return shuffled;
}

// Groups in random order, the largest first, each to the fold with the fewest rows.
std::vector<int32_t> deal_groups(std::vector<std::vector<uint32_t>> groups, int64_t row_count,
                                 int folds) {
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  std::vector<int32_t> fold_of(static_cast<size_t>(row_count), -1);
  std::vector<size_t> sizes(static_cast<size_t>(folds), 0);
  for (const auto& rows : groups) {
    const auto fold = std::min_element(sizes.begin(), sizes.end()) - sizes.begin();
    sizes[static_cast<size_t>(fold)] += rows.size();
    for (const uint32_t row : rows) fold_of[row] = static_cast<int32_t>(fold);
  }
  return fold_of;
}

// Groups as they come while that brings the validating rows nearer to their share.
std::vector<int32_t> hold_groups(const std::vector<std::vector<uint32_t>>& groups,
                                 int64_t row_count, double fraction) {
  const double wanted = static_cast<double>(row_count) * fraction;
  std::vector<int32_t> fold_of(static_cast<size_t>(row_count), -1);
  double taken = 0;
  size_t held = 0;
  const auto hold = [&](const std::vector<uint32_t>& rows) {
    for (const uint32_t row : rows) fold_of[row] = 0;
    taken += static_cast<double>(rows.size());
    ++held;
  };
  for (const auto& rows : groups) {
    const bool nearer = taken + static_cast<double>(rows.size()) / 2 <= wanted;
    if (nearer && held + 1 < groups.size()) hold(rows);
  }
  if (held == 0) {
    hold(*std::min_element(groups.begin(), groups.end(),
                           [](const auto& a, const auto& b) { return a.size() < b.size(); }));
  }
  return fold_of;
}

// Positions in `order` at which the time changes.
std::vector<int64_t> time_steps(const std::vector<uint32_t>& order, std::span<const double> times) {
  std::vector<int64_t> steps;
  for (size_t i = 1; i < order.size(); ++i) {
    if (times[order[i - 1]] < times[order[i]]) steps.push_back(static_cast<int64_t>(i));
  }
  return steps;
}

// The step nearest to each target, strictly increasing.
std::vector<int64_t> nearest_steps(const std::vector<int64_t>& steps,
                                   const std::vector<double>& targets) {
  std::vector<int64_t> cuts;
  size_t from = 0;
  for (size_t t = 0; t < targets.size(); ++t) {
    const size_t last = steps.size() - (targets.size() - t);
    size_t best = from;
    for (size_t s = from; s <= last; ++s) {
      const auto distance = [&](size_t i) {
        return std::fabs(static_cast<double>(steps[i]) - targets[t]);
      };
      if (distance(s) < distance(best)) best = s;
    }
    cuts.push_back(steps[best]);
    from = best + 1;
  }
  return cuts;
}

std::vector<uint32_t> rows_by_time(std::span<const double> times) {
  std::vector<uint32_t> order = row_numbers(static_cast<int64_t>(times.size()));
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return times[a] < times[b]; });
  return order;
}

std::vector<uint32_t> sorted_part(const std::vector<uint32_t>& order, int64_t begin, int64_t end) {
  std::vector<uint32_t> rows(order.begin() + begin, order.begin() + end);
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

Result<SplitPlan> random_split(int64_t row_count, const SplitShape& shape) {
  ASSAY_RETURN_IF_ERROR(check_shape(row_count, shape));
  std::vector<uint32_t> rows = row_numbers(row_count);
  Rng rng(derive_seed(shape.seed, "split"));
  shuffle(rows, rng);
  std::vector<int32_t> fold_of(rows.size(), -1);
  const int64_t count =
      shape.folds == 1 ? holdout_count(row_count, shape.fraction) : static_cast<int64_t>(row_count);
  for (int64_t i = 0; i < count; ++i) {
    fold_of[rows[static_cast<size_t>(i)]] = static_cast<int32_t>(i % shape.folds);
  }
  return plan_of(fold_of, shape, "");
}

Result<SplitPlan> stratified_split(std::span<const int32_t> strata, const SplitShape& shape) {
  const auto row_count = static_cast<int64_t>(strata.size());
  ASSAY_RETURN_IF_ERROR(check_shape(row_count, shape));
  const int32_t least = *std::min_element(strata.begin(), strata.end());
  if (least < 0) {
    return fail(StatusCode::kInvalidArgument, "stratum {} (must be 0 or more)", least);
  }
  int64_t count = 0;
  const auto members = shuffled_members(dense_codes(strata, count), shape.seed);
  if (shape.folds == 1) {
    return plan_of(stratified_holdout(members, row_count, shape.fraction), shape, "stratified");
  }
  std::vector<int32_t> fold_of(strata.size());
  int64_t dealt = 0;
  for (const auto& rows : members) {
    for (const uint32_t row : rows) fold_of[row] = static_cast<int32_t>(dealt++ % shape.folds);
  }
  return plan_of(fold_of, shape, "stratified");
}

std::vector<int32_t> quantile_strata(std::span<const double> target, int bins) {
  std::vector<uint32_t> order = row_numbers(static_cast<int64_t>(target.size()));
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return target[a] < target[b]; });
  const auto count = static_cast<int64_t>(order.size());
  const int64_t used = std::clamp<int64_t>(bins, 1, std::max<int64_t>(count, 1));
  std::vector<int32_t> strata(order.size());
  for (int64_t rank = 0; rank < count; ++rank) {
    strata[order[static_cast<size_t>(rank)]] = static_cast<int32_t>(rank * used / count);
  }
  return strata;
}

Result<SplitPlan> group_split(std::span<const int32_t> groups, const SplitShape& shape) {
  const auto row_count = static_cast<int64_t>(groups.size());
  ASSAY_RETURN_IF_ERROR(check_shape(row_count, shape));
  int64_t count = 0;
  const std::vector<int32_t> codes = dense_codes(groups, count);
  const int64_t needed = std::max(2, shape.folds);
  if (count < needed) {
    return fail(StatusCode::kData, "{} group{} cannot be split (must be at least {})", count,
                count == 1 ? "" : "s", needed);
  }
  auto shuffled = shuffled_groups(codes, shape.seed);
  const std::vector<int32_t> fold_of =
      shape.folds == 1 ? hold_groups(shuffled, row_count, shape.fraction)
                       : deal_groups(std::move(shuffled), row_count, shape.folds);
  return plan_of(fold_of, shape, "group");
}

Result<SplitPlan> time_split(std::span<const double> times, const SplitShape& shape) {
  const auto row_count = static_cast<int64_t>(times.size());
  ASSAY_RETURN_IF_ERROR(check_shape(row_count, shape));
  const auto missing =
      std::find_if(times.begin(), times.end(), [](double t) { return std::isnan(t); });
  if (missing != times.end()) {
    return fail(StatusCode::kInvalidArgument, "row {} has no time (every row must have one)",
                missing - times.begin());
  }
  const std::vector<uint32_t> order = rows_by_time(times);
  const std::vector<int64_t> steps = time_steps(order, times);
  if (static_cast<int64_t>(steps.size()) < shape.folds) {
    return fail(StatusCode::kData,
                "{} distinct time{} cannot be split into {} fold{} (must be at least {})",
                steps.size() + 1, steps.empty() ? "" : "s", shape.folds,
                shape.folds == 1 ? "" : "s", shape.folds + 1);
  }
  std::vector<double> targets;
  for (int f = 0; f < shape.folds; ++f) {
    const double share = shape.folds == 1 ? 1 - shape.fraction : (f + 1.0) / (shape.folds + 1.0);
    targets.push_back(static_cast<double>(row_count) * share);
  }
  std::vector<int64_t> cuts = nearest_steps(steps, targets);
  cuts.push_back(row_count);
  SplitPlan plan;
  plan.method = shape.folds == 1 ? fmt::format("time-ordered holdout {:.3g}", shape.fraction)
                                 : fmt::format("time-ordered {}-fold", shape.folds);
  for (size_t f = 0; f + 1 < cuts.size(); ++f) {
    plan.folds.push_back(
        {sorted_part(order, 0, cuts[f]), sorted_part(order, cuts[f], cuts[f + 1])});
  }
  return plan;
}

std::vector<int32_t> group_parts(std::span<const int32_t> groups, int parts, uint64_t seed) {
  if (groups.empty()) return {};
  int64_t count = 0;
  const std::vector<int32_t> codes = dense_codes(groups, count);
  return deal_groups(shuffled_groups(codes, seed), static_cast<int64_t>(groups.size()), parts);
}

std::vector<int32_t> time_parts(std::span<const double> times, int parts) {
  const std::vector<uint32_t> order = rows_by_time(times);
  const std::vector<int64_t> steps = time_steps(order, times);
  const auto count = std::min<int64_t>(parts, static_cast<int64_t>(steps.size()) + 1);
  std::vector<double> targets;
  for (int64_t part = 1; part < count; ++part) {
    targets.push_back(static_cast<double>(times.size()) * static_cast<double>(part) /
                      static_cast<double>(count));
  }
  std::vector<int32_t> part_of(times.size(), 0);
  for (const int64_t cut : nearest_steps(steps, targets)) {
    for (auto i = static_cast<size_t>(cut); i < order.size(); ++i) ++part_of[order[i]];
  }
  return part_of;
}

}  // namespace assay::datasets
