// CandidatePool: the finished trials that an ensemble may be built from, with their models and
// out-of-fold predictions. It holds the best ones within a number and two memory limits; each
// learner's best one is the last to go, since models that differ add most to an ensemble. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "automl/models/model.h"

namespace assay::automl {

struct Candidate {
  int64_t trial = 0;
  std::string learner;
  double loss = 0;                                        // lower is better
  double score = 0;                                       // of the metric
  std::shared_ptr<const Model> model;                     // average of the fold models
  std::shared_ptr<const std::vector<float>> predictions;  // [scored rows, outputs] row-major
  int64_t byte_count() const;
};

struct PoolLimits {
  int64_t max_models = 50;
  int64_t prediction_bytes = 0;  // of all predictions together; 0: not limited
  int64_t model_bytes = 0;       // of all models together; 0: not limited
};

class CandidatePool {
 public:
  explicit CandidatePool(PoolLimits limits) : limits_(limits) {}
  // What remains depends on the order of additions: logical mode adds by trial number.
  void add(Candidate candidate);
  // Best loss first, the lower trial number among equals. Never empty after the first add.
  const std::vector<Candidate>& candidates() const { return candidates_; }
  int64_t byte_count() const;

 private:
  PoolLimits limits_;
  std::vector<Candidate> candidates_;
};

}  // namespace assay::automl
