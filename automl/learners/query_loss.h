// What fits of rankings are validated by: the metric itself, for the loss that they minimise
// changes with the order of the rows and need not fall as it gets better.
#pragma once

#include <span>

#include "automl/learners/fit_data.h"
#include "automl/metrics/query_rows.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

// What ndcg of the first `ranks` ranks lacks of 1, the mean over the queries weighted as the
// metric's (query_metrics.cc); 0 where no query has a relevant row. FitData::targets are
// relevances; `scores` [rows of the table]. Queries in parallel, sums in their order: the same bits
// on any number of threads. Fails: cancelled.
Result<double> query_loss(const QueryRows& queries, const FitData& data,
                          std::span<const double> scores, double ranks,
                          const kernels::ComputeContext& context);

}  // namespace assay::automl
