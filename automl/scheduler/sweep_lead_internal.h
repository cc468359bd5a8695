// The leading thread's side of a sweep, step by step: load, check, begin, prepare, baseline,
// search, finish. One SweepLead runs one sweep.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "automl/ensemble/cross_selection.h"
#include "automl/ensemble/greedy_selection.h"
#include "automl/ensemble/stacking.h"
#include "automl/models/calibrated_model.h"
#include "automl/preprocess/predictor.h"
#include "automl/scheduler/best_model.h"
#include "automl/scheduler/keep_pace.h"
#include "automl/scheduler/memory_plan.h"
#include "automl/scheduler/pareto_front.h"
#include "automl/scheduler/slot_group.h"
#include "automl/scheduler/slots.h"
#include "automl/scheduler/sweep_state_internal.h"
#include "automl/scheduler/time_plan.h"
#include "automl/search/learner_search.h"
#include "automl/validation/column_roles.h"
#include "kernels/base/executor.h"
#include "kernels/base/function_ref.h"
#include "tracking/blob_store.h"
#include "tracking/model_registry.h"
#include "tracking/run.h"

namespace assay::automl {

// Predictions as selection takes them; `columns` a row.
std::vector<PredictionView> views_of(const std::vector<Candidate>& candidates, int64_t columns);
// Of the rows that trials are scored on. Not owned: `views` and `set` must outlive it.
SelectionProblem selection_problem(const TrainingSet& set, std::span<const PredictionView> views);

// The program itself, its libraries and buffers.
inline constexpr int64_t kProgramBytes = int64_t{64} << 20;

class SweepLead {
 public:
  explicit SweepLead(const SweepRequest& request);
  Result<SweepOutcome> run();

 private:
  // The table, by the budget's read deadline. (sweep_begin.cc)
  Status load();
  Status read_table();
  // Whether the config goes with the target: what is wrong here leaves no run behind.
  Status check();
  // The parent run, visible on disk from here on.
  Status begin();
  Status create_parent();
  Status sample_machine();
  // Goes on with the run of the past, and learns what its trials came to.
  Status reopen_parent();
  Status check_table_identity() const;
  Status keep_config();
  Status take_snapshot();
  Status log_config();
  // Learners, training set, validation plan, slots and queue. (sweep_prepare.cc)
  Status prepare();
  Status choose_learners();
  Status plan_validation_folds();
  // Rows that features of two columns are chosen on: as many as there is time for.
  Status plan_screen();
  Status make_combinations(const StopToken& stop);
  // What fits see of the levels of columns, if there is memory for it.
  Status make_level_targets(const StopToken& stop);
  void choose_slots();
  // Has the search try what did well in earlier sweeps, then the portfolio. (sweep_wanted.cc)
  Status want_settings(const TimePlan& plan, std::span<const PlannedDefault> defaults,
                       LearnerSearch& search);
  std::vector<WantedSetting> earlier_ones();
  // Those of the portfolio that there is time for.
  Result<std::vector<WantedSetting>> portfolio_ones(const TimePlan& plan,
                                                    std::span<const PlannedDefault> defaults,
                                                    std::span<const SearchLearner> learners) const;
  // What a setting is predicted to take; nothing if it would be made cheaper: it is another one
  // then.
  std::optional<double> seconds_as_it_is(const TimePlan& plan, const WantedSetting& setting) const;
  // The shares of the rows that trials are fitted on first, where halving is by rows.
  // (sweep_shares.cc)
  void choose_shares();
  Status make_queue();
  std::string slots_text() const;
  // What memory allows. (sweep_memory.cc)
  Status check_base() const;
  // Fills base_bytes_: makes or gives up the dense form, and lets the table go if memory is short.
  Status settle_base();
  MemoryPlan memory_plan(int threads) const;
  // Parameters that the config says something about: they are not made smaller.
  std::vector<std::string> fixed_params(std::string_view learner) const;
  void drop_what_does_not_fit(const MemoryPlan& plan, std::vector<SearchLearner>& learners);
  TimePlan time_plan() const;
  void say_what_is_shortened(const TimePlan& plan, const std::vector<SearchLearner>& learners);
  const Learner* find_by_name(std::string_view name) const;
  Result<std::vector<SearchLearner>> search_learners() const;
  const Learner* leading_learner() const;
  // Trial 0, its model kept in the run, so that something is there whatever happens. (sweep.cc)
  Status baseline();
  void search();
  void watch(SlotGroup& slots);
  // Tells the budget what the end will take. (sweep_forecast.cc)
  void forecast_end();
  // Bytes of the models that would be registered now, and of a few more; nothing if that is not to
  // be found out.
  std::optional<int64_t> try_selection();
  void say_what_moved();
  void say_what_ended();
  void say_what_is_known();
  void keep_elapsed(bool now);
  void say_what_stalled();
  // Ensemble, registered model, the parent's final record. (sweep_finish.cc)
  Status finish();

  struct Member {
    Candidate candidate;
    double weight = 0;
    bool refitted = false;  // its model was fitted on all rows
  };
  // The registered ensemble.
  struct Chosen {
    std::vector<Member> members;
    double score = 0;
    // Set by estimate(): of the blend or the trial on the rows that it was chosen on. `score` is
    // then an estimate for other rows.
    std::optional<double> selection_score;
    std::vector<float> predictions;
    // The rows of `predictions` that the members predicted out of fold; empty: all.
    std::vector<uint32_t> places;
    bool selected = false;  // members and weights are those that selection gave
    bool gave_way = false;  // fewer than these, for the constraints
    // A second level instead of the average, whose weights the members have then: its constant, of
    // values. And what its check measured, kept or not.
    std::optional<double> stack_bias;
    std::optional<StackCheck> stack_check;
    Calibrator calibrator;  // of the predictions, which have it
    bool stacked() const { return stack_bias.has_value(); }
    // Places of members: those of most weight first, of equals the lower trial. (sweep_finish.cc)
    std::vector<size_t> heaviest_first() const;
    int64_t refitted() const {
      return std::count_if(members.begin(), members.end(),
                           [](const Member& member) { return member.refitted; });
    }
  };
  // The best model so far, kept in the run if it is time for that. (sweep_best.cc)
  void keep_best();
  std::optional<Chosen> choose_for_now();
  double keep_seconds(int64_t bytes) const;
  bool may_keep(double seconds) const;
  // Whether fits are to stop: nothing is kept any more then.
  bool search_is_over() const;
  // Fails: cancelled, `while_searching`, once the search is over.
  Status keep_as_best(const Chosen& chosen, bool while_searching);
  Status log_best(const Chosen& chosen, const tracking::BlobRef& blob);
  // The ensemble that selection makes of what there is now; nothing if it does not come to one.
  // (sweep_forecast.cc)
  std::optional<Chosen> select_now();
  // What selecting once from all candidates takes one thread.
  double selection_seconds() const;
  // What is to be registered; the best trial alone if something fails on the way to an ensemble.
  // (sweep_rescue.cc)
  Result<Chosen> choose_final();
  Result<Chosen> best_alone();
  // What is to be registered, its models at hand. (sweep_stored.cc)
  Result<Chosen> choose();
  // Reads those models of members that are not in memory. False if one cannot be had: it has left
  // the pool then.
  bool hold_models(Chosen& chosen);
  // Models that one of them has, the other has too.
  static void share_models(const Chosen& from, Chosen& to);
  std::shared_ptr<const Model> stored_model(const Candidate& candidate) const;
  // What a stopped trial had, where that beats the baseline on the rows it covers.
  std::optional<Chosen> choose_partial(const Candidate& baseline);
  Result<Chosen> choose_members();
  SelectionOptions selection_options() const;
  // Replaces the score of an ensemble, or of the best of several trials, by an honest one
  // (ensemble/cross_selection.h). (sweep_estimate.cc)
  void estimate(Chosen& chosen);
  void estimate_single(Chosen& chosen);
  // What the single trial gained by being chosen on the rows that it is scored on.
  void take_off_gain(const SelectionProblem& problem, const CrossScores& cross, Chosen& chosen);
  // Puts a second level in the place of the average, where that is better for rows that it was not
  // fitted on. (sweep_stack.cc)
  void stack_chosen(const SelectionProblem& problem, const std::vector<Candidate>& candidates,
                    const CrossScores& cross, Chosen& chosen);
  double stack_seconds() const;
  // Moves probabilities, where that is right for rows that did not choose how.
  void calibrate_chosen(Chosen& chosen);
  // The ways that are tried, and what that takes. (sweep_calibrate.cc)
  std::vector<Calibrator::Kind> calibrations() const;
  double calibration_seconds() const;
  std::vector<Candidate> usable_candidates() const;
  Chosen alone(const Candidate& candidate);
  static int64_t byte_count(const Chosen& chosen);
  // With what reading stored models takes (Candidate::save_bytes).
  static int64_t save_bytes(const Chosen& chosen);
  static void drop_least(Chosen& chosen);
  const Candidate& best_within(int64_t bytes) const;
  Status fit_save_time(Chosen& chosen);
  // What the config allows, and what it came to. (sweep_footprint.cc)
  std::vector<Allowance> allowances(const std::vector<Candidate>& candidates) const;
  static Result<std::shared_ptr<const Model>> model_of(const Chosen& chosen);
  // Scores and calibrates what was chosen, and measures it; gives up members, then goes to other
  // candidates, till no limit is broken.
  // False if a model was lost (hold_models).
  Result<bool> settle(Chosen& chosen);
  Status give_way(Chosen& chosen);
  double summed_latency_us(const Chosen& chosen) const;
  Error baseline_error(const LeaderboardRow& row) const;
  void say_what_is_left_out();
  // An ensemble that the selection came by, and the trial that each step to it added.
  struct PathPoint {
    EnsemblePoint shown;
    std::vector<int64_t> trials;
  };
  // Those of less members than its end, which is the last; and what is to be said of them beside
  // what was chosen of that.
  std::vector<PathPoint> path_of(const Selection& selection,
                                 const std::vector<Candidate>& candidates) const;
  std::vector<EnsemblePoint> corrected_path(const Chosen& chosen) const;
  // Fits of the chosen members on all rows: one, or in the place of folds' models several.
  // (sweep_refit_plan.cc)
  static constexpr int kFitsForFolds = 3;
  static constexpr double kRefitCare = 1.15;  // a fit that is not done in time is lost
  bool refits() const;
  int wanted_refits(int64_t trial) const;
  int64_t steps_of_refit(const Candidate& candidate) const;
  // So many times as many as a fold trains on.
  double more_rows() const;
  int refits_at_once() const;
  // Predicted with care, from what the trial's own fit took.
  double refit_seconds(int64_t trial) const;
  std::vector<int64_t> likely_members() const;  // trials, those of most weight first
  void forecast_refit();
  int64_t planned_refit_bytes(int64_t trial, int threads) const;
  int64_t refit_bytes() const;  // that they may take
  // And doing it. (sweep_refit.cc)
  struct Refit;
  void refit(Chosen& chosen);
  std::vector<Refit> planned_refits(const Chosen& chosen) const;  // those of most weight first
  bool may_begin(Refit& member, const StopToken& stop) const;
  void refit_round(const TrainingSet::AllRows& all, size_t number, const StopToken& stop,
                   std::vector<Refit>& members);
  Status check_learnt(const Candidate& candidate, const Model& model,
                      const kernels::ComputeContext& context) const;
  Result<std::shared_ptr<const Model>> fit_on_all(const TrainingSet::AllRows& all,
                                                  const Refit& member,
                                                  const kernels::ComputeContext& context) const;
  // Whether the model can be saved in what is left, and keeps to the constraints.
  Status check_refitted(const Chosen& chosen);
  Status register_what_fits(Chosen& chosen);
  Status try_to_register(const Chosen& chosen);
  // The version that an earlier process made of these bytes, if it came to that.
  Result<std::optional<tracking::ModelVersion>> registered_before(std::string_view name,
                                                                  std::string_view sha256) const;
  Status rescore(Chosen& chosen) const;
  // Where classes are decided, by the metric, for two of them: chosen on the out-of-fold
  // predictions. 0.5 for other metrics and tasks.
  Result<double> decision_threshold(const Chosen& chosen) const;
  Result<Predictor> make_predictor(const Chosen& chosen);
  Status register_model(const Chosen& chosen);
  // What the sweep's run has of it.
  Status record_registered(const Chosen& chosen, const Predictor& predictor,
                           const tracking::ModelVersion& version);
  Status log_results(const Chosen& chosen);
  // What is on the front of score against latency (front_models.h). (sweep_front.cc)
  Status keep_front(const Chosen& chosen);
  std::optional<Chosen> members_on_front(const FrontPoint& point, const Chosen& chosen) const;
  Status predict_on_front(Chosen& made, const Chosen& chosen) const;
  void publish_trials();
  // Says so once, as soon as the journal cannot be written.
  void look_at_journal();
  Leaderboard make_leaderboard(const Chosen& chosen) const;

  // Turns an error of a step into the run's end.
  Error close_failed(Error error);
  // `ready_seconds`: when what was being done would have ended, counted from the start; 0: that is
  // not known.
  Error budget_error(const std::string& doing, double ready_seconds = 0) const;
  bool user_stopped() const;
  void note(std::string text);
  // What `work` notes, without telling it.
  std::vector<std::string> notes_of(FunctionRef<void()> work);
  // Of something that could not be kept: also for who wants no notes.
  void tell_loss(std::string text);
  // Of registered models' changes; each is told once.
  void tell_damage(const std::vector<std::string>& messages);
  void keep(std::string text);
  void progress(SweepPhase phase);
  // Tells of trials that ended once their records are on disk: what was told survives a kill.
  void hear(std::vector<TrialEvent> events);
  // Of those that were heard of; the rest is told at the end of the search.
  void tell_recorded();
  void tell_rest();
  void tell(const TrialEvent& event);
  kernels::ComputeContext context(const StopToken& stop) const;
  kernels::ComputeContext context_on(kernels::Device* device, const StopToken& stop) const;
  // Does a part of preparing on the device for it, and anew on the host if that device fails or has
  // no memory; `what` names it in the note that says so. What fails must leave nothing behind.
  Status prepare_part(const char* what, const StopToken& stop,
                      FunctionRef<Status(const kernels::ComputeContext&)> work);
  // In the order in which their defaults are tried. (sweep_prepare.cc)
  std::vector<PlannedDefault> order_learners(const TimePlan& plan,
                                             std::vector<SearchLearner>& learners);

  std::shared_ptr<SweepState> state_;
  const ExperimentConfig& config_;
  const SweepPast* past_;  // null for a new run
  int threads_ = 1;
  int64_t memory_limit_ = 0;
  int64_t base_bytes_ = 0;  // held throughout
  ModelFootprint floor_;    // of the baseline
  double baseline_score_ = 0;
  std::unique_ptr<Executor> executor_;  // all threads; idle while slots run
  std::shared_ptr<const datasets::Table> table_;
  std::optional<ColumnRoles> roles_;  // until the training set has them
  ScreenPlan screen_;
  std::unique_ptr<tracking::Run> parent_;
  SlotPlan slots_;
  std::unique_ptr<SlotGroup> slot_group_;
  std::vector<BestModelRow> best_rows_;  // kept so far, those of earlier processes included
  KeepPace keep_pace_;
  int64_t best_finished_ = -1;        // trials that were, when the best model was last looked for
  bool keep_failed_ = false;          // and was told
  double keep_seconds_per_byte_ = 0;  // of the last large one that was kept; 0: none was
  std::optional<int64_t> chosen_bytes_;  // of the last try_selection()
  int64_t forecast_trials_ = -1;         // finished then
  int64_t refit_trials_ = -1;            // finished at the last forecast_refit()
  std::vector<int64_t> likely_members_;  // of the last select_now(); empty: there was none
  struct Untold {
    TrialEvent event;
    uint64_t journal_seq = 0;
  };
  std::deque<Untold> untold_;
  SweepOutcome outcome_;
  std::string journal_trouble_;  // why it could last not be written; empty: it could
  // "constant" or what else was tried so far, for the running best.
  std::optional<double> best_;
  std::optional<std::vector<std::string>> held_notes_;
  std::vector<PathPoint> path_;  // of the selection
  // Of an earlier process: trials whose scores are in the parent's metrics, and whether it recorded
  // the table.
  std::set<int64_t> told_;
  bool has_dataset_ = false;
  double prepare_seconds_ = 0;
  int64_t elapsed_kept_ns_ = 0;
};

}  // namespace assay::automl
