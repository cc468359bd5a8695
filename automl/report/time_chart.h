// When trials ran: a line for each slot, a bar for each trial. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "automl/report/plot.h"
#include "automl/report/report_data.h"

namespace assay::automl {

// The line of each trial, from 0: the lowest that is free when it begins. `times` by begin.
std::vector<size_t> slot_lanes(std::span<const TrialTime> times);

// `colours` as learner_colours gives them; `end` is the end of the sweep in seconds.
Figure timeline_figure(std::span<const TrialTime> times,
                       const std::map<std::string, size_t>& colours, double end);

}  // namespace assay::automl
