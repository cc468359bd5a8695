// Parameters, tags and metrics that somebody asked for and no run has. Not thread-safe.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_field.h"
#include "tracking/run_table_internal.h"

namespace assay::tracking {

// A note for each of `fields` that no living run has a value for, with the nearest name that one
// has: "no run has params.lrr (did you mean params.lr?)". Attributes are never noted.
// Fails: as reading columns does.
Result<std::vector<std::string>> unknown_field_notes(RunTable& table,
                                                     std::span<const RunField> fields);

}  // namespace assay::tracking
