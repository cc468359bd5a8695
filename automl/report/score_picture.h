// An SVG picture of a sweep: each trial's score over time, and the best so far as a line. One file
// without scripts, fonts or links; equal leaderboards give equal bytes.
#pragma once

#include <string>

#include "automl/scheduler/leaderboard.h"

namespace assay::automl {

enum class PictureAxis { kSeconds, kTrials };

// Empty text if no trial has a score.
std::string score_picture(const Leaderboard& board, PictureAxis axis);

}  // namespace assay::automl
