// A named group of runs in a workspace: a thin handle, there is nothing of an experiment on disk
// but its name in its runs. Names compare in ASCII lower case. Thread-safe; shares the workspace.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
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

struct ExperimentChange {
  int64_t runs = 0;  // that have the new name now and had not before
  // A message for each run that keeps the old name, since its file is damaged, and for each run of
  // the workspace that cannot be read at all and might be one of them.
  std::vector<std::string> damaged{};
};

struct ExperimentRemoval {
  std::vector<RunInfo> runs{};
  std::vector<std::string> damaged{};  // for each run that cannot be read and might be one of them
};

class Experiment {
 public:
  // Fails: invalid_argument for a name that kernels/base/names.h refuses.
  static Result<Experiment> open(std::shared_ptr<Workspace> workspace, std::string name);
  // All that have runs, the one with the newest run first. Fails: as list_runs().
  static Result<std::vector<ExperimentInfo>> list_all(Workspace& workspace);

  // Gives all runs of an experiment another one: rewrites their files, one after the other, each
  // durable. Killed half-way, some have the old name; called again with `merge` it goes on. Runs in
  // the trash keep the old name. Goes on past damaged files, and tells of them.
  // Fails: not_found with the nearest name; already_exists if `to` has runs, unless `merge` or it
  // is the same name in other letters (of two renames at once one waits for the other);
  // invalid_argument for a bad name, or if one of the runs is running; io.
  static Result<ExperimentChange> rename(Workspace& workspace, std::string_view from,
                                         std::string_view to, bool merge = false);
  // Moves all its runs, with those below them, to the trash (run_trash.h). All that can be read or
  // none; durable.
  // Fails: not_found with the nearest name; as delete_runs().
  static Result<ExperimentRemoval> remove(Workspace& workspace, std::string_view name,
                                          bool force = false);

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
