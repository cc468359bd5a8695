// KeepPace: when a sweep keeps the best model that it has come to so far. Intervals grow with the
// time that has passed, so that a sweep of any length keeps a dozen or two, and all of them
// together take a small share of it. Times are seconds since the sweep's start. Not thread-safe.
#pragma once

namespace assay::automl {

class KeepPace {
 public:
  static constexpr double kGrowth = 1.5;
  static constexpr double kShare = 0.02;

  // Whether one may be kept now that is expected to take so long.
  bool is_due(double now, double seconds) const {
    return now >= kGrowth * last_ && spent_ + seconds <= kShare * now;
  }
  void note(double now, double seconds) {
    last_ = now;
    spent_ += seconds;
  }

 private:
  double last_ = 0;
  double spent_ = 0;
};

}  // namespace assay::automl
