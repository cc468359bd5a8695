// The Pareto front of score against the latency of one row, as a figure and as text.
#pragma once

#include <string>

#include "automl/report/plot.h"
#include "automl/scheduler/leaderboard.h"

namespace assay::automl {

// Every model of the sweep that was measured, the ensembles that selection passed through, and the
// front as a line. Equal leaderboards give equal bytes. Without a picture if nothing was measured.
Figure front_figure(const Leaderboard& board);

// The front as a table, the fastest first; empty if it has less than two points.
std::string front_text(const Leaderboard& board, int width = 0);

}  // namespace assay::automl
