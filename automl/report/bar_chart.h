// Horizontal bars with a name and a number each. Pure.
#pragma once

#include <span>
#include <string>

#include "automl/report/plot.h"

namespace assay::automl {

struct Bar {
  std::string name;
  double value = 0;
  std::string text;  // stands behind the bar
};

// The first `limit` bars; what is left out is said. `value` >= 0; others and NaN count as 0.
// `what` says in a few words what the numbers are.
Figure bar_figure(const std::string& title, const std::string& what, std::span<const Bar> bars,
                  size_t limit = 20);

}  // namespace assay::automl
