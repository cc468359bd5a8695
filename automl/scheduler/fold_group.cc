#include <algorithm>
#include <cmath>
#include <utility>

#include "automl/scheduler/fold_group_internal.h"
#include "kernels/base/rng.h"

namespace assay::automl {

// One fold's fit.
struct FoldGroup::Member {
  size_t number = 0;
  bool is_done = false;  // in the trial that this one continues
  bool has_reported = false;
  bool has_ended = false;
  bool is_missing = false;  // in the checkpoint that is wanted
  int reports = 0;          // since that was wanted
  std::optional<FitState> state;
  std::vector<CurvePoint> curve;
  std::unique_ptr<Observer> observer;
};

// Keeps the learning curve and asks at the rungs of a holdout.
class FoldGroup::Observer final : public FitObserver {
 public:
  Observer(FoldGroup& group, Member& member) : group_(group), member_(member) {
    if (!group.job_.begin) return;
    for (const RungValue& value : group.job_.begin->rungs) {
      if (value.rung.ladder == Rung::Ladder::kRounds) rung_ = std::max(rung_, value.rung.step);
    }
  }

  bool report(const FitProgress& progress) override {
    member_.has_reported = true;
    ++member_.reports;
    group_.settle_silent(member_);
    if (!std::isfinite(progress.valid_loss)) return true;
    constexpr int64_t kCurvePoints = 100;
    const int64_t stride = std::max<int64_t>(1, progress.total / kCurvePoints);
    if (progress.step % stride == 0 || progress.step == progress.total) {
      member_.curve.push_back(
          {static_cast<int>(member_.number), progress.step, progress.valid_loss});
    }
    const TrialJob& job = group_.job_;
    const bool asks = job.set->is_holdout() && job.asks_rounds && job.on_rung;
    if (!asks || !progress.common_loss) return true;
    for (const int64_t divisor : {9, 3}) {
      const int step = divisor == 9 ? 1 : 2;
      const int64_t at = (progress.total + divisor - 1) / divisor;
      if (rung_ >= step || progress.step < at || progress.total < 18) continue;
      rung_ = step;
      if (!group_.hooks_.ask({{Rung::Ladder::kRounds, step}, progress.valid_loss})) return false;
    }
    return true;
  }
  bool wants_state(int64_t bytes, bool last) override {
    return group_.wants_state(member_, bytes, last);
  }
  void keep_state(FitState state) override {
    member_.state = std::move(state);
    group_.has_gained_ = true;
    group_.settle(member_);
  }

 private:
  FoldGroup& group_;
  Member& member_;
  int rung_ = 0;  // of a holdout
};

FoldGroup::FoldGroup(const TrialJob& job, Range range, const Hooks& hooks)
    : job_(job),
      hooks_(hooks),
      room_(hooks.checkpoint_bytes / static_cast<int64_t>(range.end - range.begin)) {
  members_.resize(range.end - range.begin);  // and they stay where they are
  for (size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    member.number = range.begin + i;
    member.observer = std::make_unique<Observer>(*this, member);
    if (job.begin == nullptr) {
      if (job.rest == nullptr || member.number >= job.rest->fits.size()) continue;
      member.state = job.rest->fits[member.number];
      member.is_done = !member.state;
      continue;
    }
    const size_t place = member.number - job.begin->folds.size();
    if (place >= job.begin->fits.size() || !job.begin->fits[place]) continue;
    member.state = job.begin->fits[place];
    for (const CurvePoint& point : job.begin->curve) {
      if (point.fold == static_cast<int>(member.number)) member.curve.push_back(point);
    }
  }
}

FoldGroup::~FoldGroup() = default;

FitRequest FoldGroup::request_of(Member& member) const {
  const TrainingSet& set = *job_.set;
  const Fold& fold = set.all_folds()[member.number];
  const size_t fold_count = set.folds().size();
  FitRequest request;
  request.data = &set.data(member.number);
  request.train_rows = fold.train_rows;
  request.valid_rows = fold.valid_rows;
  request.params = job_.spec.params;
  request.seed = derive_seed(job_.spec.seed, "fold", member.number);
  request.observer = member.observer.get();
  if (job_.start != nullptr) request.init_model = job_.start->model(member.number);
  request.keep_all_steps = fold_count > 1;
  request.keep_end_state = member.number < fold_count && job_.most_rest_bytes > 0;
  return request;
}

std::vector<FoldFit> FoldGroup::fit(const kernels::ComputeContext& context) {
  std::vector<FitRequest> requests;
  std::vector<FitState> begun;  // from which fits go on
  begun.reserve(members_.size());
  for (Member& member : members_) {
    if (member.is_done) continue;
    requests.push_back(request_of(member));
    if (member.state) requests.back().state = &begun.emplace_back(*member.state);
  }
  const int64_t start_ns = job_.clock->now_ns();
  std::vector<Result<FitResult>> results;
  if (requests.size() == 1) {
    results.push_back(job_.learner->fit(requests.front(), context));
  } else {
    results = job_.learner->fit_together(requests, context);
  }
  const double seconds = static_cast<double>(job_.clock->now_ns() - start_ns) * 1e-9;
  std::vector<FoldFit> fits;
  size_t next = 0;
  for (Member& member : members_) {
    FoldFit& fit = fits.emplace_back();
    if (member.is_done) continue;
    fit.result = std::move(results[next++]);
    fit.curve = std::move(member.curve);
    fit.seconds = seconds / static_cast<double>(requests.size());
  }
  return fits;
}

bool FoldGroup::wants_state(Member& member, int64_t bytes, bool last) {
  if (!job_.wants_checkpoint) return false;
  // What is kept of a fold alone that is done is the fold.
  if (last && members_.size() == 1) return false;
  member.has_ended = last;
  if (!gathering_ && !last && job_.wants_checkpoint()) {
    gathering_ = true;
    has_gained_ = false;
    for (Member& other : members_) {
      other.is_missing = other.has_reported && !other.has_ended;
      other.reports = 0;
    }
  }
  if (bytes <= room_) return last || member.is_missing;
  settle(member);
  return false;
}

// It has given its state, or has none to give.
void FoldGroup::settle(Member& member) {
  member.is_missing = false;
  const auto missing = [](const Member& other) { return other.is_missing; };
  if (!gathering_ || std::any_of(members_.begin(), members_.end(), missing)) return;
  gathering_ = false;
  if (has_gained_) hooks_.keep(under_way());
}

// Fits report in turn: one that is two behind has failed and has no more states to give.
void FoldGroup::settle_silent(const Member& reporting) {
  if (!gathering_) return;
  for (Member& other : members_) {
    if (!other.is_missing || other.reports + 2 > reporting.reports) continue;
    other.has_ended = true;
    settle(other);
  }
}

FoldsUnderWay FoldGroup::under_way() const {
  FoldsUnderWay folds;
  for (const Member& member : members_) {
    folds.fits.push_back(member.state);
    if (!member.state) continue;
    const int64_t steps = member.state->model->step_count();
    // Its points, but for rounds that will be made again.
    std::copy_if(member.curve.begin(), member.curve.end(), std::back_inserter(folds.curve),
                 [&](const CurvePoint& point) { return point.step <= steps; });
  }
  return folds;
}

}  // namespace assay::automl
