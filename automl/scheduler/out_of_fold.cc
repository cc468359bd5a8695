#include <algorithm>
#include <utility>

#include "automl/scheduler/out_of_fold_internal.h"

namespace assay::automl {

OutOfFold::OutOfFold(const TrainingSet& set)
    : set_(&set),
      outputs_(static_cast<size_t>(set.output_count())),
      cells_(set.scored_rows().size() * outputs_) {}

void OutOfFold::begin(size_t partition) {
  values_.resize(std::max(values_.size(), (partition + 1) * cells_));
}

void OutOfFold::put(size_t fold, std::span<const float> predictions) {
  const size_t partition = fold / set_->folds().size();
  const std::span<float> own = std::span(values_).subspan(partition * cells_, cells_);
  const std::vector<uint32_t>& places = set_->all_folds()[fold].places;
  for (size_t i = 0; i < places.size(); ++i) {
    std::copy_n(predictions.begin() + static_cast<std::ptrdiff_t>(i * outputs_), outputs_,
                own.begin() + static_cast<std::ptrdiff_t>(places[i] * outputs_));
  }
}

void OutOfFold::put_all(size_t fold, std::span<const float> all) {
  for (const uint32_t place : set_->all_folds()[fold].places) {
    const auto at = static_cast<std::ptrdiff_t>(place * outputs_);
    std::copy_n(all.begin() + at, outputs_, values_.begin() + at);
  }
}

std::vector<float> OutOfFold::at(std::span<const uint32_t> places, size_t partition) const {
  const std::span<const float> own = of(partition);
  std::vector<float> predictions;
  predictions.reserve(places.size() * outputs_);
  for (const uint32_t place : places) {
    const auto from = own.begin() + static_cast<std::ptrdiff_t>(place * outputs_);
    predictions.insert(predictions.end(), from, from + static_cast<std::ptrdiff_t>(outputs_));
  }
  return predictions;
}

Result<double> OutOfFold::score_at(std::span<const uint32_t> places, size_t partition) const {
  return set_->score_at(places, at(places, partition), partition);
}

Result<double> OutOfFold::mean_score() const {
  const size_t count = partition_count();
  double sum = 0;
  for (size_t partition = 0; partition < count; ++partition) {
    ASSAY_ASSIGN_OR_RETURN(const double score, set_->score(of(partition), partition));
    sum += score;
  }
  return sum / static_cast<double>(count);
}

std::vector<float> OutOfFold::take_mean() {
  const size_t count = partition_count();
  if (count == 1) return std::move(values_);
  std::vector<float> mean(cells_);
  for (size_t i = 0; i < cells_; ++i) {
    double sum = 0;
    for (size_t partition = 0; partition < count; ++partition) {
      sum += double{values_[partition * cells_ + i]};
    }
    mean[i] = static_cast<float>(sum / static_cast<double>(count));
  }
  return mean;
}

}  // namespace assay::automl
