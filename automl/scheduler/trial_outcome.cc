// What is said of a trial once it has ended.
#include <algorithm>
#include <utility>

#include "automl/scheduler/trial.h"

namespace assay::automl {

double TrialOutcome::mean_fit_seconds() const {
  if (folds.empty()) return 0;
  double sum = 0;
  for (const FoldRecord& fold : folds) sum += fold.fit_seconds;
  return sum / static_cast<double>(folds.size());
}

int64_t TrialOutcome::mean_steps() const {
  if (folds.empty()) return 0;
  int64_t sum = 0;
  for (const FoldRecord& fold : folds) sum += fold.best_iteration;
  return (sum + std::ssize(folds) - 1) / std::ssize(folds);
}

double TrialOutcome::predict_ratio() const {
  double fit = 0;
  double predict = 0;
  for (const FoldRecord& fold : folds) {
    fit += fold.fit_seconds;
    predict += fold.predict_seconds;
  }
  return fit + predict > 0 ? predict / (fit + predict) : 0;
}

}  // namespace assay::automl
