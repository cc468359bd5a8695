#include "automl/learners/boosting_group.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "automl/learners/boosting.h"
#include "kernels/usage.h"

namespace assay::automl {
namespace {

using kernels::GrowTrees;

// Up to so many rows a fit's own steps have one thread, and fits run side by side.
constexpr int64_t kSerialRows = 50'000;

class BoostingGroup {
 public:
  BoostingGroup(std::span<const FitRequest> requests, const kernels::ComputeContext& context)
      : context_(context) {
    for (const FitRequest& request : requests) fits_.push_back(Booster::make(request, context));
    for (auto& fit : fits_) {
      if (fit && !(*fit)->done()) active_.push_back(fit->get());
    }
  }

  std::vector<Result<FitResult>> run() {
    while (!active_.empty()) round();
    std::vector<Result<FitResult>> results;
    results.reserve(fits_.size());
    for (auto& fit : fits_) {
      if (!fit) {
        results.push_back(tl::unexpected(std::move(fit.error())));
        continue;
      }
      (*fit)->set_executor(*context_.executor);
      results.push_back((*fit)->finish());
      fit->reset();  // its memory
    }
    return results;
  }

 private:
  void round() {
    each(active_, [](Booster& fit) { fit.begin_round(); });
    grow();
    each(active_, [](Booster& fit) { fit.end_round(); });
    for (Booster* fit : active_) fit->report();
    const auto done = [](const Booster* fit) { return fit->done(); };
    active_.erase(std::remove_if(active_.begin(), active_.end(), done), active_.end());
  }

  void grow() {
    std::vector<Booster*> left;
    for (Booster* fit : active_) {
      if (!fit->done()) left.push_back(fit);
    }
    std::vector<Booster*> alone;
    while (!left.empty()) {
      const Booster* first = left.front();
      const auto others = std::stable_partition(left.begin(), left.end(), [&](Booster* fit) {
        return fit == first || (fit->grows_together() && first->grows_together() &&
                                fit->table().bins == first->table().bins);
      });
      const std::vector<Booster*> same(left.begin(), others);
      left.erase(left.begin(), others);
      if (same.size() > 1) {
        grow_together(same);
      } else {
        alone.push_back(same.front());
      }
    }
    each(alone, [](Booster& fit) { fit.grow(); });
  }

  void grow_together(const std::vector<Booster*>& fits) {
    const auto grown = [&]() -> Status {
      kernels::GrowTreesProblem problem;
      kernels::GrowTreesArgs args;
      for (Booster* fit : fits) ASSAY_RETURN_IF_ERROR(fit->add_trees(problem, args));
      return context_.run<GrowTrees>(problem, args);
    };
    const Status status = grown();
    for (Booster* fit : fits) fit->heed(status);
  }

  // A step of each fit.
  void each(const std::vector<Booster*>& fits, FunctionRef<void(Booster&)> step) {
    const bool apart = fits.size() > 1 && context_.executor->thread_count() > 1 &&
                       context_.device->info().shares_host_memory && rows() <= kSerialRows;
    for (Booster* fit : fits) fit->set_executor(apart ? serial_ : *context_.executor);
    if (!apart) {
      for (Booster* fit : fits) step(*fit);
      return;
    }
    kernels::Usage* const usage = kernels::Usage::current();
    const Status status =
        context_.executor->parallel_for(static_cast<int64_t>(fits.size()), [&](int64_t i, int) {
          const kernels::UsageScope scope(usage);
          step(*fits[static_cast<size_t>(i)]);
        });
    // Somebody's memory did not suffice: there is no telling whose.
    for (Booster* fit : fits) fit->heed(status);
  }

  int64_t rows() const { return active_.front()->table().row_count; }

  const kernels::ComputeContext& context_;
  SerialExecutor serial_;  // has no state: threads may share it
  std::vector<Result<std::unique_ptr<Booster>>> fits_;
  std::vector<Booster*> active_;
};

}  // namespace

std::vector<Result<FitResult>> boost_together(std::span<const FitRequest> requests,
                                              const kernels::ComputeContext& context) {
  return BoostingGroup(requests, context).run();
}

}  // namespace assay::automl
