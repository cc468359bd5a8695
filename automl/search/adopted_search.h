// AdoptedSearch: a search that goes on after proposals of an earlier process. With a time limit
// these cannot be made again, since they followed from what was known at some moment: they are
// given out as they were recorded, in order of their numbers, and the search behind is told of
// each. What has no record (it was never started, say) the search proposes anew. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "automl/search/search.h"

namespace assay::automl {

class AdoptedSearch final : public Search {
 public:
  AdoptedSearch(std::unique_ptr<Search> search, const std::vector<TrialSpec>& proposals)
      : search_(std::move(search)) {
    for (const TrialSpec& spec : proposals) proposals_.emplace(spec.number, spec);
  }

  std::optional<TrialSpec> propose(int64_t number, const HistoryView& history) override {
    const auto at = proposals_.find(number);
    if (at == proposals_.end()) return search_->propose(number, history);
    search_->adopt(at->second);
    return at->second;
  }
  void adopt(const TrialSpec& spec) override { search_->adopt(spec); }

 private:
  std::unique_ptr<Search> search_;
  std::map<int64_t, TrialSpec> proposals_;
};

}  // namespace assay::automl
