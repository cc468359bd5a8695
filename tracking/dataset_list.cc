#include "tracking/dataset_list.h"

#include <algorithm>
#include <map>
#include <utility>

#include "kernels/base/names.h"
#include "tracking/run_folders_internal.h"
#include "tracking/run_links.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

struct Uses {
  RunInfo run;
  Result<std::vector<DatasetUse>> datasets;
};

// Of one run, as its file or, if it has none yet, its journal says.
Result<std::vector<DatasetUse>> uses_of(Workspace& workspace, const RunInfo& run) {
  auto links = read_run_links(workspace.files(), run_file_of(workspace, run.run_id));
  if (links) return std::move(links->datasets);
  if (links.error().code != StatusCode::kNotFound) return tl::unexpected<Error>(links.error());
  ASSAY_ASSIGN_OR_RETURN(RunRecord record, load_run(workspace, run.run_id));
  return std::move(record.datasets);
}

bool add_unique(std::vector<std::string>& sorted, const std::string& text) {
  const auto it = std::lower_bound(sorted.begin(), sorted.end(), text);
  if (it != sorted.end() && *it == text) return false;
  sorted.insert(it, text);
  return true;
}

// Runs come oldest first.
void add_use(DatasetHistory& history, const DatasetUse& use, const RunInfo& run) {
  auto& versions = history.versions;
  auto it = std::find_if(versions.begin(), versions.end(), [&](const DatasetVersion& version) {
    return version.content_hash == use.content_hash;
  });
  if (it == versions.end()) {
    it = versions.insert(it, DatasetVersion());
    it->number = static_cast<int64_t>(versions.size());
    it->content_hash = use.content_hash;
    it->first_used_ns = run.created_ns;
  }
  if (!use.version.empty()) it->label = use.version;
  it->rows = use.rows;
  it->columns = use.columns;
  it->last_used_ns = run.created_ns;
  if (it->runs.empty() || it->runs.back().run_id != run.run_id) it->runs.push_back(run);
  if (!use.role.empty()) add_unique(it->roles, use.role);
}

int64_t last_use(const DatasetHistory& history) {
  int64_t last = 0;
  for (const DatasetVersion& version : history.versions) {
    last = std::max(last, version.last_used_ns);
  }
  return last;
}

}  // namespace

Result<std::vector<DatasetHistory>> list_datasets(Workspace& workspace, ReadProblems* problems) {
  ASSAY_ASSIGN_OR_RETURN(RunList list, list_runs(workspace));
  if (problems != nullptr) *problems = problems_of(list.damaged, list.unreadable);
  std::vector<Uses> uses;
  for (auto run = list.runs.rbegin(); run != list.runs.rend(); ++run) {
    // A trial has the data of its sweep.
    if (run->kind == "trial" && !run->parent_run_id.empty()) continue;
    uses.push_back({std::move(*run), std::vector<DatasetUse>()});
  }
  for_each_index(uses.size(),
                 [&](size_t i) { uses[i].datasets = uses_of(workspace, uses[i].run); });
  std::map<std::string, DatasetHistory> by_name;
  for (const Uses& of_run : uses) {
    if (!of_run.datasets) {
      const bool gone = of_run.datasets.error().code == StatusCode::kNotFound;
      if (!gone && problems != nullptr) problems->note(of_run.datasets.error());
      continue;
    }
    for (const DatasetUse& use : *of_run.datasets) add_use(by_name[use.name], use, of_run.run);
  }
  std::vector<DatasetHistory> all;
  for (auto& [name, history] : by_name) {
    history.name = name;
    for (DatasetVersion& version : history.versions) {
      std::reverse(version.runs.begin(), version.runs.end());
    }
    all.push_back(std::move(history));
  }
  std::stable_sort(all.begin(), all.end(), [](const DatasetHistory& a, const DatasetHistory& b) {
    return last_use(a) > last_use(b);
  });
  return all;
}

Result<DatasetHistory> find_dataset(const std::vector<DatasetHistory>& all,
                                    std::string_view reference) {
  std::vector<std::string> names;
  for (const DatasetHistory& history : all) {
    if (history.name == reference) return history;
    names.push_back(history.name);
  }
  DatasetHistory found;
  for (const DatasetHistory& history : all) {
    for (const DatasetVersion& version : history.versions) {
      if (!begins_id(reference, version.content_hash)) continue;
      const bool same =
          found.versions.empty() || found.versions[0].content_hash == version.content_hash;
      if (!same) {
        return fail(StatusCode::kInvalidArgument,
                    "'{}' begins several hashes of contents, {} and {} for two", reference,
                    found.versions[0].content_hash, version.content_hash);
      }
      // The same content under two names: the name that was used last.
      if (found.versions.empty()) found = {history.name, {version}};
    }
  }
  if (!found.versions.empty()) return found;
  return fail(StatusCode::kNotFound, "no run recorded a data set '{}'{}", reference,
              name_hint(reference, std::span<const std::string>(names)));
}

}  // namespace assay::tracking
