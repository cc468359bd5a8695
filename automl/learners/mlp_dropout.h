// Dropout in networks: a training step leaves each activation either what it is, over the share of
// those that are left, or nothing (Srivastava et al., "Dropout", JMLR 2014). What is left follows
// from seed, step, part and place alone, and has the same bits on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "automl/models/mlp_network.h"

namespace assay::automl {

class Dropout final : public MlpDropout {
 public:
  // Of `part` of step `step`. `share` in [0, 0.95], to the nearest 256th below.
  Dropout(double share, uint64_t seed, int64_t step, int64_t part);

  void apply(size_t layer, std::span<float> activations, std::span<float> slopes) override;

 private:
  uint32_t dropped_;  // of 256
  float left_;
  uint64_t seed_;
};

}  // namespace assay::automl
