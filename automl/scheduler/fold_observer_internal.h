// FoldObserver: what a trial hears of the fit of one fold. Not thread-safe.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "automl/scheduler/trial.h"
#include "kernels/base/function_ref.h"

namespace assay::automl {

// Keeps the learning curve and asks at the rungs of a holdout.
class FoldObserver final : public FitObserver {
 public:
  FoldObserver(const TrialJob& job, int fold, std::vector<CurvePoint>& curve,
               FunctionRef<bool(const RungValue&)> ask, FunctionRef<void(FitState)> keep)
      : job_(job), fold_(fold), curve_(curve), ask_(ask), keep_(keep) {
    if (!job_.begin) return;
    for (const RungValue& value : job_.begin->rungs) rung_ = std::max(rung_, value.rung.step);
  }

  bool report(const FitProgress& progress) override {
    if (!std::isfinite(progress.valid_loss)) return true;
    constexpr int64_t kCurvePoints = 100;
    const int64_t stride = std::max<int64_t>(1, progress.total / kCurvePoints);
    if (progress.step % stride == 0 || progress.step == progress.total) {
      curve_.push_back({fold_, progress.step, progress.valid_loss});
    }
    if (!job_.set->is_holdout() || !job_.on_rung || !progress.common_loss) return true;
    for (const int64_t divisor : {9, 3}) {
      const int step = divisor == 9 ? 1 : 2;
      const int64_t at = (progress.total + divisor - 1) / divisor;
      if (rung_ >= step || progress.step < at || progress.total < 18) continue;
      rung_ = step;
      if (!ask_({{Rung::Ladder::kRounds, step}, progress.valid_loss})) return false;
    }
    return true;
  }
  bool wants_state(int64_t bytes, bool last) override {
    return !last && bytes <= room_ && job_.wants_checkpoint && job_.wants_checkpoint();
  }
  // What a state may take.
  void set_room(int64_t bytes) { room_ = bytes; }
  void keep_state(FitState state) override { keep_(std::move(state)); }

 private:
  const TrialJob& job_;
  int fold_;
  std::vector<CurvePoint>& curve_;
  FunctionRef<bool(const RungValue&)> ask_;
  FunctionRef<void(FitState)> keep_;
  int rung_ = 0;  // of a holdout
  int64_t room_ = 0;
};

}  // namespace assay::automl
