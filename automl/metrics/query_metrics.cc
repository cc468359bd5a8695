// Metrics of rankings: of each query alone, then the mean over queries.
#include <numeric>
#include <vector>

#include "automl/metrics/metric_internal.h"
#include "automl/metrics/query_gain.h"
#include "automl/metrics/query_rows.h"

namespace assay::automl::metrics {

Result<double> ndcg_to(const Sample& sample, double cut) {
  const QueryRows queries = QueryRows::of(sample.targets.queries);
  QueryGain gain(cut);
  std::vector<double> scores;
  std::vector<double> relevances;
  double sum = 0;
  double total_weight = 0;
  for (int64_t query = 0; query < queries.count(); ++query) {
    const std::span<const uint32_t> rows = queries.rows_of(query);
    scores.clear();
    relevances.clear();
    double weight = 0;
    for (const uint32_t row : rows) {
      scores.push_back(sample.predicted_value(row));
      relevances.push_back(sample.value(row));
      weight += sample.weight(row);
      if (sample.value(row) >= 0) continue;
      return fail(StatusCode::kData, "row {} has relevance {} (must be >= 0)", row,
                  sample.value(row));
    }
    const std::optional<double> own = gain.of(scores, relevances);
    if (!own) continue;
    weight /= static_cast<double>(rows.size());
    sum += weight * *own;
    total_weight += weight;
  }
  if (!(total_weight > 0)) {
    return fail(StatusCode::kData, "no query has a row of relevance above 0");
  }
  return sum / total_weight;
}

}  // namespace assay::automl::metrics
