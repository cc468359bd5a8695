// Runs with changes that are nowhere on disk: the journal could not be written (or a change was too
// large for it), and their files are not written yet. After a failure of the journal they become
// none once Workspace::flush() succeeds.
#pragma once

#include <algorithm>
#include <cstddef>

#include "tracking/journal.h"

namespace assay::tracking {

inline size_t unrecorded_runs(const Journal& journal) {
  const auto runs = journal.runs();
  return static_cast<size_t>(
      std::count_if(runs.begin(), runs.end(), [](const auto& run) { return run->has_hole(); }));
}

}  // namespace assay::tracking
