#include "automl/search/trial_spec.h"

#include <array>

namespace assay::automl {

std::string_view name_of(TrialOrigin origin) {
  constexpr std::array<std::string_view, kTrialOrigins> kNames = {
      "baseline", "default", "random", "guided", "continued", "earlier", "portfolio"};
  return kNames[static_cast<size_t>(origin)];
}

std::string_view name_of(TrialStatus status) {
  constexpr std::array<std::string_view, kTrialStatuses> kNames = {
      "running", "finished", "partial", "pruned", "failed", "skipped", "cancelled", "over_limit"};
  return kNames[static_cast<size_t>(status)];
}

}  // namespace assay::automl
