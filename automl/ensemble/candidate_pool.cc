#include "automl/ensemble/candidate_pool.h"

#include <algorithm>
#include <set>
#include <utility>

namespace assay::automl {

int64_t Candidate::model_bytes() const {
  return model == nullptr ? absent_model_bytes : model->byte_count();
}

int64_t Candidate::save_bytes() const {
  const int64_t bytes = model_bytes();
  return model == nullptr && stored ? bytes + bytes / 3 : bytes;
}

int64_t Candidate::prediction_bytes() const {
  if (absent()) return absent_prediction_bytes;
  return static_cast<int64_t>(predictions->size() * sizeof(float));
}

std::vector<int64_t> CandidatePool::add(Candidate candidate) {
  std::vector<int64_t> gone;
  const auto after =
      std::upper_bound(candidates_.begin(), candidates_.end(), candidate,
                       [](const Candidate& a, const Candidate& b) {
                         return a.loss != b.loss ? a.loss < b.loss : a.trial < b.trial;
                       });
  candidates_.insert(after, std::move(candidate));

  int64_t models = 0;
  int64_t predictions = 0;
  for (const Candidate& held : candidates_) {
    models += held.model_bytes();
    predictions += held.prediction_bytes();
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
    models -= candidates_[victim].model_bytes();
    predictions -= candidates_[victim].prediction_bytes();
    gone.push_back(candidates_[victim].trial);
    candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(victim));
  }
  return gone;
}

bool CandidatePool::replace(Candidate candidate) {
  const auto place =
      std::find_if(candidates_.begin(), candidates_.end(),
                   [&](const Candidate& held) { return held.trial == candidate.trial; });
  if (place == candidates_.end()) return false;
  *place = std::move(candidate);
  std::stable_sort(candidates_.begin(), candidates_.end(), [](const auto& a, const auto& b) {
    return a.loss != b.loss ? a.loss < b.loss : a.trial < b.trial;
  });
  return true;
}

void CandidatePool::remove(int64_t trial) {
  std::erase_if(candidates_, [&](const Candidate& candidate) { return candidate.trial == trial; });
}

void CandidatePool::drop_absent() {
  std::erase_if(candidates_, [](const Candidate& candidate) { return candidate.absent(); });
}

// The worst goes if the pool is full, unless it is the best of its learner.
bool CandidatePool::may_stay(std::string_view learner, double loss) const {
  if (static_cast<int64_t>(candidates_.size()) < limits_.max_models) return true;
  if (loss <= candidates_.back().loss) return true;
  return std::none_of(candidates_.begin(), candidates_.end(),
                      [&](const Candidate& held) { return held.learner == learner; });
}

int64_t CandidatePool::byte_count() const {
  int64_t bytes = 0;
  for (const Candidate& candidate : candidates_) bytes += candidate.byte_count();
  return bytes;
}

}  // namespace assay::automl
