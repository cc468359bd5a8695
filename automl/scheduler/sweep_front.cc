// The models that no other one is both faster and better than, single ones and ensembles, kept with
// the run so that they can be registered later.
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

// Single ones, the best first; then ensembles, the smallest first: larger ones hold their models,
// too, and are nearer to the registered one.
std::vector<FrontPoint> points_to_keep(const Leaderboard& board) {
  std::vector<FrontPoint> points = pareto_front(board);
  std::reverse(points.begin(), points.end());
  const auto ensembles = std::stable_partition(points.begin(), points.end(),
                                               [](const auto& p) { return p.key.trial >= 0; });
  std::reverse(ensembles, points.end());
  return points;
}

}  // namespace

// The models of an ensemble are those of the registered one, fitted on all rows or not. Nothing if
// the point is that one itself, or a model had to go.
std::optional<SweepLead::Chosen> SweepLead::members_on_front(const FrontPoint& point,
                                                             const Chosen& chosen) const {
  Chosen made;
  made.score = point.score;
  if (point.key.trial >= 0) {
    const std::vector<Candidate>& pool = state_->queue->pool().candidates();
    const auto at = std::find_if(pool.begin(), pool.end(), [&](const Candidate& candidate) {
      return candidate.trial == point.key.trial;
    });
    if (at == pool.end() || at->absent()) return std::nullopt;
    made.members.push_back({*at, 1.0});
    return made;
  }
  const auto at = std::find_if(path_.begin(), path_.end(), [&](const PathPoint& each) {
    return each.shown.members == point.key.members;
  });
  if (at == path_.end()) return std::nullopt;
  for (const Member& member : chosen.members) {
    const auto steps = std::count(at->trials.begin(), at->trials.end(), member.candidate.trial);
    const double weight = static_cast<double>(steps) / static_cast<double>(at->trials.size());
    if (steps > 0) made.members.push_back({member.candidate, weight, member.refitted});
  }
  if (static_cast<int64_t>(made.members.size()) != point.key.members) return std::nullopt;
  return made;
}

// What its threshold is chosen on, and its calibration: that of the registered model, whose gain
// the score of a smaller ensemble has (corrected_path).
Status SweepLead::predict_on_front(Chosen& made, const Chosen& chosen) const {
  if (made.members.size() == 1) {
    made.predictions = *made.members[0].candidate.predictions;
    return {};
  }
  const double score = made.score;
  ASSAY_RETURN_IF_ERROR(rescore(made));
  made.score = score;
  made.calibrator = chosen.calibrator;
  if (made.calibrator.changes()) {
    made.calibrator.apply(made.predictions, state_->set->output_count());
  }
  return {};
}

Status SweepLead::keep_front(const Chosen& chosen) {
  const Budget& budget = state_->budget;
  int64_t left = kMostBytes;
  for (const FrontPoint& point : points_to_keep(outcome_.leaderboard)) {
    std::optional<Chosen> made = members_on_front(point, chosen);
    if (!made) continue;
    const int64_t bytes = save_bytes(*made);
    // Blends are scored, as in a round of the selection.
    const double scoring = made->members.size() > 1 ? state_->queue->score_seconds() : 0;
    const bool late = 2 * (budget.save_seconds(bytes) + scoring) > budget.seconds_left();
    if (bytes > left || (budget.timed() && late) || !hold_models(*made)) continue;
    if (!predict_on_front(*made, chosen)) continue;
    ASSAY_ASSIGN_OR_RETURN(const Predictor predictor, make_predictor(*made));
    ASSAY_ASSIGN_OR_RETURN(const std::string text, predictor.to_bytes());
    ASSAY_RETURN_IF_ERROR(parent_->log_artifact(
        front_model_path(point.key), std::as_bytes(std::span(text)), "application/x-assay-model"));
    left -= static_cast<int64_t>(text.size());
  }
  return {};
}

}  // namespace assay::automl
