// Options of the learner "mlp": a multilayer perceptron on scaled numbers and one-hot categories.
#pragma once

#include <cstdint>

#include "automl/config/option_table.h"

namespace assay::automl {

struct MlpOptions {
  int64_t epochs = 64;
  int64_t patience = 24;
  int64_t layers = 3;
  int64_t width = 128;
  double learning_rate = 0.04;
  double weight_decay = 0.02;
  double dropout = 0.2;
  double wave_scale = 0.15;
  int64_t batch_size = 256;
  static const OptionTable<MlpOptions>& table();
};

}  // namespace assay::automl
