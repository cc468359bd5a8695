// The models of single trials that no other model is both faster and better than, kept with the run
// so that they can be registered later.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "automl/scheduler/front_models.h"
#include "automl/scheduler/pareto_front.h"
#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {
namespace {

// Of all of them together.
constexpr int64_t kMostBytes = int64_t{16} << 20;

}  // namespace

Status SweepLead::keep_front() {
  const std::vector<FrontPoint> front = pareto_front(outcome_.leaderboard);
  const std::vector<Candidate>& pool = state_->queue->pool().candidates();
  const Budget& budget = state_->budget;
  int64_t left = kMostBytes;
  // The best come first.
  for (auto point = front.rbegin(); point != front.rend(); ++point) {
    const auto at = std::find_if(pool.begin(), pool.end(), [&](const Candidate& candidate) {
      return candidate.trial == point->trial;
    });
    if (at == pool.end() || at->absent() || at->file_bytes > left) continue;
    const bool late = 2 * budget.save_seconds(at->file_bytes) > budget.seconds_left();
    if (budget.timed() && late) continue;
    Chosen chosen;
    chosen.members.push_back({*at, 1.0});
    chosen.score = at->score;
    chosen.predictions = *at->predictions;
    if (!hold_models(chosen)) continue;
    ASSAY_ASSIGN_OR_RETURN(const Predictor predictor, make_predictor(chosen));
    ASSAY_ASSIGN_OR_RETURN(const std::string bytes, predictor.to_bytes());
    ASSAY_RETURN_IF_ERROR(parent_->log_artifact(front_model_path(point->trial),
                                                std::as_bytes(std::span(bytes)),
                                                "application/x-assay-model"));
    left -= static_cast<int64_t>(bytes.size());
  }
  return {};
}

}  // namespace assay::automl
