// A small curve in a line of text.
#pragma once

#include <string>
#include <string_view>

namespace assay::automl {

// A character for each level of a run's trend (tracking/run_summary.h: digits 0 to 7, others are
// gaps): the blocks U+2581 to U+2588, or `_.-~=+*#` with `ascii`.
std::string sparkline(std::string_view trend, bool ascii);

}  // namespace assay::automl
