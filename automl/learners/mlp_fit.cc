#include "automl/learners/mlp_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "automl/learners/weighted_quantile.h"
#include "automl/models/mlp_model.h"
#include "kernels/base/rng.h"
#include "kernels/base/vector_clones.h"
#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

constexpr float kMeanDecay = 0.9F;
constexpr float kSquareDecay = 0.95F;
constexpr float kBiasRate = 0.1F;
constexpr float kWaveRate = 0.1F;
constexpr float kScaleRate = 6.0F;
constexpr double kBiasSpread = 0.5;
// More columns than these get no waves.
constexpr int32_t kMostWaveColumns = 256;
// Rows that say how many values a column has.
constexpr size_t kLookedRows = 4096;
constexpr int64_t kLeastBatch = 16;
constexpr size_t kScoredRows = 1024;

// Of a normal distribution, nearly: by twelve uniform ones, so by + and - alone.
double draw_normal(Rng& rng) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += rng.next_double();
  return sum;
}

std::vector<int32_t> wave_columns_of(const DenseView& dense, std::span<const uint32_t> rows) {
  std::vector<int32_t> columns;
  const size_t step = std::max<size_t>(1, rows.size() / kLookedRows);
  for (int32_t c = 0; c < dense.column_count; ++c) {
    const float first = dense.row(rows[0])[static_cast<size_t>(c)];
    float second = first;
    bool more = false;
    for (size_t i = 0; i < rows.size() && !more; i += step) {
      const float value = dense.row(rows[i])[static_cast<size_t>(c)];
      if (second == first) {
        second = value;
      } else {
        more = value != first && value != second;
      }
    }
    if (more) columns.push_back(c);
  }
  if (columns.size() > kMostWaveColumns) columns.clear();
  return columns;
}

// A step of parameters with one rate: `mean` and `square` take in the gradient, `scale` makes up
// for the beginning of the latter.
ASSAY_VECTOR_CLONES
void move(size_t count, const float* gradient, float* mean, float* square, float* parameters,
          float scale, float kept, float rate) {
  for (size_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    mean[i] = kMeanDecay * mean[i] + (1 - kMeanDecay) * g;
    square[i] = kSquareDecay * square[i] + (1 - kSquareDecay) * (g * g);
    const float size = std::sqrt(square[i] * scale) + 1e-8F;
    const float next = kept * parameters[i] - rate * (mean[i] / size);
    // What is no number, after a rate far too high, becomes one.
    const float above = next > -kMostParameter ? next : -kMostParameter;
    parameters[i] = std::min(above, kMostParameter);
  }
}

// Leaves of each activation either what it is, over the share of those that are left, or nothing.
class Dropout final : public MlpDropout {
 public:
  Dropout(double share, uint64_t seed, int64_t step)
      : dropped_(static_cast<uint32_t>(share * 256)),
        left_(256.0F / (256.0F - static_cast<float>(dropped_))),
        seed_(derive_seed(seed, "dropout", static_cast<uint64_t>(step))) {}

  void apply(size_t layer, std::span<float> activations, std::span<float> slopes) override {
    if (dropped_ == 0) return;
    Rng rng(derive_seed(seed_, "layer", layer));
    uint32_t word = 0;
    for (size_t i = 0; i < activations.size(); ++i) {
      word = i % 4 == 0 ? rng.next_u32() : word >> 8;
      const float factor = (word & 255) < dropped_ ? 0.0F : left_;
      activations[i] *= factor;
      slopes[i] *= factor;
    }
  }

 private:
  uint32_t dropped_;  // of 256
  float left_;
  uint64_t seed_;
};

}  // namespace

MlpFit::MlpFit(const FitRequest& request, const MlpOptions& options, const FitData& data,
               DenseView dense, const kernels::ComputeContext& context)
    : request_(request),
      options_(options),
      data_(data),
      dense_(dense),
      context_(context),
      loss_(request, data),
      shape_{dense.column_count, {}, {}, loss_.scores()},
      layout_(shape_) {
  for (const uint32_t row : request.train_rows) {
    if (data.weight(row) > 0) rows_.push_back(row);
  }
  if (options.wave_scale > 0) shape_.wave_columns = wave_columns_of(dense, rows_);
  shape_.widths.assign(static_cast<size_t>(options.layers), static_cast<int32_t>(options.width));
  layout_ = MlpLayout(shape_);
}

MlpShape MlpFit::planned_shape(const DataShape& shape, const MlpOptions& options) {
  MlpShape planned;
  planned.columns = shape.dense_column_count;
  // A feature that is a number has one column, or two, with values.
  const int32_t numbers = std::max(0, shape.feature_count - shape.category_count);
  const int32_t waves = std::min(numbers, shape.dense_column_count);
  for (int32_t c = 0; options.wave_scale > 0 && waves <= kMostWaveColumns && c < waves; ++c) {
    planned.wave_columns.push_back(c);
  }
  planned.widths.assign(static_cast<size_t>(options.layers), static_cast<int32_t>(options.width));
  planned.scores = shape.task == Task::kMulticlass ? shape.class_count : 1;
  return planned;
}

int64_t MlpFit::batch_of(int64_t train_count, const MlpOptions& options) {
  return std::clamp<int64_t>(train_count / 8, kLeastBatch,
                             std::max(kLeastBatch, options.batch_size));
}

int64_t MlpFit::bytes(const DataShape& shape, const MlpOptions& options) {
  const MlpShape network = planned_shape(shape, options);
  const auto parameters = static_cast<int64_t>(MlpLayout(network).size);
  const int64_t waves = std::ssize(network.wave_columns);
  const int64_t row = 4 * int64_t{network.inputs()} + 2 * kWaves * waves +
                      4 * options.layers * options.width + 4 * int64_t{network.scores};
  const int64_t rows = std::max<int64_t>(batch_of(shape.train_count, options), kScoredRows);
  return 8 * shape.train_count + 6 * 4 * parameters + 2 * 4 * rows * row;
}

void MlpFit::find_groups() {
  const auto add = [&](size_t begin, size_t end, float rate, bool decays) {
    groups_.push_back({begin, end, rate, decays});
  };
  add(layout_.scales, layout_.frequencies, kScaleRate, false);
  add(layout_.frequencies, layout_.mixture, kWaveRate, false);
  add(layout_.mixture, layout_.mixture_bias, 1.0F / std::sqrt(float{kWaves}), false);
  add(layout_.mixture_bias, layout_.layers[0].weights, kBiasRate, false);
  for (const MlpLayout::Layer& layer : layout_.layers) {
    const auto inputs = static_cast<float>(std::max(1, layer.inputs));
    add(layer.weights, layer.biases, 1.0F / std::sqrt(inputs), true);
    add(layer.biases, layer.biases + static_cast<size_t>(layer.outputs), kBiasRate, false);
  }
}

void MlpFit::start() {
  Rng rng(derive_seed(request_.seed, "mlp"));
  parameters_.assign(layout_.size, 0.0F);
  const auto fill = [&](size_t begin, size_t end, const auto& draw) {
    for (size_t i = begin; i < end; ++i) parameters_[i] = static_cast<float>(draw());
  };
  fill(layout_.scales, layout_.frequencies, [] { return 1.0; });
  fill(layout_.frequencies, layout_.phases, [&] { return options_.wave_scale * draw_normal(rng); });
  fill(layout_.phases, layout_.mixture, [&] { return rng.next_double() - 0.5; });
  fill(layout_.mixture, layout_.mixture_bias,
       [&] { return draw_normal(rng) / std::sqrt(double{kWaves}); });
  for (size_t l = 0; l + 1 < layout_.layers.size(); ++l) {
    const MlpLayout::Layer& layer = layout_.layers[l];
    const double spread = 1 / std::sqrt(std::max(1.0, double(layer.inputs)));
    fill(layer.weights, layer.biases, [&] { return spread * draw_normal(rng); });
    fill(layer.biases, layer.biases + static_cast<size_t>(layer.outputs),
         [&] { return kBiasSpread * draw_normal(rng); });
  }
  float* last = parameters_.data() + layout_.layers.back().biases;
  if (!is_classification(request_.data->task)) {
    last[0] = static_cast<float>(loss_.link() == Link::kLog ? 0.0 : best_constant(request_, data_));
  } else {
    std::vector<double> logs;
    for (const double weight : data_.class_weights) {
      logs.push_back(kernels::exact_log((weight + 0.5) / (data_.weight_sum + 1)));
    }
    if (loss_.scores() == 1) {
      last[0] = static_cast<float>(logs[1] - logs[0]);
    } else {
      std::transform(logs.begin(), logs.end(), last, [](double v) { return float(v); });
    }
  }
  find_groups();
  gradient_.assign(layout_.size, 0.0F);
  mean_.assign(layout_.size, 0.0F);
  square_.assign(layout_.size, 0.0F);
}

void MlpFit::step() {
  mean_power_ *= double{kMeanDecay};
  square_power_ *= double{kSquareDecay};
  const double left = 1 - static_cast<double>(steps_) / static_cast<double>(total_steps_);
  const double rate = options_.learning_rate * left;
  const auto mean_scale = static_cast<float>(1 / (1 - mean_power_));
  const auto square_scale = static_cast<float>(1 / (1 - square_power_));
  for (const Group& group : groups_) {
    const float kept = group.decays ? static_cast<float>(1 - rate * options_.weight_decay) : 1.0F;
    move(group.end - group.begin, gradient_.data() + group.begin, mean_.data() + group.begin,
         square_.data() + group.begin, parameters_.data() + group.begin, square_scale, kept,
         static_cast<float>(rate) * group.rate * mean_scale);
  }
  ++steps_;
}

Status MlpFit::train_batch(std::span<const uint32_t> rows) {
  const MlpNetwork network(shape_, layout_, parameters_);
  MlpNetwork::gather(dense_, rows, pass_);
  Dropout dropout(options_.dropout, request_.seed, steps_);
  ASSAY_RETURN_IF_ERROR(network.forward(context_, *context_.executor, pass_, &dropout));
  const auto width = static_cast<size_t>(shape_.scores);
  const double share = 1.0 / static_cast<double>(rows.size());
  std::vector<double> scores(width);
  pass_.upstream.resize(rows.size() * width);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t k = 0; k < width; ++k) scores[k] = double{pass_.scores[i * width + k]};
    loss_.row(rows[i], data_.weight(rows[i]), scores);
    for (size_t k = 0; k < width; ++k) {
      pass_.upstream[i * width + k] =
          static_cast<float>(std::clamp(scores[k] * share, -1e12, 1e12));
    }
  }
  ASSAY_RETURN_IF_ERROR(network.backward(context_, *context_.executor, pass_, gradient_, {}));
  step();
  return {};
}

Status MlpFit::score_rows(std::span<const uint32_t> rows,
                          FunctionRef<void(uint32_t, std::span<double>)> visit) {
  const MlpNetwork network(shape_, layout_, parameters_);
  const auto width = static_cast<size_t>(shape_.scores);
  std::vector<double> scores(width);
  for (size_t begin = 0; begin < rows.size(); begin += kScoredRows) {
    if (stop_requested(context_)) return fail(StatusCode::kCancelled, "stopped while scoring");
    const auto some = rows.subspan(begin, std::min(kScoredRows, rows.size() - begin));
    MlpNetwork::gather(dense_, some, pass_);
    ASSAY_RETURN_IF_ERROR(network.forward(context_, *context_.executor, pass_));
    for (size_t i = 0; i < some.size(); ++i) {
      for (size_t k = 0; k < width; ++k) scores[k] = double{pass_.scores[i * width + k]};
      visit(some[i], scores);
    }
  }
  return {};
}

Result<double> MlpFit::validate() {
  if (request_.valid_rows.empty()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  double weights = 0;
  ASSAY_RETURN_IF_ERROR(
      score_rows(request_.valid_rows, [&](uint32_t row, std::span<double> scores) {
        const double weight = data_.weight(row);
        sum += loss_.row(row, weight, scores);
        weights += weight;
      }));
  return weights > 0 ? sum / weights : 0;
}

// The rounded corner of the loss shifts the quantile. If there is no time for a pass the model
// stays as it is.
Status MlpFit::settle_quantile() {
  parameters_ = best_;
  std::vector<WeightedValue> residuals;
  const Status scored =
      score_rows(request_.train_rows, [&](uint32_t row, std::span<double> scores) {
        residuals.push_back({data_.targets[row] - scores[0], data_.weight(row)});
      });
  if (!scored) return scored.error().code == StatusCode::kCancelled ? Status() : scored;
  float& bias = best_[layout_.layers.back().biases];
  const double shift = weighted_quantile(residuals, data_.aim.level);
  bias = std::clamp(static_cast<float>(double{bias} + shift), -kMostParameter, kMostParameter);
  return {};
}

Result<std::unique_ptr<Model>> MlpFit::model() const {
  MlpModel::Parts parts;
  parts.shape = shape_;
  parts.parameters = best_;
  const std::span<const int32_t> features = request_.data->features->dense_features();
  parts.features.assign(features.begin(), features.end());
  parts.link = loss_.link();
  parts.target = data_.target;
  parts.feature_count = request_.data->features->feature_count();
  return MlpModel::make(std::move(parts));
}

Result<FitResult> MlpFit::run() {
  start();
  const auto batch = static_cast<size_t>(batch_of(std::ssize(rows_), options_));
  const auto batches = (rows_.size() + batch - 1) / batch;
  total_steps_ = options_.epochs * static_cast<int64_t>(batches);
  FitResult result;
  const auto cut = [&](const Status& status) {
    if (status.error().code != StatusCode::kCancelled || result.iterations == 0) return false;
    result.truncated = true;
    return true;
  };
  while (result.iterations < options_.epochs && !result.truncated && !result.stopped) {
    Rng rng(derive_seed(request_.seed, "epoch", static_cast<uint64_t>(result.iterations)));
    shuffle(rows_, rng);
    Status trained;
    for (size_t b = 0; b < batches && trained; ++b) {
      // Equal parts, so that none is a few rows.
      const size_t begin = rows_.size() * b / batches;
      const size_t end = rows_.size() * (b + 1) / batches;
      trained = stop_requested(context_)
                    ? Status(fail(StatusCode::kCancelled, "stopped before the first epoch's end"))
                    : train_batch(std::span(rows_).subspan(begin, end - begin));
    }
    if (!trained) {
      if (cut(trained)) break;
      return tl::unexpected<Error>(trained.error());
    }
    const Result<double> valid = validate();
    if (!valid) {
      if (valid.error().code == StatusCode::kCancelled && result.iterations > 0) {
        result.truncated = true;
        break;
      }
      return tl::unexpected<Error>(valid.error());
    }
    ++result.iterations;
    if (best_.empty() || request_.valid_rows.empty() || *valid < result.valid_loss) {
      best_ = parameters_;
      result.best_iteration = result.iterations;
      result.valid_loss = *valid;
    }
    const bool waited = options_.patience > 0 && !std::isnan(*valid) &&
                        result.iterations - result.best_iteration >= options_.patience;
    result.stopped = request_.observer != nullptr &&
                     !request_.observer->report({result.iterations, options_.epochs, *valid});
    if (waited) break;
    if (stop_requested(context_) && result.iterations < options_.epochs) result.truncated = true;
  }
  if (data_.aim.quantile()) ASSAY_RETURN_IF_ERROR(settle_quantile());
  ASSAY_ASSIGN_OR_RETURN(result.model, model());
  return result;
}

}  // namespace assay::automl
