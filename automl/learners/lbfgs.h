// L-BFGS (Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", 1980; Nocedal & Wright,
// "Numerical Optimization", algorithms 7.4 and 7.5): minimises a smooth convex function from its
// values and gradients.
//
// A step goes along -H g, H an approximation of the inverse Hessian from the last `history` pairs
// of steps and gradient changes, with a length halved until the value falls enough (Armijo).
// Example: f(x) = x^2 from x = 3 reaches 0 in three steps.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "kernels/base/function_ref.h"
#include "kernels/base/status.h"

namespace assay::automl {

class Lbfgs {
 public:
  // Value at x, and the gradient into `gradient`.
  using Objective =
      FunctionRef<Result<double>(std::span<const double> x, std::span<double> gradient)>;
  explicit Lbfgs(std::vector<double> start, int history = 10)
      : x_(std::move(start)), history_(history) {}

  enum class Outcome {
    kMoved,  // a step lowered the value
    kDone,   // no step does, within rounding
  };
  // Makes one step. `objective` must be the same on every call.
  // Fails: with what the objective fails with; x() is then the point before the step.
  Result<Outcome> step(Objective objective);

  std::span<const double> x() const { return x_; }
  double value() const { return value_; }
  // Greatest magnitude of the gradient at x().
  double gradient_norm() const;

 private:
  struct Pair {
    std::vector<double> step;
    std::vector<double> change;  // of the gradient
    double curvature = 0;        // step . change
  };
  std::vector<double> direction() const;

  std::vector<double> x_;
  std::vector<double> gradient_;  // empty before the first step
  double value_ = 0;
  std::deque<Pair> pairs_;
  int history_;
};

}  // namespace assay::automl
