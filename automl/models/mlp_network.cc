#include "automl/models/mlp_network.h"

#include <algorithm>
#include <cstring>

#include "automl/models/mlp_network_internal.h"
#include "kernels/base/vector_clones.h"

namespace assay::automl {
namespace {

using kernels::GemmProblem;

constexpr int32_t kMostWidth = 16384;  // of a layer, scores too
constexpr size_t kMostLayers = 16;
constexpr float kTurn = 6.28318531F;

// A column's waves side by side; compilers make of it what vectors the processor has.
using Waves = float __attribute__((vector_size(sizeof(float) * kWaves)));

// By reference: how a function gives back such a vector depends on what it is compiled for.
inline void load(const float* from, Waves& waves) { std::memcpy(&waves, from, sizeof(Waves)); }
inline void store(const Waves& waves, float* to) { std::memcpy(to, &waves, sizeof(Waves)); }

// What one wave gives each output, and room for one more, so that it is a vector.
using Mixed = float __attribute__((vector_size(sizeof(float) * (kWaveOutputs + 1))));

void add_to_rows(std::span<const float> biases, std::span<float> matrix) {
  for (size_t row = 0; row < matrix.size(); row += biases.size()) {
    for (size_t j = 0; j < biases.size(); ++j) matrix[row + j] += biases[j];
  }
}

Status multiply(const kernels::ComputeContext& context, Executor& executor, GemmProblem problem,
                const kernels::GemmArgs& args) {
  problem.in_order = true;
  const kernels::OpContext op{context.host, &executor, context.stop};
  return kernels::run_op(context.kernels->table<kernels::Gemm>(), op, problem, args);
}

// activations: z + bias becomes SiLU of it; slopes: its derivative.
ASSAY_VECTOR_CLONES
void activate(std::span<const float> biases, std::span<float> activations,
              std::span<float> slopes) {
  const size_t width = biases.size();
  for (size_t row = 0; row < activations.size(); row += width) {
    float* a = activations.data() + row;
    float* slope = slopes.data() + row;
    for (size_t j = 0; j < width; ++j) {
      const float z = held(a[j] + biases[j]);
      const float s = 1.0F / (1.0F + exp_f32(-z));
      a[j] = z * s;
      slope[j] = s * (1.0F + z * (1.0F - s));
    }
  }
}

// `sums` [columns] of the rows of a matrix, in order.
ASSAY_VECTOR_CLONES
void add_rows(std::span<const float> matrix, std::span<float> sums) {
  std::fill(sums.begin(), sums.end(), 0.0F);
  for (size_t row = 0; row < matrix.size(); row += sums.size()) {
    for (size_t j = 0; j < sums.size(); ++j) sums[j] += matrix[row + j];
  }
}

// [rows, columns] to [columns, rows], a square that fits the cache at a time.
void turn_matrix(const float* matrix, size_t rows, size_t columns, float* turned) {
  constexpr size_t kSide = 16;
  for (size_t top = 0; top < rows; top += kSide) {
    const size_t bottom = std::min(top + kSide, rows);
    for (size_t left = 0; left < columns; left += kSide) {
      const size_t right = std::min(left + kSide, columns);
      for (size_t j = left; j < right; ++j) {
        for (size_t i = top; i < bottom; ++i) turned[j * rows + i] = matrix[i * columns + j];
      }
    }
  }
}

}  // namespace

Status MlpShape::check() const {
  bool sound = columns >= 0 && scores >= 1 && scores <= kMostWidth && widths.size() < kMostLayers;
  for (const int32_t width : widths) sound = sound && width >= 1 && width <= kMostWidth;
  for (size_t i = 0; i < wave_columns.size(); ++i) {
    sound = sound && wave_columns[i] >= (i == 0 ? 0 : wave_columns[i - 1] + 1) &&
            wave_columns[i] < columns;
  }
  if (sound) return {};
  return fail(StatusCode::kInvalidArgument,
              "network of {} columns, {} of them waves, {} layers and {} scores: not sound",
              columns, wave_columns.size(), widths.size(), scores);
}

MlpLayout::MlpLayout(const MlpShape& shape) {
  const auto take = [&](size_t count) {
    const size_t begin = size;
    size += count;
    return begin;
  };
  const size_t waves = shape.wave_columns.size();
  scales = take(static_cast<size_t>(shape.inputs()));
  frequencies = take(waves * kWaves);
  phases = take(waves * kWaves);
  mixture = take(waves * kWaves * kWaveOutputs);
  mixture_bias = take(waves * kWaveOutputs);
  int32_t width = shape.inputs();
  for (size_t l = 0; l <= shape.widths.size(); ++l) {
    Layer layer;
    layer.inputs = width;
    layer.outputs = l < shape.widths.size() ? shape.widths[l] : shape.scores;
    layer.weights = take(static_cast<size_t>(layer.inputs) * static_cast<size_t>(layer.outputs));
    layer.biases = take(static_cast<size_t>(layer.outputs));
    width = layer.outputs;
    layers.push_back(layer);
  }
}

int64_t MlpNetwork::floats_of_row(const MlpShape& shape) {
  int64_t units = 0;
  int64_t widest = std::max(shape.inputs(), shape.scores);
  for (const int32_t width : shape.widths) {
    units += width;
    widest = std::max<int64_t>(widest, width);
  }
  // Dense, unscaled and scaled; activations and slopes; scores, and what comes back, twice.
  return shape.columns + 2 * int64_t{shape.inputs()} + 2 * kWaves * std::ssize(shape.wave_columns) +
         2 * units + shape.scores + 2 * widest;
}

void MlpNetwork::gather(const DenseView& dense, std::span<const uint32_t> rows, MlpPass& pass) {
  const auto columns = static_cast<size_t>(dense.column_count);
  pass.rows = rows.size();
  pass.dense.resize(rows.size() * columns);
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::span<const float> row = dense.row(rows[i]);
    std::transform(row.begin(), row.end(),
                   pass.dense.begin() + static_cast<std::ptrdiff_t>(i * columns), held);
  }
}

ASSAY_VECTOR_CLONES
void MlpNetwork::embed(MlpPass& pass) const {
  const auto columns = static_cast<size_t>(shape_.columns);
  const auto inputs = static_cast<size_t>(shape_.inputs());
  const size_t waves = shape_.wave_columns.size();
  pass.unscaled.resize(pass.rows * inputs);
  pass.cosines.resize(pass.rows * waves * kWaves);
  pass.sines.resize(pass.rows * waves * kWaves);
  pass.inputs.resize(layout_.layers.size());
  pass.inputs[0].resize(pass.rows * inputs);
  for (size_t row = 0; row < pass.rows; ++row) {
    const float* dense = pass.dense.data() + row * columns;
    std::copy(dense, dense + columns, pass.unscaled.data() + row * inputs);
  }
  for (size_t w = 0; w < waves; ++w) embed_wave(w, pass);
  const float* scales = parameters_.data() + layout_.scales;
  for (size_t row = 0; row < pass.rows; ++row) {
    const float* from = pass.unscaled.data() + row * inputs;
    float* scaled = pass.inputs[0].data() + row * inputs;
    for (size_t j = 0; j < inputs; ++j) scaled[j] = held(from[j] * scales[j]);
  }
}

// Of one column: its waves, and their mixtures.
ASSAY_VECTOR_CLONES
void MlpNetwork::embed_wave(size_t number, MlpPass& pass) const {
  const auto columns = static_cast<size_t>(shape_.columns);
  const auto inputs = static_cast<size_t>(shape_.inputs());
  const size_t waves = shape_.wave_columns.size();
  const auto column = static_cast<size_t>(shape_.wave_columns[number]);
  const float* frequency = parameters_.data() + layout_.frequencies + number * kWaves;
  const float* phase = parameters_.data() + layout_.phases + number * kWaves;
  const float* mixture = parameters_.data() + layout_.mixture + number * kWaves * kWaveOutputs;
  const float* biases = parameters_.data() + layout_.mixture_bias + number * kWaveOutputs;
  Mixed bias = {};
  Mixed mixed_from[kWaves] = {};
  for (int32_t o = 0; o < kWaveOutputs; ++o) {
    bias[o] = biases[o];
    for (int32_t i = 0; i < kWaves; ++i) mixed_from[i][o] = mixture[i * kWaveOutputs + o];
  }
  for (size_t row = 0; row < pass.rows; ++row) {
    const float x = pass.dense[row * columns + column];
    float* cosines = pass.cosines.data() + (row * waves + number) * kWaves;
    float* sines = pass.sines.data() + (row * waves + number) * kWaves;
    for (int32_t i = 0; i < kWaves; ++i) {
      const Wave here = wave(frequency[i] * x + phase[i]);
      cosines[i] = here.cosine;
      sines[i] = here.sine;
    }
    Mixed sum = bias;
    for (int32_t i = 0; i < kWaves; ++i) sum += cosines[i] * mixed_from[i];
    float* to = pass.unscaled.data() + row * inputs + columns + number * kWaveOutputs;
    for (int32_t o = 0; o < kWaveOutputs; ++o) to[o] = held(sum[o]);
  }
}

Status MlpNetwork::forward(const kernels::ComputeContext& context, Executor& executor,
                           MlpPass& pass, MlpDropout* dropout) const {
  embed(pass);
  pass.slopes.resize(layout_.layers.size() - 1);
  return pass_layers(context, executor, pass,
                     [&](size_t layer, std::span<const float> biases, std::span<float> out) {
                       std::vector<float>& slopes = pass.slopes[layer];
                       slopes.resize(out.size());
                       activate(biases, out, slopes);
                       if (dropout != nullptr) dropout->apply(layer, out, slopes);
                     });
}

Status MlpNetwork::pass_layers(const kernels::ComputeContext& context, Executor& executor,
                               MlpPass& pass, ActivateLayer activate) const {
  for (size_t l = 0; l < layout_.layers.size(); ++l) {
    const MlpLayout::Layer& layer = layout_.layers[l];
    const auto width = static_cast<size_t>(layer.outputs);
    const bool last = l + 1 == layout_.layers.size();
    std::vector<float>& out = last ? pass.scores : pass.inputs[l + 1];
    out.resize(pass.rows * width);
    ASSAY_RETURN_IF_ERROR(
        multiply(context, executor, {static_cast<int64_t>(pass.rows), layer.outputs, layer.inputs},
                 {pass.inputs[l].data(), parameters_.data() + layer.weights, out.data()}));
    const std::span<const float> biases = parameters_.subspan(layer.biases, width);
    last ? add_to_rows(biases, out) : activate(l, biases, out);
  }
  return {};
}

Status MlpNetwork::turn(Executor& executor, std::vector<float>& turned) const {
  turned.resize(layout_.size);
  return executor.parallel_for(std::ssize(layout_.layers), [&](int64_t l, int) {
    const MlpLayout::Layer& layer = layout_.layers[static_cast<size_t>(l)];
    turn_matrix(parameters_.data() + layer.weights, static_cast<size_t>(layer.inputs),
                static_cast<size_t>(layer.outputs), turned.data() + layer.weights);
  });
}

// Layer by layer: pass.upstream has the derivatives by a layer's output, then those by its input.
Status MlpNetwork::backward(const kernels::ComputeContext& context, Executor& executor,
                            std::span<const float> turned, MlpPass& pass, std::span<float> gradient,
                            std::span<float> by_dense) const {
  const auto rows = static_cast<int64_t>(pass.rows);
  for (size_t l = layout_.layers.size(); l-- > 0;) {
    const MlpLayout::Layer& layer = layout_.layers[l];
    const auto inputs = static_cast<size_t>(layer.inputs);
    const auto outputs = static_cast<size_t>(layer.outputs);
    if (!gradient.empty()) {
      add_rows(pass.upstream, gradient.subspan(layer.biases, outputs));
      GemmProblem product{layer.inputs, layer.outputs, rows};
      product.transpose_a = true;
      ASSAY_RETURN_IF_ERROR(
          multiply(context, executor, product,
                   {pass.inputs[l].data(), pass.upstream.data(), gradient.data() + layer.weights}));
    }
    pass.downstream.resize(pass.rows * inputs);
    ASSAY_RETURN_IF_ERROR(
        multiply(context, executor, {rows, layer.inputs, layer.outputs},
                 {pass.upstream.data(), turned.data() + layer.weights, pass.downstream.data()}));
    pass.upstream.swap(pass.downstream);
    if (l == 0) break;
    const std::vector<float>& slopes = pass.slopes[l - 1];
    for (size_t i = 0; i < slopes.size(); ++i) pass.upstream[i] *= slopes[i];
  }
  back_through_input(pass, gradient, by_dense);
  return {};
}

void MlpNetwork::back_through_input(MlpPass& pass, std::span<float> gradient,
                                    std::span<float> by_dense) const {
  const auto columns = static_cast<size_t>(shape_.columns);
  const auto inputs = static_cast<size_t>(shape_.inputs());
  const float* scales = parameters_.data() + layout_.scales;
  std::vector<float> unwanted;
  if (gradient.empty()) {
    unwanted.resize(layout_.layers[0].weights);
    gradient = unwanted;
  }
  // What lies before the first layer's weights.
  std::fill(gradient.begin(),
            gradient.begin() + static_cast<std::ptrdiff_t>(layout_.layers[0].weights), 0.0F);
  for (size_t row = 0; row < pass.rows; ++row) {
    float* by_input = pass.upstream.data() + row * inputs;
    const float* unscaled = pass.unscaled.data() + row * inputs;
    float* by_scale = gradient.data() + layout_.scales;
    for (size_t j = 0; j < inputs; ++j) {
      by_scale[j] += by_input[j] * unscaled[j];
      by_input[j] *= scales[j];
    }
    if (!by_dense.empty()) {
      std::copy(by_input, by_input + columns, by_dense.data() + row * columns);
    }
  }
  for (size_t w = 0; w < shape_.wave_columns.size(); ++w) {
    back_through_wave(pass, w, gradient, by_dense);
  }
}

// Of one column, from pass.upstream.
ASSAY_VECTOR_CLONES
void MlpNetwork::back_through_wave(const MlpPass& pass, size_t wave, std::span<float> gradient,
                                   std::span<float> by_dense) const {
  const auto columns = static_cast<size_t>(shape_.columns);
  const auto inputs = static_cast<size_t>(shape_.inputs());
  const size_t waves = shape_.wave_columns.size();
  const auto column = static_cast<size_t>(shape_.wave_columns[wave]);
  Waves frequency;
  load(parameters_.data() + layout_.frequencies + wave * kWaves, frequency);
  const float* mixture = parameters_.data() + layout_.mixture + wave * kWaves * kWaveOutputs;
  Waves mixed_from[kWaveOutputs];
  for (int32_t i = 0; i < kWaves; ++i) {
    for (int32_t o = 0; o < kWaveOutputs; ++o) mixed_from[o][i] = mixture[i * kWaveOutputs + o];
  }
  Waves by_mixture[kWaveOutputs] = {};
  Waves by_frequency = {};
  Waves by_phase = {};
  float by_bias[kWaveOutputs] = {};
  for (size_t row = 0; row < pass.rows; ++row) {
    const float x = pass.dense[row * columns + column];
    const size_t at = (row * waves + wave) * kWaves;
    Waves cosines;
    Waves sines;
    load(pass.cosines.data() + at, cosines);
    load(pass.sines.data() + at, sines);
    const float* by_mixed = pass.upstream.data() + row * inputs + columns + wave * kWaveOutputs;
    Waves by_cosine = {};
    for (int32_t o = 0; o < kWaveOutputs; ++o) {
      by_cosine += by_mixed[o] * mixed_from[o];
      by_mixture[o] += by_mixed[o] * cosines;
      by_bias[o] += by_mixed[o];
    }
    const Waves by_turn = (-kTurn * sines) * by_cosine;
    by_phase += by_turn;
    by_frequency += by_turn * x;
    if (by_dense.empty()) continue;
    const Waves by_waves = by_turn * frequency;
    float by_x = 0;
    for (int32_t i = 0; i < kWaves; ++i) by_x += by_waves[i];
    by_dense[row * columns + column] += by_x;
  }
  store(by_frequency, gradient.data() + layout_.frequencies + wave * kWaves);
  store(by_phase, gradient.data() + layout_.phases + wave * kWaves);
  float* to = gradient.data() + layout_.mixture + wave * kWaves * kWaveOutputs;
  for (int32_t i = 0; i < kWaves; ++i) {
    for (int32_t o = 0; o < kWaveOutputs; ++o) to[i * kWaveOutputs + o] = by_mixture[o][i];
  }
  std::copy(by_bias, by_bias + kWaveOutputs,
            gradient.data() + layout_.mixture_bias + wave * kWaveOutputs);
}

}  // namespace assay::automl
