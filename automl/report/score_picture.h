// A sweep as a picture: each trial's score over time, and the best so far as a line. Equal
// leaderboards give equal bytes.
#pragma once

#include <map>
#include <string>

#include "automl/report/plot.h"
#include "automl/scheduler/leaderboard.h"

namespace assay::automl {

enum class PictureAxis { kSeconds, kTrials };

// The colour of each learner of a sweep (fill_class, line_class): the same in all its pictures.
std::map<std::string, size_t> learner_colours(const Leaderboard& board);

// One SVG file without scripts, fonts or links. Empty text if no trial has a score.
std::string score_picture(const Leaderboard& board, PictureAxis axis);

// The same for a page, with the legend beside it.
Figure history_figure(const Leaderboard& board, PictureAxis axis);

}  // namespace assay::automl
