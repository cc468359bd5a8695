// Models of single trials that a sweep's run keeps beside the registered one: those on the front of
// score against latency, as far as they are small, as artifacts of the run. They can be registered
// when the sweep is long over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "automl/scheduler/run_models.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::automl {

// "front/trial-12.assay", and the way back; nothing for any other path.
std::string front_model_path(int64_t trial);
std::optional<int64_t> front_model_trial(std::string_view path);

// The trials of which the run of a sweep has models, ascending.
std::vector<int64_t> front_model_trials(const tracking::RunRecord& sweep);

// Reads the model of a trial. Fails: not_found if the run has none, naming the trials of which it
// has one; data if it is damaged; io.
Result<RunModel> load_front_model(tracking::Workspace& workspace, const tracking::RunRecord& sweep,
                                  int64_t trial);

}  // namespace assay::automl
