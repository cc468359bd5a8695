#include "automl/learners/mlp_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "automl/learners/mlp_dropout.h"
#include "automl/learners/weighted_quantile.h"
#include "automl/models/mlp_model.h"
#include "kernels/base/rng.h"
#include "kernels/base/vector_clones.h"
#include "kernels/exact_math.h"
#include "kernels/status_loop.h"

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
// A batch is cut into parts of at least so many rows, at most so many parts.
constexpr int64_t kPartRows = 64;
constexpr int64_t kMostParts = 16;
// Rows that are scored at once, a part each.
constexpr size_t kScoredRows = 64;
constexpr size_t kScoredAtOnce = kScoredRows * static_cast<size_t>(kMostParts);
// Parameters of which a thread makes the step.
constexpr size_t kMoved = 16384;
// Rows that importance is measured on.
constexpr size_t kImportanceRows = 512;
// Of the time that a pass over the validation rows took before, what is kept for the last one.
constexpr double kValidationRoom = 1.5;
// A fit whose schedule was shortened to less than this share of its steps was cut.
constexpr double kWholeShare = 0.9;
// Patience of a short fit, as a share of its epochs.
constexpr int64_t kPatienceShare = 3;
constexpr int64_t kLeastPatience = 4;

// Of a normal distribution, nearly: by twelve uniform ones, so by + and - alone.
double draw_normal(Rng& rng) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += rng.next_double();
  return sum;
}

// Of the columns with more than two values in some rows; none if they are many.
std::vector<int32_t> wave_columns_of(const DenseView& dense, std::span<const uint32_t> rows,
                                     const kernels::ComputeContext& context) {
  const std::span<const float> first = dense.row(rows[0]);
  std::vector<float> second(first.begin(), first.end());
  std::vector<uint8_t> more(first.size(), 0);
  int32_t count = 0;
  const size_t step = rows.size() / kLookedRows + 1;
  for (size_t i = 0; i < rows.size() && count <= kMostWaveColumns; i += step) {
    if (stop_requested(context)) return {};
    const std::span<const float> row = dense.row(rows[i]);
    for (size_t c = 0; c < row.size(); ++c) {
      if (more[c] != 0 || row[c] == first[c] || row[c] == second[c]) continue;
      if (second[c] == first[c]) {
        second[c] = row[c];
      } else {
        more[c] = 1;
        ++count;
      }
    }
  }
  std::vector<int32_t> columns;
  for (size_t c = 0; c < more.size() && count <= kMostWaveColumns; ++c) {
    if (more[c] != 0) columns.push_back(static_cast<int32_t>(c));
  }
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
  if (options.wave_scale > 0) shape_.wave_columns = wave_columns_of(dense, rows_, context);
  shape_.widths.assign(static_cast<size_t>(options.layers), static_cast<int32_t>(options.width));
  layout_ = MlpLayout(shape_);
}

MlpShape MlpFit::planned_shape(const DataShape& shape, const MlpOptions& options) {
  MlpShape planned;
  planned.columns = shape.dense_column_count;
  // A number has one column of many values, or three if it has a period.
  const int32_t numbers = std::max(0, shape.feature_count - shape.category_count);
  const int64_t waves = std::min(
      {3 * int64_t{numbers}, int64_t{shape.dense_column_count}, int64_t{kMostWaveColumns}});
  for (int32_t c = 0; options.wave_scale > 0 && c < waves; ++c) planned.wave_columns.push_back(c);
  planned.widths.assign(static_cast<size_t>(options.layers), static_cast<int32_t>(options.width));
  planned.scores = shape.task == Task::kMulticlass ? shape.class_count : 1;
  return planned;
}

int64_t MlpFit::batch_of(int64_t train_count, const MlpOptions& options) {
  return std::clamp<int64_t>(train_count / 8, kLeastBatch,
                             std::max(kLeastBatch, options.batch_size));
}

int64_t MlpFit::parts_of(int64_t batch) {
  return std::clamp<int64_t>(batch / kPartRows, 1, kMostParts);
}

int64_t MlpFit::bytes(const DataShape& shape, const MlpOptions& options) {
  const MlpShape network = planned_shape(shape, options);
  const auto parameters = static_cast<int64_t>(MlpLayout(network).size);
  const int64_t batch = batch_of(shape.train_count, options);
  const int64_t rows = std::max<int64_t>(batch + kMostParts, kScoredAtOnce);
  // Weights turned for the way back, gradients in each part; and the residuals of a quantile.
  const int64_t parts = parts_of(batch);
  const int64_t residuals = shape.aim.quantile() ? 32 * shape.train_count : 0;
  return 8 * shape.train_count + residuals + 4 * parameters * (7 + parts) +
         4 * rows * MlpNetwork::floats_of_row(network);
}

void MlpFit::find_groups() {
  const auto add = [&](size_t begin, size_t end, float rate, bool decays) {
    for (; begin < end; begin += kMoved) {
      groups_.push_back({begin, std::min(begin + kMoved, end), rate, decays});
    }
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
      std::transform(logs.begin(), logs.end(), last,
                     [](double v) { return static_cast<float>(v); });
    }
  }
  find_groups();
  parts_.resize(static_cast<size_t>(kMostParts));
  const auto parts = static_cast<size_t>(parts_of(batch_of(std::ssize(rows_), options_)));
  for (size_t part = 0; part < parts; ++part) parts_[part].gradient.assign(layout_.size, 0.0F);
  mean_.assign(layout_.size, 0.0F);
  square_.assign(layout_.size, 0.0F);
}

// Adds up the parts' gradients and moves the parameters.
Status MlpFit::step(size_t parts) {
  mean_power_ *= double{kMeanDecay};
  square_power_ *= double{kSquareDecay};
  const double rate = options_.learning_rate * rate_left_;
  const auto mean_scale = static_cast<float>(1 / (1 - mean_power_));
  const auto square_scale = static_cast<float>(1 / (1 - square_power_));
  const auto decayed = static_cast<float>(std::max(0.0, 1 - rate * options_.weight_decay));
  ++steps_;
  return context_.executor->parallel_for(std::ssize(groups_), [&](int64_t i, int) {
    const Group& group = groups_[static_cast<size_t>(i)];
    const size_t count = group.end - group.begin;
    float* sums = parts_[0].gradient.data() + group.begin;
    for (size_t part = 1; part < parts; ++part) {
      const float* more = parts_[part].gradient.data() + group.begin;
      for (size_t j = 0; j < count; ++j) sums[j] += more[j];
    }
    move(count, sums, mean_.data() + group.begin, square_.data() + group.begin,
         parameters_.data() + group.begin, square_scale, group.decays ? decayed : 1.0F,
         static_cast<float>(rate) * group.rate * mean_scale);
  });
}

// Scores of rows in part.pass; then the derivatives of their losses over `batch` rows.
Status MlpFit::train_part(std::span<const uint32_t> rows, size_t batch, int64_t number,
                          Part& part) {
  SerialExecutor serial;
  const MlpNetwork network(shape_, layout_, parameters_);
  MlpNetwork::gather(dense_, rows, part.pass);
  Dropout dropout(options_.dropout, request_.seed, steps_, number);
  ASSAY_RETURN_IF_ERROR(network.forward(context_, serial, part.pass, &dropout));
  set_derivatives(rows, 1.0 / static_cast<double>(batch), part.pass);
  return network.backward(context_, serial, turned_, part.pass, part.gradient, {});
}

void MlpFit::set_derivatives(std::span<const uint32_t> rows, double share, MlpPass& pass) const {
  const auto width = static_cast<size_t>(shape_.scores);
  std::vector<double> scores(width);
  pass.upstream.resize(rows.size() * width);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t k = 0; k < width; ++k) scores[k] = double{pass.scores[i * width + k]};
    loss_.row(rows[i], data_.weight(rows[i]), scores);
    for (size_t k = 0; k < width; ++k) {
      pass.upstream[i * width + k] = static_cast<float>(std::clamp(scores[k] * share, -1e12, 1e12));
    }
  }
}

Status MlpFit::train_batch(std::span<const uint32_t> rows) {
  const auto parts = static_cast<size_t>(parts_of(std::ssize(rows)));
  ASSAY_RETURN_IF_ERROR(MlpNetwork(shape_, layout_, parameters_).turn(*context_.executor, turned_));
  ASSAY_RETURN_IF_ERROR(
      kernels::for_each_chunk(*context_.executor, static_cast<int64_t>(parts), [&](int64_t number) {
        const auto part = static_cast<size_t>(number);
        const size_t begin = rows.size() * part / parts;
        const size_t end = rows.size() * (part + 1) / parts;
        return train_part(rows.subspan(begin, end - begin), rows.size(), number, parts_[part]);
      }));
  return step(parts);
}

Status MlpFit::score_rows(std::span<const uint32_t> rows,
                          FunctionRef<void(uint32_t, std::span<double>)> visit) {
  const MlpNetwork network(shape_, layout_, parameters_);
  const auto width = static_cast<size_t>(shape_.scores);
  std::vector<double> scores(width);
  for (size_t begin = 0; begin < rows.size(); begin += kScoredAtOnce) {
    if (stop_requested(context_)) return fail(StatusCode::kCancelled, "stopped while scoring");
    const auto some = rows.subspan(begin, std::min(kScoredAtOnce, rows.size() - begin));
    const auto part_of = [&](size_t part) {
      const size_t first = part * kScoredRows;
      return some.subspan(first, std::min(kScoredRows, some.size() - first));
    };
    const size_t parts = (some.size() + kScoredRows - 1) / kScoredRows;
    ASSAY_RETURN_IF_ERROR(kernels::for_each_chunk(
        *context_.executor, static_cast<int64_t>(parts), [&](int64_t number) {
          const auto part = static_cast<size_t>(number);
          SerialExecutor serial;
          MlpNetwork::gather(dense_, part_of(part), parts_[part].pass);
          return network.score(context_, serial, parts_[part].pass);
        }));
    for (size_t part = 0; part < parts; ++part) {
      const std::vector<float>& all = parts_[part].pass.scores;
      for (size_t i = 0; i < part_of(part).size(); ++i) {
        for (size_t k = 0; k < width; ++k) scores[k] = double{all[i * width + k]};
        visit(part_of(part)[i], scores);
      }
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
  return weights > 0 ? sum / weights : std::numeric_limits<double>::quiet_NaN();
}

// The rounded corner of the loss shifts the quantile. If there is no time for a pass the model
// stays as it is.
Status MlpFit::settle_quantile() {
  parameters_ = best_;
  std::vector<WeightedValue> residuals;
  residuals.reserve(request_.train_rows.size());
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

// How much the loss of some training rows hangs on each feature: the sum of |input * derivative|.
Result<std::vector<double>> MlpFit::importance() {
  const MlpNetwork network(shape_, layout_, best_);
  const auto columns = static_cast<size_t>(shape_.columns);
  const std::span<const int32_t> features = request_.data->features->dense_features();
  std::vector<double> sums(static_cast<size_t>(request_.data->features->feature_count()), 0.0);
  const auto rows = std::span(rows_).first(std::min(kImportanceRows, rows_.size()));
  SerialExecutor serial;
  ASSAY_RETURN_IF_ERROR(network.turn(serial, turned_));
  MlpPass& pass = parts_[0].pass;
  std::vector<float> slopes;
  for (size_t begin = 0; begin < rows.size(); begin += kScoredRows) {
    const auto some = rows.subspan(begin, std::min(kScoredRows, rows.size() - begin));
    MlpNetwork::gather(dense_, some, pass);
    kernels::ComputeContext context = context_;
    context.stop = nullptr;  // a few rows, also when the fit was cut
    ASSAY_RETURN_IF_ERROR(network.forward(context, serial, pass));
    set_derivatives(some, 1, pass);
    slopes.resize(some.size() * columns);
    ASSAY_RETURN_IF_ERROR(network.backward(context, serial, turned_, pass, {}, slopes));
    for (size_t i = 0; i < slopes.size(); ++i) {
      const double hangs = std::abs(double{pass.dense[i]} * double{slopes[i]});
      // A network that diverged has slopes that are no numbers.
      if (std::isfinite(hangs)) sums[static_cast<size_t>(features[i % columns])] += hangs;
    }
  }
  double all = 0;
  for (const double sum : sums) all += sum;
  for (double& sum : sums) sum = all > 0 ? sum / all : 0;
  return sums;
}

Result<std::unique_ptr<Model>> MlpFit::model(int64_t epochs) {
  MlpModel::Parts parts;
  parts.shape = shape_;
  parts.parameters = best_;
  parts.epochs = epochs;
  ASSAY_ASSIGN_OR_RETURN(parts.importance, importance());
  const std::span<const int32_t> features = request_.data->features->dense_features();
  parts.features.assign(features.begin(), features.end());
  parts.link = loss_.link();
  parts.target = data_.target;
  parts.feature_count = request_.data->features->feature_count();
  return MlpModel::make(std::move(parts));
}

Status MlpFit::train_epoch(int64_t epoch) {
  Rng rng(derive_seed(request_.seed, "epoch", static_cast<uint64_t>(epoch)));
  shuffle(rows_, rng);
  const auto batches = static_cast<size_t>(epoch_steps_);
  for (size_t b = 0; b < batches; ++b) {
    if (stop_requested(context_)) return fail(StatusCode::kCancelled, "stopped in an epoch");
    const double left = steps_left();
    if (left < 1) break;
    // Equal parts, so that none is a few rows.
    const size_t begin = rows_.size() * b / batches;
    const size_t end = rows_.size() * (b + 1) / batches;
    ASSAY_RETURN_IF_ERROR(train_batch(std::span(rows_).subspan(begin, end - begin)));
    rate_left_ *= 1 - 1 / left;
  }
  return {};
}

double MlpFit::steps_left() const {
  double validating = validation_seconds_.value_or(0);
  if (!validation_seconds_ && steps_ > 0) {
    // A row takes the way forward, which is a third of a training row's, and more parts are scored
    // side by side than a batch has.
    const int64_t threads = context_.executor->thread_count();
    const auto training = std::min(threads, parts_of(batch_of(std::ssize(rows_), options_)));
    const auto scoring = std::min(threads, kMostParts);
    const double epochs = static_cast<double>(steps_) / static_cast<double>(epoch_steps_);
    validating = pace_->seconds() / (3 * epochs) *
                 (static_cast<double>(training) / static_cast<double>(scoring)) *
                 (static_cast<double>(request_.valid_rows.size()) /
                  static_cast<double>(std::max<size_t>(rows_.size(), 1)));
  }
  return pace_->steps_left(steps_, kValidationRoom * validating);
}

int64_t MlpFit::epochs_in_all(int64_t begun) const {
  const double steps = static_cast<double>(steps_) + steps_left();
  const double epochs = std::ceil(steps / static_cast<double>(epoch_steps_));
  return std::clamp(static_cast<int64_t>(epochs), begun, std::max(begun, options_.epochs));
}

Result<FitResult> MlpFit::run() {
  ASSAY_RETURN_IF_ERROR(shape_.check());
  start();
  const int64_t batch = batch_of(std::ssize(rows_), options_);
  epoch_steps_ = (std::ssize(rows_) + batch - 1) / batch;
  pace_.emplace(options_.epochs * epoch_steps_, context_.stop);
  const int64_t patience =
      std::min(options_.patience, std::max(kLeastPatience, options_.epochs / kPatienceShare));
  FitResult result;
  bool waited = false;
  while (rate_left_ > 0 && steps_left() >= 1 && !result.stopped && !waited) {
    const Status trained = train_epoch(result.iterations);
    const double trained_seconds = pace_->seconds();
    const Result<double> valid =
        trained ? validate() : Result<double>(tl::unexpected<Error>(trained.error()));
    validation_seconds_ = pace_->seconds() - trained_seconds;
    if (!valid) {
      if (valid.error().code != StatusCode::kCancelled || steps_ == 0) {
        return tl::unexpected<Error>(valid.error());
      }
      result.truncated = true;
      if (result.iterations > 0) break;
      // The first epoch, cut short, is better than nothing.
      best_ = parameters_;
      result.iterations = 1;
      result.best_iteration = 1;
      break;
    }
    ++result.iterations;
    if (best_.empty() || std::isnan(*valid) || *valid < result.valid_loss) {
      best_ = parameters_;
      result.best_iteration = result.iterations;
      result.valid_loss = *valid;
    }
    waited = patience > 0 && !std::isnan(*valid) &&
             result.iterations - result.best_iteration >= patience;
    result.stopped =
        request_.observer != nullptr &&
        !request_.observer->report(
            {result.iterations, epochs_in_all(result.iterations), *valid, has_common_loss(data_)});
    if (!waited && stop_requested(context_) && rate_left_ > 0) {
      result.truncated = true;
      break;
    }
  }
  const auto planned = static_cast<double>(options_.epochs * epoch_steps_);
  if (!waited && !result.stopped && static_cast<double>(steps_) < kWholeShare * planned) {
    result.truncated = true;
  }
  if (data_.aim.quantile()) ASSAY_RETURN_IF_ERROR(settle_quantile());
  ASSAY_ASSIGN_OR_RETURN(result.model, model(result.best_iteration));
  return result;
}

}  // namespace assay::automl
