// A Gaussian process with a Matern 5/2 kernel and one length scale a coordinate (Rasmussen and
// Williams, "Gaussian Processes for Machine Learning", 2006), on points of the unit cube:
//     k(a, b) = s^2 (1 + r + r^2 / 3) exp(-r),   r^2 = 5 sum_j (a_j - b_j)^2 / l_j^2
// and noise of variance s^2 v. s is the most likely one given the others; l and v maximise the
// posterior under log-normal priors. Choices differ by 1 or not at all. Costs O(n^3) a step of the
// fit, O(n^2) a prediction. Owns all it needs; const use is thread-safe.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "automl/config/search_space.h"
#include "kernels/base/status.h"

namespace assay::automl {

class GaussianProcess {
 public:
  // `points` of the space, at least 2, and a value for each; values need no scaling.
  // Fails: invalid_argument if the sizes do not fit; internal if the fit is not finite.
  static Result<GaussianProcess> fit(const SearchSpace& space,
                                     std::span<const std::vector<double>> points,
                                     std::span<const double> values);
  ~GaussianProcess();
  GaussianProcess(GaussianProcess&&) noexcept;
  GaussianProcess& operator=(GaussianProcess&&) noexcept;

  struct Prediction {
    double mean = 0;
    double deviation = 0;  // of the function, without noise
  };
  Prediction predict(std::span<const double> point) const;

  // The same with the further points taken for known, each with the mean predicted for it
  // (Ginsbourger, Le Riche, Carraro: "Kriging is well-suited to parallelize optimization", 2010).
  // Fails: internal if that is not finite.
  Result<GaussianProcess> believing(std::span<const std::vector<double>> further) const;

  // l, one a coordinate, and v.
  std::span<const double> length_scales() const;
  double noise() const;

 private:
  struct State;
  explicit GaussianProcess(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace assay::automl
