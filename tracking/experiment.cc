#include "tracking/experiment.h"

#include <map>

#include "kernels/base/names.h"

namespace assay::tracking {

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

Result<std::unique_ptr<Run>> Experiment::start_run(RunSpec spec) const {
  spec.experiment = name_;
  return Run::create(workspace_, std::move(spec));
}

Result<RunList> Experiment::list(RunFilter filter) const {
  filter.experiment = name_;
  return list_runs(*workspace_, filter);
}

}  // namespace assay::tracking
