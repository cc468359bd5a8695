// The registered model's probabilities, calibrated where rows speak for it that did not choose how.
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "automl/ensemble/calibration.h"
#include "automl/ensemble/cross_selection.h"
#include "automl/models/calibrated_model.h"
#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {
namespace {

// Of the rows that are looked at; and for each probability that is made sharper.
constexpr double kKindSeconds = 0.02;  // of one kind
constexpr double kSecondsACell = 30e-9;

bool is_log_loss(const Metric& metric) { return metric.name() == "log_loss"; }

std::string calibration_text(const Calibrator& calibrator) {
  switch (calibrator.kind) {
    case Calibrator::Kind::kSigmoid:
      return fmt::format(
          "calibrated by a sigmoid, to the power of {:.3g} and with shifts of the "
          "classes",
          calibrator.power);
    case Calibrator::Kind::kIsotonic:
      return "calibrated by isotonic regression";
    default:
      return fmt::format("made {}, to the power of {:.3g}",
                         calibrator.power > 1 ? "sharper" : "flatter", calibrator.power);
  }
}

}  // namespace

std::vector<Calibrator::Kind> SweepLead::calibrations() const {
  using Kind = Calibrator::Kind;
  const TrainingSet& set = *state_->set;
  const std::string& wanted = config_.ensemble.calibration;
  if (!set.target().classifies() || wanted == "false") return {};
  for (const Kind kind : {Kind::kPower, Kind::kSigmoid, Kind::kIsotonic}) {
    if (wanted == name_of(kind)) return {kind};
  }
  if (wanted == "auto" && !is_log_loss(set.metric())) return {};
  // A curve makes rows equal that a metric of ranks tells apart.
  if (set.metric().ranks()) return {Kind::kPower, Kind::kSigmoid};
  return {Kind::kPower, Kind::kSigmoid, Kind::kIsotonic};
}

double SweepLead::calibration_seconds() const {
  const auto kinds = static_cast<double>(calibrations().size());
  if (kinds == 0) return 0;
  const TrainingSet& set = *state_->set;
  const auto cells = static_cast<double>(set.scored_rows().size()) * set.output_count();
  return kKindSeconds * kinds + kSecondsACell * cells;
}

void SweepLead::calibrate_chosen(Chosen& chosen) {
  const TrainingSet& set = *state_->set;
  // Rows that were not predicted out of fold say nothing.
  if (!chosen.places.empty()) return;
  CalibrationProblem problem;
  problem.kinds = calibrations();
  if (problem.kinds.empty()) return;
  const auto rows = static_cast<int64_t>(set.scored_rows().size());
  problem.predictions = {chosen.predictions.data(), rows, set.output_count()};
  problem.labels = set.scored_targets().labels;
  problem.weights = set.scored_weights();
  const PredictionView views[] = {problem.predictions};
  const SelectionProblem measured = selection_problem(set, views);
  const std::vector<uint8_t> halves = selection_halves(measured, selection_options().seed);
  problem.halves = halves;
  problem.in_time = measured.in_time;
  const StopToken stop(state_->request.clock, state_->budget.select_deadline_ns());
  const auto calibration = calibrate(problem, stop);
  if (!calibration || !calibration->calibrator.changes()) return;
  // Of rows that did not choose how.
  if (is_log_loss(set.metric())) {
    chosen.score -= calibration->loss_before - calibration->loss_held_out;
  } else {
    std::vector<float> moved = chosen.predictions;
    const auto columns = static_cast<size_t>(set.output_count());
    for (size_t row = 0; row < halves.size(); ++row) {
      calibration->by_half[halves[row] == 0 ? 1 : 0].apply(
          std::span(moved).subspan(row * columns, columns), set.output_count());
    }
    const auto before = cross_score(measured, halves, chosen.predictions);
    const auto after = cross_score(measured, halves, moved);
    if (!before || !after) return;
    chosen.score += *after - *before;
  }
  chosen.calibrator = calibration->calibrator;
  chosen.calibrator.apply(chosen.predictions, set.output_count());
  note(fmt::format(
      "probabilities are {}: {} has log_loss {:.6g} with what was chosen on the {}, and {:.6g} "
      "without",
      calibration_text(chosen.calibrator),
      problem.in_time ? "the later half of the validation rows"
                      : "each half of the validation rows",
      calibration->loss_held_out, problem.in_time ? "earlier" : "other", calibration->loss_before));
}

}  // namespace assay::automl
