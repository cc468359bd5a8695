// Standard functions to minimise, with the spaces they are searched in, and the loop that does so.
// For tests and bench/search.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "automl/search/sampler.h"

namespace assay::automl {

struct SearchFunction {
  std::string name;
  SearchSpace space;
  std::function<double(const ParamMap&)> value;
  double least = 0;  // its minimum
};

// Two variables, three minima of 0.397887 (Dixon and Szegoe, 1978).
SearchFunction branin();
// Six variables, minimum -3.32237 (Hartman, 1973).
SearchFunction hartmann6();
// A bent valley in `d` variables in [-2, 2], minimum 0 at (1, ..., 1) (Rosenbrock, 1960).
SearchFunction rosenbrock(int d);
// A log-scaled number, an integer, a switch and a choice that moves the best integer; minimum 0 at
// rate 0.01, size 7, kind "b", on.
SearchFunction mixed();

// Samples `count` points, the default first, and gives the best value so far minus the least one
// after each. The results of the last `hidden` points are not known yet to the sampler.
std::vector<double> regrets(const Sampler& sampler, const SearchFunction& function, int count,
                            uint64_t seed, int hidden = 0);

// The middle of the last regrets for seeds 1..seeds.
double median_regret(std::string_view sampler, const SearchFunction& function, int count, int seeds,
                     int hidden = 0);

}  // namespace assay::automl
