// A density over the unit cube of a search space: a mixture of product kernels, one around each
// given point and a wide one for what is not known (Bergstra, Bardenet, Bengio, Kegl: "Algorithms
// for Hyper-Parameter Optimization", NIPS 2011; products over all parameters as Falkner, Klein,
// Hutter: "BOHB", ICML 2018). Numbers have normal kernels cut to [0, 1], choices a share each.
// Owns copies of its points; the space must outlive it. Const use is thread-safe.
#pragma once

#include <span>
#include <vector>

#include "automl/config/search_space.h"
#include "kernels/base/rng.h"

namespace assay::automl {

class ParzenDensity {
 public:
  // `centres` are points of the space, each with a weight above 0 in `weights`; the wide kernel
  // weighs 1. A parameter that is not active at a centre is uniform there.
  ParzenDensity(const SearchSpace& space, std::vector<std::vector<double>> centres,
                std::vector<double> weights);

  std::vector<double> draw(Rng& rng) const;
  double log_density(std::span<const double> point) const;

 private:
  struct Kernel {
    std::vector<double> centre;
    std::vector<bool> active;
    double weight = 0;
  };
  double log_kernel(const Kernel& kernel, std::span<const double> point,
                    const std::vector<bool>& active) const;

  const SearchSpace* space_;
  std::vector<int64_t> levels_;  // of each parameter: number of choices, 0 for numbers
  double deviation_ = 1;         // of kernels around points
  double level_share_ = 0;       // what a kernel gives to all choices together, not to its own
  double weight_sum_ = 1;
  std::vector<Kernel> kernels_;
};

}  // namespace assay::automl
