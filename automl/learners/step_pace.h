// StepPace: of a fit whose learning rate falls to 0 over its steps, how many are still to be made:
// those planned, or so many as there will be time for. A fit that follows it comes to the end of
// its schedule before its deadline, for a network whose rate never fell is worth little. Without a
// deadline it reads no clock, and the pace is that of the plan.
#pragma once

#include <cstdint>

#include "kernels/base/clock.h"

namespace assay::automl {

class StepPace {
 public:
  // `stop` may be null; else it must outlive the pace. Time runs from now.
  StepPace(int64_t planned_steps, const StopToken* stop);

  // After `done` steps; 0 if there is no time for one more. Of the time left `reserved` seconds are
  // for what comes after the last step.
  double steps_left(int64_t done, double reserved) const;
  // Since it was made; 0 without a deadline.
  double seconds() const;

 private:
  int64_t planned_;
  const StopToken* stop_;
  const Clock* clock_ = nullptr;  // null: no deadline
  int64_t start_ns_ = 0;
};

}  // namespace assay::automl
