// What a model costs where it serves: the time of a prediction for one row, and the bytes of its
// file. A ModelGauge measures it as a server would see it: it holds a few rows of the training
// table, each as a table of its own. Plain values; the gauge is immutable and thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "automl/preprocess/predictor.h"
#include "datasets/table.h"
#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

struct ModelFootprint {
  // Of Predictor::predict for a table of one row: its cells are encoded and predicted.
  double latency_us = 0;
  int64_t file_bytes = 0;
  bool operator==(const ModelFootprint&) const = default;
};

// What is allowed; 0: anything.
struct FootprintLimits {
  double latency_us = 0;
  int64_t file_bytes = 0;

  bool any() const { return latency_us > 0 || file_bytes > 0; }
  // The greater of the shares of what is allowed: above 1 a limit is broken. 0 without limits.
  double share(const ModelFootprint& footprint) const;
  // "constraints.max_latency=500: 812 us for a row"; empty if nothing is broken.
  std::string breach(const ModelFootprint& footprint) const;
};

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
