#include "automl/validation/row_shares.h"

#include <algorithm>
#include <cmath>

#include "datasets/nested_samples.h"
#include "datasets/splits.h"

namespace assay::automl {
namespace {

constexpr int kShareStrata = 10;  // of a regression's values
// A group of many rows may make a share of it nearly as large as the next.
constexpr double kMostOfNext = 0.75;

// Of the rows' targets.
std::vector<int32_t> strata_of(const TrainingSet& set, std::span<const uint32_t> rows) {
  const TrainingData& data = set.data();
  std::vector<int32_t> strata;
  std::vector<double> targets;
  for (const uint32_t row : rows) {
    if (is_classification(set.task())) {
      strata.push_back(data.classes[row]);
    } else {
      targets.push_back(data.targets[row]);
    }
  }
  return targets.empty() ? strata : datasets::quantile_strata(targets, kShareStrata);
}

}  // namespace

std::vector<RowShare> row_shares(const TrainingSet& set, int64_t eta, int steps, uint64_t seed) {
  if (!set.is_holdout()) return {};
  const std::vector<uint32_t>& all = set.folds().front().train_rows;
  std::vector<double> parts;
  for (int step = 1; step <= steps; ++step) {
    parts.push_back(std::pow(static_cast<double>(eta), step - steps - 1));
  }
  auto samples = set.kin().samples(all, parts, seed);
  if (samples.empty()) samples = datasets::stratified_samples(strata_of(set, all), parts, seed);
  std::vector<RowShare> shares;
  auto next = static_cast<double>(all.size());
  for (int step = steps; step >= 1; --step) {
    const std::vector<uint32_t>& sample = samples[static_cast<size_t>(step) - 1];
    const auto count = static_cast<double>(sample.size());
    if (count < kLeastShareRows || count > kMostOfNext * next) continue;
    RowShare& share = shares.emplace_back(RowShare{step, {}});
    for (const uint32_t place : sample) share.rows.push_back(all[place]);
    next = count;
  }
  std::reverse(shares.begin(), shares.end());
  return shares;
}

}  // namespace assay::automl
