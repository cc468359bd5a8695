// What the catalog knows of runs whose files are gone: told until the file is back, the run turns
// out to be deleted, or its loss is noted in quarantine.
#include <algorithm>

#include "tracking/catalog_journal_internal.h"
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

std::optional<std::set<std::string>> CatalogState::removals_since() {
  std::set<std::string> removed;
  if (!use_cache_) return removed;
  const std::string path = journal_path(workspace_);
  const auto info = workspace_.files().stat(path);
  if (!info && !journal_inode_) return removed;
  if (!info || (journal_inode_ && info->inode != *journal_inode_)) return std::nullopt;
  const auto begin = journal_inode_ ? static_cast<size_t>(journal_end_) : 0;
  const auto text = read_file(workspace_.files(), path, kJournalLimitBytes);
  if (!text || text->size() < begin) return std::nullopt;
  auto content = parse_journal(std::string_view(*text).substr(begin), begin == 0);
  if (!content) return removed;  // damaged as a whole: nobody reads or writes it
  for (JournalFrame& frame : content->frames) {
    if (!frame.removed.empty()) removed.insert(std::move(frame.removed));
  }
  return removed;
}

void CatalogState::judge_absent() {
  if (absent_.empty() && missing_.empty()) return;
  // Whoever gives up a deleted run notes it in the journal first: what is neither in the trash nor
  // noted after that was not given up.
  const auto explained = explained_absences(workspace_);
  const auto removed = removals_since();
  // Somebody rewrote the catalog since, and may have known more.
  outdated_ = !removed;
  const auto is_explained = [&](const std::string& run_id) {
    return (removed && removed->contains(run_id)) ||
           (explained && std::binary_search(explained->begin(), explained->end(), run_id));
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
    if (there || !explained || !removed) vouched_[shard_of(run->first)].reset();
    if (is_explained(run->first)) {
      unsaved_removals_.push_back(run->first);
    } else if (!there && (!explained || !removed)) {
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

std::vector<MissingRun> CatalogState::find_missing() {
  for (size_t row = 0; row < table_->rows(); ++row) {
    if (!table_->alive(row)) continue;
    const auto info =
        workspace_.files().stat(run_file_of(workspace_, std::string(table_->id(row))));
    if (!info && info.error().code == StatusCode::kNotFound) drop_absent(row);
  }
  judge_absent();
  return missing();
}

}  // namespace assay::tracking
