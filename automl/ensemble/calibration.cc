// The log loss of a row is log(sum over classes of p_k^power) - power * log(p_y): convex in the
// power, with the derivative E[log p] - log p_y and the second one Var[log p], both under the
// sharpened probabilities. Newton's steps on that, held within a factor of 2 a step.
#include "automl/ensemble/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "automl/models/calibrated_model.h"
#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

constexpr int kMostSteps = 12;
constexpr double kSettled = 1e-4;  // relative change of the power
// What log_loss takes probabilities of 0 for.
constexpr double kSmallest = 1e-15;

// The rows that are looked at, with logarithms of their probabilities.
struct Rows {
  int64_t columns = 0;
  std::vector<double> logs;  // [rows, columns]
  std::vector<int32_t> labels;
  std::vector<double> weights;
  std::vector<uint8_t> halves;
  size_t count() const { return labels.size(); }
};

Rows gather(const CalibrationProblem& problem) {
  const PredictionView& all = problem.predictions;
  const int64_t most = std::max<int64_t>(1, kCalibrationCells / all.columns);
  const int64_t step = (all.rows + most - 1) / most;
  Rows rows;
  rows.columns = all.columns;
  std::array<int64_t, 2> seen{};
  for (int64_t row = 0; row < all.rows; ++row) {
    const auto i = static_cast<size_t>(row);
    if (seen[problem.halves[i]]++ % step != 0) continue;
    for (int64_t k = 0; k < all.columns; ++k) {
      const double p = static_cast<double>(all.data[row * all.columns + k]);
      rows.logs.push_back(kernels::exact_log(std::clamp(p, kSmallest, 1.0)));
    }
    rows.labels.push_back(problem.labels[i]);
    rows.weights.push_back(problem.weights.empty() ? 1.0 : double{problem.weights[i]});
    rows.halves.push_back(problem.halves[i]);
  }
  return rows;
}

struct Slope {
  double loss = 0;  // sums over the rows
  double first = 0;
  double second = 0;
  double weight = 0;
};

// Of the rows of one half, or of all with half -1.
Slope slope_at(const Rows& rows, int half, double power) {
  Slope sum;
  const auto width = static_cast<size_t>(rows.columns);
  for (size_t row = 0; row < rows.count(); ++row) {
    if (half >= 0 && rows.halves[row] != half) continue;
    const double* logs = rows.logs.data() + row * width;
    const double most = *std::max_element(logs, logs + width);
    double total = 0;
    double mean = 0;
    double square = 0;
    for (size_t k = 0; k < width; ++k) {
      const double part = kernels::exact_exp(power * (logs[k] - most));
      total += part;
      mean += part * logs[k];
      square += part * logs[k] * logs[k];
    }
    mean /= total;
    square /= total;
    const double own = logs[static_cast<size_t>(rows.labels[row])];
    const double weight = rows.weights[row];
    sum.loss += weight * (kernels::exact_log(total) + power * (most - own));
    sum.first += weight * (mean - own);
    sum.second += weight * std::max(square - mean * mean, 0.0);
    sum.weight += weight;
  }
  return sum;
}

Result<double> best_power(const Rows& rows, int half, const StopToken& stop) {
  double power = 1;
  for (int step = 0; step < kMostSteps; ++step) {
    if (stop.requested()) return fail(StatusCode::kCancelled, "time was up");
    const Slope slope = slope_at(rows, half, power);
    if (!(slope.second > 0)) break;
    const double wanted = power - slope.first / slope.second;
    const double next =
        std::clamp(std::clamp(wanted, power / 2, power * 2), kLeastPower, kMostPower);
    const bool settled = std::abs(next - power) < kSettled * power;
    power = next;
    if (settled) break;
  }
  return power;
}

}  // namespace

Result<Calibration> calibrate(const CalibrationProblem& problem, const StopToken& stop) {
  const auto count = static_cast<size_t>(problem.predictions.rows);
  if (problem.labels.size() != count || problem.halves.size() != count ||
      (!problem.weights.empty() && problem.weights.size() != count) ||
      problem.predictions.columns < 2) {
    return fail(StatusCode::kInvalidArgument, "calibration of {} rows with {} labels", count,
                problem.labels.size());
  }
  const Rows rows = gather(problem);
  std::array<int64_t, 2> sizes{};
  for (const uint8_t half : rows.halves) ++sizes[half];
  if (std::min(sizes[0], sizes[1]) < kFewestCalibrationRows) {
    return fail(StatusCode::kData, "{} rows are too few to calibrate on", rows.count());
  }
  Calibration calibration;
  double before = 0;
  double after = 0;
  double weight = 0;
  bool approved = true;
  for (const int half : {0, 1}) {
    ASSAY_ASSIGN_OR_RETURN(const double power, best_power(rows, half, stop));
    const Slope own = slope_at(rows, 1 - half, 1);
    const Slope sharpened = slope_at(rows, 1 - half, power);
    approved = approved && sharpened.loss < own.loss;
    before += own.loss;
    after += sharpened.loss;
    weight += own.weight;
  }
  if (!(weight > 0)) return fail(StatusCode::kData, "rows without weight cannot be calibrated on");
  calibration.loss_before = before / weight;
  calibration.loss_held_out = after / weight;
  if (!approved) return calibration;
  ASSAY_ASSIGN_OR_RETURN(calibration.power, best_power(rows, -1, stop));
  return calibration;
}

}  // namespace assay::automl
