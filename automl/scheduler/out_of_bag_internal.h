// OutOfBag: what the forests of a trial's folds predict for the rows that they were trained on,
// each by the trees that were not grown on it (FitResult::oob_predictions). With several folds a
// row is in the training rows of all but one of them, and gets the mean over those that have a
// prediction of it. Only folds of the first partition count. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "automl/scheduler/trial_parts.h"
#include "automl/validation/training_set.h"

namespace assay::automl {

class OutOfBag {
 public:
  // Of no fold. `set` must outlive it.
  explicit OutOfBag(const TrainingSet& set);

  // Of a fold's training rows, [rows, outputs], NaN where there is none; empty: the fit has none.
  void add(size_t fold, std::span<const float> predictions);
  const OobSums& sums() const { return sums_; }
  void set_sums(OobSums sums) { sums_ = std::move(sums); }
  // Folds were done whose predictions are gone: what others add would not be the mean over all.
  void give_up();
  int64_t byte_count() const;
  // The means; null if no row has a prediction.
  std::shared_ptr<const OobPredictions> means() const;

 private:
  const TrainingSet* set_;
  size_t outputs_;
  OobSums sums_;
  bool whole_ = true;
};

}  // namespace assay::automl
