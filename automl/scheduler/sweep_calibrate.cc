// The registered model's probabilities, made sharper or flatter where rows speak for it that did
// not choose how much.
#include <utility>
#include <vector>

#include "automl/ensemble/calibration.h"
#include "automl/ensemble/cross_selection.h"
#include "automl/models/calibrated_model.h"
#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {
namespace {

// Of the rows that are looked at; and for each probability that is made sharper.
constexpr double kFitSeconds = 0.02;
constexpr double kSecondsACell = 30e-9;

bool is_log_loss(const Metric& metric) { return metric.name() == "log_loss"; }

}  // namespace

bool SweepLead::calibrates() const {
  const TrainingSet& set = *state_->set;
  const std::string& wanted = config_.ensemble.calibration;
  const bool asked_for = wanted == "true" || (wanted == "auto" && is_log_loss(set.metric()));
  return asked_for && set.target().classifies();
}

double SweepLead::calibration_seconds() const {
  if (!calibrates()) return 0;
  const TrainingSet& set = *state_->set;
  const auto cells = static_cast<double>(set.scored_rows().size()) * set.output_count();
  return kFitSeconds + kSecondsACell * cells;
}

void SweepLead::calibrate_chosen(Chosen& chosen) {
  const TrainingSet& set = *state_->set;
  if (!calibrates()) return;
  // Rows that were not predicted out of fold say nothing.
  if (!chosen.places.empty()) return;
  CalibrationProblem problem;
  const auto rows = static_cast<int64_t>(set.scored_rows().size());
  problem.predictions = {chosen.predictions.data(), rows, set.output_count()};
  problem.labels = set.scored_targets().labels;
  problem.weights = set.scored_weights();
  const PredictionView views[] = {problem.predictions};
  const std::vector<uint8_t> halves =
      selection_halves(selection_problem(set, views), selection_options().seed);
  problem.halves = halves;
  const StopToken stop(state_->request.clock, state_->budget.select_deadline_ns());
  const auto calibration = calibrate(problem, stop);
  if (!calibration || calibration->power == 1) return;
  chosen.power = calibration->power;
  sharpen(chosen.predictions, set.output_count(), chosen.power);
  // Of rows that did not choose the power.
  if (is_log_loss(set.metric()))
    chosen.score -= calibration->loss_before - calibration->loss_held_out;
  note(
      fmt::format("probabilities are made {}, to the power of {:.3g}: each half of the validation "
                  "rows has log_loss {:.6g} with the power chosen on the other, and {:.6g} without",
                  chosen.power > 1 ? "sharper" : "flatter", chosen.power,
                  calibration->loss_held_out, calibration->loss_before));
}

}  // namespace assay::automl
