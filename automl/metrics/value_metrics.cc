// Metrics of predicted numbers, with e = target - prediction and w the weights:
//   mse = sum w e^2 / sum w    rmse = sqrt(mse)    mae = sum w |e| / sum w
//   poisson_deviance = 2 sum w (t ln(t / p) - t + p) / sum w, for targets t >= 0
//   pinball = sum w max(alpha e, (alpha - 1) e) / sum w
//   r2 = 1 - sum w e^2 / sum w (target - mean)^2   mape = sum w |e / target| / sum w
#include <algorithm>
#include <cmath>
#include <limits>

#include "automl/metrics/metric_internal.h"

namespace assay::automl::metrics {
namespace {

double error_at(const Sample& sample, int64_t row) {
  return sample.value(row) - sample.predicted_value(row);
}

// sum w term(row) / sum w
template <class Term>
double weighted_mean(const Sample& sample, Term&& term) {
  LaneSum sum;
  for (int64_t row = 0; row < sample.predictions.rows; ++row) {
    sum.add(row, sample.weight(row) * term(row));
  }
  return sum.total() / sample.total_weight;
}

}  // namespace

Result<double> mse(const Sample& sample) {
  return weighted_mean(sample, [&](int64_t row) {
    const double error = error_at(sample, row);
    return error * error;
  });
}

Result<double> rmse(const Sample& sample) {
  ASSAY_ASSIGN_OR_RETURN(const double mean_square, mse(sample));
  return std::sqrt(mean_square);
}

Result<double> mae(const Sample& sample) {
  return weighted_mean(sample, [&](int64_t row) { return std::abs(error_at(sample, row)); });
}

Result<double> r2(const Sample& sample) {
  // Rows without weight do not count, and rounding of the mean must not make a spread of its own.
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (int64_t row = 0; row < sample.predictions.rows; ++row) {
    if (sample.weight(row) <= 0) continue;
    low = std::min(low, sample.value(row));
    high = std::max(high, sample.value(row));
  }
  if (low == high) {
    return fail(StatusCode::kData, "r2 is undefined: every target is {}", low);
  }
  const double mean = weighted_mean(sample, [&](int64_t row) { return sample.value(row); });
  const double spread = weighted_mean(sample, [&](int64_t row) {
    const double distance = sample.value(row) - mean;
    return distance * distance;
  });
  ASSAY_ASSIGN_OR_RETURN(const double error, mse(sample));
  return 1.0 - error / spread;
}

Result<double> mape(const Sample& sample) {
  const auto& values = sample.targets.values;
  const auto zero = std::find(values.begin(), values.end(), 0.0);
  if (zero != values.end()) {
    return fail(StatusCode::kData, "mape is undefined: the target of row {} is 0",
                zero - values.begin());
  }
  return weighted_mean(sample, [&](int64_t row) {
    return std::abs(error_at(sample, row)) / std::abs(sample.value(row));
  });
}

// A prediction that is not positive has no deviance: it counts as 1e-15, as log_loss cuts its own.
Result<double> poisson_deviance(const Sample& sample) {
  constexpr double kLeast = 1e-15;
  const auto& values = sample.targets.values;
  const auto negative = std::find_if(values.begin(), values.end(), [](double v) { return v < 0; });
  if (negative != values.end()) {
    return fail(StatusCode::kData, "poisson_deviance is undefined: the target of row {} is {}",
                negative - values.begin(), *negative);
  }
  return weighted_mean(sample, [&](int64_t row) {
    const double target = sample.value(row);
    const double predicted = std::max(sample.predicted_value(row), kLeast);
    // ln of the quotient in two, so that neither end of the range is lost.
    const double log_term = target < std::numeric_limits<double>::min()
                                ? 0.0
                                : target * (portable_log(target) - portable_log(predicted));
    return 2 * std::max(0.0, (log_term - target) + predicted);
  });
}

template <int kPercent>
Result<double> pinball(const Sample& sample) {
  constexpr double kAlpha = kPercent / 100.0;
  return weighted_mean(sample, [&](int64_t row) {
    const double error = error_at(sample, row);
    return error > 0 ? kAlpha * error : (kAlpha - 1) * error;
  });
}
template Result<double> pinball<5>(const Sample& sample);
template Result<double> pinball<10>(const Sample& sample);
template Result<double> pinball<25>(const Sample& sample);
template Result<double> pinball<75>(const Sample& sample);
template Result<double> pinball<90>(const Sample& sample);
template Result<double> pinball<95>(const Sample& sample);

}  // namespace assay::automl::metrics
