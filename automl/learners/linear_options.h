// Options of the learner "linear": regularised linear and logistic regression.
#pragma once

#include <cstdint>

#include "automl/config/option_table.h"

namespace assay::automl {

struct LinearOptions {
  double l2 = 1;
  int64_t max_iterations = 200;
  double tolerance = 1e-5;
  static const OptionTable<LinearOptions>& table();
};

}  // namespace assay::automl
