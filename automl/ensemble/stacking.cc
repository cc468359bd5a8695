#include "automl/ensemble/stacking.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "automl/ensemble/log_linear.h"
#include "automl/metrics/query_rows.h"
#include "automl/metrics/target_rows.h"
#include "automl/models/stacked_model.h"

namespace assay::automl {
namespace {

// Weights are expected within about 0.3 of those of the average: 1 / 0.3^2.
constexpr double kDrawnToAverage = 10;
// Weights below this are as good as none.
constexpr double kLeastWeight = 1e-4;
// A share of the target's variance that is rounding.
constexpr double kNoError = 1e-12;
// Of the check.
constexpr int64_t kWantedBlocks = 20;
constexpr int64_t kFewestBlockRows = 25;
constexpr int64_t kFewestBlocks = 4;
constexpr double kErrorsOfNoise = 2;

// The rows that are looked at, of those that count.
std::vector<uint32_t> rows_of(const SelectionProblem& problem, int64_t most) {
  std::vector<uint32_t> rows(problem.rows.begin(), problem.rows.end());
  if (rows.empty()) {
    rows.resize(static_cast<size_t>(problem.candidates[0].rows));
    std::iota(rows.begin(), rows.end(), 0u);
  }
  const auto count = static_cast<int64_t>(rows.size());
  const auto step = static_cast<size_t>((count + most - 1) / std::max<int64_t>(1, most));
  size_t kept = 0;
  for (size_t i = 0; i < rows.size(); i += std::max<size_t>(1, step)) rows[kept++] = rows[i];
  rows.resize(kept);
  return rows;
}

double weight_of(const SelectionProblem& problem, uint32_t row) {
  return problem.weights.empty() ? 1.0 : double{problem.weights[row]};
}

LogLinearPrior prior_of(std::span<const double> center) {
  LogLinearPrior prior;
  prior.center.assign(center.begin(), center.end());
  prior.strength.assign(center.size(), kDrawnToAverage);
  prior.least.assign(center.size(), 0.0);
  return prior;
}

Result<std::vector<double>> fit_classes(const SelectionProblem& problem,
                                        std::span<const size_t> members,
                                        std::span<const double> center, const StopToken& stop) {
  LogLinearRows taken;
  taken.classes = problem.candidates[0].columns;
  taken.params = static_cast<int64_t>(members.size());
  for (const uint32_t row : rows_of(problem, kStackCells / (taken.classes * taken.params))) {
    for (int64_t k = 1; k < taken.classes; ++k) {
      for (const size_t member : members) {
        const float* p = problem.candidates[member].data + int64_t{row} * taken.classes;
        taken.features.push_back(log_chance(p[k]) - log_chance(p[0]));
      }
    }
    taken.labels.push_back(problem.targets.labels[row]);
    taken.weights.push_back(weight_of(problem, row));
  }
  return fit_log_linear(taken, -1, prior_of(center), stop);
}

// Sums over rows of weight * x_i * x_j, the last of x being the target less its mean.
struct Moments {
  std::vector<double> means;     // [members + 1]
  std::vector<double> products;  // [members + 1, members + 1]
  double weight = 0;
};

Moments moments_of(const SelectionProblem& problem, std::span<const size_t> members,
                   std::span<const uint32_t> rows) {
  const size_t width = members.size() + 1;
  Moments moments{std::vector<double>(width, 0.0), std::vector<double>(width * width, 0.0)};
  std::vector<double> values(width);
  const TargetScale& frame = problem.metric->frame();
  const auto take = [&](uint32_t row) {
    for (size_t j = 0; j < members.size(); ++j) {
      values[j] = static_cast<double>(problem.candidates[members[j]].data[row]);
    }
    values[width - 1] = (problem.targets.values[row] - frame.offset) / frame.scale;
  };
  for (const uint32_t row : rows) {
    take(row);
    const double weight = weight_of(problem, row);
    moments.weight += weight;
    for (size_t j = 0; j < width; ++j) moments.means[j] += weight * values[j];
  }
  for (double& mean : moments.means) mean /= moments.weight;
  for (const uint32_t row : rows) {
    take(row);
    const double weight = weight_of(problem, row);
    for (size_t j = 0; j < width; ++j) values[j] -= moments.means[j];
    for (size_t j = 0; j < width; ++j) {
      for (size_t i = 0; i <= j; ++i) {
        moments.products[j * width + i] += weight * values[i] * values[j];
        if (i != j) moments.products[i * width + j] = moments.products[j * width + i];
      }
    }
  }
  return moments;
}

// Least squares, in units of the average's own error, and the constant that goes with them.
Result<std::vector<double>> fit_values(const SelectionProblem& problem,
                                       std::span<const size_t> members,
                                       std::span<const double> center, double& bias) {
  const std::vector<uint32_t> rows =
      rows_of(problem, kStackCells / static_cast<int64_t>(members.size()));
  const Moments moments = moments_of(problem, members, rows);
  const size_t count = members.size();
  const size_t width = count + 1;
  const auto product = [&](size_t i, size_t j) { return moments.products[i * width + j]; };
  // Of the target less the average: its squares, and its products with each member.
  double error = product(count, count);
  std::vector<double> slopes(count);
  for (size_t j = 0; j < count; ++j) {
    slopes[j] = -product(j, count);
    for (size_t i = 0; i < count; ++i) slopes[j] += product(j, i) * center[i];
    error += center[j] * (slopes[j] - product(j, count));
  }
  const double variance = error / moments.weight;
  const double spread = product(count, count) / moments.weight;
  if (!(variance > kNoError * spread) || !std::isfinite(variance)) {
    return fail(StatusCode::kData, "the average has no error to be mended");
  }
  std::vector<double> hessian(count * count);
  std::vector<double> low(count);
  for (size_t j = 0; j < count; ++j) {
    slopes[j] /= variance;
    for (size_t i = 0; i < count; ++i) hessian[j * count + i] = product(j, i) / variance;
    hessian[j * count + j] += kDrawnToAverage;
    low[j] = -center[j];
  }
  std::vector<double> theta = least_of_parabola(slopes, hessian, low);
  bias = moments.means[count];
  for (size_t j = 0; j < count; ++j) {
    theta[j] += center[j];
    bias -= theta[j] * moments.means[j];
  }
  return theta;
}

// The rows that are asked of each part (fold), or of each half where there is but one part.
std::map<int32_t, std::vector<uint32_t>> groups_of(const SelectionProblem& problem,
                                                   std::span<const uint8_t> halves) {
  std::map<int32_t, std::vector<uint32_t>> groups;
  const bool parts = has_parts(problem);
  for (uint32_t row = 0; row < halves.size(); ++row) {
    if (!is_asked(problem, halves[row])) continue;
    groups[parts ? problem.parts[row] : int32_t{halves[row]}].push_back(row);
  }
  return groups;
}

// Blocks of rows that were predicted by the same choices, with all classes or values in each, or of
// whole queries.
std::vector<std::vector<uint32_t>> blocks_of(const SelectionProblem& problem,
                                             std::span<const uint8_t> halves) {
  std::vector<std::vector<uint32_t>> blocks;
  const auto groups = groups_of(problem, halves);
  const auto wanted = (kWantedBlocks + static_cast<int64_t>(groups.size()) - 1) /
                      static_cast<int64_t>(groups.size());
  const TargetView& targets = problem.targets;
  for (const auto& [part, all] : groups) {
    const auto fits = static_cast<int64_t>(all.size()) / kFewestBlockRows;
    const auto count = static_cast<size_t>(std::clamp<int64_t>(fits, 1, wanted));
    const size_t first = blocks.size();
    blocks.resize(first + count);
    if (!targets.queries.empty()) {  // whole queries
      const QueryRows queries = QueryRows::of(targets.queries, all);
      for (int64_t query = 0; query < queries.count(); ++query) {
        const auto rows = queries.rows_of(query);
        std::vector<uint32_t>& block = blocks[first + static_cast<size_t>(query) % count];
        block.insert(block.end(), rows.begin(), rows.end());
      }
      continue;
    }
    std::vector<uint32_t> order = all;
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      if (!targets.labels.empty()) return targets.labels[a] < targets.labels[b];
      return targets.values[a] < targets.values[b];
    });
    for (size_t i = 0; i < order.size(); ++i) blocks[first + i % count].push_back(order[i]);
  }
  return blocks;
}

// The metric's loss on some rows of predictions; nothing where it is not defined.
std::optional<double> loss_on(const SelectionProblem& problem, std::span<const uint32_t> rows,
                              std::span<const float> predictions) {
  const auto columns = static_cast<size_t>(problem.candidates[0].columns);
  std::vector<float> own;
  TargetRows truth;
  for (const uint32_t row : rows) {
    const auto at = predictions.begin() + static_cast<std::ptrdiff_t>(row * columns);
    own.insert(own.end(), at, at + static_cast<std::ptrdiff_t>(columns));
    truth.add(problem.targets, problem.weights, row);
  }
  const auto score = problem.metric->score(
      {own.data(), static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns)}, truth.view(),
      truth.weights);
  if (!score) return std::nullopt;
  return problem.metric->loss_of(*score);
}

// Mean and standard error of the gains by block.
Status measure(const SelectionProblem& problem, const CrossScores& cross,
               std::span<const float> stacked, StackCheck& check) {
  std::vector<double> gains;
  std::array<double, 2> sums{};
  for (const std::vector<uint32_t>& block : blocks_of(problem, cross.halves)) {
    const auto before = loss_on(problem, block, cross.blends);
    const auto after = loss_on(problem, block, stacked);
    if (!before || !after) continue;
    gains.push_back(*before - *after);
    sums[cross.halves[block[0]]] += gains.back();
  }
  check.blocks = static_cast<int64_t>(gains.size());
  if (check.blocks < kFewestBlocks) {
    return fail(StatusCode::kData, "{} blocks of rows are too few to compare on", check.blocks);
  }
  const auto count = static_cast<double>(gains.size());
  for (const double gain : gains) check.gain += gain / count;
  double squares = 0;
  for (const double gain : gains) squares += (gain - check.gain) * (gain - check.gain);
  check.noise = std::sqrt(squares / (count - 1) / count);
  check.both_halves = (sums[0] > 0 || !is_asked(problem, 0)) && sums[1] > 0;
  return {};
}

}  // namespace

size_t Stack::member_count() const {
  return static_cast<size_t>(
      std::count_if(weights.begin(), weights.end(), [](double weight) { return weight > 0; }));
}

Result<Stack> fit_stack(const SelectionProblem& problem, std::span<const double> average,
                        const StopToken& stop) {
  ASSAY_RETURN_IF_ERROR(check_candidates(problem));
  const size_t count =
      problem.rows.empty() ? static_cast<size_t>(problem.candidates[0].rows) : problem.rows.size();
  if (static_cast<int64_t>(count) < kFewestStackRows) {
    return fail(StatusCode::kData, "{} rows are too few to fit a second level on", count);
  }
  std::vector<size_t> members;
  std::vector<double> center;
  for (size_t i = 0; i < average.size(); ++i) {
    if (!(average[i] > 0)) continue;
    members.push_back(i);
    center.push_back(average[i]);
  }
  Stack stack;
  stack.of_classes = !problem.targets.labels.empty();
  std::vector<double> theta;
  if (stack.of_classes) {
    ASSAY_ASSIGN_OR_RETURN(theta, fit_classes(problem, members, center, stop));
  } else {
    ASSAY_ASSIGN_OR_RETURN(theta, fit_values(problem, members, center, stack.bias));
  }
  stack.weights.assign(average.size(), 0.0);
  for (size_t j = 0; j < members.size(); ++j) {
    if (theta[j] > kLeastWeight) stack.weights[members[j]] = theta[j];
  }
  if (stack.member_count() == 0) return fail(StatusCode::kData, "no member helps");
  return stack;
}

void stack_predictions(std::span<const PredictionView> candidates, const Stack& stack,
                       std::span<float> out) {
  const auto columns = static_cast<size_t>(candidates[0].columns);
  std::vector<double> sums(columns);
  for (size_t begin = 0; begin + columns <= out.size(); begin += columns) {
    std::fill(sums.begin(), sums.end(), stack.bias);
    for (size_t c = 0; c < candidates.size(); ++c) {
      if (!(stack.weights[c] > 0)) continue;
      const float* own = candidates[c].data + begin;
      for (size_t k = 0; k < columns; ++k) {
        sums[k] += stack.weights[c] * (stack.of_classes ? log_chance(own[k]) : double{own[k]});
      }
    }
    if (stack.of_classes) {
      soften(sums, out.subspan(begin, columns));
    } else {
      out[begin] = to_f32(sums[0]);
    }
  }
}

bool StackCheck::approves() const {
  return both_halves && gain > 0 && gain > kErrorsOfNoise * noise;
}

std::string StackCheck::text() const {
  return fmt::format(
      "{:.6g} on rows that were not fitted on, the average has {:.6g}: gain {:.3g} +- {:.3g} over "
      "{} "
      "blocks of rows",
      stacked, average, gain, noise, blocks);
}

Result<StackCheck> check_stack(const SelectionProblem& problem, const CrossScores& cross,
                               const StopToken& stop) {
  std::array<std::vector<uint32_t>, 2> rows;
  for (uint32_t row = 0; row < cross.halves.size(); ++row) rows[cross.halves[row]].push_back(row);
  std::vector<float> mixed(cross.blends.size());
  std::vector<float> stacked(cross.blends.size());
  const auto columns = static_cast<std::ptrdiff_t>(problem.candidates[0].columns);
  for (const size_t half : {size_t{0}, size_t{1}}) {
    if (!is_asked(problem, 1 - half)) continue;
    SelectionProblem part = problem;
    part.rows = rows[half];
    ASSAY_ASSIGN_OR_RETURN(const Stack stack, fit_stack(part, cross.weights[half], stop));
    stack_predictions(problem.candidates, stack, mixed);
    for (const uint32_t row : rows[1 - half]) {
      const auto at = static_cast<std::ptrdiff_t>(row) * columns;
      std::copy_n(mixed.begin() + at, columns, stacked.begin() + at);
    }
  }
  StackCheck check;
  check.average = cross.blend;
  ASSAY_ASSIGN_OR_RETURN(check.stacked, cross_score(problem, cross.halves, stacked));
  ASSAY_RETURN_IF_ERROR(measure(problem, cross, stacked, check));
  return check;
}

}  // namespace assay::automl
