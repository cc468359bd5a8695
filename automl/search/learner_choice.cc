// Choosing the learner. With T the cost of all its trials, T1 that up to its best trial and T2 up
// to the one before that, a learner's estimated cost for improvement is
//     eci = max(T1 - T2, T - T1, cost of one trial)
// : if the last improvement took long, or none came for long, the next one will take long too. A
// learner is drawn with probability proportional to 1 / (eci * rank), rank 1 being the learner with
// the lowest loss. Learners that nothing is known of yet count with their predicted cost, scaled by
// the mean ratio of real to predicted cost, and rank 1; each failure of a learner that never gave a
// model halves its weight. Example: best losses 0.20 and 0.25, eci 4
// and 2: weights 1/4 and 1/(2 * 2), so both are drawn equally often.
#include "automl/search/learner_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay::automl {
namespace {

// What the history says of one learner.
struct LearnerRecord {
  double total_cost = 0;
  double best_at = 0;      // total cost when its best loss came
  double previous_at = 0;  // and when the best before that came
  double default_cost = 0;
  int64_t trials = 0;
  int64_t failures = 0;  // failed, too large for the memory, or against a constraint
  double best_loss = std::numeric_limits<double>::infinity();
};

LearnerRecord record_of(const SearchLearner& learner, const HistoryView& history) {
  LearnerRecord record;
  for (int64_t i = 0; i < history.size(); ++i) {
    const TrialResult& trial = history.at(i);
    if (trial.spec.learner != learner.name || trial.status == TrialStatus::kRunning) continue;
    const TrialStatus status = trial.status;
    if (status == TrialStatus::kSkipped || status == TrialStatus::kFailed ||
        status == TrialStatus::kOverLimit) {
      ++record.failures;
    }
    if (trial.status == TrialStatus::kSkipped) continue;
    record.total_cost += trial.cost;
    ++record.trials;
    if (trial.loss && has_score(trial.status) && *trial.loss < record.best_loss) {
      record.best_loss = *trial.loss;
      record.previous_at = record.best_at;
      record.best_at = record.total_cost;
    }
  }
  return record;
}

}  // namespace

std::vector<double> learner_weights(std::span<const SearchLearner> learners,
                                    const std::vector<bool>& exhausted,
                                    const HistoryView& history) {
  std::vector<LearnerRecord> records;
  double known_cost = 0;
  double predicted_cost = 0;
  for (const SearchLearner& learner : learners) {
    records.push_back(record_of(learner, history));
    if (records.back().trials > 0 && !learner.baseline) {
      known_cost += records.back().total_cost / static_cast<double>(records.back().trials);
      predicted_cost += learner.default_cost;
    }
  }
  const double scale = known_cost > 0 ? known_cost / predicted_cost : 1;
  std::vector<double> weights(learners.size(), 0);
  for (size_t i = 0; i < learners.size(); ++i) {
    if (exhausted[i]) continue;
    const LearnerRecord& record = records[i];
    const double predicted = std::max(learners[i].default_cost * scale, 1e-9);
    double eci = predicted;
    double rank = 1;
    if (record.trials > 0) {
      const double mean_cost = record.total_cost / static_cast<double>(record.trials);
      // A trial that fails at once is not cheap: it gives nothing.
      eci = std::max({record.best_at - record.previous_at, record.total_cost - record.best_at,
                      mean_cost, 0.1 * predicted});
      for (size_t j = 0; j < learners.size(); ++j) {
        if (!learners[j].baseline && records[j].best_loss < record.best_loss) rank += 1;
      }
    }
    weights[i] = 1 / (eci * rank);
    if (std::isinf(record.best_loss)) {
      weights[i] =
          std::ldexp(weights[i], -static_cast<int>(std::min<int64_t>(record.failures, 30)));
    }
  }
  return weights;
}

size_t weighted_place(std::span<const double> weights, double place) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  place *= sum;
  size_t chosen = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    chosen = i;
    if (place < weights[i]) break;
    place -= weights[i];
  }
  return chosen;
}

}  // namespace assay::automl
