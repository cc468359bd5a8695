// The end of a sweep: from the candidate pool to a registered model, in the time that was kept
// back. Selection is limited by shrinking the pool to what about a dozen rounds can be afforded
// for, and stops at its deadline; then members of least weight are dropped until the file can be
// saved in what is left. Whatever is cut short, the best trial that can be saved is the least that
// is registered.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <new>
#include <numeric>
#include <span>
#include <utility>

#include "automl/config/units.h"
#include "automl/models/model_file.h"
#include "automl/preprocess/input_contract.h"
#include "automl/preprocess/predictor.h"
#include "automl/scheduler/leak_hint.h"
#include "automl/scheduler/pareto_front.h"
#include "automl/scheduler/sweep_lead_internal.h"
#include "kernels/base/hash.h"
#include "kernels/base/rng.h"
#include "tracking/blob_store.h"
#include "tracking/environment.h"
#include "tracking/model_registry.h"
#include "tracking/unrecorded_runs.h"

namespace assay::automl {
namespace {

// Rounds of the selection and of those that estimate its score.
constexpr double kAffordedRounds = 24;
constexpr double kMinCandidates = 4;
// A mebibyte of predictions is written in no time; more only if there is time for it.
constexpr int64_t kFreePredictionBytes = int64_t{1} << 20;
// Past the deadline, to write what else is lost: half of what the promise lets any sweep overrun.
constexpr double kLastWritesSeconds = 0.1;

// Whether this process may still write: no other one took its writer over.
bool is_held(tracking::Workspace& workspace) {
  const auto writer = workspace.writer();
  return writer && (*writer)->check_held();
}

// What is left of a sweep without a model, as the end of a message.
std::string what_is_recorded(tracking::Workspace& workspace, const std::string& run_id) {
  if (!is_held(workspace)) {
    return fmt::format(
        ", and of the trials below run {} only what was recorded before that is kept", run_id);
  }
  const auto journal = workspace.journal();
  const bool safe = journal && (*journal)->health() && tracking::unrecorded_runs(**journal) == 0;
  return safe ? fmt::format(", the trials are recorded below run {}", run_id) : std::string();
}

bool is_baseline(const Candidate& candidate) { return candidate.trial == 0; }

}  // namespace

std::vector<PredictionView> views_of(const std::vector<Candidate>& candidates, int64_t columns) {
  std::vector<PredictionView> views;
  for (const Candidate& candidate : candidates) {
    views.push_back({candidate.predictions->data(),
                     static_cast<int64_t>(candidate.predictions->size()) / columns, columns});
  }
  return views;
}

SelectionProblem selection_problem(const TrainingSet& set, std::span<const PredictionView> views) {
  SelectionProblem problem;
  problem.candidates = views;
  problem.targets = set.scored_targets();
  problem.weights = set.scored_weights();
  problem.metric = &set.metric();
  problem.parts = set.scored_parts();
  problem.blocks = set.scored_blocks();
  problem.in_time = set.in_time();
  return problem;
}

// All that the time left allows to select from, best first.
std::vector<Candidate> SweepLead::usable_candidates() const {
  std::vector<Candidate> usable = state_->queue->pool().candidates();
  // A constant part of a mixture ranks nothing and only squeezes probabilities: the baseline is
  // for when it is the best there is.
  if (usable.size() > 1 && !is_baseline(usable[0])) {
    usable.erase(std::remove_if(usable.begin(), usable.end(), is_baseline), usable.end());
  }
  const Budget& budget = state_->budget;
  if (!budget.timed()) return usable;
  const auto left_ns = budget.select_deadline_ns() - state_->request.clock->now_ns();
  const double affordable = static_cast<double>(left_ns) * 1e-9 * threads_ /
                            std::max(state_->queue->score_seconds(), 1e-5);
  const double limit = std::max(affordable / kAffordedRounds, kMinCandidates);
  if (static_cast<double>(usable.size()) > limit) usable.resize(static_cast<size_t>(limit));
  return usable;
}

Result<SweepLead::Chosen> SweepLead::choose_members() {
  const TrainingSet& set = *state_->set;
  const std::vector<Candidate> usable = usable_candidates();
  if (is_baseline(usable[0])) {
    if (auto partial = choose_partial(usable[0])) return std::move(*partial);
  }
  const Candidate& best = usable[0];
  Chosen chosen = alone(best);
  if (!config_.ensemble.enabled || usable.size() < 2) return chosen;

  const std::vector<PredictionView> views = views_of(usable, set.output_count());
  const StopToken stop(state_->request.clock, state_->budget.select_deadline_ns());
  SelectionProblem problem = selection_problem(set, views);
  const std::vector<Allowance> allowed = allowances(usable);
  problem.allowances = allowed;
  const auto selection = select_ensemble(problem, selection_options(), *executor_, stop);
  if (!selection) {
    note("no ensemble: " + selection.error().message);
    return chosen;
  }
  if (!selection->complete) note("ensemble selection ended early: time was up");
  path_ = path_of(*selection, usable);
  chosen.members.clear();
  for (size_t i = 0; i < usable.size(); ++i) {
    if (selection->weights[i] > 0) chosen.members.push_back({usable[i], selection->weights[i]});
  }
  ASSAY_RETURN_IF_ERROR(rescore(chosen));
  // A selection that was cut short may not have come to the best trial.
  if (!selection->complete && set.metric().is_better(best.score, chosen.score)) return alone(best);
  chosen.selected = selection->complete && chosen.members.size() > 1;
  return chosen;
}

SelectionOptions SweepLead::selection_options() const {
  SelectionOptions options;
  options.iterations = static_cast<int>(config_.ensemble.iterations);
  options.share_of_gain = config_.ensemble.share_of_gain;
  options.seed = derive_seed(static_cast<uint64_t>(config_.run.seed), "ensemble");
  return options;
}

std::vector<size_t> SweepLead::Chosen::heaviest_first() const {
  std::vector<size_t> order(members.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto key = [&](size_t place) {
    return std::pair(-members[place].weight, members[place].candidate.trial);
  };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(a) < key(b); });
  return order;
}

int64_t SweepLead::byte_count(const Chosen& chosen) {
  int64_t bytes = 0;
  for (const Member& member : chosen.members) bytes += member.candidate.model_bytes();
  return bytes;
}

int64_t SweepLead::save_bytes(const Chosen& chosen) {
  int64_t bytes = 0;
  for (const Member& member : chosen.members) bytes += member.candidate.save_bytes();
  return bytes;
}

// Drops the member of least weight; the others' weights sum to 1 again.
void SweepLead::drop_least(Chosen& chosen) {
  chosen.selected = false;
  chosen.members.erase(
      std::min_element(chosen.members.begin(), chosen.members.end(),
                       [](const Member& a, const Member& b) { return a.weight < b.weight; }));
  double sum = 0;
  for (const Member& member : chosen.members) sum += member.weight;
  for (Member& member : chosen.members) member.weight /= sum;
}

std::optional<SweepLead::Chosen> SweepLead::choose_partial(const Candidate& baseline) {
  const TrainingSet& set = *state_->set;
  const auto outputs = static_cast<size_t>(set.output_count());
  std::optional<Chosen> best;
  double best_gain = 0;
  std::string best_note;
  for (const auto& partial : state_->queue->partial_trials()) {
    std::vector<float> before;
    std::vector<float> blended = *baseline.predictions;
    for (size_t i = 0; i < partial->places.size(); ++i) {
      const size_t at = partial->places[i] * outputs;
      for (size_t k = 0; k < outputs; ++k) {
        before.push_back(blended[at + k]);
        blended[at + k] = partial->predictions[i * outputs + k];
      }
    }
    const auto old_score = set.score_at(partial->places, before);
    const auto new_score = set.score_at(partial->places, partial->predictions);
    if (!old_score || !new_score) continue;
    if (state_->limits.any()) {
      const auto footprint = footprint_of(*state_, partial->model, *new_score);
      if (!footprint || state_->limits.share(*footprint) > 1) continue;
    }
    const double loss = set.metric().loss_of(*new_score);
    const double gain = set.metric().loss_of(*old_score) - loss;
    if (!(gain > best_gain)) continue;
    best_gain = gain;
    auto predictions = std::make_shared<const std::vector<float>>(blended);
    best.emplace();
    best->members.push_back({{partial->trial, partial->learner, loss, *new_score, partial->model,
                              std::move(predictions)},
                             1.0});
    best->score = *new_score;
    best->predictions = std::move(blended);
    best->places = partial->places;
    const size_t folds = set.folds().size();
    outcome_.kept_partial = fmt::format("{} #{} after {} of {} folds", partial->learner,
                                        partial->trial, partial->fold_count, folds);
    outcome_.validation_method =
        fmt::format("{}, {} of {} folds", set.validation_method(), partial->fold_count, folds);
    best_note = fmt::format(
        "warning: no trial was finished; the model of {} is kept: {} {:.6g} on the {} rows of "
        "these folds, where the baseline has {:.6g}. More time gives all folds and other learners",
        outcome_.kept_partial, set.metric().name(), *new_score, partial->places.size(), *old_score);
  }
  if (best) note(best_note);
  return best;
}

// The score and predictions of the members as they are now.
Status SweepLead::rescore(Chosen& chosen) const {
  const TrainingSet& set = *state_->set;
  std::vector<Candidate> members;
  std::vector<double> weights;
  for (const Member& member : chosen.members) {
    members.push_back(member.candidate);
    weights.push_back(member.weight);
  }
  const std::vector<PredictionView> views = views_of(members, set.output_count());
  chosen.predictions.resize(set.scored_rows().size() * static_cast<size_t>(set.output_count()));
  blend(views, weights, chosen.predictions);
  ASSAY_ASSIGN_OR_RETURN(chosen.score, set.score(chosen.predictions));
  return {};
}

Result<double> SweepLead::decision_threshold(const Chosen& chosen) const {
  const TrainingSet& set = *state_->set;
  if (set.task() != Task::kBinary || !set.metric().decides()) return kEvenThreshold;
  return set.threshold_at(chosen.places, chosen.predictions);
}

SweepLead::Chosen SweepLead::alone(const Candidate& candidate) {
  Chosen chosen;
  outcome_.kept_partial.clear();
  outcome_.validation_method = state_->set->validation_method();
  chosen.members.push_back({candidate, 1.0});
  chosen.score = candidate.score;
  chosen.predictions = *candidate.predictions;
  return chosen;
}

// The best candidate whose model takes at most so many bytes, or as long to read and save as so
// many; if there is none, the smallest.
const Candidate& SweepLead::best_within(int64_t bytes) const {
  const std::vector<Candidate>& all = state_->queue->pool().candidates();
  const auto fits = std::find_if(all.begin(), all.end(), [&](const Candidate& candidate) {
    return candidate.save_bytes() <= bytes;
  });
  if (fits != all.end()) return *fits;
  return *std::min_element(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
    return a.model_bytes() < b.model_bytes();
  });
}

Status SweepLead::fit_save_time(Chosen& chosen) {
  const int64_t affordable = state_->budget.affordable_bytes();
  const int64_t wanted = byte_count(chosen);
  if (save_bytes(chosen) <= affordable) return {};
  Chosen fewer = chosen;
  while (fewer.members.size() > 1 && save_bytes(fewer) > affordable) drop_least(fewer);
  ASSAY_RETURN_IF_ERROR(rescore(fewer));
  const Candidate& single = best_within(affordable);
  if (save_bytes(fewer) > affordable ||
      state_->set->metric().is_better(single.score, fewer.score)) {
    fewer = alone(single);
  }
  note(fmt::format(
      "saving all {} members ({}) would take too long: {} registered, {} {} instead of "
      "{}",
      chosen.members.size(), rounded_bytes(wanted),
      fewer.members.size() == 1 ? fmt::format("trial {} alone is", fewer.members[0].candidate.trial)
                                : fmt::format("{} of them are", fewer.members.size()),
      outcome_.metric, fewer.score, chosen.score));
  chosen = std::move(fewer);
  return {};
}

Result<Predictor> SweepLead::make_predictor(const Chosen& chosen) {
  ASSAY_ASSIGN_OR_RETURN(std::shared_ptr<const Model> model, model_of(chosen));
  Predictor::Parts parts = predictor_parts(*state_, std::move(model), chosen.score);
  ASSAY_ASSIGN_OR_RETURN(parts.threshold, decision_threshold(chosen));
  parts.notes["validation"] = outcome_.validation_method;
  parts.notes["members"] = static_cast<int64_t>(chosen.members.size());
  if (chosen.refitted() > 0) parts.notes["refitted"] = chosen.refitted();
  return Predictor::make(std::move(parts));
}

Status SweepLead::register_model(const Chosen& chosen) {
  ASSAY_ASSIGN_OR_RETURN(const Predictor predictor, make_predictor(chosen));
  const TrainingSet& set = *state_->set;
  tracking::ModelVersion version;
  version.name = config_.model.name.empty() ? config_.run.experiment : config_.model.name;
  version.format_version = kModelFormat;
  version.task = std::string(name_of(set.task()));
  version.metric = std::string(set.metric().name());
  version.score = chosen.score;
  version.run_id = outcome_.run_id;
  version.dataset_name = state_->record.dataset.name;
  version.dataset_version = state_->record.dataset.version;
  version.dataset_hash = state_->record.dataset.content_hash;
  version.code_commit = state_->record.source.git_commit;
  version.input_contract = input_contract_json(predictor);
  if (const std::string decision = decision_text(version.input_contract); !decision.empty()) {
    note(
        fmt::format("the model decides for {}: the best {} out of fold; it is scored on rows that "
                    "did not choose the threshold",
                    decision, set.metric().name()));
  }
  tracking::ModelRegistry registry(state_->request.workspace);
  tracking::BlobStore blobs(*state_->request.workspace);
  ASSAY_ASSIGN_OR_RETURN(const tracking::BlobRef blob,
                         blobs.put([&](ByteSink sink) { return predictor.write(sink); }));
  ASSAY_ASSIGN_OR_RETURN(auto before, registered_before(version.name, blob.sha256));
  if (before) {
    version = std::move(*before);
  } else {
    ASSAY_ASSIGN_OR_RETURN(version, registry.register_stored(std::move(version), blob));
  }
  // A record that cannot be written in full does not undo that it is registered.
  const auto record = [&]() -> Status {
    try {
      return record_registered(chosen, predictor, version);
    } catch (const std::bad_alloc&) {
      return fail(StatusCode::kResourceExhausted, "there was no memory for it");
    }
  };
  if (const Status recorded = record(); !recorded) {
    tell_loss("the record of the registered model: " + recorded.error().message);
  }
  return {};
}

Status SweepLead::record_registered(const Chosen& chosen, const Predictor& predictor,
                                    const tracking::ModelVersion& version) {
  const TrainingSet& set = *state_->set;
  outcome_.model_name = version.name;
  outcome_.model_version = version.version;
  outcome_.model_sha256 = version.sha256;
  outcome_.footprint.file_bytes = version.size;
  tell_damage(version.damage);
  tracking::BlobStore blobs(*state_->request.workspace);
  ASSAY_ASSIGN_OR_RETURN(const std::string path, blobs.path_of(version.sha256));
  outcome_.model_path = (std::filesystem::path(state_->request.workspace->path()) / path).string();
  ASSAY_RETURN_IF_ERROR(log_best(chosen, {version.sha256, version.size}));
  ASSAY_RETURN_IF_ERROR(parent_->log_table(importance_table(
      predictor.model(), *set.encoder(), static_cast<size_t>(set.encoder()->feature_count()))));
  const std::vector<double> importance = predictor.model().feature_importance();
  const std::string hint = leak_hint(set.metric(), chosen.score, importance, *set.encoder());
  if (!hint.empty()) note(hint);
  tracking::ModelUse use{version.name, version.version,        version.sha256,
                         version.size, version.format_version, version.input_contract};
  return parent_->add_model(std::move(use));
}

Result<std::optional<tracking::ModelVersion>> SweepLead::registered_before(
    std::string_view name, std::string_view sha256) const {
  std::optional<tracking::ModelVersion> found;
  if (past_ == nullptr) return found;
  tracking::ModelRegistry registry(state_->request.workspace);
  const auto versions = registry.list_versions(name);
  if (!versions && versions.error().code == StatusCode::kNotFound) return found;
  if (!versions) return tl::unexpected<Error>(versions.error());
  for (const tracking::ModelVersion& version : *versions) {
    if (version.run_id == outcome_.run_id && version.sha256 == sha256) found = version;
  }
  return found;
}

// On a full disk, or without memory, a smaller model may still find room: what is registered then
// is the best trial of at most half the size, and so on.
Status SweepLead::register_what_fits(Chosen& chosen) {
  Status done = try_to_register(chosen);
  const auto too_large = [&] {
    const StatusCode code = done.error().code;
    return code == StatusCode::kIo || code == StatusCode::kResourceExhausted;
  };
  int64_t bytes = byte_count(chosen);  // of the last one that could not be saved
  while (!done && too_large() && is_held(*state_->request.workspace)) {
    if (state_->queue->pool().candidates().empty()) break;
    const Candidate& smaller = best_within(bytes / 2);
    if (smaller.model_bytes() >= bytes) break;
    tell_loss(fmt::format("{}; registering trial {} instead ({}, {} {})", done.error().message,
                          smaller.trial, rounded_bytes(smaller.model_bytes()), outcome_.metric,
                          smaller.score));
    chosen = alone(smaller);
    if (!hold_models(chosen)) continue;
    bytes = byte_count(chosen);
    estimate(chosen);
    done = try_to_register(chosen);
  }
  if (!done) {
    done.error().message += "; no model is registered";
    done.error().message += what_is_recorded(*state_->request.workspace, outcome_.run_id);
  }
  return done;
}

Leaderboard SweepLead::make_leaderboard(const Chosen& chosen) const {
  Leaderboard board;
  board.metric = outcome_.metric;
  board.maximise = state_->set->metric().maximise();
  board.rows = state_->queue->rows();
  for (const Member& member : chosen.members) {
    LeaderboardRow& row = board.rows[static_cast<size_t>(member.candidate.trial)];
    row.weight = member.weight;
    // A stopped trial that is kept has a score on the folds that were done.
    if (!outcome_.kept_partial.empty()) row.score = member.candidate.score;
  }
  if (chosen.members.size() > 1) {
    LeaderboardRow row;
    row.learner = "ensemble";
    row.origin = "selection";
    row.status = name_of(TrialStatus::kFinished);
    row.score = chosen.score;
    row.weight = 1;
    row.ended_seconds = state_->budget.elapsed_seconds();
    row.latency_us = outcome_.footprint.latency_us;
    row.file_bytes = outcome_.footprint.file_bytes;
    row.params = fmt::format("{{\"members\":{}}}", chosen.members.size());
    board.rows.push_back(std::move(row));
  }
  board.path = corrected_path(chosen);
  rank_rows(board);
  mark_front(board);
  return board;
}

Status SweepLead::log_results(const Chosen& chosen) {
  const TrainingSet& set = *state_->set;
  ASSAY_RETURN_IF_ERROR(parent_->log_table(leaderboard_table(outcome_.leaderboard)));
  if (!outcome_.leaderboard.path.empty()) {
    ASSAY_RETURN_IF_ERROR(parent_->log_table(ensemble_path_table(outcome_.leaderboard)));
  }
  const std::vector<kernels::KernelUse> usage = state_->usage.list();
  if (!usage.empty()) ASSAY_RETURN_IF_ERROR(parent_->log_table(kernel_table(usage)));
  ASSAY_RETURN_IF_ERROR(parent_->log_metric(outcome_.metric, chosen.score));
  ASSAY_RETURN_IF_ERROR(parent_->log_metric("latency_us", outcome_.footprint.latency_us));
  ASSAY_RETURN_IF_ERROR(parent_->set_score(outcome_.metric, chosen.score));
  ASSAY_RETURN_IF_ERROR(parent_->set_tag("task", name_of(set.task())));
  ASSAY_RETURN_IF_ERROR(parent_->set_tag("validation", outcome_.validation_method));
  ASSAY_RETURN_IF_ERROR(parent_->set_tag("ended_by", name_of(outcome_.ended_by)));
  ASSAY_RETURN_IF_ERROR(parent_->set_tag("ensemble", outcome_.ensemble_kind));
  if (outcome_.stack_check) {
    ASSAY_RETURN_IF_ERROR(parent_->set_tag("stacking", outcome_.stack_check->text()));
  }
  if (chosen.selection_score) {
    ASSAY_RETURN_IF_ERROR(parent_->set_tag("selection_score", *chosen.selection_score));
  }
  if (!outcome_.calibration.empty()) {
    ASSAY_RETURN_IF_ERROR(parent_->set_tag("calibration", outcome_.calibration));
  }
  ASSAY_RETURN_IF_ERROR(parent_->set_tag(kElapsedTag, state_->budget.elapsed_seconds()));
  ASSAY_RETURN_IF_ERROR(parent_->set_tag(kPrepareTag, prepare_seconds_));
  ASSAY_RETURN_IF_ERROR(parent_->set_tag("slots", slots_.slots));
  ASSAY_RETURN_IF_ERROR(parent_->set_tag("threads_per_slot", slots_.threads_per_slot));
  // Out-of-fold predictions of the members, and blended. Large ones cost time to write.
  const auto each = static_cast<int64_t>(chosen.predictions.size() * sizeof(float));
  const auto truth = static_cast<int64_t>(set.scored_rows().size() * sizeof(double));
  const int64_t all = each * static_cast<int64_t>(chosen.members.size() + 1) + truth;
  const Budget& budget = state_->budget;
  if (all > kFreePredictionBytes && 2 * budget.save_seconds(all) > budget.seconds_left()) {
    note("out-of-fold predictions of the members are not kept: there is no time to write them");
    return {};
  }
  ASSAY_RETURN_IF_ERROR(parent_->log_predictions(oof_predictions(set, "oof", chosen.predictions)));
  ASSAY_RETURN_IF_ERROR(parent_->log_table(oof_targets(set)));
  if (chosen.members.size() < 2) return {};
  for (const Member& member : chosen.members) {
    ASSAY_RETURN_IF_ERROR(parent_->log_predictions(oof_predictions(
        set, fmt::format("oof_trial_{}", member.candidate.trial), *member.candidate.predictions)));
  }
  return {};
}

Status SweepLead::finish() {
  progress(SweepPhase::kEnsembling);
  if (state_->queue->pool().candidates().empty()) {
    return tl::unexpected<Error>(budget_error("training a known trial again"));
  }
  ASSAY_ASSIGN_OR_RETURN(Chosen chosen, choose_final());
  say_what_is_left_out();
  progress(SweepPhase::kSaving);
  ASSAY_RETURN_IF_ERROR(register_what_fits(chosen));
  if (chosen.members.size() == 1 && is_baseline(chosen.members[0].candidate) &&
      state_->learners.size() > 1) {
    note(fmt::format(
        "warning: the registered model is only the constant baseline, the same answer for every "
        "row: no better trial {}{}{}",
        state_->queue->counts().over_limit > 0 ? "kept to the constraints" : "was finished",
        config_.budget.trials > 0 ? " (the baseline counts as one of --trials)" : "",
        outcome_.model_version > 1 ? fmt::format("; {}:{} is the version before",
                                                 outcome_.model_name, outcome_.model_version - 1)
                                   : std::string()));
  }
  outcome_.validation_score = chosen.score;
  outcome_.selection_score = chosen.selection_score;
  outcome_.ensemble_kind = chosen.stacked()            ? "stacked"
                           : chosen.members.size() > 1 ? "average"
                                                       : "single";
  outcome_.stack_check = chosen.stack_check;
  if (chosen.calibrator.changes()) outcome_.calibration = name_of(chosen.calibrator.kind);
  outcome_.status =
      user_stopped() ? tracking::RunStatus::kInterrupted : tracking::RunStatus::kCompleted;
  const TrialCounts counts = state_->queue->counts();
  outcome_.finished = counts.finished;
  outcome_.failed = counts.failed;
  outcome_.pruned = counts.pruned;
  outcome_.cancelled = counts.cancelled;
  outcome_.over_limit = counts.over_limit;
  outcome_.leaderboard = make_leaderboard(chosen);
  {
    const std::lock_guard lock(state_->slots_mutex);
    for (std::string& error : state_->record_errors) tell_loss(std::move(error));
    state_->record_errors.clear();
  }
  say_what_stalled();
  // The model is registered: a record that cannot be written in full does not undo that.
  if (Status logged = log_results(chosen); !logged) tell_loss("results: " + logged.error().message);
  if (Status kept = keep_front(chosen); !kept)
    tell_loss("models on the front: " + kept.error().message);
  const Status closed =
      parent_->finish(outcome_.status, outcome_.status == tracking::RunStatus::kInterrupted
                                           ? "stopped by the user; " +
                                                 (outcome_.kept_partial.empty()
                                                      ? "the best model so far"
                                                      : "the model of " + outcome_.kept_partial) +
                                                 " is registered"
                                           : std::string());
  if (!closed) {
    outcome_.record_unfinished = true;
    tell_loss("the sweep's record could not be completed: " + closed.error().message);
  }
  publish_trials();
  // An interrupted sweep may go on. What there is no time for, `assay gc` removes.
  const Budget& budget = state_->budget;
  const bool late = budget.timed() && state_->request.clock->now_ns() >= budget.deadline_ns();
  if (closed && outcome_.status == tracking::RunStatus::kCompleted && !late) {
    (void)state_->archive->discard();
  }
  return {};
}

void SweepLead::publish_trials() {
  // Their files are written in the background meanwhile: only the last ones are left. What there is
  // no time for is safe in the journal, if that could be written.
  tracking::Workspace& workspace = *state_->request.workspace;
  const Budget& budget = state_->budget;
  const StopToken stop(state_->request.clock, budget.publish_deadline_ns());
  Status published = workspace.flush(&stop);
  look_at_journal();
  const auto journal = workspace.journal();
  if (journal && budget.timed() && tracking::unrecorded_runs(**journal) > 0) {
    const auto more_ns = static_cast<int64_t>(kLastWritesSeconds * 1e9);
    const StopToken later(state_->request.clock, budget.deadline_ns() + more_ns);
    published = workspace.flush(&later);
  }
  const size_t lost = journal ? tracking::unrecorded_runs(**journal) : 0;
  // Asked once more when none is lost: what the workspace's own thread has written since is not
  // left, and what is left the journal has.
  if (lost == 0 && !published && published.error().code == StatusCode::kCancelled) {
    published = workspace.flush(&stop);
  }
  if (lost > 0) {
    tell_loss(fmt::format("{} runs of this sweep are not recorded as they ended: {}", lost,
                          !journal_trouble_.empty() ? journal_trouble_
                          : published               ? "the journal lacks them"
                                                    : published.error().message));
  } else if (!published && published.error().code == StatusCode::kCancelled) {
    note(
        "there was no time to write the files of all trials: they are in the journal, and the "
        "next command that writes to the workspace writes them");
  } else if (!published) {
    tell_loss("files of trials could not be written: " + published.error().message);
  }
}

}  // namespace assay::automl
