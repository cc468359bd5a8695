// CandidatePool: the finished trials that an ensemble may be built from, with their models and
// out-of-fold predictions. It holds the best ones within a number and two memory limits; each
// learner's best one is the last to go, since models that differ add most to an ensemble. Not
// thread-safe.
//
// A candidate's model may be stored: it is in a file and not in memory, and whoever needs it reads
// it (scheduler/trial_archive.h). Its predictions are at hand all the same.
//
// A candidate may be absent: its trial is known from an earlier process, but its model and
// predictions are not at hand. It has its place by what it would take; whoever reads the candidates
// brings it back or drops it before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
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
  bool stored = false;                                    // there is no model here, but in a file
  // What both take where they are not here.
  int64_t absent_model_bytes = 0;
  int64_t absent_prediction_bytes = 0;
  // Of a prediction for one row by its model alone, and of that model's file; 0: not known.
  double latency_us = 0;
  int64_t file_bytes = 0;

  bool absent() const { return model == nullptr && !stored; }
  int64_t model_bytes() const;
  // What saving the model takes, in bytes to write: a stored one is read first, three times as
  // fast.
  int64_t save_bytes() const;
  int64_t prediction_bytes() const;
  int64_t byte_count() const { return model_bytes() + prediction_bytes(); }
};

struct PoolLimits {
  int64_t max_models = 50;
  int64_t prediction_bytes = 0;  // of all predictions together; 0: not limited
  int64_t model_bytes = 0;       // of all models together; 0: not limited
};

class CandidatePool {
 public:
  explicit CandidatePool(PoolLimits limits) : limits_(limits) {}
  // What remains depends on the order of additions: logical mode adds by trial number. Gives the
  // trials that had to go, which may be the new one.
  std::vector<int64_t> add(Candidate candidate);
  // Puts a candidate in the place of the one of the same trial; false if there is none.
  bool replace(Candidate candidate);
  void remove(int64_t trial);
  void drop_absent();
  // False if a candidate with such a loss could not stay, whatever its size.
  bool may_stay(std::string_view learner, double loss) const;
  // Best loss first, the lower trial number among equals. Never empty after the first add.
  const std::vector<Candidate>& candidates() const { return candidates_; }
  int64_t byte_count() const;

 private:
  PoolLimits limits_;
  std::vector<Candidate> candidates_;
};

}  // namespace assay::automl
