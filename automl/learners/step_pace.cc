#include "automl/learners/step_pace.h"

#include <algorithm>
#include <cmath>

namespace assay::automl {
namespace {

// Steps that say how long one takes.
constexpr int64_t kFirstSteps = 4;
// Of all the time, for steps that take longer than those before.
constexpr double kSpareShare = 0.04;

}  // namespace

StepPace::StepPace(int64_t planned_steps, const StopToken* stop)
    : planned_(planned_steps), stop_(stop) {
  if (stop == nullptr || std::isinf(stop->seconds_left())) return;
  clock_ = stop->clock();
  if (clock_ != nullptr) start_ns_ = clock_->now_ns();
}

double StepPace::seconds() const {
  return clock_ == nullptr ? 0 : static_cast<double>(clock_->now_ns() - start_ns_) * 1e-9;
}

double StepPace::steps_left(int64_t done, double reserved) const {
  const auto planned = static_cast<double>(std::max<int64_t>(planned_ - done, 0));
  if (clock_ == nullptr || done < kFirstSteps) return planned;
  const double gone = seconds();
  if (!(gone > 0)) return planned;
  const double left = stop_->seconds_left();
  if (std::isinf(left)) return planned;  // a deadline may move out of sight
  const double usable = left - kSpareShare * (gone + left) - reserved;
  // A part of a step is none.
  return std::min(planned, std::max(0.0, std::floor(usable / gone * static_cast<double>(done))));
}

}  // namespace assay::automl
