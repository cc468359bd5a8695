// Boosting fits that go in step: every round of all of them is made before the next one. Fits on
// the same table, the folds of a cross-validation above all, have their trees grown by one call of
// grow_trees, which grows them side by side and adds up their roots in one pass over the bins where
// that pays. Where rows are few, the steps beside that run side by side too, a thread each: a loop
// over few rows is not worth waking threads for, and a fit alone would leave them idle. On a single
// thread nothing is gained: what fits share is little, and one fit's arrays stay in the cache.
//
// Fits know nothing of each other, so each comes to the same bits as alone. One that ends drops
// out; a single one has all threads to itself.
#pragma once

#include <span>
#include <vector>

#include "automl/learners/learner.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

// Learner::fit of each request. Memory: that of all fits at once.
std::vector<Result<FitResult>> boost_together(std::span<const FitRequest> requests,
                                              const kernels::ComputeContext& context);

}  // namespace assay::automl
