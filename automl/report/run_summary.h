// The last line of `assay run --json`: one object about the whole sweep.
#pragma once

#include <string>

#include "automl/scheduler/sweep.h"

namespace assay::automl {

// {"run_id", "status", "task", "metric", "validation_score", "model": {"name", "version", "path",
// "sha256", "file_bytes", "latency_us"}, "trials": {"finished", "failed", "pruned", "cancelled",
// "over_limit"}, "ensemble": {"kind", "stacking": {"average", "stacked", "gain", "noise",
// "blocks"}}, "calibration", "wall_seconds", "peak_rss_bytes", "validation", "leaderboard": [...],
// "notes":
// [...]} on one line.
std::string run_summary_json(const SweepOutcome& outcome);

}  // namespace assay::automl
