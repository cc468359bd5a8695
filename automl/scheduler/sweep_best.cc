// The best model so far, kept with the run while trials run: should the process die, that is what
// is left. The leading thread keeps it, which mostly waits; what it takes is bounded (keep_pace.h).
// It is the ensemble that selection makes of the candidates where that is quick, else the best
// single trial whose model can be saved in that time.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <span>
#include <utility>

#include "automl/scheduler/best_model.h"
#include "automl/scheduler/sweep_lead_internal.h"
#include "tracking/blob_store.h"

namespace assay::automl {
namespace {

// Before fits are to stop nothing is kept any more that might not be done by then.
constexpr double kCare = 3;
// What is expected of saving; what it really took counts.
constexpr double kSaveSeconds = 0.01;
constexpr double kSaveBytesPerSecond = 100e6;
// Of stored models, read again.
constexpr double kReadBytesPerSecond = 300e6;
// Smaller ones say nothing of the rate: latency is most of what they take.
constexpr int64_t kTellingBytes = int64_t{8} << 20;
// Between two looks whether to go on writing.
constexpr size_t kBlockBytes = size_t{1} << 20;

// "7", "7, 3": the heaviest first.
template <class Chosen>
std::string trials_text(const Chosen& chosen) {
  std::vector<int64_t> trials;
  for (const size_t place : chosen.heaviest_first()) {
    trials.push_back(chosen.members[place].candidate.trial);
  }
  return fmt::format("{}", fmt::join(trials, ", "));
}

}  // namespace

double SweepLead::keep_seconds(int64_t bytes) const {
  const double each =
      std::max(keep_seconds_per_byte_, 1 / kSaveBytesPerSecond + 1 / kReadBytesPerSecond);
  return kSaveSeconds + static_cast<double>(bytes) * each;
}

bool SweepLead::search_is_over() const {
  const Budget& budget = state_->budget;
  if (user_stopped()) return true;
  return budget.timed() && state_->request.clock->now_ns() >= budget.fit_deadline_ns();
}

bool SweepLead::may_keep(double seconds) const {
  const Budget& budget = state_->budget;
  if (!keep_pace_.is_due(budget.elapsed_seconds(), seconds)) return false;
  if (!budget.timed()) return true;
  const int64_t left_ns = budget.fit_deadline_ns() - state_->request.clock->now_ns();
  return kCare * seconds * 1e9 < static_cast<double>(left_ns);
}

std::optional<SweepLead::Chosen> SweepLead::choose_for_now() {
  std::optional<Chosen> chosen;
  if (config_.ensemble.enabled && !state_->limits.any() && may_keep(selection_seconds())) {
    chosen = select_now();
    if (chosen && may_keep(selection_seconds() + keep_seconds(byte_count(*chosen)))) return chosen;
  }
  for (const Candidate& candidate : state_->queue->candidates()) {
    if (may_keep(keep_seconds(candidate.model_bytes()))) return alone(candidate);
  }
  return std::nullopt;
}

void SweepLead::keep_best() try {
  if (user_stopped()) return;
  const int64_t finished = state_->queue->counts().finished;
  if (finished == best_finished_ || !may_keep(keep_seconds(0))) return;
  const double begun = state_->budget.elapsed_seconds();
  std::optional<Chosen> chosen = choose_for_now();
  // Else what is too large now may be kept later.
  if (chosen) best_finished_ = finished;
  const Metric& metric = state_->set->metric();
  const bool better =
      chosen && (best_rows_.empty() || metric.is_better(chosen->score, best_rows_.back().score));
  const double saving = state_->budget.elapsed_seconds();
  if (better && hold_models(*chosen)) {
    // A disk that takes no more may do so later: the model before stays.
    const Status kept = keep_as_best(*chosen, true);
    const bool cancelled = !kept && kept.error().code == StatusCode::kCancelled;
    if (!kept && !cancelled && !std::exchange(keep_failed_, true)) {
      note("the best model so far could not be kept: " + kept.error().message);
    }
    const int64_t bytes = byte_count(*chosen);
    if (kept && bytes >= kTellingBytes) {
      keep_seconds_per_byte_ =
          (state_->budget.elapsed_seconds() - saving) / static_cast<double>(bytes);
    }
  }
  const double now = state_->budget.elapsed_seconds();
  keep_pace_.note(now, now - begun);
} catch (const std::bad_alloc&) {
  // The end may have more room.
}

Status SweepLead::keep_as_best(const Chosen& chosen, bool while_searching) {
  const auto go_on = [&]() -> Status {
    if (!while_searching || !search_is_over()) return {};
    return fail(StatusCode::kCancelled, "the search is over");
  };
  ASSAY_RETURN_IF_ERROR(go_on());
  ASSAY_ASSIGN_OR_RETURN(const Predictor predictor, make_predictor(chosen));
  tracking::BlobStore blobs(*state_->request.workspace);
  ASSAY_ASSIGN_OR_RETURN(const tracking::BlobRef blob, blobs.put([&](ByteSink sink) {
    return predictor.write([&](std::span<const std::byte> bytes) -> Status {
      while (!bytes.empty()) {
        ASSAY_RETURN_IF_ERROR(go_on());
        const size_t count = std::min(bytes.size(), kBlockBytes);
        ASSAY_RETURN_IF_ERROR(sink(bytes.first(count)));
        bytes = bytes.subspan(count);
      }
      return {};
    });
  }));
  return log_best(chosen, blob);
}

// The row comes first: whoever dies in between has the model before, and its row.
Status SweepLead::log_best(const Chosen& chosen, const tracking::BlobRef& blob) {
  std::vector<BestModelRow> rows = best_rows_;
  rows.push_back({state_->budget.elapsed_seconds(), chosen.score, trials_text(chosen), blob.size,
                  blob.sha256});
  ASSAY_RETURN_IF_ERROR(parent_->log_table(best_model_table(rows)));
  ASSAY_RETURN_IF_ERROR(parent_->log_blob(kBestModelPath, blob, "application/x-assay-model"));
  best_rows_ = std::move(rows);
  return {};
}

}  // namespace assay::automl
