// TargetRows: some rows of a TargetView and their weights, copied together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "automl/metrics/metric.h"

namespace assay::automl {

struct TargetRows {
  std::vector<int32_t> labels;
  std::vector<double> values;
  std::vector<int32_t> queries;
  std::vector<float> weights;

  // Row `row` of those; what they have not is left out.
  void add(const TargetView& from, std::span<const float> from_weights, size_t row) {
    if (!from.labels.empty()) labels.push_back(from.labels[row]);
    if (!from.values.empty()) values.push_back(from.values[row]);
    if (!from.queries.empty()) queries.push_back(from.queries[row]);
    if (!from_weights.empty()) weights.push_back(from_weights[row]);
  }
  TargetView view() const { return {labels, values, queries}; }
};

}  // namespace assay::automl
