#include "tracking/missing_run.h"

#include <algorithm>

#include "kernels/base/plurals.h"
#include "tracking/catalog_entry_internal.h"
#include "tracking/quarantine.h"
#include "tracking/removed_runs.h"
#include "tracking/run_file.h"
#include "tracking/run_trash.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

constexpr size_t kMostNamed = 16;

}  // namespace

std::string missing_run_message(const Workspace& workspace, const MissingRun& run) {
  return fmt::format("run {} ('{}') is missing: its file '{}/{}' is gone, and it was not deleted",
                     run.run_id, run.name, workspace.path(), run_file_path(run.run_id));
}

std::vector<std::string> missing_run_messages(const Workspace& workspace,
                                              std::span<const MissingRun> runs) {
  std::vector<std::string> messages;
  for (const MissingRun& run : runs.first(std::min(runs.size(), kMostNamed))) {
    messages.push_back(missing_run_message(workspace, run));
  }
  if (runs.size() > kMostNamed) {
    messages.push_back(
        fmt::format("{} missing besides", counted(std::ssize(runs) - std::ssize(messages), "run")));
  }
  return messages;
}

Result<std::vector<std::string>> explained_absences(Workspace& workspace) {
  std::vector<std::string> ids;
  const auto trash = workspace.files().list(fmt::format("{}/{}", workspace.path(), kRunTrash));
  if (!trash && trash.error().code != StatusCode::kNotFound) {
    return tl::unexpected<Error>(trash.error());
  }
  if (trash) {
    for (const std::string& name : *trash) {
      std::string id = name.substr(0, kRunIdBytes);
      if (is_ulid(id)) ids.push_back(std::move(id));
    }
  }
  for (const auto& known : {quarantined_runs(workspace), removed_runs(workspace)}) {
    if (!known) return tl::unexpected<Error>(known.error());
    ids.insert(ids.end(), known->begin(), known->end());
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace assay::tracking
