#include "automl/scheduler/memory_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "automl/scheduler/time_plan.h"

namespace assay::automl {
namespace {

// Predictions of a running trial, what scoring gathers, and the metric's own copy.
constexpr int64_t kPredictionCopies = 3;
// Of what all running trials may take, for the partitions of one.
constexpr int64_t kRepeatShare = 64;
// Likewise for the fits of one at the same time.
constexpr int64_t kTogetherShare = 32;
constexpr int kMostShrinks = 64;
// Of what all kept models may take, for one that is held; and no more than this.
constexpr int64_t kHeldShare = 64;
constexpr int64_t kMostHeldBytes = int64_t{1} << 20;

}  // namespace

int64_t MemoryPlan::held_model_bytes() const {
  return std::clamp<int64_t>(kept_model_bytes() / kHeldShare, 0, kMostHeldBytes);
}

int64_t MemoryPlan::trial_bytes() const {
  return std::max<int64_t>(0, room() - kept_prediction_bytes() - kept_model_bytes());
}

int64_t MemoryPlan::repeat_bytes() const {
  return shape_.partition_count > 1 ? trial_bytes() / kRepeatShare : 0;
}

Result<int64_t> MemoryPlan::planned_bytes(const Learner& learner, const ParamMap& params) const {
  ASSAY_ASSIGN_OR_RETURN(const int64_t searched, searched_bytes(learner, params));
  ASSAY_ASSIGN_OR_RETURN(const int64_t together, together_bytes(learner, params));
  const int64_t more = repeat_bytes() + (has_room_together(learner, params) ? together : 0);
  // What is searched may take all there is; then nothing is left for more.
  const int64_t left = std::max<int64_t>(0, trial_bytes() - searched);
  return searched + std::min(more, left);
}

bool MemoryPlan::has_room_together(const Learner& learner, const ParamMap& params) const {
  const auto searched = searched_bytes(learner, params);
  const auto together = together_bytes(learner, params);
  return searched && together && *together <= trial_bytes() / kTogetherShare &&
         *searched + *together <= trial_bytes();
}

Result<int64_t> MemoryPlan::together_bytes(const Learner& learner, const ParamMap& params) const {
  // Whatever the threads are: plans of logical mode must not depend on them.
  if (!learner.gains_together(shape_.data, std::numeric_limits<int>::max())) return 0;
  ASSAY_ASSIGN_OR_RETURN(const PlannedBytes one,
                         learner.planned_bytes(shape_.data, params, shape_.threads));
  DataShape shape = shape_.data;
  shape.fits = shape_.fold_count;
  ASSAY_ASSIGN_OR_RETURN(const PlannedBytes all,
                         learner.planned_bytes(shape, params, shape_.threads));
  return std::max<int64_t>(0, all.fit - one.fit - (shape_.fold_count - 1) * one.model);
}

Result<int64_t> MemoryPlan::searched_bytes(const Learner& learner, const ParamMap& params) const {
  ASSAY_ASSIGN_OR_RETURN(const PlannedBytes bytes,
                         learner.planned_bytes(shape_.data, params, shape_.threads));
  const int64_t shares = shape_.climbs ? bytes.model + shape_.prediction_bytes : 0;
  return bytes.fit + (shape_.fold_count - 1) * bytes.model +
         kPredictionCopies * shape_.prediction_bytes + shares;
}

Result<int64_t> MemoryPlan::needed_limit(const Learner& learner, const ParamMap& params) const {
  ASSAY_ASSIGN_OR_RETURN(const int64_t planned, searched_bytes(learner, params));
  ASSAY_ASSIGN_OR_RETURN(const PlannedBytes bytes,
                         learner.planned_bytes(shape_.data, params, shape_.threads));
  // Shares of the room: 13/20 for trials, 1/4 for models, 1/10 for predictions.
  const int64_t wanted = std::max(
      {planned * 20 / 13, 4 * shape_.fold_count * bytes.model, 10 * shape_.prediction_bytes});
  return shape_.base_bytes + wanted + 16;
}

Result<int64_t> MemoryPlan::fit(const Learner& learner, std::span<const std::string> fixed,
                                ParamMap& params) const {
  ASSAY_ASSIGN_OR_RETURN(const int64_t wanted, needed_limit(learner, params));
  int64_t needed = wanted;
  for (int step = 0; needed > shape_.limit_bytes; ++step) {
    const std::vector<ParamMap> settings = learner.smaller(shape_.data, params);
    const auto next = std::find_if(settings.begin(), settings.end(), [&](const ParamMap& setting) {
      return keeps_fixed(params, setting, fixed);
    });
    if (next == settings.end() || step == kMostShrinks) {
      return fail(StatusCode::kResourceExhausted,
                  "it needs a memory limit of {} (budget.memory is {}), and {} at the least",
                  mib_text(wanted), mib_text(shape_.limit_bytes), mib_text(needed));
    }
    params = *next;
    ASSAY_ASSIGN_OR_RETURN(needed, needed_limit(learner, params));
  }
  return planned_bytes(learner, params);
}

std::string mib_text(int64_t bytes) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  constexpr int64_t kReadable = 10240;  // of a unit; 10 GiB and more are told in GiB
  if (bytes <= kReadable * kMiB) return fmt::format("{} MiB", (bytes + kMiB - 1) / kMiB);
  const bool huge = bytes > kReadable * kMiB * 1024;
  const double unit = static_cast<double>(kMiB) * (huge ? 1024.0 * 1024.0 : 1024.0);
  return fmt::format("{:.1f} {}", std::ceil(static_cast<double>(bytes) / unit * 10) / 10,
                     huge ? "TiB" : "GiB");
}

}  // namespace assay::automl
