// What successive halving did: at each rung, how many trials were compared and how many of them
// were given up there.
#pragma once

#include <span>

#include "automl/report/html_page.h"
#include "automl/report/report_data.h"

namespace assay::automl {

// A row for each learner, kind of part of the work, and rung; no rows if no trial met one.
HtmlTable halving_table(std::span<const TrialTime> times);

}  // namespace assay::automl
