// Central differences of a linear model's loss as an oracle for its gradient.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "automl/learners/linear_loss.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {

// At a point drawn from a fixed seed, for each parameter; `what` names the case in messages.
inline void expect_gradient_of_value(const LinearLoss& loss, double step, double tolerance,
                                     const std::string& what) {
  std::vector<double> x(loss.size());
  Lcg lcg(9);
  for (double& value : x) value = lcg.next() - 0.5;
  std::vector<double> gradient(x.size()), unused(x.size());
  must(loss.value(x, gradient));
  for (size_t i = 0; i < x.size(); ++i) {
    std::vector<double> up = x, down = x;
    up[i] += step;
    down[i] -= step;
    const double slope =
        (must(loss.value(up, unused)) - must(loss.value(down, unused))) / (2 * step);
    EXPECT_NEAR(gradient[i], slope, tolerance) << what << " parameter " << i;
  }
}

}  // namespace assay::automl
