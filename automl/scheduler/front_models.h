// Models that a sweep's run keeps beside the registered one, as artifacts: those on the front of
// score against latency, single ones and ensembles, as far as they are small. They can be
// registered when the sweep is long over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "automl/scheduler/pareto_front.h"
#include "automl/scheduler/run_models.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::automl {

// "front/trial-12.assay", "front/ensemble-3.assay", and the way back; nothing for any other path.
std::string front_model_path(const FrontKey& key);
std::optional<FrontKey> front_model_key(std::string_view path);

// Those that the run of a sweep has: trials, then ensembles, ascending.
std::vector<FrontKey> front_models(const tracking::RunRecord& sweep);

// Reads such a model. Fails: not_found if the run has none, naming those that it has; data if it is
// damaged; io.
Result<RunModel> load_front_model(tracking::Workspace& workspace, const tracking::RunRecord& sweep,
                                  const FrontKey& key);

}  // namespace assay::automl
