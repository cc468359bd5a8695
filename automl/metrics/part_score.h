// The score of predictions that several models made, each for a part of the rows: the folds of a
// cross-validation. A metric that ranks rows (Metric::ranks) compares rows with each other, and
// probabilities of two models are not comparable: a constant model, whose probability is lower in
// folds with more positives, would have a roc_auc below 0.5. So it is taken on each part alone and
// averaged, weighted by the weight of the parts' rows. A metric of decided classes
// (Metric::decides) is taken, for two classes, over all rows, those of each part decided by a
// threshold that the other parts chose (decision.h). All other metrics are taken over all rows as
// they are.
//
// Example, roc_auc: rows p+ p- of part 0 with probabilities 0.4 0.3, of part 1 with 0.2 0.1. Each
// part alone has 1; together they would have 0.75.
#pragma once

#include <cstdint>
#include <span>

#include "automl/metrics/metric.h"

namespace assay::automl {

// `parts`: the number of each row's part, >= 0; empty: one part. (One model's rows have parts for
// decisions alone, where no row may choose for others of its group.) Parts where the metric is not
// defined (one class only) do not count; if it is defined on none, all rows are one part.
// Fails: as Metric::score; invalid_argument if the number of parts is not that of the rows.
Result<double> score_parts(const Metric& metric, PredictionView predictions, TargetView targets,
                           std::span<const float> weights, std::span<const int32_t> parts);

}  // namespace assay::automl
