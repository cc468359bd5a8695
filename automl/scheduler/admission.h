// Admission of trials by planned bytes. What a trial will need is planned before it starts; it
// starts when that much of the memory budget is free. Plans are upper bounds, never measurements,
// so that decisions are the same on any machine with the same limit. Not thread-safe: the scheduler
// guards it.
#pragma once

#include <cstdint>

namespace assay::automl {

class Admission {
 public:
  // `limit_bytes`: the memory budget; `base_bytes`: what is held throughout (table, encoded data),
  // and what is set aside for finished trials.
  Admission(int64_t limit_bytes, int64_t base_bytes)
      : limit_bytes_(limit_bytes), base_bytes_(base_bytes) {}

  // Whether a trial of that size could run if nothing else did.
  bool can_ever_fit(int64_t bytes) const { return bytes <= limit_bytes_ - base_bytes_; }
  // Whether it can start now.
  bool fits_now(int64_t bytes) const {
    return bytes <= limit_bytes_ - base_bytes_ - running_bytes_;
  }
  void start(int64_t bytes) { running_bytes_ += bytes; }
  void end(int64_t bytes) { running_bytes_ -= bytes; }

  int64_t limit_bytes() const { return limit_bytes_; }
  // What is left for trials when none runs.
  int64_t trial_bytes() const { return limit_bytes_ - base_bytes_; }

 private:
  int64_t limit_bytes_;
  int64_t base_bytes_;
  int64_t running_bytes_ = 0;
};

}  // namespace assay::automl
