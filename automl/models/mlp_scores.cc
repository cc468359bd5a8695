// Scores alone. Without a way back no slopes, no sines and no unscaled inputs are kept, and waves
// are taken of many rows at a time: a vector holds one wave of kLanes rows in place of the kWaves
// waves of one row, so that the sums over waves are sums of vectors. The additions of a row are
// those of MlpNetwork::forward, in the same order.
#include <algorithm>

#include "automl/models/mlp_network_internal.h"
#include "kernels/base/vector_clones.h"

namespace assay::automl {
namespace {

constexpr size_t kLanes = 16;  // rows

// z + bias becomes SiLU of it.
ASSAY_VECTOR_CLONES
void activate_alone(std::span<const float> biases, std::span<float> activations) {
  const size_t width = biases.size();
  for (size_t row = 0; row < activations.size(); row += width) {
    float* a = activations.data() + row;
    for (size_t j = 0; j < width; ++j) {
      const float z = held(a[j] + biases[j]);
      a[j] = z * (1.0F / (1.0F + exp_f32(-z)));
    }
  }
}

}  // namespace

ASSAY_VECTOR_CLONES
void MlpNetwork::embed_scores(MlpPass& pass) const {
  const auto columns = static_cast<size_t>(shape_.columns);
  const auto inputs = static_cast<size_t>(shape_.inputs());
  pass.inputs.resize(layout_.layers.size());
  pass.inputs[0].resize(pass.rows * inputs);
  const float* scales = parameters_.data() + layout_.scales;
  for (size_t row = 0; row < pass.rows; ++row) {
    const float* dense = pass.dense.data() + row * columns;
    float* to = pass.inputs[0].data() + row * inputs;
    for (size_t j = 0; j < columns; ++j) to[j] = held(dense[j] * scales[j]);
  }
  for (size_t w = 0; w < shape_.wave_columns.size(); ++w) mix_waves(w, pass);
}

// Of one column.
ASSAY_VECTOR_CLONES
void MlpNetwork::mix_waves(size_t number, MlpPass& pass) const {
  const auto columns = static_cast<size_t>(shape_.columns);
  const auto inputs = static_cast<size_t>(shape_.inputs());
  const auto column = static_cast<size_t>(shape_.wave_columns[number]);
  const float* frequency = parameters_.data() + layout_.frequencies + number * kWaves;
  const float* phase = parameters_.data() + layout_.phases + number * kWaves;
  const float* mixture = parameters_.data() + layout_.mixture + number * kWaves * kWaveOutputs;
  const float* bias = parameters_.data() + layout_.mixture_bias + number * kWaveOutputs;
  const size_t place = columns + number * kWaveOutputs;
  const float* scale = parameters_.data() + layout_.scales + place;
  for (size_t first = 0; first < pass.rows; first += kLanes) {
    const size_t count = std::min(kLanes, pass.rows - first);
    float x[kLanes] = {};
    const float* dense = pass.dense.data() + first * columns + column;
    for (size_t lane = 0; lane < count; ++lane) x[lane] = dense[lane * columns];
    float sums[kWaveOutputs][kLanes];
    for (int32_t o = 0; o < kWaveOutputs; ++o) std::fill_n(sums[o], kLanes, bias[o]);
    for (int32_t i = 0; i < kWaves; ++i) {
      float cosines[kLanes];
      for (size_t lane = 0; lane < kLanes; ++lane) {
        cosines[lane] = cosine(frequency[i] * x[lane] + phase[i]);
      }
      for (int32_t o = 0; o < kWaveOutputs; ++o) {
        const float part = mixture[i * kWaveOutputs + o];
        for (size_t lane = 0; lane < kLanes; ++lane) sums[o][lane] += cosines[lane] * part;
      }
    }
    float* to = pass.inputs[0].data() + first * inputs + place;
    for (size_t lane = 0; lane < count; ++lane) {
      for (int32_t o = 0; o < kWaveOutputs; ++o) {
        to[lane * inputs + static_cast<size_t>(o)] = held(held(sums[o][lane]) * scale[o]);
      }
    }
  }
}

Status MlpNetwork::score(const kernels::ComputeContext& context, Executor& executor,
                         MlpPass& pass) const {
  embed_scores(pass);
  return pass_layers(context, executor, pass,
                     [](size_t, std::span<const float> biases, std::span<float> out) {
                       activate_alone(biases, out);
                     });
}

}  // namespace assay::automl
