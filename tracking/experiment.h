// A named group of runs in a workspace: a thin handle, there is nothing of an experiment on disk
// but its name in its runs. Names compare in ASCII lower case. Thread-safe; shares the workspace.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run.h"
#include "tracking/run_query.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// What a list of experiments shows.
struct ExperimentInfo {
  std::string name{};  // as its newest run spells it
  int64_t runs = 0;
  int64_t last_created_ns = 0;  // of its newest run
};

class Experiment {
 public:
  // Fails: invalid_argument for a name that kernels/base/names.h refuses.
  static Result<Experiment> open(std::shared_ptr<Workspace> workspace, std::string name);
  // All that have runs, the one with the newest run first. Fails: as list_runs().
  static Result<std::vector<ExperimentInfo>> list_all(Workspace& workspace);

  const std::string& name() const { return name_; }
  // A run of this experiment; `spec.experiment` is ignored. Fails: as Run::create().
  Result<std::unique_ptr<Run>> start_run(RunSpec spec = {}) const;
  // Its runs, newest first; `filter.experiment` is ignored. Fails: as list_runs().
  Result<RunList> list(RunFilter filter = {}) const;

 private:
  Experiment(std::shared_ptr<Workspace> workspace, std::string name)
      : workspace_(std::move(workspace)), name_(std::move(name)) {}
  std::shared_ptr<Workspace> workspace_;
  std::string name_;
};

}  // namespace assay::tracking
