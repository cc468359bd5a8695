#include "automl/learners/linear_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace assay::automl {
namespace {

using kernels::Gemm;

constexpr int64_t kBlockCells = int64_t{1} << 16;  // f32: 256 KiB, a second-level cache
constexpr int64_t kGroupCells = int64_t{1} << 22;  // accumulators of all groups together

int64_t block_rows_of(int64_t columns, int64_t outputs) {
  return std::clamp<int64_t>(kBlockCells / std::max<int64_t>(1, columns + outputs), 16, 4096);
}

int64_t groups_of(int64_t columns, int64_t outputs) {
  return std::clamp<int64_t>(kGroupCells / std::max<int64_t>(1, (columns + 1) * outputs), 1, 64);
}

}  // namespace

// What one group works in.
struct LinearLoss::Scratch {
  std::vector<float> features;   // [block, columns]
  std::vector<float> scores;     // [block, outputs]; then residuals
  std::vector<float> gradients;  // [columns, outputs]
  std::vector<double> row;       // [outputs]
};

LinearLoss::LinearLoss(const FitRequest& request, const FitData& data, DenseView dense, double l2,
                       const kernels::ComputeContext& context, DeviceLinearLoss* there)
    : request_(request),
      data_(data),
      dense_(dense),
      l2_(l2),
      context_(context),
      there_(there),
      loss_(request, data),
      outputs_(loss_.scores()),
      block_rows_(block_rows_of(dense.column_count, outputs_)),
      most_groups_(groups_of(dense.column_count, outputs_)) {}

int64_t LinearLoss::pass_bytes(const DataShape& shape, int threads) {
  const int64_t outputs = shape.task == Task::kMulticlass ? shape.class_count : 1;
  const int64_t columns = shape.dense_column_count;
  const int64_t block = block_rows_of(columns, outputs) * (columns + outputs) * 4;
  const int64_t parameters = (columns + 1) * outputs;
  return (block + 4 * parameters) * threads + 8 * parameters * groups_of(columns, outputs);
}

// A device with memory of its own would wait for every block to come and go, which takes longer
// than the products do: the host has them.
Status LinearLoss::multiply(const kernels::GemmProblem& problem, std::span<const float> a,
                            std::span<const float> b, std::span<float> c,
                            Executor& executor) const {
  const kernels::OpContext op{context_.host, &executor, context_.stop};
  return kernels::run_op(context_.kernels->table<Gemm>(), op, problem,
                         {a.data(), b.data(), c.data()});
}

// Adds the rows' losses, and turns the block's scores into residuals.
void LinearLoss::residuals(std::span<const uint32_t> rows, std::span<const double> x,
                           Scratch& scratch, LinearSums& sums) const {
  const auto width = static_cast<size_t>(outputs_);
  const double* intercepts = x.data() + static_cast<size_t>(columns()) * width;
  for (size_t i = 0; i < rows.size(); ++i) {
    float* scores = scratch.scores.data() + i * width;
    for (size_t k = 0; k < width; ++k) scratch.row[k] = double{scores[k]} + intercepts[k];
    const double weight = data_.weight(rows[i]);
    sums.loss += loss_.row(rows[i], weight, scratch.row);
    sums.weight += weight;
    if (sums.gradient.empty()) continue;
    double* bias = sums.gradient.data() + static_cast<size_t>(columns()) * width;
    for (size_t k = 0; k < width; ++k) {
      bias[k] += scratch.row[k];
      scores[k] = static_cast<float>(scratch.row[k]);
    }
  }
}

Status LinearLoss::add_block(std::span<const uint32_t> rows, std::span<const float> weights,
                             std::span<const double> x, Executor& executor, Scratch& scratch,
                             LinearSums& sums) const {
  const auto count = static_cast<int64_t>(rows.size());
  const auto width = static_cast<size_t>(columns());
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::span<const float> row = dense_.row(rows[i]);
    std::copy(row.begin(), row.end(),
              scratch.features.begin() + static_cast<std::ptrdiff_t>(i * width));
  }
  const std::span<const float> features(scratch.features.data(), rows.size() * width);
  const std::span<float> scores(scratch.scores.data(), rows.size() * static_cast<size_t>(outputs_));
  kernels::GemmProblem forward;
  forward.m = count;
  forward.n = outputs_;
  forward.k = columns();
  ASSAY_RETURN_IF_ERROR(multiply(forward, features, weights, scores, executor));
  residuals(rows, x, scratch, sums);
  if (sums.gradient.empty()) return {};
  kernels::GemmProblem back;
  back.m = columns();
  back.n = outputs_;
  back.k = count;
  back.transpose_a = true;
  ASSAY_RETURN_IF_ERROR(multiply(back, features, scores, scratch.gradients, executor));
  for (size_t i = 0; i < scratch.gradients.size(); ++i) {
    sums.gradient[i] += double{scratch.gradients[i]};
  }
  return {};
}

Result<LinearSums> LinearLoss::pass(std::span<const uint32_t> rows, std::span<const double> x,
                                    bool with_gradient) const {
  const auto weight_count = static_cast<size_t>(columns()) * static_cast<size_t>(outputs_);
  std::vector<float> weights(weight_count);
  for (size_t i = 0; i < weight_count; ++i) weights[i] = static_cast<float>(x[i]);
  const auto row_count = static_cast<int64_t>(rows.size());
  const int64_t blocks = chunk_count_of(row_count, block_rows_);
  const int64_t groups = std::min(blocks, most_groups_);
  std::vector<LinearSums> sums(static_cast<size_t>(groups));
  std::vector<Status> statuses(static_cast<size_t>(groups));
  const auto run_group = [&](int64_t group, Executor& executor) -> Status {
    LinearSums& mine = sums[static_cast<size_t>(group)];
    if (with_gradient) mine.gradient.assign(size(), 0.0);
    Scratch scratch;
    const auto block = static_cast<size_t>(std::min(block_rows_, row_count));
    scratch.features.resize(block * static_cast<size_t>(columns()));
    scratch.scores.resize(block * static_cast<size_t>(outputs_));
    scratch.gradients.resize(with_gradient ? weight_count : 0);
    scratch.row.resize(static_cast<size_t>(outputs_));
    const int64_t last = blocks * (group + 1) / groups;
    for (int64_t b = blocks * group / groups; b < last; ++b) {
      if (stop_requested(context_)) return fail(StatusCode::kCancelled, "stopped in a pass");
      const auto [begin, end] = chunk_range(row_count, block_rows_, b);
      ASSAY_RETURN_IF_ERROR(
          add_block(rows.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
                    weights, x, executor, scratch, mine));
    }
    return {};
  };
  kernels::Usage* const usage = kernels::Usage::current();
  ASSAY_RETURN_IF_ERROR(context_.executor->parallel_for(groups, [&](int64_t group, int) {
    const kernels::UsageScope scope(usage);
    SerialExecutor serial;
    statuses[static_cast<size_t>(group)] = run_group(group, serial);
  }));
  LinearSums total;
  total.gradient.assign(with_gradient ? size() : 0, 0.0);
  for (size_t g = 0; g < sums.size(); ++g) {
    ASSAY_RETURN_IF_ERROR(std::move(statuses[g]));
    total.loss += sums[g].loss;
    total.weight += sums[g].weight;
    for (size_t i = 0; i < total.gradient.size(); ++i) total.gradient[i] += sums[g].gradient[i];
  }
  return total;
}

Result<LinearSums> LinearLoss::sums_of(Side side, std::span<const double> x,
                                       bool with_gradient) const {
  if (there_ != nullptr) return there_->pass(side, x, with_gradient);
  return pass(side == Side::kTrain ? request_.train_rows : request_.valid_rows, x, with_gradient);
}

Result<double> LinearLoss::value(std::span<const double> x, std::span<double> gradient) const {
  ASSAY_ASSIGN_OR_RETURN(const LinearSums sums, sums_of(Side::kTrain, x, true));
  double squares = 0;
  const auto penalised = static_cast<size_t>(columns()) * static_cast<size_t>(outputs_);
  for (size_t i = 0; i < x.size(); ++i) {
    const double pull = i < penalised ? l2_ * x[i] : 0.0;
    squares += pull * x[i];
    gradient[i] = (sums.gradient[i] + pull) / sums.weight;
  }
  return (sums.loss + 0.5 * squares) / sums.weight;
}

Result<double> LinearLoss::validate(std::span<const double> x) const {
  if (request_.valid_rows.empty()) return std::numeric_limits<double>::quiet_NaN();
  ASSAY_ASSIGN_OR_RETURN(const LinearSums sums, sums_of(Side::kValid, x, false));
  return sums.weight > 0 ? sums.loss / sums.weight : 0;
}

}  // namespace assay::automl
