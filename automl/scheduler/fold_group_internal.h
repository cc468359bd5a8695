// FoldGroup: the fits of some folds of a trial that run at the same time (Learner::fit_together),
// or of a single one: what each is asked for, and what the trial hears of them meanwhile.
//
// A checkpoint has a state of every fit under way, each of a round of its own, for fits know
// nothing of each other. When one is wanted each fit gives its state at its next report, and when
// all have, the checkpoint is made. A fit that comes to its end leaves its last state; one that
// fails is not waited for.
//
// Not thread-safe; stays where it is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "automl/scheduler/trial.h"
#include "kernels/base/function_ref.h"

namespace assay::automl {

// Fits under way, one for each fold from the first that is not done; without a state they have to
// begin anew. And their learning curves up to there.
struct FoldsUnderWay {
  std::vector<std::optional<FitState>> fits;
  std::vector<CurvePoint> curve;
};

// What came of a fold.
struct FoldFit {
  // Nothing: it was done in the trial that this one continues.
  std::optional<Result<FitResult>> result;
  std::vector<CurvePoint> curve;
  double seconds = 0;  // its part of the time that all took
};

class FoldGroup {
 public:
  // Folds [begin, end) of all partitions.
  struct Range {
    size_t begin = 0;
    size_t end = 0;
  };
  struct Hooks {
    FunctionRef<bool(const RungValue&)> ask;  // at the rungs of a holdout
    FunctionRef<void(FoldsUnderWay)> keep;    // makes a checkpoint
    int64_t checkpoint_bytes = 0;             // that may hold such states
  };
  // All must outlive it.
  FoldGroup(const TrialJob& job, Range range, const Hooks& hooks);
  ~FoldGroup();

  // Fits them. Call once.
  std::vector<FoldFit> fit(const kernels::ComputeContext& context);

 private:
  class Observer;
  struct Member;
  FitRequest request_of(Member& member) const;
  // A fit's state: whether it is wanted, and keeping it.
  bool wants_state(Member& member, int64_t bytes, bool last);
  void settle(Member& member);
  void settle_silent(const Member& reporting);
  FoldsUnderWay under_way() const;

  const TrialJob& job_;
  const Hooks& hooks_;
  std::vector<Member> members_;
  int64_t room_;             // bytes of a state
  bool gathering_ = false;   // states for a checkpoint
  bool has_gained_ = false;  // any of them
};

}  // namespace assay::automl
