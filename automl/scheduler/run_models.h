// Models that a sweep's run keeps as artifacts, whether or not one of them was registered: the best
// one so far (best_model.h) and those on the front of score against latency (front_models.h). They
// can be registered when the sweep is long over, however it ended.
#pragma once

#include <string>

#include "kernels/base/status.h"
#include "tracking/model_registry.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::automl {

// What is to be registered of a run.
struct RunModel {
  tracking::ModelVersion version;  // all but its name
  std::string bytes;
};

// Reads the artifact of that path, a model. Fails: not_found; data if it is damaged; io.
Result<RunModel> load_run_model(tracking::Workspace& workspace, const tracking::RunRecord& sweep,
                                const std::string& path);

}  // namespace assay::automl
