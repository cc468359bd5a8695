// What models cost where they serve, and keeping to what the config allows. Trials that break a
// limit never reach the candidates. The members of an ensemble are chosen within the sum of what
// they were measured to cost beyond the baseline; what came of it is measured again as a whole.
#include <algorithm>
#include <new>
#include <utility>

#include "automl/models/average_model.h"
#include "automl/models/calibrated_model.h"
#include "automl/models/stacked_model.h"
#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {

Predictor::Parts predictor_parts(const SweepState& state, std::shared_ptr<const Model> model,
                                 double score) {
  const TrainingSet& set = *state.set;
  Predictor::Parts parts;
  parts.task = set.task();
  parts.target = set.target().name;
  parts.labels = set.labels();
  parts.frame = set.data().frame;
  parts.missing_tokens = state.request.config.data.missing_tokens;
  parts.encoder = set.encoder();
  parts.model = std::move(model);
  parts.notes["metric"] = std::string(set.metric().name());
  if (set.metric().wants_queries()) parts.notes["group"] = state.request.config.data.group;
  parts.notes["validation"] = set.validation_method();
  parts.notes["validation_score"] = score;
  parts.notes["members"] = int64_t{1};
  return parts;
}

Result<ModelFootprint> footprint_of(const SweepState& state, const Predictor& predictor) try {
  const SweepRequest& request = state.request;
  ModelFootprint footprint;
  ASSAY_ASSIGN_OR_RETURN(footprint.file_bytes, predictor.file_bytes());
  ASSAY_ASSIGN_OR_RETURN(footprint.latency_us,
                         state.gauge->latency_us(predictor, *request.compute.kernels,
                                                 *request.compute.host, *request.clock));
  return footprint;
} catch (const std::bad_alloc&) {
  return fail(StatusCode::kResourceExhausted, "not enough memory to measure a model");
}

Result<ModelFootprint> footprint_of(const SweepState& state, std::shared_ptr<const Model> model,
                                    double score) {
  ASSAY_ASSIGN_OR_RETURN(const Predictor predictor,
                         Predictor::make(predictor_parts(state, std::move(model), score)));
  return footprint_of(state, predictor);
}

std::vector<Allowance> SweepLead::allowances(const std::vector<Candidate>& candidates) const {
  std::vector<Allowance> all;
  const auto add = [&](double limit, double floor, auto&& cost_of) {
    if (limit <= 0) return;
    Allowance& allowance = all.emplace_back();
    allowance.limit = limit - floor;
    for (const Candidate& candidate : candidates) {
      allowance.costs.push_back(std::max(0.0, cost_of(candidate) - floor));
    }
  };
  add(state_->limits.latency_us, floor_.latency_us,
      [](const Candidate& candidate) { return candidate.latency_us; });
  add(static_cast<double>(state_->limits.file_bytes), static_cast<double>(floor_.file_bytes),
      [](const Candidate& candidate) { return static_cast<double>(candidate.file_bytes); });
  return all;
}

Result<std::shared_ptr<const Model>> SweepLead::model_of(const Chosen& chosen) {
  std::shared_ptr<const Model> model = chosen.members[0].candidate.model;
  if (chosen.members.size() > 1 || chosen.stacked()) {
    std::vector<std::shared_ptr<const Model>> models;
    std::vector<double> weights;
    for (const Member& member : chosen.members) {
      models.push_back(member.candidate.model);
      weights.push_back(member.weight);
    }
    if (chosen.stacked()) {
      ASSAY_ASSIGN_OR_RETURN(
          model, StackedModel::make({std::move(models), std::move(weights), *chosen.stack_bias}));
    } else {
      ASSAY_ASSIGN_OR_RETURN(model, AverageModel::make(std::move(models), std::move(weights)));
    }
  }
  if (!chosen.calibrator.changes()) return model;
  ASSAY_ASSIGN_OR_RETURN(model, CalibratedModel::make(model, chosen.calibrator));
  return model;
}

// From what the members took alone.
double SweepLead::summed_latency_us(const Chosen& chosen) const {
  double sum = floor_.latency_us;
  for (const Member& member : chosen.members) {
    sum += std::max(0.0, member.candidate.latency_us - floor_.latency_us);
  }
  return sum;
}

Result<bool> SweepLead::settle(Chosen& chosen) {
  const Budget& budget = state_->budget;
  for (;;) {
    Chosen ready = chosen;
    const std::vector<std::string> notes = notes_of([&] {
      estimate(ready);
      calibrate_chosen(ready);
    });
    // Last, for reading is a part of saving.
    if (!hold_models(ready)) return false;
    share_models(ready, chosen);
    const auto take = [&] {
      for (const std::string& text : notes) note(text);
      chosen = std::move(ready);
    };
    const bool late =
        budget.timed() && state_->request.clock->now_ns() >= budget.select_deadline_ns();
    if (late && !state_->limits.any()) {
      outcome_.footprint.latency_us = summed_latency_us(ready);
      take();
      return true;
    }
    ASSAY_ASSIGN_OR_RETURN(const Predictor predictor, make_predictor(ready));
    const auto footprint = footprint_of(*state_, predictor);
    if (!footprint && state_->limits.any()) return tl::unexpected<Error>(footprint.error());
    if (footprint) outcome_.footprint = *footprint;
    const std::string breach = state_->limits.breach(outcome_.footprint);
    if (breach.empty()) {
      take();
      return true;
    }
    // What was noted of a model that is not registered is told to nobody.
    if (ready.members.size() == 1) chosen = std::move(ready);
    note(fmt::format("{} is too much ({})",
                     chosen.members.size() > 1
                         ? fmt::format("an ensemble of {}", chosen.members.size())
                         : fmt::format("trial {} alone", chosen.members[0].candidate.trial),
                     breach));
    ASSAY_RETURN_IF_ERROR(give_way(chosen));
  }
}

// One member less, or the next best candidate.
Status SweepLead::give_way(Chosen& chosen) {
  if (chosen.members.size() > 1) {
    drop_least(chosen);
    chosen.gave_way = true;
    return rescore(chosen);
  }
  const std::vector<Candidate>& all = state_->queue->pool().candidates();
  const auto at = std::find_if(all.begin(), all.end(), [&](const Candidate& candidate) {
    return candidate.trial == chosen.members[0].candidate.trial;
  });
  const auto next = at == all.end() ? all.begin() : at + 1;
  if (next == all.end()) {
    return fail(StatusCode::kConfig,
                "{} when trial {}, the last of those that kept to it, was measured again",
                state_->limits.breach(outcome_.footprint), chosen.members[0].candidate.trial);
  }
  chosen = alone(*next);
  return {};
}

Error SweepLead::baseline_error(const LeaderboardRow& row) const {
  return {StatusCode::kConfig,
          fmt::format("{} of the constant baseline, the least that a model of this table can have: "
                      "its columns are read whatever the model is",
                      row.message)};
}

void SweepLead::say_what_is_left_out() {
  const LeaderboardRow* nearest = nullptr;
  const std::vector<LeaderboardRow> rows = state_->queue->rows();
  const auto share_of = [&](const LeaderboardRow& row) {
    return state_->limits.share({row.latency_us, row.file_bytes});
  };
  int64_t count = 0;
  for (const LeaderboardRow& row : rows) {
    if (row.status != name_of(TrialStatus::kOverLimit)) continue;
    ++count;
    if (nearest == nullptr || share_of(row) < share_of(*nearest)) nearest = &row;
  }
  if (nearest == nullptr) return;
  note(
      fmt::format("constraints: {} of {} trials {} left out; nearest to what is allowed was trial "
                  "{} ({}, {} {:.6g}): {}",
                  count, rows.size(), count == 1 ? "is" : "are", nearest->trial, nearest->learner,
                  outcome_.metric, *nearest->score, nearest->message));
}

std::vector<SweepLead::PathPoint> SweepLead::path_of(
    const Selection& selection, const std::vector<Candidate>& candidates) const {
  const bool maximise = state_->set->metric().maximise();
  std::vector<PathPoint> path;
  std::vector<int64_t> trials;
  double loss = 0;
  std::vector<bool> chosen(candidates.size(), false);
  double latency_us = floor_.latency_us;
  for (const SelectionStep& step : selection.steps) {
    const Candidate& candidate = candidates[step.candidate];
    trials.push_back(candidate.trial);
    const bool more = !chosen[step.candidate];
    if (more) {
      chosen[step.candidate] = true;
      latency_us += std::max(0.0, candidate.latency_us - floor_.latency_us);
      path.push_back({{static_cast<int64_t>(path.size()) + 1, 0, latency_us}, {}});
    }
    if (!more && step.loss >= loss) continue;
    loss = step.loss;
    path.back().shown.score = maximise ? 1 - loss : loss;
    path.back().trials = trials;
  }
  return path;
}

// What is known of the end is also its score on rows that did not choose it, and what it takes as a
// whole: smaller ensembles are taken to be flattered as much, and to take as much of the sum of
// their members' times, so that none seems better or slower than what was made of it.
std::vector<EnsemblePoint> SweepLead::corrected_path(const Chosen& chosen) const {
  if (chosen.members.size() < 3 || chosen.members.size() != path_.size()) return {};
  if (chosen.stacked()) return {};
  if (!(floor_.latency_us > 0)) return {};
  const double gain = chosen.score - path_.back().shown.score;
  const double sum_us = path_.back().shown.latency_us - floor_.latency_us;
  const double whole_us = outcome_.footprint.latency_us - floor_.latency_us;
  const double share = sum_us > 0 && whole_us > 0 ? whole_us / sum_us : 1;
  std::vector<EnsemblePoint> path;
  for (auto point = path_.begin() + 1; point != path_.end() - 1; ++point) {
    path.push_back(point->shown);
    path.back().score += gain;
    path.back().latency_us =
        floor_.latency_us + share * (path.back().latency_us - floor_.latency_us);
  }
  return path;
}

}  // namespace assay::automl
