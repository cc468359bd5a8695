// What earlier sweeps on the same table found: the settings that did best there are tried early in
// a new one. Only their parameters are taken over, nothing of their scores: folds may differ.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "automl/config/param_map.h"
#include "automl/scheduler/model_footprint.h"
#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::automl {

// Sweeps that count: finished before this one began, on a table of the same content, for the same
// target and metric.
struct EarlierSweeps {
  std::string content_hash;
  std::string target;
  std::string metric;
  bool maximise = true;
  FootprintLimits limits;  // settings whose models broke these there are passed over
  int64_t before_ns = 0;   // wall clock; those that ended later do not count
};

struct EarlierSetting {
  std::string learner;
  ParamMap params;
  double score = 0;
};

// Of the newest sweeps that many are looked at, and so many of their settings taken.
inline constexpr int64_t kMostEarlierSweeps = 20;
inline constexpr size_t kMostEarlierSettings = 8;

// The best settings of searched trials, the best first, each once.
// Fails: io if the workspace cannot be read. A sweep that cannot be read does not count.
Result<std::vector<EarlierSetting>> earlier_settings(tracking::Workspace& workspace,
                                                     const EarlierSweeps& wanted);

}  // namespace assay::automl
