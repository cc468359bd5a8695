// History: the results of a sweep's trials, by trial number, and the part of it that a decision may
// see. In logical mode decision k sees only trials below k - kDecisionWindow, all of which are done
// by then, so that what is decided does not depend on which trial ended first. Not thread-safe: the
// scheduler guards it.
#pragma once

#include <cstdint>
#include <vector>

#include "automl/search/trial_spec.h"

namespace assay::automl {

// How many trials may be under way at once in logical mode, whatever the slots and threads are.
inline constexpr int64_t kDecisionWindow = 16;

class HistoryView;

class History {
 public:
  // Trials must be started in the order of their numbers, from 0.
  void start(const TrialSpec& spec);
  void record_rung(int64_t number, const RungValue& value);
  // Replaces what is known of the trial, but keeps its rungs.
  void finish(TrialResult result);

  int64_t size() const { return static_cast<int64_t>(trials_.size()); }
  const TrialResult& at(int64_t number) const { return trials_[static_cast<size_t>(number)]; }
  // Whether all trials below `number` have ended.
  bool done_below(int64_t number) const;

  // Everything known so far.
  HistoryView all() const;
  // What decision number `number` may see in logical mode.
  HistoryView before_window_of(int64_t number) const;

 private:
  std::vector<TrialResult> trials_;
};

// The first `size` trials of a history, in number order. Valid until the history changes.
class HistoryView {
 public:
  HistoryView(const History& history, int64_t size) : history_(&history), size_(size) {}
  int64_t size() const { return size_; }
  const TrialResult& at(int64_t number) const { return history_->at(number); }
  // The trial with the lowest loss (the lowest number among equals), or -1.
  int64_t best() const;

 private:
  const History* history_;
  int64_t size_;
};

}  // namespace assay::automl
