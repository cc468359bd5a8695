// Measures what a model costs where it serves (search/footprint_limits.h), as a server would see
// it: a ModelGauge holds a few rows of the training table, each as a table of its own. Immutable;
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "automl/preprocess/predictor.h"
#include "automl/search/footprint_limits.h"
#include "datasets/table.h"
#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

class ModelGauge {
 public:
  // A table without rows gives a gauge that measures nothing. Fails: as Table::make.
  static Result<ModelGauge> make(const datasets::Table& table, const FeatureEncoder& encoder);

  // Of the predictor, in microseconds, on the host and the calling thread: the median of
  // kMostSamples, of fewer where they take long, after one or two that warm up. 0 without rows.
  // Fails: as Predictor::predict.
  Result<double> latency_us(const Predictor& predictor, const kernels::KernelSet& kernels,
                            kernels::Device& host, const Clock& clock) const;

  static constexpr size_t kMostSamples = 15;

 private:
  std::vector<std::shared_ptr<const datasets::Table>> rows_;
};

}  // namespace assay::automl
