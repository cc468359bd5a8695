#include "automl/learners/query_loss.h"

#include <optional>
#include <vector>

#include "automl/metrics/query_gain.h"
#include "kernels/base/executor.h"

namespace assay::automl {
namespace {

constexpr int64_t kChunkQueries = 64;

struct Part {
  double loss = 0;
  double weight = 0;
};

}  // namespace

Result<double> query_loss(const QueryRows& queries, const FitData& data,
                          std::span<const double> scores, double ranks,
                          const kernels::ComputeContext& context) {
  const int64_t chunks = chunk_count_of(queries.count(), kChunkQueries);
  std::vector<Part> parts(static_cast<size_t>(chunks));
  ASSAY_RETURN_IF_ERROR(context.executor->parallel_for(chunks, [&](int64_t chunk, int) {
    const auto [begin, end] = chunk_range(queries.count(), kChunkQueries, chunk);
    Part& part = parts[static_cast<size_t>(chunk)];
    QueryGain gain(ranks);
    std::vector<double> own_scores;
    std::vector<double> relevances;
    for (int64_t query = begin; query < end; ++query) {
      const std::span<const uint32_t> rows = queries.rows_of(query);
      own_scores.clear();
      relevances.clear();
      double weight = 0;
      for (const uint32_t row : rows) {
        own_scores.push_back(scores[row]);
        relevances.push_back(data.targets[row]);
        weight += data.weight(row);
      }
      const std::optional<double> own = gain.of(own_scores, relevances);
      if (!own) continue;
      weight /= static_cast<double>(rows.size());
      part.loss += weight * (1 - *own);
      part.weight += weight;
    }
  }));
  if (stop_requested(context)) return fail(StatusCode::kCancelled, "stopped while validating");
  Part sum;
  for (const Part& part : parts) {
    sum.loss += part.loss;
    sum.weight += part.weight;
  }
  return sum.weight > 0 ? sum.loss / sum.weight : 0.0;
}

}  // namespace assay::automl
