#include "tracking/experiment.h"

#include <map>

#include "kernels/base/names.h"
#include "tracking/run_rewrite_internal.h"
#include "tracking/run_trash.h"

namespace assay::tracking {
namespace {

// All runs of an experiment, and those of any that cannot be read. Fails: not_found with the
// nearest name.
Result<RunList> runs_of(Workspace& workspace, std::string_view name) {
  ASSAY_ASSIGN_OR_RETURN(RunList list, list_runs(workspace, {.experiment = std::string(name)}));
  if (!list.runs.empty()) return list;
  ASSAY_ASSIGN_OR_RETURN(const auto all, Experiment::list_all(workspace));
  std::vector<std::string> names;
  for (const ExperimentInfo& experiment : all) names.push_back(experiment.name);
  return fail(StatusCode::kNotFound, "no experiment '{}'{}", name, name_hint(name, names));
}

}  // namespace

Result<Experiment> Experiment::open(std::shared_ptr<Workspace> workspace, std::string name) {
  ASSAY_RETURN_IF_ERROR(check_name("experiment", name));
  return Experiment(std::move(workspace), std::move(name));
}

Result<std::vector<ExperimentInfo>> Experiment::list_all(Workspace& workspace) {
  ASSAY_ASSIGN_OR_RETURN(const RunList all, list_runs(workspace));
  std::vector<ExperimentInfo> experiments;
  std::map<std::string, size_t> places;
  for (const RunInfo& run : all.runs) {  // newest first
    const auto [it, fresh] = places.emplace(lower_case(run.experiment), experiments.size());
    if (fresh) experiments.push_back({run.experiment, 0, run.created_ns});
    ++experiments[it->second].runs;
  }
  return experiments;
}

Result<ExperimentChange> Experiment::rename(Workspace& workspace, std::string_view from,
                                            std::string_view to, bool merge) {
  ASSAY_RETURN_IF_ERROR(check_name("experiment", to));
  ASSAY_ASSIGN_OR_RETURN(RunList list, runs_of(workspace, from));
  for (const RunInfo& run : list.runs) {
    if (run.status != RunStatus::kRunning) continue;
    return fail(StatusCode::kInvalidArgument,
                "run {} of experiment '{}' is still running: rename it when it has ended",
                run.run_id, from);
  }
  if (!merge && lower_case(from) != lower_case(to)) {
    ASSAY_ASSIGN_OR_RETURN(const RunList others,
                           list_runs(workspace, {.experiment = std::string(to), .limit = 1}));
    if (!others.runs.empty()) {
      return fail(StatusCode::kAlreadyExists,
                  "there is an experiment '{}': its runs and those of '{}' would be in one (merge "
                  "them to allow that)",
                  others.runs[0].experiment, from);
    }
  }
  // What is only in a journal gets its file first.
  ASSAY_RETURN_IF_ERROR(workspace.recover());
  ExperimentChange change;
  change.damaged = std::move(list.damaged);
  for (const RunInfo& run : list.runs) {
    bool changed = false;
    auto renamed = rewrite_run(workspace, run.run_id, [&](RunRecord& record) -> Result<bool> {
      changed = record.info.experiment != to;
      record.info.experiment = to;
      return changed;
    });
    if (renamed) {
      change.runs += changed ? 1 : 0;
    } else if (renamed.error().code == StatusCode::kData) {
      change.damaged.push_back(std::move(renamed.error().message));
    } else if (renamed.error().code != StatusCode::kNotFound) {  // that is: deleted meanwhile
      return tl::unexpected<Error>(std::move(renamed.error()));
    }
  }
  return change;
}

Result<ExperimentRemoval> Experiment::remove(Workspace& workspace, std::string_view name,
                                             bool force) {
  ASSAY_ASSIGN_OR_RETURN(RunList list, runs_of(workspace, name));
  ExperimentRemoval removal;
  ASSAY_ASSIGN_OR_RETURN(removal.runs, delete_runs(workspace, list.runs, force));
  removal.damaged = std::move(list.damaged);
  return removal;
}

Result<std::unique_ptr<Run>> Experiment::start_run(RunSpec spec) const {
  spec.experiment = name_;
  return Run::create(workspace_, std::move(spec));
}

Result<RunList> Experiment::list(RunFilter filter) const {
  filter.experiment = name_;
  return list_runs(*workspace_, filter);
}

}  // namespace assay::tracking
