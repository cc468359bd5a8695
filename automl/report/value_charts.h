// Out-of-fold predictions of a number: predicted against true, and what is left. Pure.
#pragma once

#include <span>

#include "automl/report/plot.h"

namespace assay::automl {

// More rows than these are drawn as counts in a grid.
inline constexpr size_t kScatterRows = 2000;

struct ValuePairs {
  std::span<const double> truth;
  std::span<const double> predicted;  // as many, finite
};

Figure predicted_figure(const ValuePairs& pairs);
// Residuals (true minus predicted) against predictions, and how often they occur.
Figure residual_figure(const ValuePairs& pairs);
Figure residual_histogram(const ValuePairs& pairs);

}  // namespace assay::automl
