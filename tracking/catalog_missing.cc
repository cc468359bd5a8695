// What the catalog knows of runs whose files are gone: told until the file is back, the run turns
// out to be deleted, or its loss is noted in quarantine.
#include <algorithm>

#include "tracking/catalog_state_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_folders_internal.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

const RunField kNameField{FieldGroup::kRun, "name"};

}  // namespace

void CatalogState::drop_absent(size_t row) {
  std::string name;
  const auto names = table_->column(kNameField);
  if (names) name = (*names)->cell(row).text;
  absent_.insert_or_assign(std::string(table_->id(row)), std::move(name));
  table_->remove(row);
}

void CatalogState::note_present(const std::string& run_id) {
  absent_.erase(run_id);
  missing_.erase(run_id);
}

void CatalogState::judge_absent() {
  if (absent_.empty() && missing_.empty()) return;
  // Whoever takes a run away writes that down first.
  const auto explained = explained_absences(workspace_);
  const auto is_explained = [&](const std::string& run_id) {
    return explained && std::binary_search(explained->begin(), explained->end(), run_id);
  };
  const auto has_file = [&](const std::string& run_id) {
    return workspace_.files().exists(run_file_of(workspace_, run_id));
  };
  std::erase_if(missing_, [&](const auto& run) {
    if (!is_explained(run.first) && !has_file(run.first)) return false;
    unsaved_removals_.push_back(run.first);
    return true;
  });
  for (auto run = absent_.begin(); run != absent_.end();) {
    const bool there = has_file(run->first);
    // The next look lists its folder again.
    if (there || !explained) vouched_[shard_of(run->first)].reset();
    if (is_explained(run->first)) {
      unsaved_removals_.push_back(run->first);
    } else if (!there && !explained) {
      ++run;
      continue;
    } else if (!there) {
      unsaved_missing_.push_back(run->first);
      missing_.insert(*run);
    }
    run = absent_.erase(run);
  }
}

std::vector<MissingRun> CatalogState::missing() const {
  std::vector<MissingRun> runs;
  for (const auto& [run_id, name] : missing_) runs.push_back({run_id, name});
  return runs;
}

}  // namespace assay::tracking
