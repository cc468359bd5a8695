// OutOfFold: what the models of a trial's folds predict for the rows to be scored, in each
// partition of the rows into folds that was begun; 0 where a fold is not done. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "automl/validation/training_set.h"

namespace assay::automl {

class OutOfFold {
 public:
  // With no partition begun. `set` must outlive it.
  explicit OutOfFold(const TrainingSet& set);

  // [partitions begun, scored rows, outputs]
  const std::vector<float>& values() const { return values_; }
  void set_values(std::vector<float> values) { values_ = std::move(values); }
  int64_t byte_count() const { return static_cast<int64_t>(values_.size() * sizeof(float)); }

  size_t partition_count() const { return values_.size() / cells_; }
  // Makes room for a partition, and those before it.
  void begin(size_t partition);
  void keep_first(size_t partitions) { values_.resize(partitions * cells_); }

  // Of a fold's validation rows, [rows, outputs].
  void put(size_t fold, std::span<const float> predictions);
  // The same, from those of all folds of the first partition, [scored rows, outputs].
  void put_all(size_t fold, std::span<const float> all);
  // At the scored rows `places` of a partition, [places, outputs].
  std::vector<float> at(std::span<const uint32_t> places, size_t partition = 0) const;

  // The metric at such places, and over all rows: the mean over the partitions. Fails: as
  // TrainingSet::score.
  Result<double> score_at(std::span<const uint32_t> places, size_t partition) const;
  Result<double> mean_score() const;
  // The mean over the partitions, [scored rows, outputs]. The values are gone then.
  std::vector<float> take_mean();

 private:
  std::span<const float> of(size_t partition) const {
    return std::span(values_).subspan(partition * cells_, cells_);
  }

  const TrainingSet* set_;
  size_t outputs_;
  size_t cells_;  // of a partition
  std::vector<float> values_;
};

}  // namespace assay::automl
