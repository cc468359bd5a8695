// What fails at the end of a sweep costs its ensemble, never its model: the candidates are all
// there, and the best of them alone needs no selection, no calibration and little memory.
#include <new>
#include <utility>

#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {
namespace {

constexpr const char* kNoMemory = "there was no memory for more";

}  // namespace

Result<SweepLead::Chosen> SweepLead::choose_final() {
  const auto chosen_or_why = [&]() -> Result<Chosen> {
    try {
      return choose();
    } catch (const std::bad_alloc&) {
      return fail(StatusCode::kResourceExhausted, kNoMemory);
    }
  };
  Result<Chosen> chosen = chosen_or_why();
  // What no model keeps to is for the user to settle.
  if (!chosen && chosen.error().code == StatusCode::kConfig) return chosen;
  if (!chosen) {
    tell_loss(fmt::format("warning: the best trial alone is registered, no ensemble of several: {}",
                          chosen.error().message));
    chosen = best_alone();
    if (!chosen) return chosen;
  }
  try {
    refit(*chosen);
  } catch (const std::bad_alloc&) {
    note(fmt::format("refit on all rows: no model ({})", kNoMemory));
  }
  return chosen;
}

Result<SweepLead::Chosen> SweepLead::best_alone() {
  const std::vector<Candidate> candidates = state_->queue->pool().candidates();
  for (const Candidate& candidate : candidates) {
    try {
      Chosen chosen = alone(candidate);
      if (hold_models(chosen)) return chosen;
    } catch (const std::bad_alloc&) {
      // The next one may be smaller.
    }
  }
  return fail(StatusCode::kData, "no model of a trial is to be had any more");
}

Status SweepLead::try_to_register(const Chosen& chosen) try {
  return register_model(chosen);
} catch (const std::bad_alloc&) {
  return fail(StatusCode::kResourceExhausted, kNoMemory);
}

}  // namespace assay::automl
