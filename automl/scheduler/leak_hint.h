// A word about models that are too good to be true.
#pragma once

#include <span>
#include <string>

#include "automl/metrics/metric.h"
#include "automl/preprocess/feature_encoder.h"

namespace assay::automl {

// If the score is nearly perfect and one column makes up nearly all that the model looks at: a
// sentence that asks whether that column holds the answer. Else, and for metrics without a perfect
// score of their own (rmse, mae, ...), empty. `importance` has one value for each feature.
std::string leak_hint(const Metric& metric, double score, std::span<const double> importance,
                      const FeatureEncoder& encoder);

}  // namespace assay::automl
