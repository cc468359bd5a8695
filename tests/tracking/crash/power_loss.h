// Trials of losing power: record what a random workload asks of the file system, cut the recording
// at a random place, make a disk that could be found then, recover the store on it and look for
// what is missing; the same with one bit of the journal changed. Everything follows from the seed,
// except ids and times.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/tracking/crash/bit_flip.h"
#include "tests/tracking/crash/workload.h"
#include "tests/tracking/observed_files.h"

namespace assay::tracking {

struct PowerLossPlan {
  uint64_t seed = 0;
  int recordings = 1;                // workloads to record
  int cuts = 1;                      // trials of each recording
  int actions = 60;                  // of a workload
  bool cut_at_end = false;           // only there, when the most is acknowledged; else anywhere
  Focus focus = Focus::kAll;         // of the workloads
  std::optional<uint64_t> tuning{};  // what tune_journal() gets; absent: the workload's seed
  // Syncs that are swallowed (a negative control); null: none. `during`: only in steps that do
  // this.
  std::function<bool(const FileCall&)> drops{};
  std::optional<Action> during{};
};

struct PowerLossCount {
  int trials = 0;
  int failed = 0;                       // trials in which something was wrong
  int64_t facts = 0;                    // acknowledged facts that were looked for
  int recoveries_cut = 0;               // trials in which the first recovery lost power as well
  int recoveries_two = 0;               // trials that were recovered by two at once
  FlipCount flips{};                    // of trials that were made again with a bit changed
  std::vector<std::string> problems{};  // of the first failed trials
};

PowerLossCount lose_power(const PowerLossPlan& plan);

// A kind of sync and whether a call is one of it. The negative controls leave out one at a time.
struct SyncClass {
  const char* name;
  bool (*matches)(const FileCall& call);
  Focus focus = Focus::kAll;  // the workload in which it matters most
  std::optional<Action> during{};
  int least_percent = 33;  // of the trials, in which a control must be caught
};
const std::vector<SyncClass>& sync_classes();

// A folder for scratch files, in memory where that is possible.
std::string fast_folder();

}  // namespace assay::tracking
