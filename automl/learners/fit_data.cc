#include "automl/learners/fit_data.h"

#include <algorithm>
#include <cmath>

#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

constexpr double kMostTarget = 1e15;

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
  ASSAY_RETURN_IF_ERROR(check_values(data, request.train_rows));
  return check_values(data, request.valid_rows);
}

Status scale_weights(const FitRequest& request, FitData& fit) {
  const std::span<const float> weights = request.data->weights;
  const auto count = static_cast<double>(request.train_rows.size());
  fit.weight_sum = count;
  if (weights.empty()) return {};
  double sum = 0;
  for (const uint32_t row : request.train_rows) sum += double{weights[row]};
  if (!(sum > 0)) {
    return fail(StatusCode::kData, "the weights of the {} training rows sum to 0",
                request.train_rows.size());
  }
  fit.weights.assign(weights.size(), 0.0f);
  const auto scaled = [&](uint32_t row) {
    return static_cast<float>(double{weights[row]} * (count / sum));
  };
  fit.weight_sum = 0;
  for (const uint32_t row : request.train_rows) {
    fit.weights[row] = scaled(row);
    fit.weight_sum += double{fit.weights[row]};
  }
  for (const uint32_t row : request.valid_rows) {
    // What has no weight to learn from may still have a huge one to validate on.
    fit.weights[row] = std::min(scaled(row), 1e30f);
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

Result<FitData> prepare_fit(const FitRequest& request) {
  ASSAY_RETURN_IF_ERROR(check_request(request));
  FitData fit;
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
      loss = 0.5 * (d * d);
    }
    sum += data.weight(rows[i]) * loss;
    weights += data.weight(rows[i]);
  }
  return weights > 0 ? sum / weights : 0;
}

}  // namespace assay::automl
