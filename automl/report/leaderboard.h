// A leaderboard as text for people and as JSON for programs.
#pragma once

#include <cstdint>
#include <string>

#include "automl/scheduler/leaderboard.h"

namespace assay::automl {

// At most `limit` rows (0: all) as an aligned table, cut to `width` columns (0: not cut; columns
// that matter least are left out first), with a last line that says how many were left out. Rows
// that are in the registered model are shown below the limit too, five at most.
std::string leaderboard_text(const Leaderboard& board, int64_t limit = 10, int width = 0);

// An array of objects, on one line. What is not known is null.
std::string leaderboard_json(const Leaderboard& board);

}  // namespace assay::automl
