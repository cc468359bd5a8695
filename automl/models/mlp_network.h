// MlpNetwork: scores = a multilayer perceptron over dense rows, and its derivatives.
//
//   input    the dense columns, and of each wave column x kWaveOutputs more: a linear mixture of
//            kWaves waves cos(2 pi (f x + p)) with learned frequencies and phases (periodic
//            embeddings: Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in
//            Tabular Deep Learning", NeurIPS 2022); all times a learned scale each (Holzmueller,
//            Grinsztajn, Steinwart, "Better by Default", NeurIPS 2024)
//   hidden   z = a W + b, a = z / (1 + e^-z) (SiLU); with dropout in training
//   scores   a W + b
//
// In f32, by op gemm in order on the host and functions of + - * / alone, so a row's scores have
// the same bits on every machine, in any batch and on any number of threads. What is beyond
// kMostActivation is held there: scores of parameters within kMostParameter are finite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "automl/models/feature_view.h"
#include "kernels/base/function_ref.h"
#include "kernels/base/status.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

inline constexpr int32_t kWaves = 16;
inline constexpr int32_t kWaveOutputs = 3;
inline constexpr float kMostActivation = 1e6F;
inline constexpr float kMostParameter = 1e6F;

struct MlpShape {
  int32_t columns = 0;                // dense columns
  std::vector<int32_t> wave_columns;  // ascending
  std::vector<int32_t> widths;        // of the hidden layers
  int32_t scores = 1;

  int32_t inputs() const {
    return columns + kWaveOutputs * static_cast<int32_t>(wave_columns.size());
  }
  // Fails: invalid_argument.
  Status check() const;
};

// Where the parameters of a shape lie in their array, [size].
struct MlpLayout {
  explicit MlpLayout(const MlpShape& shape);

  struct Layer {
    int32_t inputs = 0;
    int32_t outputs = 0;
    size_t weights = 0;  // [inputs, outputs]
    size_t biases = 0;   // [outputs]
  };
  size_t scales = 0;          // [inputs]
  size_t frequencies = 0;     // [wave columns, kWaves]
  size_t phases = 0;          // likewise
  size_t mixture = 0;         // [wave columns, kWaves, kWaveOutputs]
  size_t mixture_bias = 0;    // [wave columns, kWaveOutputs]
  std::vector<Layer> layers;  // the last one gives the scores
  size_t size = 0;
};

// What a pass over a batch leaves for the way back. Reused from batch to batch.
struct MlpPass {
  size_t rows = 0;
  std::vector<float> dense;     // [rows, columns]
  std::vector<float> cosines;   // [rows, wave columns, kWaves]
  std::vector<float> sines;     // likewise
  std::vector<float> unscaled;  // [rows, inputs]
  // Of layer l: what goes in, [rows, inputs of l]; the first is `unscaled` times the scales.
  std::vector<std::vector<float>> inputs;
  std::vector<std::vector<float>>
      slopes;                 // of the hidden layers' activations, [rows, outputs of l]
  std::vector<float> scores;  // [rows, scores]
  // Room for the way back.
  std::vector<float> upstream;
  std::vector<float> downstream;
};

// Multiplies a hidden layer's activations, and their slopes, by what dropout leaves of them.
// Called for each hidden layer on the way forward; layer 0 is the first.
class MlpDropout {
 public:
  virtual ~MlpDropout() = default;
  virtual void apply(size_t layer, std::span<float> activations, std::span<float> slopes) = 0;
};

class MlpNetwork {
 public:
  // `shape` must be sound. Nothing is owned; all must outlive it.
  MlpNetwork(const MlpShape& shape, const MlpLayout& layout, std::span<const float> parameters)
      : shape_(shape), layout_(layout), parameters_(parameters) {}

  // What a pass holds of a row, at most.
  static int64_t floats_of_row(const MlpShape& shape);
  // Takes `dense` rows into the pass, then forward() goes on from pass.dense and pass.rows.
  static void gather(const DenseView& dense, std::span<const uint32_t> rows, MlpPass& pass);
  // Scores of pass.dense. `dropout` may be null.
  // Fails: resource_exhausted; cancelled.
  Status forward(const kernels::ComputeContext& context, Executor& executor, MlpPass& pass,
                 MlpDropout* dropout = nullptr) const;
  // The same bits in pass.scores, in less time, but what a way back reads is not made: the pass has
  // dense, inputs and scores. Fails: as forward().
  Status score(const kernels::ComputeContext& context, Executor& executor, MlpPass& pass) const;
  // The weights of each layer as [outputs, inputs], where they lie in `turned` [size]: what the way
  // back reads, however many passes it is of.
  Status turn(Executor& executor, std::vector<float>& turned) const;
  // From the derivatives of the loss by the scores, in pass.upstream [rows, scores], to those by
  // the parameters, `gradient` [size], which may be empty: not wanted; and if `by_dense` is not
  // empty by the dense columns, [rows, columns]. `turned` as turn() makes it.
  Status backward(const kernels::ComputeContext& context, Executor& executor,
                  std::span<const float> turned, MlpPass& pass, std::span<float> gradient,
                  std::span<float> by_dense) const;

 private:
  // What becomes of a hidden layer's products with its weights.
  using ActivateLayer =
      FunctionRef<void(size_t layer, std::span<const float> biases, std::span<float> out)>;
  // From pass.inputs[0] to pass.scores.
  Status pass_layers(const kernels::ComputeContext& context, Executor& executor, MlpPass& pass,
                     ActivateLayer activate) const;
  void embed(MlpPass& pass) const;
  void embed_wave(size_t number, MlpPass& pass) const;
  void embed_scores(MlpPass& pass) const;
  void mix_waves(size_t number, MlpPass& pass) const;
  void back_through_input(MlpPass& pass, std::span<float> gradient,
                          std::span<float> by_dense) const;
  void back_through_wave(const MlpPass& pass, size_t wave, std::span<float> gradient,
                         std::span<float> by_dense) const;

  const MlpShape& shape_;
  const MlpLayout& layout_;
  std::span<const float> parameters_;
};

}  // namespace assay::automl
