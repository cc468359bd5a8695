// Metrics of rankings: of each query alone, then the mean over queries.
#include "automl/metrics/metric_internal.h"
#include "automl/metrics/query_gain.h"
#include "automl/metrics/query_rows.h"

namespace assay::automl::metrics {

Result<double> ndcg_to(const Sample& sample, double cut) {
  for (int64_t row = 0; row < sample.predictions.rows; ++row) {
    if (sample.value(row) >= 0) continue;
    return fail(StatusCode::kData, "row {} has relevance {} (must be >= 0)", row,
                sample.value(row));
  }
  const QueryRows queries = QueryRows::of(sample.targets.queries);
  QueryMean mean(cut);
  for (int64_t query = 0; query < queries.count(); ++query) {
    mean.add(
        queries.rows_of(query), [&](uint32_t row) { return sample.predicted_value(row); },
        [&](uint32_t row) { return sample.value(row); },
        [&](uint32_t row) { return sample.weight(row); });
  }
  if (mean.weight() > 0) return mean.sum() / mean.weight();
  return fail(StatusCode::kData, "no query has a row of relevance above 0");
}

}  // namespace assay::automl::metrics
