// Densities are kernel estimates on a grid of the parameter's range (its logarithm where it spans
// orders of magnitude), Scott's bandwidth, mixed with one more trial that lies anywhere with the
// same chance, so that no cell is empty. Categories count frequencies with the same addition.
#include "automl/report/param_importance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace assay::automl {
namespace {

constexpr size_t kCells = 50;

double scott_bandwidth(std::vector<double> places) {
  const auto count = static_cast<double>(places.size());
  const double mean = std::accumulate(places.begin(), places.end(), 0.0) / count;
  double square = 0;
  for (const double place : places) square += (place - mean) * (place - mean);
  const double deviation = std::sqrt(square / std::max(1.0, count - 1));
  std::sort(places.begin(), places.end());
  const size_t last = places.size() - 1;
  const double reach = (places[last * 3 / 4] - places[last / 4]) / 1.34;
  const double spread = reach > 0 ? std::min(deviation, reach) : deviation;
  return std::max(1.059 * spread * std::pow(count, -0.2), 0.5 / kCells);
}

// Sums to 1 over the cells.
std::vector<double> density(const std::vector<double>& places) {
  std::vector<double> cells(kCells, 0.0);
  const double width = scott_bandwidth(places);
  for (const double place : places) {
    double sum = 0;
    std::vector<double> kernel(kCells);
    for (size_t i = 0; i < kCells; ++i) {
      const double z = ((static_cast<double>(i) + 0.5) / kCells - place) / width;
      sum += kernel[i] = std::exp(-0.5 * z * z);
    }
    for (size_t i = 0; i < kCells; ++i) cells[i] += kernel[i] / sum;
  }
  const auto count = static_cast<double>(places.size());
  for (double& cell : cells) cell = (cell + 1.0 / kCells) / (count + 1);
  return cells;
}

std::vector<double> frequencies(const std::vector<double>& choices, size_t choice_count) {
  std::vector<double> cells(choice_count, 1.0 / static_cast<double>(choice_count));
  for (const double choice : choices) cells[static_cast<size_t>(choice)] += 1;
  for (double& cell : cells) cell /= static_cast<double>(choices.size()) + 1;
  return cells;
}

double divergence(const std::vector<double>& best, const std::vector<double>& all) {
  double sum = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const double ratio = best[i] / all[i] - 1;
    sum += all[i] * ratio * ratio;
  }
  return sum;
}

double importance_of(const ParamColumn& column, size_t best) {
  std::vector<double> top;
  std::vector<double> all;
  for (size_t trial = 0; trial < column.values.size(); ++trial) {
    const double value = column.is_number ? column.place(trial) : column.values[trial];
    if (std::isnan(value)) continue;
    all.push_back(value);
    if (trial < best) top.push_back(value);
  }
  if (top.size() < 2 || all.size() < kLeastTrials) return 0;
  if (column.is_number) return divergence(density(top), density(all));
  const size_t choices = column.choices.size();
  return divergence(frequencies(top, choices), frequencies(all, choices));
}

}  // namespace

size_t best_count(size_t trials) { return std::max<size_t>(4, (trials + 9) / 10); }

std::vector<ParamImportance> param_importance(const LearnerTrials& trials) {
  std::vector<ParamImportance> result;
  if (trials.scores.size() < kLeastTrials) return result;
  double sum = 0;
  for (const ParamColumn& column : trials.columns) {
    result.push_back({column.name, importance_of(column, best_count(trials.scores.size()))});
    sum += result.back().share;
  }
  if (!(sum > 0)) return {};
  for (ParamImportance& param : result) param.share /= sum;
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return a.share > b.share; });
  return result;
}

}  // namespace assay::automl
