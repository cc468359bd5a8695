#include "automl/preprocess/level_target_fit.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <new>
#include <utility>

#include "automl/preprocess/column_transform.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

constexpr size_t kMostEdges = kernels::kMaxBins - 2;

struct LevelSum {
  double targets = 0;
  double weights = 0;
  void add(double target, double weight) {
    targets += weight * target;
    weights += weight;
  }
  double mean(double prior) const {
    return (targets + kLevelSmooth * prior) / (weights + kLevelSmooth);
  }
};

// The part of each training row.
std::vector<uint8_t> parts_of(std::span<const uint32_t> rows, std::span<const int32_t> groups,
                              uint64_t seed) {
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(seed),
                                       static_cast<uint32_t>(seed >> 32)};
  std::vector<uint8_t> parts;
  parts.reserve(rows.size());
  std::array<uint32_t, 4> words{};
  uint32_t block = std::numeric_limits<uint32_t>::max();
  for (const uint32_t row : rows) {
    const uint32_t drawn = groups.empty() ? row : static_cast<uint32_t>(groups[row]);
    if (drawn / 4 != block) {
      block = drawn / 4;
      words = philox_block(key, {block, 0, 0, 3});
    }
    const uint64_t scaled = uint64_t{words[drawn % 4]} * kLevelParts;
    parts.push_back(static_cast<uint8_t>(scaled >> 32));
  }
  return parts;
}

double target_of(const LevelTargetRequest& request, uint32_t row, int32_t part) {
  if (request.classes.empty()) return request.targets[row];
  return request.classes[row] == part + 1 ? 1.0 : 0.0;
}

// Numbers that part the values into bins of about as many each; a value's bin is 1 + the number of
// edges below it.
std::vector<double> edges_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::vector<double> edges;
  for (size_t i = 1; i <= kMostEdges && !values.empty(); ++i) {
    const double edge = values[values.size() * i / (kMostEdges + 1)];
    if (edge < values.back() && (edges.empty() || edge > edges.back())) edges.push_back(edge);
  }
  return edges;
}

uint8_t bin_of(const std::vector<double>& edges, double value) {
  return static_cast<uint8_t>(
      1 + (std::lower_bound(edges.begin(), edges.end(), value) - edges.begin()));
}

void fit_place(const LevelTargetRequest& request, const LevelTargetPlace& place,
               LevelTargetColumn& column, std::vector<uint8_t>& row_bins) {
  const LevelNumbers numbers = level_numbers(request, place);
  const std::vector<double> edges = edges_of(numbers.by_row);
  column.feature = place.feature;
  column.key = place.key;
  for (const double number : numbers.by_code) column.bins.push_back(bin_of(edges, number));
  const LevelKey& key = request.features->level_keys()[static_cast<size_t>(place.key)];
  row_bins.reserve(key.codes.size());
  for (const int32_t code : key.codes) {
    row_bins.push_back(column.bins[static_cast<size_t>(code)]);
  }
  for (size_t i = 0; i < request.train_rows.size(); ++i) {
    row_bins[request.train_rows[i]] = bin_of(edges, numbers.by_row[i]);
  }
}

}  // namespace

LevelNumbers level_numbers(const LevelTargetRequest& request, const LevelTargetPlace& place) {
  const LevelKey& key = request.features->level_keys()[static_cast<size_t>(place.key)];
  const auto codes = static_cast<size_t>(key.code_count);
  const std::vector<uint8_t> parts = parts_of(request.train_rows, request.groups, request.seed);
  std::vector<LevelSum> levels(codes);
  std::array<std::vector<LevelSum>, kLevelParts> by_part;  // of all rows but the part's
  std::array<LevelSum, kLevelParts> totals;
  for (std::vector<LevelSum>& sums : by_part) sums.resize(codes);
  LevelSum total;
  for (size_t i = 0; i < request.train_rows.size(); ++i) {
    const uint32_t row = request.train_rows[i];
    const auto code = static_cast<size_t>(key.codes[row]);
    const double target = target_of(request, row, place.part);
    const double weight = request.weights.empty() ? 1.0 : double{request.weights[row]};
    levels[code].add(target, weight);
    total.add(target, weight);
    for (size_t part = 0; part < kLevelParts; ++part) {
      if (part == parts[i]) continue;
      by_part[part][code].add(target, weight);
      totals[part].add(target, weight);
    }
  }
  const auto prior_of = [](const LevelSum& sum) {
    return sum.weights > 0 ? sum.targets / sum.weights : 0.0;
  };
  // Parts of whole groups differ in their means: a part that is high would be told a low number,
  // and rows of levels that are in one group nothing else. So these are drawn towards one mean.
  if (!request.groups.empty()) totals.fill(total);
  LevelNumbers numbers;
  for (const LevelSum& level : levels) numbers.by_code.push_back(level.mean(prior_of(total)));
  for (size_t i = 0; i < request.train_rows.size(); ++i) {
    const auto code = static_cast<size_t>(key.codes[request.train_rows[i]]);
    numbers.by_row.push_back(by_part[parts[i]][code].mean(prior_of(totals[parts[i]])));
  }
  return numbers;
}

Result<FittedLevelTargets> fit_level_targets(const LevelTargetRequest& request,
                                             const kernels::ComputeContext& context) {
  const size_t count = request.places.size();
  std::vector<LevelTargetColumn> columns(count);
  FittedLevelTargets fitted;
  fitted.row_bins.resize(count);
  std::atomic<bool> no_memory{false};
  ASSAY_RETURN_IF_ERROR(for_chunks(static_cast<int64_t>(count), &context, [&](int64_t chunk) {
    const auto i = static_cast<size_t>(chunk);
    try {
      fit_place(request, request.places[i], columns[i], fitted.row_bins[i]);
    } catch (const std::bad_alloc&) {
      no_memory = true;
    }
  }));
  if (no_memory) return fail(StatusCode::kResourceExhausted, "no memory for level targets");
  ASSAY_ASSIGN_OR_RETURN(fitted.targets,
                         LevelTargets::make(std::move(columns), request.features->feature_count()));
  return fitted;
}

}  // namespace assay::automl
