// Numbers that begin anew after a period, on the circle: the hour 23 is next to the hour 0.
#pragma once

namespace assay::automl {

struct CirclePoint {
  double sine = 0;
  double cosine = 1;
};

// sin and cos of 2 pi value / period, for a finite value and a period above 0: the same bits on
// every machine, wrong by less than 1e-15 beside what the division rounds.
CirclePoint on_circle(double value, double period);

}  // namespace assay::automl
