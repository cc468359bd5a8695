#include "automl/learners/query_loss.h"

#include <vector>

#include "automl/metrics/query_gain.h"
#include "kernels/base/executor.h"

namespace assay::automl {
namespace {

constexpr int64_t kChunkQueries = 64;

}  // namespace

Result<double> query_loss(const QueryRows& queries, const FitData& data,
                          std::span<const double> scores, double ranks,
                          const kernels::ComputeContext& context) {
  const int64_t chunks = chunk_count_of(queries.count(), kChunkQueries);
  std::vector<QueryMean> parts(static_cast<size_t>(chunks), QueryMean(ranks));
  ASSAY_RETURN_IF_ERROR(context.executor->parallel_for(chunks, [&](int64_t chunk, int) {
    const auto [begin, end] = chunk_range(queries.count(), kChunkQueries, chunk);
    for (int64_t query = begin; query < end; ++query) {
      parts[static_cast<size_t>(chunk)].add(
          queries.rows_of(query), [&](uint32_t row) { return scores[row]; },
          [&](uint32_t row) { return data.targets[row]; },
          [&](uint32_t row) { return data.weight(row); });
    }
  }));
  if (stop_requested(context)) return fail(StatusCode::kCancelled, "stopped while validating");
  double sum = 0;
  double weight = 0;
  for (const QueryMean& part : parts) {
    sum += part.sum();
    weight += part.weight();
  }
  return weight > 0 ? 1 - sum / weight : 0.0;
}

}  // namespace assay::automl
