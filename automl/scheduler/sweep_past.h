// SweepPast: a sweep that ended before it was done, as its run tells of it: what it was asked for,
// and what it had decided by the time and the machine it had. A sweep that is given a past goes on
// with that run: the same proposals, in the same order, with what is known of their outcomes
// (known_trials.h). Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "automl/config/experiment_config.h"
#include "automl/config/option_info.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::automl {

struct SweepPast {
  std::string run_id;
  tracking::RunStatus status = tracking::RunStatus::kInterrupted;
  // Flags included; the table's path is absolute.
  ExperimentConfig config;
  // SHA-256 of the table; empty if the sweep did not come to record it.
  std::string content_hash;

  // What it had decided; 0, empty: nothing yet.
  int64_t memory_limit = 0;
  int64_t fold_count = 0;
  std::string strategy;
  int64_t screen_rows = 0;

  // Seconds since its start that its search had taken, and what of it was spent before the first
  // trial: loading and preparing, which an unbroken run does once.
  double elapsed_seconds = 0;
  double prepare_seconds = 0;

  // Where a time budget of `limit` seconds begins for a process that goes on and began at
  // `start_ns`: what is left for its search is what the sweep had left, and at least kLeastShare of
  // the limit after loading and preparing again, so that what is known comes to a model.
  int64_t budget_start_ns(int64_t start_ns, std::optional<double> limit) const;
  static constexpr double kLeastShare = 0.1;
};

// The past of the sweep that `reference` (an id, its beginning, or a name) means, also of one that
// is complete. `learners`: as for parse_config.
// Fails: not_found with the nearest name; already_exists if it is running; invalid_argument if it
// is no sweep, naming the sweep of a trial, or was recorded without its config; data if its record
// is damaged; config if this release does not take its config any more.
Result<SweepPast> find_past(tracking::Workspace& workspace, std::string_view reference,
                            std::span<const OptionGroup> learners);

// The config of a run as it is kept for going on, by the name kConfigArtifact.
inline constexpr std::string_view kConfigArtifact = "config.yaml";
std::string kept_config(ExperimentConfig config, std::span<const OptionGroup> learners);

// Tags of a sweep's run.
inline constexpr std::string_view kMemoryTag = "memory_limit";
inline constexpr std::string_view kFoldsTag = "folds";
inline constexpr std::string_view kStrategyTag = "strategy";
// Rows that features of two columns are chosen on; there before kFoldsTag.
inline constexpr std::string_view kScreenTag = "screen_rows";
inline constexpr std::string_view kElapsedTag = "elapsed_seconds";
inline constexpr std::string_view kPrepareTag = "prepare_seconds";

}  // namespace assay::automl
