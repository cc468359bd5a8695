// Rungs of successive halving. With folds: after the 1st and the 3rd of at least 4 folds (after the
// 1st of fewer), the metric's loss over the rows predicted so far. With a holdout: after fits on
// shares of the rows (share_climb.h), and at 1/9 and 1/3 of the planned rounds, the learner's own
// validation loss.
//
// Folds are fitted at the same time where that is quicker, but no fold behind a rung is begun
// before the rung is passed: what most trials are given up at would otherwise cost all folds. So
// groups are the folds between two rungs; of a trial that is not given up for being behind, all
// folds. Then each fold is asked for in order, as if it had been fitted alone: a trial that is
// given up within a group has no more folds than alone, and results do not depend on how folds were
// fitted.
//
// Where rows are few a trial that comes out among the best is then fitted on other partitions into
// folds (search/repeat_rule.h). A partition that does not come to its end counts for nothing.
#include "automl/scheduler/trial.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <utility>

#include "automl/models/average_model.h"
#include "automl/scheduler/fold_group_internal.h"
#include "automl/scheduler/fold_steps.h"
#include "automl/scheduler/out_of_bag_internal.h"
#include "automl/scheduler/out_of_fold_internal.h"
#include "automl/scheduler/share_climb.h"
#include "automl/scheduler/trial_record_internal.h"

namespace assay::automl {
namespace {

// Of the time left for a fold, for fitting: the rest is for ending the fit and predicting
// validation rows. Before anything is known of the learner, and bounds of what is then kept.
constexpr double kFirstFitShare = 0.85;
constexpr double kLeastFitShare = 0.5;
constexpr double kMostFitShare = 0.95;
constexpr std::string_view kNoStep = "stopped before its first step was made";

class TrialRunner {
 public:
  TrialRunner(const TrialJob& job, const kernels::ComputeContext& context)
      : job_(job), set_(*job.set), context_(context), predictions_(set_), oob_(set_) {}

  TrialOutcome run() {
    start_ns_ = job_.clock->now_ns();
    outcome_.result.spec = job_.spec;
    outcome_.device = context_.device->info().id;
    outcome_.emulated = context_.device->info().emulated;
    kernels::Usage usage;
    const kernels::UsageScope scope(&usage);
    try {
      run_folds();
    } catch (const std::bad_alloc&) {
      end(TrialStatus::kFailed, "out of memory");
    } catch (const std::exception& error) {
      end(TrialStatus::kFailed, fmt::format("internal: {}", error.what()));
    } catch (...) {
      end(TrialStatus::kFailed, "internal: unknown exception");
    }
    outcome_.result.rungs = rungs_;
    outcome_.usage = usage.list();
    outcome_.seconds = seconds();
    // Of the first partition: what the others take says nothing of the setting.
    const double spent = search_seconds_ > 0 ? search_seconds_ : outcome_.seconds;
    outcome_.result.cost = job_.logical ? logical_cost() : spent;
    if (!has_score(outcome_.result.status)) {
      outcome_.model = nullptr;
      outcome_.predictions = nullptr;
      outcome_.oob = nullptr;
    }
    return std::move(outcome_);
  }

 private:
  void run_folds() {
    const size_t fold_count = set_.folds().size();
    predictions_.begin(0);
    if (job_.begin) {
      go_on();
    } else if (job_.rest) {
      outcome_.curve = job_.rest->curve;
      outcome_.went_on_from = fmt::format("trial {}", job_.spec.continues);
    }
    fits_.resize(outcome_.folds.size());
    if (!climb()) return;
    while (outcome_.folds.size() < fold_count) {
      const size_t begin = outcome_.folds.size();
      const bool late = job_.fit_deadline_ns && job_.clock->now_ns() >= job_.fit_deadline_ns();
      if (begin > 0 && (late || context_.stop->requested())) return end_partial();
      std::vector<FoldFit> fits = fit_group(begin);
      for (FoldFit& fit : fits) {
        const size_t fold = outcome_.folds.size();
        if (!stand_in(take_fold(fold, fit))) {
          if (fold > 0 && outcome_.result.status == TrialStatus::kCancelled) end_partial();
          return;
        }
        if (!passes_folds(fold)) return;
      }
      if (outcome_.folds.size() < fold_count) checkpoint();
    }
    search_seconds_ = seconds();
    if (!truncated_ && repeats() && !run_partitions()) return;
    finish();
  }

  // Fits on shares of the rows. False if the trial has ended.
  bool climb() {
    if (job_.shares.empty() || !job_.on_rung || job_.rest) return true;
    const auto ask = [this](const RungValue& value) { return passes(value); };
    const auto passed = [this] { checkpoint(); };
    climb_ = climb_shares(job_, context_, {deadline_of({0, 1}), ask, passed});
    using End = ShareClimb::End;
    if (climb_.end == End::kPassed) return true;
    outcome_.error = climb_.error;
    if (climb_.end == End::kGivenUp) end(TrialStatus::kPruned, climb_.message);
    if (climb_.end == End::kFailed) end(TrialStatus::kFailed, climb_.message);
    if (climb_.end == End::kCutShort) end(TrialStatus::kCancelled, kNoStep);
    if (stand_in(false)) finish();
    return false;
  }

  // Whether there is a model of the holdout: `fitted`, or that of a share of the rows, which stands
  // in for a fit on all of them that was cut short before it was better.
  bool stand_in(bool fitted) {
    const bool cut = fitted ? truncated_ : outcome_.result.status == TrialStatus::kCancelled;
    if (!climb_.best || !cut) return fitted;
    const ShareModel& share = *climb_.best;
    FoldRecord record = share.record;
    if (fitted) {
      const FoldRecord& own = outcome_.folds.front();
      if (own.score && set_.metric().loss_of(*own.score) <= share.loss) return true;
      record.fit_seconds += own.fit_seconds;
      record.predict_seconds += own.predict_seconds;
    }
    outcome_.folds.assign(1, record);
    models_.assign(1, share.model);
    fits_.resize(1);
    predictions_.put(0, share.predictions);
    oob_.set_sums({});
    outcome_.error.reset();
    outcome_.share_rows = share.row_count;
    truncated_ = true;
    return true;
  }

  bool is_rung(size_t fold) const {
    const size_t fold_count = set_.folds().size();
    return fold_count > 1 && (fold == 0 || (fold == 2 && fold_count > 3));
  }

  // Where the group of folds ends that begins here.
  size_t group_end(size_t begin) const {
    const size_t fold_count = set_.folds().size();
    const bool together = job_.together && job_.learner->gains_together(
                                               set_.shape(), context_.executor->thread_count());
    if (!together) return begin + 1;
    const size_t partition_end = (begin / fold_count + 1) * fold_count;
    const bool asks = begin < fold_count && job_.on_rung && is_searched(job_.spec.origin);
    size_t end = begin + 1;
    while (end < partition_end && !(asks && is_rung(end - 1))) ++end;
    return end;
  }

  // Whether the trial goes on past a fold that is done.
  bool passes_folds(size_t fold) {
    const size_t fold_count = set_.folds().size();
    if (is_rung(fold) && !context_.stop->requested() && !passes_rung(fold)) {
      end(TrialStatus::kPruned, fmt::format("given up after {} of {} folds", fold + 1, fold_count));
      return false;
    }
    if (fold_count > 1 && !context_.stop->requested() && !passes_fold_test(fold)) {
      end(TrialStatus::kPruned,
          fmt::format("{}, after {} of {}", kBehindInFolds, fold + 1, fold_count));
      return false;
    }
    return true;
  }

  void checkpoint() const {
    if (context_.stop->requested() || held_bytes() > job_.most_checkpoint_bytes) return;
    if (job_.wants_checkpoint && job_.wants_checkpoint()) keep({});
  }

  // Whether other partitions are worth it, for all folds of the first are done.
  bool repeats() {
    const size_t fold_count = set_.folds().size();
    if (set_.partition_count() < 2 || job_.spec.origin == TrialOrigin::kBaseline) return false;
    // A checkpoint that knows of the question is of a trial that went on past it.
    const bool went_on = std::any_of(rungs_.begin(), rungs_.end(), [](const RungValue& value) {
      return value.rung.ladder == Rung::Ladder::kPartitions;
    });
    if (went_on || outcome_.folds.size() > fold_count) return true;
    const auto partitions = static_cast<int64_t>(set_.partition_count());
    if (held_bytes() * partitions > job_.most_repeat_bytes) return false;
    if (job_.repeat) return *job_.repeat;
    const auto score = predictions_.mean_score();
    if (!job_.on_rung || !score) return false;
    return passes({{Rung::Ladder::kPartitions, 1}, set_.metric().loss_of(*score)});
  }

  // Fits the folds of the other partitions, as far as there is time. False if the trial has ended.
  bool run_partitions() {
    const size_t fold_count = set_.folds().size();
    const size_t all = set_.all_folds().size();
    double needed = 0;  // by a partition, as the first was
    for (size_t fold = 0; fold < fold_count; ++fold) {
      needed += outcome_.folds[fold].fit_seconds + outcome_.folds[fold].predict_seconds;
    }
    while (outcome_.folds.size() < all && !context_.stop->requested()) {
      const size_t begin = outcome_.folds.size();
      if (begin % fold_count == 0 && seconds_left() < needed) break;
      std::vector<FoldFit> fits = fit_group(begin);
      const auto took = [&](FoldFit& fit) { return take_fold(outcome_.folds.size(), fit); };
      if (!std::all_of(fits.begin(), fits.end(), took)) {
        if (outcome_.result.status != TrialStatus::kCancelled) return false;
        outcome_.error.reset();
        break;
      }
      if (truncated_) break;
      if (outcome_.folds.size() < all) checkpoint();
    }
    // What a user's stop keeps from its end is to be as it would have been, when it is gone on
    // with.
    const bool unfinished = outcome_.folds.size() < all || truncated_;
    truncated_ = job_.logical && unfinished && context_.stop->requested();
    drop_unfinished_partition();
    return true;
  }

  void drop_unfinished_partition() {
    const size_t fold_count = set_.folds().size();
    size_t whole = outcome_.folds.size() / fold_count;
    while (whole > 1 && is_truncated(whole - 1)) --whole;
    outcome_.folds.resize(whole * fold_count);
    models_.resize(whole * fold_count);
    fits_.resize(whole * fold_count);
    predictions_.keep_first(whole);
    const auto last = static_cast<int>(whole * fold_count);
    auto& curve = outcome_.curve;
    curve.erase(std::remove_if(curve.begin(), curve.end(),
                               [&](const CurvePoint& point) { return point.fold >= last; }),
                curve.end());
  }

  bool is_truncated(size_t partition) const {
    const auto fold_count = static_cast<std::ptrdiff_t>(set_.folds().size());
    const auto begin = outcome_.folds.begin() + static_cast<std::ptrdiff_t>(partition) * fold_count;
    return std::any_of(begin, begin + fold_count,
                       [](const FoldRecord& fold) { return fold.truncated; });
  }

  // Till fits must stop.
  double seconds_left() const {
    const int64_t end_ns = job_.fit_deadline_ns ? job_.fit_deadline_ns() : kNoDeadline;
    if (end_ns == kNoDeadline) return std::numeric_limits<double>::infinity();
    return static_cast<double>(end_ns - job_.clock->now_ns()) * 1e-9;
  }

  // Takes over what an earlier process had.
  void go_on() {
    const TrialCheckpoint& begin = *job_.begin;
    outcome_.folds = begin.folds;
    const auto done = static_cast<int>(begin.folds.size());
    std::copy_if(begin.curve.begin(), begin.curve.end(), std::back_inserter(outcome_.curve),
                 [&](const CurvePoint& point) { return point.fold < done; });
    rungs_ = begin.rungs;
    models_ = begin.models;
    predictions_.set_values(begin.predictions);
    oob_.set_sums(begin.oob);
    if (!begin.folds.empty() && begin.oob.counts.empty()) oob_.give_up();
    outcome_.went_on_from = extent_of(begin) + " of an earlier process";
    for (const FoldRecord& fold : begin.folds) truncated_ |= fold.truncated;
    for (const RungValue& value : begin.rungs) {
      if (job_.on_rung) (void)job_.on_rung(value);
    }
  }

  // Of a checkpoint between folds.
  int64_t held_bytes() const {
    int64_t bytes = predictions_.byte_count() + oob_.byte_count();
    for (const auto& model : models_) bytes += model->byte_count();
    return bytes;
  }

  void keep(FoldsUnderWay under_way) const {
    TrialCheckpoint checkpoint;
    checkpoint.folds = outcome_.folds;
    checkpoint.models = models_;
    checkpoint.predictions = predictions_.values();
    checkpoint.oob = oob_.sums();
    checkpoint.curve = outcome_.curve;
    checkpoint.curve.insert(checkpoint.curve.end(), under_way.curve.begin(), under_way.curve.end());
    checkpoint.rungs = rungs_;
    checkpoint.fits = std::move(under_way.fits);
    checkpoint.seconds = seconds();
    job_.keep_checkpoint(checkpoint);
  }

  // That the trial has taken so far.
  double seconds() const {
    const double before = job_.begin ? job_.begin->seconds : 0;
    return before + static_cast<double>(job_.clock->now_ns() - start_ns_) * 1e-9;
  }

  // A fold that was done in the trial that this one continues.
  void take_over(size_t number) {
    const TrialRest& rest = *job_.rest;
    outcome_.folds.push_back(rest.folds[number]);
    models_.push_back(rest.models[number]);
    fits_.emplace_back();
    predictions_.put_all(number, rest.predictions);
    oob_.give_up();
  }

  // What the trial can be gone on from; null if it is too much, or a fold has no state.
  std::shared_ptr<const TrialRest> rest() const {
    int64_t bytes = held_bytes();
    for (size_t fold = 0; fold < fits_.size(); ++fold) {
      if (outcome_.folds[fold].truncated && !fits_[fold]) return nullptr;
      if (fits_[fold]) bytes += fits_[fold]->model->byte_count();
    }
    if (bytes > job_.most_rest_bytes) return nullptr;
    auto rest = std::make_shared<TrialRest>();
    rest->fits = fits_;
    rest->folds = outcome_.folds;
    rest->models = models_;
    rest->predictions = predictions_.values();
    rest->curve = outcome_.curve;
    return rest;
  }

  std::vector<FoldFit> fit_group(size_t begin) {
    const FoldGroup::Range range{begin, group_end(begin)};
    predictions_.begin(begin / set_.folds().size());
    const std::function<int64_t()> deadline = deadline_of(range);
    const StopToken stop(job_.clock, &deadline, context_.stop);
    kernels::ComputeContext fit_context = context_;
    fit_context.stop = &stop;
    const auto keep_fits = [this](FoldsUnderWay folds) { keep(std::move(folds)); };
    const auto ask = [this](const RungValue& value) { return passes(value); };
    const FoldGroup::Hooks hooks{ask, keep_fits, job_.most_checkpoint_bytes - held_bytes()};
    return FoldGroup(job_, range, hooks).fit(fit_context);
  }

  // False if the trial has ended.
  bool take_fold(size_t number, FoldFit& fit) {
    outcome_.curve.insert(outcome_.curve.end(), fit.curve.begin(), fit.curve.end());
    if (!fit.result) {
      take_over(number);
      return true;
    }
    Result<FitResult>& fitted = *fit.result;
    if (!fitted) {
      const bool cancelled = fitted.error().code == StatusCode::kCancelled;
      if (cancelled) {
        end(TrialStatus::kCancelled, kNoStep);
      } else {
        outcome_.error = fitted.error().code;
        end(TrialStatus::kFailed,
            fmt::format("{}: {}", name_of(fitted.error().code), fitted.error().message));
      }
      return false;
    }
    FoldRecord& record = outcome_.folds.emplace_back();
    record.fit_seconds = fit.seconds;
    record.iterations = fitted->iterations;
    record.best_iteration = fitted->best_iteration;
    record.truncated = fitted->truncated;
    if (std::isfinite(fitted->oob_loss)) record.oob_loss = fitted->oob_loss;
    truncated_ |= fitted->truncated;
    fits_.push_back(std::move(fitted->state));
    if (fitted->stopped) {
      end(TrialStatus::kPruned, fmt::format("given up after {} steps", fitted->iterations));
      return false;
    }
    auto model = set_.for_all_rows(number, std::move(fitted->model));
    if (!model) {
      end(TrialStatus::kFailed, model.error().message);
      return false;
    }
    // The rungs compare what is best for the fold itself.
    models_.push_back(std::move(*model));
    const std::shared_ptr<const Model> best = cut(number, record.best_iteration);
    if (predict(number, record, *best, std::move(fitted->valid_predictions))) {
      if (job_.keep_oob) oob_.add(number, fitted->oob_predictions);
      return true;
    }
    models_.pop_back();
    fits_.pop_back();
    outcome_.folds.pop_back();
    return false;
  }

  std::shared_ptr<const Model> cut(size_t fold, int64_t steps) const {
    const std::shared_ptr<const Model>& whole = models_[fold];
    if (steps >= whole->step_count()) return whole;
    return whole->first_steps(steps);
  }

  // Cuts the models to the steps that the other folds of their partition speak for, and predicts
  // again where that differs. If there is no time to predict, they keep what was best for
  // themselves.
  void settle_steps() {
    if (set_.is_holdout()) return;
    const size_t fold_count = set_.folds().size();
    for (size_t begin = 0; begin < models_.size(); begin += fold_count) {
      settle_steps_of(begin, std::min(fold_count, models_.size() - begin));
    }
  }

  void settle_steps_of(size_t begin, size_t count) {
    std::vector<int64_t> best;
    std::vector<int64_t> grown;
    for (size_t fold = begin; fold < begin + count; ++fold) {
      if (models_[fold]->step_count() == 0) return;
      best.push_back(std::min(outcome_.folds[fold].best_iteration, models_[fold]->step_count()));
      grown.push_back(models_[fold]->step_count());
    }
    const std::vector<int64_t> steps = steps_by_others(best, grown);
    std::vector<std::shared_ptr<const Model>> kept;
    const OutOfFold before = predictions_;
    bool settled = true;
    for (size_t i = 0; i < count && settled; ++i) {
      kept.push_back(cut(begin + i, steps[i]));
      if (steps[i] == best[i]) continue;
      settled = predict(begin + i, outcome_.folds[begin + i], *kept[i], {});
    }
    if (!settled) {
      predictions_ = before;
      kept.clear();
      for (size_t i = 0; i < count; ++i) kept.push_back(cut(begin + i, best[i]));
    }
    for (size_t i = 0; i < count; ++i) {
      outcome_.folds[begin + i].best_iteration = settled ? steps[i] : best[i];
      models_[begin + i] = std::move(kept[i]);
    }
  }

  // A trial that was stopped between folds, or in one before its first step.
  void end_partial() {
    const size_t count = models_.size();
    settle_steps();
    end(TrialStatus::kCancelled,
        fmt::format("stopped after {} of {} folds", count, set_.folds().size()));
    auto model = average_of(models_);
    if (!model) return;
    outcome_.partial = partial_trial(job_.spec, set_, count, std::move(*model), predictions_);
  }

  // `known`: the predictions if the fit has them already, else empty.
  bool predict(size_t number, FoldRecord& record, const Model& model, std::vector<float> known) {
    const Fold& fold = set_.all_folds()[number];
    const StopToken stop(job_.clock,
                         job_.predict_deadline_ns ? job_.predict_deadline_ns() : kNoDeadline);
    kernels::ComputeContext context = context_;
    context.stop = &stop;
    std::vector<float> out = std::move(known);
    const int64_t start_ns = job_.clock->now_ns();
    Status predicted;
    if (out.empty()) {
      out.resize(fold.valid_rows.size() * static_cast<size_t>(set_.output_count()));
      predicted =
          model.predict(*set_.data().features, fold.valid_rows, context, out, set_.data().frame);
    }
    if (!predicted) {
      const bool cancelled = predicted.error().code == StatusCode::kCancelled;
      outcome_.error = predicted.error().code;
      end(cancelled ? TrialStatus::kCancelled : TrialStatus::kFailed,
          fmt::format("predicting: {}", predicted.error().message));
      return false;
    }
    record.predict_seconds += static_cast<double>(job_.clock->now_ns() - start_ns) * 1e-9;
    const double fold_seconds = record.fit_seconds + record.predict_seconds;
    if (fold_seconds > 0) predict_ratio_ = record.predict_seconds / fold_seconds;
    predictions_.put(number, out);
    const auto score = predictions_.score_at(fold.places, number / set_.folds().size());
    if (score) record.score = *score;
    return true;
  }

  bool passes(const RungValue& value) {
    rungs_.push_back(value);
    return job_.on_rung(value);
  }

  bool passes_rung(size_t fold) {
    if (!job_.on_rung) return true;
    std::vector<uint32_t> places;
    for (size_t i = 0; i <= fold; ++i) {
      const Fold& done = set_.folds()[i];
      places.insert(places.end(), done.places.begin(), done.places.end());
    }
    std::sort(places.begin(), places.end());
    const auto score = predictions_.score_at(places, 0);
    if (!score) return true;  // undefined so far, say with one class only
    const int step = fold == 0 ? 1 : 2;
    return passes({{Rung::Ladder::kFolds, step}, set_.metric().loss_of(*score)});
  }

  // After the last fold it is too late to give up, but others compare themselves with it.
  bool passes_fold_test(size_t fold) {
    const std::optional<double>& score = outcome_.folds[fold].score;
    if (!job_.on_rung || !score) return true;
    const int step = static_cast<int>(fold) + 1;
    const bool passed = passes({{Rung::Ladder::kSingleFold, step}, set_.metric().loss_of(*score)});
    return passed || fold + 1 == set_.folds().size();
  }

  void finish() {
    if (truncated_ && job_.most_rest_bytes > 0) outcome_.rest = rest();
    settle_steps();
    const int64_t start_ns = job_.clock->now_ns();
    const auto score = predictions_.mean_score();
    outcome_.score_seconds = static_cast<double>(job_.clock->now_ns() - start_ns) * 1e-9 /
                             static_cast<double>(predictions_.partition_count());
    if (!score) return end(TrialStatus::kFailed, "scoring: " + score.error().message);
    auto model = average_of(models_);
    if (!model) return end(TrialStatus::kFailed, model.error().message);
    outcome_.model = std::move(*model);
    outcome_.model_bytes = outcome_.model->byte_count();
    outcome_.predictions = std::make_shared<const std::vector<float>>(predictions_.take_mean());
    outcome_.prediction_bytes = static_cast<int64_t>(outcome_.predictions->size() * sizeof(float));
    outcome_.oob = oob_.means();
    outcome_.score = *score;
    outcome_.result.loss = set_.metric().loss_of(*score);
    end(truncated_ ? TrialStatus::kPartial : TrialStatus::kFinished,
        truncated_ ? cut_reason() : "");
  }

  std::string_view cut_reason() const {
    if (context_.stop->requested()) return kCutByStop;
    return job_.shared_time ? "fits were cut short: their share of the time was up"
                            : "fits were cut short by the deadline";
  }

  void end(TrialStatus status, std::string_view message) {
    outcome_.result.status = status;
    outcome_.result.message = message;
  }

  // When fits of folds that begin now must stop, which moves as the end of all fits does.
  std::function<int64_t()> deadline_of(const FoldGroup::Range& folds) const {
    const int64_t start_ns = job_.clock->now_ns();
    // A fold of another partition takes what it took before, or is dropped.
    const size_t fold_count = set_.folds().size();
    const auto count = static_cast<double>(folds.end - folds.begin);
    const double folds_left =
        folds.begin < fold_count ? static_cast<double>(fold_count - folds.begin) : count;
    double fit_share = kFirstFitShare;
    const double known = std::max(job_.predict_ratio, predict_ratio_);
    if (known > 0) fit_share = std::clamp(0.97 - 1.5 * known, kLeastFitShare, kMostFitShare);
    return [this, start_ns, share = fit_share * count / folds_left] {
      const int64_t end_ns = job_.fit_deadline_ns ? job_.fit_deadline_ns() : kNoDeadline;
      if (end_ns == kNoDeadline) return kNoDeadline;
      return start_ns + static_cast<int64_t>(share * static_cast<double>(end_ns - start_ns));
    };
  }

  double logical_cost() const {
    const auto cost = job_.learner->logical_cost(set_.shape(), job_.spec.params);
    if (!cost) return 0;
    const size_t done = std::min(outcome_.folds.size(), set_.folds().size());
    const size_t begun = climb_.end == ShareClimb::End::kPassed ? 1 : 0;
    return climb_.logical_cost + *cost * static_cast<double>(std::max(done, begun));
  }

  const TrialJob& job_;
  const TrainingSet& set_;
  const kernels::ComputeContext& context_;
  TrialOutcome outcome_;
  std::vector<std::shared_ptr<const Model>> models_;
  std::vector<std::optional<FitState>> fits_;  // of folds that were cut short
  OutOfFold predictions_;
  OutOfBag oob_;
  std::vector<RungValue> rungs_;  // passed
  ShareClimb climb_;
  int64_t start_ns_ = 0;
  double search_seconds_ = 0;  // that the first partition took; 0: not done
  bool truncated_ = false;
  double predict_ratio_ = 0;  // of the last fold
};

}  // namespace

TrialOutcome run_trial(const TrialJob& job, const kernels::ComputeContext& context) {
  return TrialRunner(job, context).run();
}

}  // namespace assay::automl
