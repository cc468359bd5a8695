#include <cmath>

#include "automl/scheduler/out_of_bag_internal.h"

namespace assay::automl {

OutOfBag::OutOfBag(const TrainingSet& set)
    : set_(&set), outputs_(static_cast<size_t>(set.output_count())) {}

void OutOfBag::add(size_t fold, std::span<const float> predictions) {
  if (!whole_ || predictions.empty() || fold >= set_->folds().size()) return;
  if (sums_.counts.empty()) {
    const auto rows = static_cast<size_t>(set_->data().features->row_count());
    sums_.counts.resize(rows);
    sums_.values.resize(rows * outputs_);
  }
  const std::vector<uint32_t>& rows = set_->folds()[fold].train_rows;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::span<const float> own = predictions.subspan(i * outputs_, outputs_);
    if (std::isnan(own.front())) continue;
    ++sums_.counts[rows[i]];
    for (size_t k = 0; k < outputs_; ++k) sums_.values[rows[i] * outputs_ + k] += double{own[k]};
  }
}

void OutOfBag::give_up() {
  whole_ = false;
  sums_ = {};
}

int64_t OutOfBag::byte_count() const {
  return static_cast<int64_t>(sums_.values.size() * sizeof(double) +
                              sums_.counts.size() * sizeof(int32_t));
}

std::shared_ptr<const OobPredictions> OutOfBag::means() const {
  auto means = std::make_shared<OobPredictions>();
  for (size_t row = 0; row < sums_.counts.size(); ++row) {
    if (sums_.counts[row] <= 0) continue;
    means->rows.push_back(static_cast<uint32_t>(row));
    for (size_t k = 0; k < outputs_; ++k) {
      const double sum = sums_.values[row * outputs_ + k];
      means->values.push_back(static_cast<float>(sum / double(sums_.counts[row])));
    }
  }
  if (means->rows.empty()) return nullptr;
  return means;
}

}  // namespace assay::automl
