// Axes of pictures: ranges in round steps, places on them, and the texts of their ticks. Pure.
#pragma once

#include <string>
#include <vector>

namespace assay::automl {

struct Axis {
  double low = 0;
  double high = 1;
  double step = 1;   // between ticks; of a logarithmic axis in powers of ten
  bool log = false;  // then low > 0

  // 0 at low, 1 at high; not held within.
  double place(double value) const;
};

// A range in about `parts` round steps (1, 2 or 5 times a power of ten) that covers low..high,
// wider if that is a single value. Infinities and NaN count as 0.
Axis round_axis(double low, double high, int parts);
// The same without widening to round ends: ticks lie within.
Axis tight_axis(double low, double high, int parts);
// Over powers of ten, low and high as they are. Both must be > 0.
Axis log_axis(double low, double high);

struct Tick {
  double value = 0;
  std::string text;
};

// Ascending, within the axis.
std::vector<Tick> ticks_of(const Axis& axis);

// A number with as many digits as a step of this size needs: "0.85", "1200", "2.5e6".
std::string tick_text(double value, double step);

}  // namespace assay::automl
