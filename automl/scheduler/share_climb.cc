#include "automl/scheduler/share_climb.h"

#include <algorithm>
#include <span>
#include <utility>

#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

class Climber {
 public:
  Climber(const TrialJob& job, const kernels::ComputeContext& context,
          const ShareCallbacks& callbacks)
      : job_(job),
        set_(*job.set),
        fold_(set_.folds().front()),
        context_(context),
        callbacks_(callbacks) {}

  ShareClimb run() {
    const int done = last_step();
    for (size_t i = 0; i < job_.shares.size() && climb_.end == ShareClimb::End::kPassed; ++i) {
      count_cost(job_.shares[i]);
      if (job_.shares[i].step <= done) continue;
      const auto loss = fit(job_.shares[i]);
      if (!loss) continue;
      if (!callbacks_.ask({{Rung::Ladder::kRows, job_.shares[i].step}, *loss})) {
        climb_.end = ShareClimb::End::kGivenUp;
        climb_.message = fmt::format("given up after a fit on {} of {} rows",
                                     job_.shares[i].rows.size(), fold_.train_rows.size());
      } else {
        callbacks_.passed();
      }
    }
    return std::move(climb_);
  }

 private:
  // That an earlier process had passed.
  int last_step() const {
    if (!job_.begin) return 0;
    if (!job_.begin->fits.empty() || !job_.begin->folds.empty()) return kRungCount;
    int step = 0;
    for (const RungValue& value : job_.begin->rungs) {
      if (value.rung.ladder == Rung::Ladder::kRows) step = std::max(step, value.rung.step);
    }
    return step;
  }

  void count_cost(const RowShare& share) {
    DataShape shape = set_.shape();
    shape.train_count = static_cast<int64_t>(share.rows.size());
    climb_.logical_cost += job_.learner->logical_cost(shape, job_.spec.params).value_or(0);
  }

  // The loss at its rung; nothing if it is not to be asked for: the climb's end says why, or the
  // share is passed over.
  std::optional<double> fit(const RowShare& share) {
    const StopToken stop(job_.clock, &callbacks_.deadline_ns, context_.stop);
    kernels::ComputeContext fit_context = context_;
    fit_context.stop = &stop;
    FitRequest request;
    request.data = &set_.data(0);
    request.train_rows = share.rows;
    request.valid_rows = fold_.valid_rows;
    request.params = job_.spec.params;
    request.seed = derive_seed(job_.spec.seed, "fold", 0);
    const int64_t start_ns = job_.clock->now_ns();
    auto fitted = job_.learner->fit(request, fit_context);
    fit_seconds_ += seconds_since(start_ns);
    if (!fitted) {
      if (fitted.error().code != StatusCode::kData) fail_with(fitted.error());
      return std::nullopt;
    }
    auto model = set_.for_all_rows(0, std::move(fitted->model));
    if (!model) {
      fail_with(model.error());
      return std::nullopt;
    }
    ShareModel made;
    made.row_count = static_cast<int64_t>(share.rows.size());
    made.model = std::move(*model);
    made.predictions = std::move(fitted->valid_predictions);
    made.record.iterations = fitted->iterations;
    made.record.best_iteration = fitted->best_iteration;
    made.record.truncated = true;  // if it stands in, the fit on all rows was
    const auto loss = score(made);
    if (loss && (!climb_.best || *loss < climb_.best->loss)) climb_.best = std::move(made);
    if (fitted->truncated) climb_.end = ShareClimb::End::kCutShort;
    return fitted->truncated ? std::nullopt : loss;
  }

  // Predicts where the fit has not, and scores; nothing if that cannot be done.
  std::optional<double> score(ShareModel& made) {
    const int64_t start_ns = job_.clock->now_ns();
    if (made.predictions.empty()) {
      const StopToken stop(job_.clock,
                           job_.predict_deadline_ns ? job_.predict_deadline_ns() : kNoDeadline);
      kernels::ComputeContext context = context_;
      context.stop = &stop;
      made.predictions.resize(fold_.valid_rows.size() * static_cast<size_t>(set_.output_count()));
      const Status predicted = made.model->predict(*set_.data().features, fold_.valid_rows, context,
                                                   made.predictions, set_.data().frame);
      if (!predicted) {
        fail_with(predicted.error());
        return std::nullopt;
      }
    }
    predict_seconds_ += seconds_since(start_ns);
    const auto score = set_.score_at(fold_.places, made.predictions);
    if (!score) return std::nullopt;  // undefined, say with one class only
    made.record.score = *score;
    made.record.fit_seconds = fit_seconds_;
    made.record.predict_seconds = predict_seconds_;
    made.loss = set_.metric().loss_of(*score);
    return made.loss;
  }

  void fail_with(const Error& error) {
    if (error.code == StatusCode::kCancelled) {
      climb_.end = ShareClimb::End::kCutShort;
      return;
    }
    climb_.end = ShareClimb::End::kFailed;
    climb_.error = error.code;
    climb_.message = fmt::format("{}: {}", name_of(error.code), error.message);
  }

  double seconds_since(int64_t start_ns) const {
    return static_cast<double>(job_.clock->now_ns() - start_ns) * 1e-9;
  }

  const TrialJob& job_;
  const TrainingSet& set_;
  const Fold& fold_;
  const kernels::ComputeContext& context_;
  const ShareCallbacks& callbacks_;
  ShareClimb climb_;
  double fit_seconds_ = 0;
  double predict_seconds_ = 0;
};

}  // namespace

ShareClimb climb_shares(const TrialJob& job, const kernels::ComputeContext& context,
                        const ShareCallbacks& callbacks) {
  return Climber(job, context, callbacks).run();
}

}  // namespace assay::automl
