// Random draws that samplers share, beyond the uniform ones of Rng.
#pragma once

#include <vector>

#include "kernels/base/rng.h"

namespace assay::automl {

// Standard normal (Box and Muller, 1958).
double draw_normal(Rng& rng);

// Normal around `mean`, in [0, 1]. `mean` must be in [0, 1] and `deviation` above 0.
double draw_normal_in_unit(Rng& rng, double mean, double deviation);

// A point of the unit cube.
std::vector<double> draw_point(Rng& rng, size_t size);

// A direction, uniform on the unit sphere; `size` >= 1.
std::vector<double> draw_direction(Rng& rng, size_t size);

}  // namespace assay::automl
