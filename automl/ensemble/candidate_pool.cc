#include "automl/ensemble/candidate_pool.h"

#include <algorithm>
#include <set>
#include <utility>

namespace assay::automl {
namespace {

int64_t prediction_bytes(const Candidate& candidate) {
  return static_cast<int64_t>(candidate.predictions->size() * sizeof(float));
}

}  // namespace

int64_t Candidate::byte_count() const { return model->byte_count() + prediction_bytes(*this); }

void CandidatePool::add(Candidate candidate) {
  const auto after =
      std::upper_bound(candidates_.begin(), candidates_.end(), candidate,
                       [](const Candidate& a, const Candidate& b) {
                         return a.loss != b.loss ? a.loss < b.loss : a.trial < b.trial;
                       });
  candidates_.insert(after, std::move(candidate));

  int64_t models = 0;
  int64_t predictions = 0;
  for (const Candidate& held : candidates_) {
    models += held.model->byte_count();
    predictions += prediction_bytes(held);
  }
  const auto too_much = [&] {
    return static_cast<int64_t>(candidates_.size()) > limits_.max_models ||
           (limits_.prediction_bytes > 0 && predictions > limits_.prediction_bytes) ||
           (limits_.model_bytes > 0 && models > limits_.model_bytes);
  };
  while (candidates_.size() > 1 && too_much()) {
    // The worst that is not the best of its learner; if all are, the worst.
    std::set<std::string_view> seen;
    size_t victim = 0;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (!seen.insert(candidates_[i].learner).second) victim = i;
    }
    if (victim == 0) victim = candidates_.size() - 1;
    models -= candidates_[victim].model->byte_count();
    predictions -= prediction_bytes(candidates_[victim]);
    candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(victim));
  }
}

int64_t CandidatePool::byte_count() const {
  int64_t bytes = 0;
  for (const Candidate& candidate : candidates_) bytes += candidate.byte_count();
  return bytes;
}

}  // namespace assay::automl
