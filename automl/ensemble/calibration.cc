// The log loss of a row with a power is log(sum over classes of p_k^power) - power * log(p_y):
// convex in the power, with the derivative E[log p] - log p_y and the second one Var[log p], both
// under the sharpened probabilities. Newton's steps on that, held within a factor of 2 a step. With
// shifts it is a log-linear fit (log_linear.h).
#include "automl/ensemble/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "automl/ensemble/log_linear.h"
#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

using Kind = Calibrator::Kind;

constexpr int kMostPowerSteps = 12;
constexpr double kSettledPower = 1e-4;  // relative change of the power
// Of shifts, towards 0, and of the power beside them, towards 1.
constexpr double kShiftStrength = 1;

// The rows that are looked at, with logarithms of their probabilities.
struct Rows {
  int64_t columns = 0;
  std::vector<double> logs;  // [rows, columns]
  std::vector<int32_t> labels;
  std::vector<double> weights;
  std::vector<uint8_t> halves;
  std::array<int64_t, 2> sizes{};  // of the halves
  size_t count() const { return labels.size(); }
  int64_t fewest() const { return std::min(sizes[0], sizes[1]); }
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
      rows.logs.push_back(kernels::exact_log(std::clamp(p, kSmallestProbability, 1.0)));
    }
    rows.labels.push_back(problem.labels[i]);
    rows.weights.push_back(problem.weights.empty() ? 1.0 : double{problem.weights[i]});
    rows.halves.push_back(problem.halves[i]);
    ++rows.sizes[problem.halves[i]];
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
  for (int step = 0; step < kMostPowerSteps; ++step) {
    if (stop.requested()) return fail(StatusCode::kCancelled, "time was up");
    const Slope slope = slope_at(rows, half, power);
    if (!(slope.second > 0)) break;
    const double wanted = power - slope.first / slope.second;
    const double next =
        std::clamp(std::clamp(wanted, power / 2, power * 2), kLeastPower, kMostPower);
    const bool settled = std::abs(next - power) < kSettledPower * power;
    power = next;
    if (settled) break;
  }
  return power;
}

// A power, and a shift for each class but the first.
Result<Calibrator> best_sigmoid(const Rows& rows, int half, const StopToken& stop) {
  const auto width = static_cast<size_t>(rows.columns);
  LogLinearRows taken;
  taken.classes = rows.columns;
  taken.params = rows.columns;
  taken.labels = rows.labels;
  taken.weights = rows.weights;
  taken.halves = rows.halves;
  for (size_t row = 0; row < rows.count(); ++row) {
    const double* logs = rows.logs.data() + row * width;
    for (size_t k = 1; k < width; ++k) {
      taken.features.push_back(logs[k] - logs[0]);
      for (size_t j = 1; j < width; ++j) taken.features.push_back(j == k ? 1 : 0);
    }
  }
  LogLinearPrior prior;
  prior.center.assign(width, 0.0);
  prior.center[0] = 1;
  prior.strength.assign(width, kShiftStrength);
  prior.least.assign(width, -kMostShift);
  prior.least[0] = kLeastPower;
  ASSAY_ASSIGN_OR_RETURN(const std::vector<double> theta, fit_log_linear(taken, half, prior, stop));
  Calibrator calibrator;
  calibrator.kind = Kind::kSigmoid;
  calibrator.power = std::min(theta[0], kMostPower);
  calibrator.shifts.push_back(0);
  for (size_t k = 1; k < width; ++k) calibrator.shifts.push_back(std::min(theta[k], kMostShift));
  return calibrator;
}

Calibrator best_curves(const Rows& rows, int half) {
  const auto width = static_cast<size_t>(rows.columns);
  Calibrator calibrator;
  calibrator.kind = Kind::kIsotonic;
  for (size_t k = width == 2 ? 1 : 0; k < width; ++k) {
    std::vector<double> from;
    std::vector<double> truths;
    std::vector<double> weights;
    for (size_t row = 0; row < rows.count(); ++row) {
      if (half >= 0 && rows.halves[row] != half) continue;
      from.push_back(std::min(1.0, kernels::exact_exp(rows.logs[row * width + k])));
      truths.push_back(static_cast<size_t>(rows.labels[row]) == k ? 1 : 0);
      weights.push_back(rows.weights[row]);
    }
    calibrator.curves.push_back(rising_curve(from, truths, weights));
  }
  return calibrator;
}

Result<Calibrator> fit_kind(const Rows& rows, Kind kind, int half, const StopToken& stop) {
  if (stop.requested()) return fail(StatusCode::kCancelled, "time was up");
  if (kind == Kind::kIsotonic) return best_curves(rows, half);
  if (kind == Kind::kSigmoid) return best_sigmoid(rows, half, stop);
  Calibrator calibrator;
  ASSAY_ASSIGN_OR_RETURN(calibrator.power, best_power(rows, half, stop));
  return calibrator;
}

bool suffices(const Rows& rows, Kind kind) {
  switch (kind) {
    case Kind::kSigmoid:
      return rows.fewest() >= kFewestShiftRows && rows.columns <= kMostShiftClasses;
    case Kind::kIsotonic:
      return rows.fewest() >= kFewestCurveRows && rows.columns <= kMostCurveClasses;
    default:
      return true;
  }
}

// Sum of the log losses of a half.
double loss_with(const Rows& rows, int half, const Calibrator& calibrator) {
  if (calibrator.kind == Kind::kPower) return slope_at(rows, half, calibrator.power).loss;
  const auto width = static_cast<size_t>(rows.columns);
  std::vector<double> p(width);
  double sum = 0;
  for (size_t row = 0; row < rows.count(); ++row) {
    if (rows.halves[row] != half) continue;
    for (size_t k = 0; k < width; ++k) p[k] = kernels::exact_exp(rows.logs[row * width + k]);
    calibrator.apply(p);
    const double own = p[static_cast<size_t>(rows.labels[row])];
    sum -= rows.weights[row] * kernels::exact_log(std::clamp(own, kSmallestProbability, 1.0));
  }
  return sum;
}

// What a kind came to on the halves.
struct Trial {
  std::array<Calibrator, 2> by_half;
  double loss = 0;  // of both together
  bool approved = true;
};

// The halves that are asked, as they are: of two in time only the later one is.
struct Before {
  std::array<double, 2> losses{};
  double weight = 0;
  bool in_time = false;
  bool asked(size_t half) const { return half == 1 || !in_time; }
};

Result<Trial> try_kind(const Rows& rows, Kind kind, const Before& before, const StopToken& stop) {
  Trial trial;
  for (const int half : {0, 1}) {
    const auto i = static_cast<size_t>(half);
    if (!before.asked(1 - i)) continue;
    ASSAY_ASSIGN_OR_RETURN(trial.by_half[i], fit_kind(rows, kind, half, stop));
    const double loss = loss_with(rows, 1 - half, trial.by_half[i]);
    trial.approved = trial.approved && loss < before.losses[1 - i];
    trial.loss += loss;
  }
  return trial;
}

}  // namespace

Calibrator::Curve rising_curve(std::span<const double> from, std::span<const double> truths,
                               std::span<const double> weights) {
  struct Pool {
    double weight = 0;
    double places = 0;
    double truths = 0;
    double mean() const { return truths / weight; }
  };
  std::vector<size_t> order(from.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return from[a] < from[b]; });
  std::vector<Pool> pools;
  double last = -1;
  double all = 0;
  for (const size_t i : order) {
    if (!(weights[i] > 0)) continue;
    all += weights[i];
    const bool same = from[i] == last;
    last = from[i];
    if (!same) pools.push_back({});
    pools.back().weight += weights[i];
    pools.back().places += weights[i] * from[i];
    pools.back().truths += weights[i] * truths[i];
  }
  std::vector<Pool> risen;
  for (const Pool& pool : pools) {
    risen.push_back(pool);
    while (risen.size() > 1 && risen[risen.size() - 2].mean() >= risen.back().mean()) {
      Pool& below = risen[risen.size() - 2];
      below.weight += risen.back().weight;
      below.places += risen.back().places;
      below.truths += risen.back().truths;
      risen.pop_back();
    }
  }
  Calibrator::Curve curve;
  if (risen.empty()) return curve;
  const double row = all / static_cast<double>(from.size());
  for (const Pool& pool : risen) {
    const double place = std::clamp(pool.places / pool.weight, 0.0, 1.0);
    const double held = row / 2 / (pool.weight + row);
    const double level = std::clamp(pool.mean(), held, 1 - held);
    // Places rise but for rounding; levels may not where an end was held off.
    if (!curve.from.empty() && !(place > curve.from.back())) continue;
    curve.from.push_back(place);
    curve.to.push_back(curve.to.empty() ? level : std::max(level, curve.to.back()));
  }
  while (static_cast<int64_t>(curve.from.size()) > kMostCurvePoints) {
    // Every second point, and the last one.
    Calibrator::Curve half;
    for (size_t i = 0; i < curve.from.size(); ++i) {
      if (i % 2 == 1 && i + 1 < curve.from.size()) continue;
      half.from.push_back(curve.from[i]);
      half.to.push_back(curve.to[i]);
    }
    curve = std::move(half);
  }
  return curve;
}

Result<Calibration> calibrate(const CalibrationProblem& problem, const StopToken& stop) {
  const auto count = static_cast<size_t>(problem.predictions.rows);
  if (problem.labels.size() != count || problem.halves.size() != count ||
      (!problem.weights.empty() && problem.weights.size() != count) ||
      problem.predictions.columns < 2) {
    return fail(StatusCode::kInvalidArgument, "calibration of {} rows with {} labels", count,
                problem.labels.size());
  }
  const Rows rows = gather(problem);
  if (rows.fewest() < kFewestCalibrationRows) {
    return fail(StatusCode::kData, "{} rows are too few to calibrate on", rows.count());
  }
  Before before;
  before.in_time = problem.in_time;
  for (const int half : {0, 1}) {
    const Slope own = slope_at(rows, half, 1);
    if (!(own.weight > 0)) {
      return fail(StatusCode::kData, "rows without weight cannot be calibrated on");
    }
    if (!before.asked(static_cast<size_t>(half))) continue;
    before.losses[static_cast<size_t>(half)] = own.loss;
    before.weight += own.weight;
  }
  Calibration calibration;
  calibration.loss_before = (before.losses[0] + before.losses[1]) / before.weight;
  std::optional<Kind> best;
  double least = std::numeric_limits<double>::infinity();
  bool approved = false;
  for (const Kind kind : problem.kinds) {
    if (!suffices(rows, kind)) continue;
    ASSAY_ASSIGN_OR_RETURN(Trial trial, try_kind(rows, kind, before, stop));
    // What was approved goes before what was not.
    if (approved && !trial.approved) continue;
    if (trial.approved == approved && trial.loss >= least) continue;
    approved = trial.approved;
    least = trial.loss;
    best = kind;
    calibration.by_half = std::move(trial.by_half);
  }
  if (!best) return fail(StatusCode::kData, "{} rows are too few to calibrate on", rows.count());
  calibration.loss_held_out = least / before.weight;
  if (!approved) return calibration;
  ASSAY_ASSIGN_OR_RETURN(calibration.calibrator, fit_kind(rows, *best, -1, stop));
  return calibration;
}

}  // namespace assay::automl
