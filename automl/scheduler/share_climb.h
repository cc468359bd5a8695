// Fits a trial on shares of the training rows before it is fitted on all of them: rungs of halving
// by rows (Rung::Ladder::kRows), each asked with the metric's loss on the rows that validate. What
// is given up on a ninth of the rows has cost about a ninth.
//
// The model of the best share is kept by this process till the fit on all rows is done, and stands
// in for it where that is cut short by the deadline before it was better.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "automl/scheduler/trial.h"
#include "kernels/base/function_ref.h"

namespace assay::automl {

// What the fit on a share came to.
struct ShareModel {
  int64_t row_count = 0;  // of the share
  double loss = 0;        // Metric::loss_of
  FoldRecord record;      // its seconds are those of all shares so far
  std::shared_ptr<const Model> model;
  std::vector<float> predictions;  // [rows that validate, outputs]
};

struct ShareClimb {
  enum class End {
    kPassed,    // or there was nothing to climb: it is fitted on all rows
    kGivenUp,   // at a rung
    kCutShort,  // by its deadline, or a stop
    kFailed,
  };
  End end = End::kPassed;
  std::string message;              // of kGivenUp and kFailed
  std::optional<StatusCode> error;  // of kFailed
  double logical_cost = 0;          // of all fits on shares, those of an earlier process included
  std::optional<ShareModel> best;
};

struct ShareCallbacks {
  std::function<int64_t()> deadline_ns;     // when fits must stop; it may move
  FunctionRef<bool(const RungValue&)> ask;  // false: the trial is given up
  FunctionRef<void()> passed;               // after each rung that was passed
};

// Climbs job.shares, all but those that job.begin has behind it. A share that nothing can be
// learned from (StatusCode::kData) is passed over.
ShareClimb climb_shares(const TrialJob& job, const kernels::ComputeContext& context,
                        const ShareCallbacks& callbacks);

}  // namespace assay::automl
