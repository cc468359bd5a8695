#include <algorithm>
#include <map>

#include "tracking/catalog_journal_internal.h"
#include "tracking/catalog_state_internal.h"
#include "tracking/run_file.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {
namespace {

constexpr int kAttempts = 3;
// A table with so many rows beside its columns is loaded again.
constexpr size_t kMostChanges = 4096;
// What is worth writing down: so many runs read, so many files listed.
constexpr size_t kRowsToAppend = 16;
constexpr size_t kFilesToAppend = 2048;
constexpr size_t kRowsToSave = 1024;

const RunField kStatusField{FieldGroup::kRun, "status"};
const RunField kWriterField{FieldGroup::kRun, "writer"};

}  // namespace

std::string catalog_path(const Workspace& workspace) { return workspace.path() + "/catalog.h5"; }
std::string journal_path(const Workspace& workspace) { return workspace.path() + "/catalog.wal"; }

void CatalogState::forget() {
  table_.reset();
  base_inode_.reset();
  vouched_.fill(std::nullopt);
  for (auto& messages : damaged_) messages.clear();
  for (auto& messages : may_be_whole_) messages.clear();
  for (auto& run_ids : unreadable_) run_ids.clear();
  journal_inode_.reset();
  journal_end_ = 0;
  running_.clear();
  judged_rows_ = 0;
  unsaved_.clear();
  unsaved_removals_.clear();
  absent_.clear();
  missing_.clear();
  unsaved_missing_.clear();
  files_listed_ = 0;
}

void CatalogState::distrust() {
  const auto info = workspace_.files().stat(catalog_path(workspace_));
  if (info) distrusted_ = info->inode;
  forget();
}

void CatalogState::ignore_cache() {
  load();
  for (size_t row = 0; row < table_->rows(); ++row) {
    if (table_->alive(row)) drop_absent(row);
  }
  absent_.insert(missing_.begin(), missing_.end());
  std::map<std::string, std::string> known = std::move(absent_);
  forget();
  use_cache_ = false;
  load();
  absent_ = std::move(known);
}

std::vector<std::string> CatalogState::damaged() const {
  std::vector<std::string> all = damaged_journals_;
  for (const auto& messages : damaged_) all.insert(all.end(), messages.begin(), messages.end());
  const std::vector<std::string> gone = missing_run_messages(workspace_, missing());
  all.insert(all.end(), gone.begin(), gone.end());
  return all;
}

std::vector<std::string> CatalogState::may_be_whole() const {
  std::vector<std::string> all = unreadable_journals_;
  for (const auto& messages : may_be_whole_) {
    all.insert(all.end(), messages.begin(), messages.end());
  }
  return all;
}

void CatalogState::load() {
  forget();
  if (use_cache_) {
    const auto info = workspace_.files().stat(catalog_path(workspace_));
    std::shared_ptr<const CatalogFile> base;
    if (info && distrusted_ != info->inode) {
      auto opened = CatalogFile::open(workspace_.files(), catalog_path(workspace_));
      if (opened) base = std::move(*opened);
      base_inode_ = info->inode;
    }
    auto table = RunTable::create(base);
    if (table) table_.emplace(std::move(*table));
  }
  if (!table_) table_.emplace(std::move(*RunTable::create(nullptr)));
  if (!use_cache_) return;
  if (const CatalogFile* base = table_->base()) {
    for (size_t shard = 0; shard < kShards; ++shard) {
      const FolderStamp& stamp = base->directory().stamps[shard];
      if (stamp.known()) vouched_[shard] = stamp;
    }
    for (const MissingRun& run : base->directory().missing) missing_[run.run_id] = run.name;
  }
  apply_journal();
}

void CatalogState::apply_journal() {
  const auto info = workspace_.files().stat(journal_path(workspace_));
  auto text = read_file(workspace_.files(), journal_path(workspace_), kJournalLimitBytes);
  if (!info || !text) return;
  auto content = parse_journal(*text, true);
  if (!content) return;
  const std::string base_id = table_->base() != nullptr ? table_->base()->directory().id : "";
  for (JournalFrame& frame : content->frames) {
    if (frame.entry) {
      const std::string& run_id = frame.entry->summary.info.run_id;
      vouched_[shard_of(run_id)].reset();
      note_present(run_id);
      table_->put(std::move(*frame.entry));
    } else if (frame.stamps) {
      if (content->damaged || base_id.empty() || frame.catalog_id != base_id) continue;
      for (size_t shard = 0; shard < kShards; ++shard) {
        if ((*frame.stamps)[shard].known()) vouched_[shard] = (*frame.stamps)[shard];
      }
    } else {
      const std::string& run_id = frame.missing ? frame.missing->run_id : frame.removed;
      vouched_[shard_of(run_id)].reset();
      if (const auto row = table_->find(run_id)) table_->remove(*row);
      missing_.erase(run_id);
      if (frame.missing) missing_.emplace(run_id, std::move(frame.missing->name));
    }
  }
  // The file may have been replaced between the two looks; then it is not the one that was read.
  const auto again = workspace_.files().stat(journal_path(workspace_));
  if (again && again->inode == info->inode) journal_inode_ = info->inode;
  journal_end_ = static_cast<int64_t>(content->whole_bytes);
}

Status CatalogState::refresh() {
  if (table_ && use_cache_ && table_->changed() > kMostChanges) {
    const auto info = workspace_.files().stat(catalog_path(workspace_));
    if (info && base_inode_ != info->inode) forget();  // somebody wrote a better one
  }
  if (!table_) load();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ASSAY_ASSIGN_OR_RETURN(const std::vector<size_t> stale, stale_shards());
    if (!stale.empty()) ASSAY_RETURN_IF_ERROR(rescan(stale));
    ASSAY_ASSIGN_OR_RETURN(const std::vector<size_t> finished, judge_running());
    if (finished.empty()) break;
    for (const size_t shard : finished) vouched_[shard].reset();
  }
  judge_absent();
  return {};
}

Result<std::vector<size_t>> CatalogState::stale_shards() const {
  std::vector<size_t> stale;
  size_t failures = 0;
  for (size_t shard = 0; shard < kShards; ++shard) {
    const auto stamp = shard_stamp(workspace_, shard);
    if (!stamp && ++failures == kShards) return tl::unexpected<Error>(stamp.error());
    if (!stamp || !vouched_[shard] || *vouched_[shard] != *stamp) stale.push_back(shard);
  }
  return stale;
}

Status CatalogState::rescan(const std::vector<size_t>& shards) {
  const std::vector<ShardScan> scans = scan_shards(workspace_, shards);
  std::vector<RunFile> unknown;
  for (size_t i = 0; i < shards.size(); ++i) {
    const size_t shard = shards[i];
    vouched_[shard].reset();
    damaged_[shard] = scans[i].odd;
    may_be_whole_[shard].clear();
    unreadable_[shard] = {scans[i].no_file.begin(), scans[i].no_file.end()};
    if (!scans[i].failure.empty()) {
      damaged_[shard].push_back(scans[i].failure);
      may_be_whole_[shard].push_back(scans[i].failure);
      continue;
    }
    ASSAY_RETURN_IF_ERROR(compare(shard, scans[i], unknown));
  }
  const std::set<size_t> moved = learn(unknown);
  for (size_t i = 0; i < shards.size(); ++i) {
    const size_t shard = shards[i];
    if (scans[i].settled && damaged_[shard].empty() && !moved.contains(shard)) {
      vouched_[shard] = scans[i].stamp;
    }
  }
  return {};
}

Status CatalogState::compare(size_t shard, const ShardScan& scan, std::vector<RunFile>& unknown) {
  files_listed_ += scan.files.size();
  const std::vector<size_t> known = table_->shard_rows(shard);
  auto row = known.begin();
  for (const RunFile& file : scan.files) {
    for (; row != known.end() && table_->id(*row) < file.run_id; ++row) drop_absent(*row);
    note_present(file.run_id);
    const bool same = row != known.end() && table_->id(*row) == file.run_id;
    if (!same) {
      unknown.push_back(file);
      continue;
    }
    ASSAY_ASSIGN_OR_RETURN(const FileIdentity identity, table_->identity(*row));
    if (identity != file.identity) unknown.push_back(file);
    ++row;
  }
  for (; row != known.end(); ++row) drop_absent(*row);
  return {};
}

std::unordered_map<std::string, CatalogEntry> CatalogState::journal_hints() {
  std::unordered_map<std::string, CatalogEntry> hints;
  if (!use_cache_) return hints;
  const auto info = workspace_.files().stat(journal_path(workspace_));
  if (!info) return hints;
  const bool same = journal_inode_ == info->inode && info->size >= journal_end_;
  if (same && info->size == journal_end_) return hints;
  auto text = read_file(workspace_.files(), journal_path(workspace_), kJournalLimitBytes);
  if (!text || text->size() < static_cast<size_t>(same ? journal_end_ : 0)) return hints;
  auto content =
      parse_journal(std::string_view(*text).substr(same ? size_t(journal_end_) : 0), !same);
  if (!content) return hints;
  for (JournalFrame& frame : content->frames) {
    if (!frame.entry) continue;
    std::string run_id = frame.entry->summary.info.run_id;
    hints.insert_or_assign(std::move(run_id), std::move(*frame.entry));
  }
  return hints;
}

std::set<size_t> CatalogState::learn(const std::vector<RunFile>& files) {
  std::set<size_t> moved;
  if (files.empty()) return moved;
  std::unordered_map<std::string, CatalogEntry> hints = journal_hints();
  std::vector<RunFile> to_read;
  for (const RunFile& file : files) {
    const auto hint = hints.find(file.run_id);
    if (hint != hints.end() && hint->second.file == file.identity) {
      table_->put(std::move(hint->second));
    } else {
      to_read.push_back(file);
    }
  }
  std::vector<Result<CatalogEntry>> entries = read_entries(workspace_, to_read);
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i]) {
      unsaved_.push_back(table_->put(std::move(*entries[i])));
      continue;
    }
    // What cannot be read any more is not shown from memory either.
    if (const auto row = table_->find(to_read[i].run_id)) table_->remove(*row);
    const size_t shard = shard_of(to_read[i].run_id);
    if (entries[i].error().code == StatusCode::kNotFound) {
      moved.insert(shard);
    } else {
      const Error& error = entries[i].error();
      damaged_[shard].push_back(error.message);
      if (error.code != StatusCode::kData) may_be_whole_[shard].push_back(error.message);
      unreadable_[shard].insert(to_read[i].run_id);
    }
  }
  return moved;
}

Result<std::vector<size_t>> CatalogState::judge_running() {
  std::vector<size_t> finished;
  ASSAY_ASSIGN_OR_RETURN(RunColumn* const status, table_->column(kStatusField));
  const std::string_view running = name_of(RunStatus::kRunning);
  for (; judged_rows_ < table_->rows(); ++judged_rows_) {
    const Cell cell = status->cell(judged_rows_);
    if (cell.kind == CellKind::kText && cell.text == running) running_.push_back(judged_rows_);
  }
  std::erase_if(running_, [&](size_t row) { return !table_->alive(row); });
  if (running_.empty()) return finished;
  ASSAY_ASSIGN_OR_RETURN(const RunColumn* writers, table_->column(kWriterField));
  // Most writers of old runs have no folder any more: one listing tells.
  const auto folders = workspace_.files().list(workspace_.path() + "/writers");
  std::map<std::string, bool> dead;
  for (const size_t row : running_) {
    const std::string writer(writers->cell(row).text);
    const auto [it, fresh] = dead.try_emplace(writer, true);
    if (fresh && folders && std::binary_search(folders->begin(), folders->end(), writer)) {
      it->second =
          writer_liveness(workspace_.files(), workspace_.path(), writer) == Liveness::kDead;
    }
    status->set(row, Value(name_of(it->second ? RunStatus::kInterrupted : RunStatus::kRunning)));
    if (!it->second) continue;
    // The writer may have finished the run and left since its folder was listed.
    const std::string path =
        fmt::format("{}/{}", workspace_.path(), run_file_path(std::string(table_->id(row))));
    const auto info = workspace_.files().stat(path);
    ASSAY_ASSIGN_OR_RETURN(const FileIdentity known, table_->identity(row));
    if (!info || identity_of(*info) != known) finished.push_back(shard_of(table_->id(row)));
  }
  return finished;
}

Status CatalogState::show_recorded_status() {
  ASSAY_ASSIGN_OR_RETURN(RunColumn* const status, table_->column(kStatusField));
  for (const size_t row : running_) status->set(row, Value(name_of(RunStatus::kRunning)));
  return {};
}

void CatalogState::keep() {
  if (unsaved_.size() >= kRowsToSave) {
    const auto writer = workspace_.writer();
    if (writer) (void)save((*writer)->tmp_folder());
  } else if (unsaved_.size() >= kRowsToAppend || files_listed_ >= kFilesToAppend) {
    if (append_to_journal()) {
      unsaved_.clear();
      unsaved_removals_.clear();
      unsaved_missing_.clear();
      files_listed_ = 0;
    }
  }
}

void CatalogState::sync_learned() const {
  std::set<size_t> shards;
  for (const size_t row : unsaved_) shards.insert(shard_of(table_->id(row)));
  for (const size_t shard : shards) {
    (void)workspace_.files().sync_folder(
        fmt::format("{}/{}", workspace_.path(), shard_folder(shard)));
  }
}

bool CatalogState::append_to_journal() {
  FileLayer& files = workspace_.files();
  if (!journal_inode_ || table_->base() == nullptr) return false;
  const std::string path = journal_path(workspace_);
  auto journal = files.open_append(path);
  if (!journal) return false;
  // Frames that this table rests on must lie in the file that the stamps go to.
  const auto info = files.stat(path);
  if (!info || info->inode != *journal_inode_) return false;
  std::string frames;
  for (const std::string& run_id : unsaved_removals_) {
    if (!table_->find(run_id)) frames += removal_frame(run_id);
  }
  for (const std::string& run_id : unsaved_missing_) {
    const auto run = missing_.find(run_id);
    if (run != missing_.end()) frames += missing_frame({run->first, run->second});
  }
  sync_learned();
  const size_t base_rows = table_->base()->rows();
  for (const size_t row : unsaved_) {
    if (table_->alive(row) && row >= base_rows) frames += entry_frame(table_->extra(row));
  }
  ShardStamps stamps;
  for (size_t shard = 0; shard < kShards; ++shard)
    stamps[shard] = vouched_[shard].value_or(FolderStamp{});
  frames += stamps_frame(table_->base()->directory().id, stamps);
  return (*journal)->append(std::as_bytes(std::span(frames))).has_value();
}

Status CatalogState::save(const std::string& temporary_folder) {
  ASSAY_RETURN_IF_ERROR(show_recorded_status());
  ShardStamps stamps;
  for (size_t shard = 0; shard < kShards; ++shard)
    stamps[shard] = vouched_[shard].value_or(FolderStamp{});
  sync_learned();
  std::vector<MissingRun> gone = missing();
  for (const auto& [run_id, name] : absent_) gone.push_back({run_id, name});
  ASSAY_ASSIGN_OR_RETURN(const std::string image, catalog_image(*table_, stamps, gone));
  ASSAY_RETURN_IF_ERROR(publish_file(workspace_.files(), temporary_folder, catalog_path(workspace_),
                                     std::as_bytes(std::span(image))));
  ASSAY_RETURN_IF_ERROR(swap_journal(temporary_folder));
  distrusted_.reset();
  use_cache_ = true;
  forget();
  return {};
}

Status CatalogState::swap_journal(const std::string& temporary_folder) {
  FileLayer& files = workspace_.files();
  const std::string path = journal_path(workspace_);
  const auto info = files.stat(path);
  std::string text = journal_header();
  if (info && journal_inode_ && info->inode != *journal_inode_) return {};  // another did it
  const auto old = read_file(files, path, kJournalLimitBytes);
  if (old && journal_inode_ && old->size() > static_cast<size_t>(journal_end_)) {
    // Whole frames only: an append may be under way.
    const std::string_view rest = std::string_view(*old).substr(static_cast<size_t>(journal_end_));
    const auto content = parse_journal(rest, false);
    if (content) text += rest.substr(0, content->whole_bytes);
  }
  return publish_file(files, temporary_folder, path, std::as_bytes(std::span(text)));
}

}  // namespace assay::tracking
