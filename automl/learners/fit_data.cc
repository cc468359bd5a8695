#include "automl/learners/fit_data.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "automl/learners/weighted_quantile.h"
#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

Status check_rows(std::span<const uint32_t> rows, int64_t row_count, std::string_view what) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] >= static_cast<uint64_t>(row_count) || (i > 0 && rows[i] <= rows[i - 1])) {
      return fail(StatusCode::kInvalidArgument,
                  "{} row number {} is {} (rows must ascend and be below {})", what, i, rows[i],
                  row_count);
    }
  }
  return {};
}

// Whether no row is in both, which ascend.
Status check_apart(std::span<const uint32_t> train, std::span<const uint32_t> valid) {
  auto next = valid.begin();
  for (const uint32_t row : train) {
    while (next != valid.end() && *next < row) ++next;
    if (next == valid.end()) break;
    if (*next == row) {
      return fail(StatusCode::kInvalidArgument,
                  "row {} is to train on and to validate on (a row must be in one of these)", row);
    }
  }
  return {};
}

// Whether the arrays have something sound for each of `rows`.
Status check_values(const TrainingData& data, std::span<const uint32_t> rows) {
  for (const uint32_t row : rows) {
    if (is_classification(data.task)) {
      const int32_t label = data.classes[row];
      if (label < 0 || label >= data.class_count) {
        return fail(StatusCode::kInvalidArgument, "row {} has class {} (must be 0..{})", row, label,
                    data.class_count - 1);
      }
    } else if (!std::isfinite(data.targets[row])) {
      return fail(StatusCode::kInvalidArgument, "row {} has target {} (must be finite)", row,
                  data.targets[row]);
    }
    if (!data.weights.empty() && !(data.weights[row] >= 0 && std::isfinite(data.weights[row]))) {
      return fail(StatusCode::kInvalidArgument, "row {} has weight {} (must be >= 0 and finite)",
                  row, data.weights[row]);
    }
  }
  return {};
}

Status check_request(const FitRequest& request) {
  if (request.data == nullptr || request.data->features == nullptr) {
    return fail(StatusCode::kInvalidArgument, "a fit without data");
  }
  const TrainingData& data = *request.data;
  const auto rows = static_cast<size_t>(data.features->row_count());
  const bool classes = is_classification(data.task);
  const size_t length = classes ? data.classes.size() : data.targets.size();
  if (length != rows || (!data.weights.empty() && data.weights.size() != rows)) {
    return fail(StatusCode::kInvalidArgument, "{} targets and {} weights for {} rows", length,
                data.weights.size(), rows);
  }
  const bool binary_fits = data.task != Task::kBinary || data.class_count == 2;
  if (classes && (data.class_count < 2 || !binary_fits)) {
    return fail(StatusCode::kInvalidArgument, "{} task of {} classes", name_of(data.task),
                data.class_count);
  }
  if (request.train_rows.empty()) {
    return fail(StatusCode::kInvalidArgument, "a fit without training rows");
  }
  ASSAY_RETURN_IF_ERROR(check_rows(request.train_rows, static_cast<int64_t>(rows), "training"));
  ASSAY_RETURN_IF_ERROR(check_rows(request.valid_rows, static_cast<int64_t>(rows), "validation"));
  ASSAY_RETURN_IF_ERROR(check_apart(request.train_rows, request.valid_rows));
  ASSAY_RETURN_IF_ERROR(check_values(data, request.train_rows));
  return check_values(data, request.valid_rows);
}

Status scale_weights(const FitRequest& request, FitData& fit) {
  const std::span<const float> given = request.data->weights;
  const bool relative = fit.aim.kind == AimKind::kRelative;
  const auto count = static_cast<double>(request.train_rows.size());
  fit.weight_sum = count;
  if (given.empty() && !relative) return {};
  // Relative to the least target, so that no weight is above the one given.
  double least = std::numeric_limits<double>::infinity();
  if (relative) {
    for (const uint32_t row : request.train_rows) {
      least = std::min(least, std::abs(request.data->targets[row]));
    }
  }
  const auto weight_of = [&](uint32_t row) {
    const double weight = given.empty() ? 1.0 : double{given[row]};
    return relative ? weight * (least / std::abs(request.data->targets[row])) : weight;
  };
  double sum = 0;
  for (const uint32_t row : request.train_rows) sum += weight_of(row);
  if (!(sum > 0)) {
    return fail(StatusCode::kData, "the weights of the {} training rows sum to 0",
                request.train_rows.size());
  }
  fit.weights.assign(static_cast<size_t>(request.data->features->row_count()), 0.0f);
  const auto scaled = [&](uint32_t row) {
    return static_cast<float>(std::min(weight_of(row) * (count / sum), 1e30));
  };
  fit.weight_sum = 0;
  for (const uint32_t row : request.train_rows) {
    fit.weights[row] = scaled(row);
    fit.weight_sum += double{fit.weights[row]};
  }
  for (const uint32_t row : request.valid_rows) {
    // What has no weight to learn from may still have a huge one to validate on.
    fit.weights[row] = scaled(row);
  }
  if (!(fit.weight_sum > 0)) {
    return fail(StatusCode::kData, "the training weights cannot be told from 0");
  }
  return {};
}

// Sums run in units of the greatest magnitude, so that nothing overflows.
void scale_targets(const FitRequest& request, FitData& fit) {
  const TargetScale& frame = request.data->frame;
  // Numbers of the frame, which keep the digits of values far from 0.
  std::vector<double> targets(request.data->targets.size(), 0.0);
  for (const std::span<const uint32_t> rows : {request.train_rows, request.valid_rows}) {
    for (const uint32_t row : rows) {
      targets[row] = TargetScale{request.data->targets[row], 1}.in(frame).offset;
    }
  }
  double most = 0;
  for (const uint32_t row : request.train_rows) most = std::max(most, std::abs(targets[row]));
  if (most == 0) most = 1;
  double sum = 0;
  for (const uint32_t row : request.train_rows) sum += fit.weight(row) * (targets[row] / most);
  const double mean = sum / fit.weight_sum;
  double squares = 0;
  for (const uint32_t row : request.train_rows) {
    const double d = targets[row] / most - mean;
    squares += fit.weight(row) * (d * d);
  }
  double deviation = std::sqrt(squares / fit.weight_sum);
  if (!(deviation > 1e-14)) deviation = 1;
  fit.target = {frame.value(mean * most), frame.scale * (deviation * most)};
  fit.targets.assign(targets.size(), 0.0);
  const auto scaled = [&](uint32_t row) {
    return std::clamp((targets[row] / most - mean) / deviation, -kMostTarget, kMostTarget);
  };
  for (const uint32_t row : request.train_rows) fit.targets[row] = scaled(row);
  for (const uint32_t row : request.valid_rows) fit.targets[row] = scaled(row);
}

}  // namespace

Status check_aim(const Aim& aim, std::span<const double> targets, std::span<const uint32_t> rows) {
  const bool counts = aim.kind == AimKind::kCount || aim.kind == AimKind::kRanking;
  if (!counts && aim.kind != AimKind::kRelative) return {};
  const auto bad = std::find_if(rows.begin(), rows.end(), [&](uint32_t row) {
    return counts ? !(targets[row] >= 0) : targets[row] == 0;
  });
  if (bad == rows.end()) return {};
  return fail(StatusCode::kData, "the target of row {} is {} (must {})", *bad + 1, targets[*bad],
              counts ? "be >= 0" : "not be 0");
}

Result<FitData> prepare_fit(const FitRequest& request, const Aim& aim) {
  ASSAY_RETURN_IF_ERROR(check_request(request));
  FitData fit;
  if (!is_classification(request.data->task)) {
    fit.aim = aim;
    ASSAY_RETURN_IF_ERROR(check_aim(aim, request.data->targets, request.train_rows));
    ASSAY_RETURN_IF_ERROR(check_aim(aim, request.data->targets, request.valid_rows));
  }
  ASSAY_RETURN_IF_ERROR(scale_weights(request, fit));
  if (is_classification(request.data->task)) {
    fit.class_weights.assign(static_cast<size_t>(request.data->class_count), 0.0);
    for (const uint32_t row : request.train_rows) {
      fit.class_weights[static_cast<size_t>(request.data->classes[row])] += fit.weight(row);
    }
  } else {
    scale_targets(request, fit);
  }
  return fit;
}

double target_quantile(const FitRequest& request, const FitData& data, double level) {
  std::vector<WeightedValue> values;
  values.reserve(request.train_rows.size());
  for (const uint32_t row : request.train_rows) {
    values.push_back({data.targets[row], data.weight(row)});
  }
  return weighted_quantile(values, level);
}

double best_constant(const FitRequest& request, const FitData& data) {
  // Targets are centred.
  return data.aim.quantile() ? target_quantile(request, data, data.aim.level) : 0.0;
}

bool scale_by_mean(const FitRequest& request, FitData& data) {
  double most = 0;
  for (const uint32_t row : request.train_rows) {
    if (data.weight(row) > 0) most = std::max(most, request.data->targets[row]);
  }
  double sum = 0;
  for (const uint32_t row : request.train_rows) {
    if (most > 0) sum += data.weight(row) * (request.data->targets[row] / most);
  }
  const double mean = sum / data.weight_sum;  // in units of the greatest
  if (!(mean * most > 0)) return false;
  const auto scale = [&](uint32_t row) {
    data.targets[row] = std::min(request.data->targets[row] / most / mean, kMostTarget);
  };
  for (const uint32_t row : request.train_rows) scale(row);
  for (const uint32_t row : request.valid_rows) scale(row);
  data.target = {0, mean * most};
  return true;
}

double mean_loss(const FitRequest& request, const FitData& data, std::span<const uint32_t> rows,
                 std::span<const double> predictions, int32_t outputs) {
  const bool classes = is_classification(request.data->task);
  double sum = 0;
  double weights = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const double* row = predictions.data() + i * static_cast<size_t>(outputs);
    double loss = 0;
    if (classes) {
      loss = -kernels::exact_log(std::max(row[request.data->classes[rows[i]]], 1e-15));
    } else {
      const double d = row[0] - data.targets[rows[i]];
      if (data.aim.quantile()) {
        loss = d > 0 ? (1 - data.aim.level) * d : -data.aim.level * d;
      } else {
        loss = 0.5 * (d * d);
      }
    }
    sum += data.weight(rows[i]) * loss;
    weights += data.weight(rows[i]);
  }
  return weights > 0 ? sum / weights : 0;
}

}  // namespace assay::automl
