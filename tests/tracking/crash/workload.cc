#include "tests/tracking/crash/workload.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include "kernels/base/hash.h"
#include "tests/bytes_of.h"
#include "tracking/blob_store.h"
#include "tracking/catalog.h"
#include "tracking/garbage.h"
#include "tracking/model_registry.h"
#include "tracking/quarantine.h"
#include "tracking/run_query.h"
#include "tracking/run_tags.h"
#include "tracking/run_trash.h"
#include "tracking/workspace_copy.h"

namespace assay::tracking {
namespace {

constexpr size_t kMostOpenRuns = 3;
constexpr uint64_t kLongestBurst = 40;
constexpr int kQuickChanges = 12;
constexpr const char* kModel = "crash";

}  // namespace

void tune_journal(Workspace& workspace, uint64_t seed) {
  JournalOptions options;
  options.retry_ns = 1'000'000;  // after a failure; tests do not wait long
  if (seed % 2 == 0) {
    options.tick_ns = 1'000'000;
    options.segment_bytes = 4096;
    options.first_checkpoint_bytes = 8192;
    options.large_change_bytes = 1024;
  }
  workspace.tune_journal(options);
}

Workload::Workload(std::shared_ptr<Workspace> workspace, uint64_t seed, std::string tag,
                   std::function<void(const Fact&)> acknowledge)
    : workspace_(std::move(workspace)),
      tag_(std::move(tag)),
      acknowledge_(std::move(acknowledge)),
      random_(seed) {}

Status Workload::step(Focus focus) {
  action_ = Action::kRuns;
  if (focus == Focus::kJournal) return journal_step();
  return focus == Focus::kUpkeep ? upkeep_step() : any_step();
}

Status Workload::any_step() {
  const uint64_t number = random_.below(100);
  if (open_.empty() || (number < 10 && open_.size() < kMostOpenRuns)) return start_run();
  if (number < 36) return log_burst();
  if (number < 48) return make_durable();
  if (number < 54) return checkpoint();
  if (number < 60) return finish_run(random_.below(open_.size()));
  if (number < 66) return finish_later();
  if (number < 69) return flush();
  if (number < 73) return store_blob();
  if (number < 79) return register_model();
  if (number < 82) return number == 79 ? remove_alias() : move_alias();
  if (number < 84 && !ended_.empty() && open_.size() < kMostOpenRuns) return reopen_run();
  return upkeep_step();
}

Status Workload::journal_step() {
  const uint64_t number = random_.below(100);
  if (open_.empty() || (number < 10 && open_.size() < kMostOpenRuns)) return start_run();
  return number < 60 ? log_burst() : make_durable();
}

Status Workload::upkeep_step() {
  const uint64_t number = random_.below(100);
  if (ended_.empty() || number < 12) return end_quick_run();
  if (number < 22) return register_model();
  if (number < 28 && open_.size() < kMostOpenRuns) return reopen_run();
  if (number < 40) return tag_run();
  if (number < 52) return delete_run();
  if (number < 64) return restore_run();
  if (number < 74) return collect_garbage();
  if (number < 81) return promote();
  if (number < 84) return remove_alias();
  if (number < 89) return delete_version();
  if (number < 93) return restore_version();
  if (number < 96) return write_catalog();
  return number < 98 ? copy_store() : put_away();
}

Status Workload::finish() {
  while (!open_.empty()) ASSAY_RETURN_IF_ERROR(finish_run(open_.size() - 1));
  return flush();
}

Status Workload::start_run() {
  const std::string name = fmt::format("{}-{}", tag_, started_);
  ASSAY_ASSIGN_OR_RETURN(
      auto run, Run::create(workspace_, {.kind = "trial", .experiment = "crash", .name = name}));
  ++started_;
  open_.push_back({std::move(run), RunScript(name)});
  return {};
}

Status Workload::log_burst() {
  OpenRun& open = any_run();
  for (uint64_t left = 1 + random_.below(kLongestBurst); left > 0; --left) {
    ASSAY_RETURN_IF_ERROR(open.script.apply(*open.run, open.changes));
    ++open.changes;
  }
  return {};
}

Status Workload::make_durable() {
  OpenRun& open = any_run();
  ASSAY_RETURN_IF_ERROR(open.run->durable());
  acknowledge_({Fact::Kind::kRun, open.run->id(), open.changes});
  return {};
}

Status Workload::checkpoint() {
  OpenRun& open = any_run();
  ASSAY_RETURN_IF_ERROR(open.run->checkpoint());
  acknowledge_({Fact::Kind::kRun, open.run->id(), open.changes});
  return {};
}

Status Workload::finish_run(size_t index) {
  OpenRun& open = open_[index];
  ASSAY_RETURN_IF_ERROR(open.run->finish(open.script.final_status(), open.script.final_message()));
  note_end({Fact::Kind::kFinished, open.run->id(), open.changes});
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
  return {};
}

Status Workload::finish_later() {
  const size_t index = random_.below(open_.size());
  OpenRun& open = open_[index];
  ASSAY_RETURN_IF_ERROR(open.run->finish(open.script.final_status(), open.script.final_message(),
                                         FinishMode::kDeferred));
  const Fact end{Fact::Kind::kFinished, open.run->id(), open.changes};
  if (random_.below(2) == 0 && open.run->durable()) {
    note_end(end);
  } else {
    unflushed_.push_back(end);
  }
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
  return {};
}

Status Workload::flush() {
  ASSAY_RETURN_IF_ERROR(workspace_->flush());
  for (const Fact& end : unflushed_) note_end(end);
  unflushed_.clear();
  return {};
}

Status Workload::store_blob() {
  // Now and then the same bytes again: a blob that is there is reused.
  const int64_t number = stored_ - static_cast<int64_t>(random_.below(3));
  const std::string text = fmt::format("blob {} of {}", number, tag_);
  ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, BlobStore(*workspace_).put(bytes_of(text)));
  ++stored_;
  newest_blob_ = blob.sha256;
  acknowledge_({Fact::Kind::kBlob, blob.sha256});
  return {};
}

Status Workload::register_model() {
  action_ = Action::kModels;
  const std::string text = fmt::format("model {} of {}", stored_, tag_);
  ASSAY_ASSIGN_OR_RETURN(
      const ModelVersion model,
      ModelRegistry(workspace_).register_model({.name = kModel}, bytes_of(text)));
  ++stored_;
  newest_version_ = model.version;
  versions_.push_back(model.version);
  registered_blobs_.push_back(model.sha256);
  acknowledge_({Fact::Kind::kModel, model.name, model.version, model.sha256});
  return {};
}

Status Workload::move_alias() {
  if (!has_newest()) return register_model();
  action_ = Action::kModels;
  ASSAY_RETURN_IF_ERROR(ModelRegistry(workspace_).set_alias(kModel, tag_, newest_version_));
  acknowledge_({Fact::Kind::kAlias, fmt::format("{}@{}", kModel, tag_), newest_version_});
  return {};
}

Status Workload::remove_alias() {
  if (!has_newest()) return register_model();
  action_ = Action::kModels;
  // Each once: what is set anew after a kill would look like a removal that was lost.
  const std::string alias = fmt::format("gone-{}-{}", tag_, ++aliases_);
  ModelRegistry registry(workspace_);
  ASSAY_RETURN_IF_ERROR(registry.set_alias(kModel, alias, newest_version_));
  ASSAY_RETURN_IF_ERROR(registry.remove_alias(kModel, alias));
  acknowledge_({Fact::Kind::kNoAlias, fmt::format("{}@{}", kModel, alias)});
  return {};
}

bool Workload::has_newest() const {
  return std::find(versions_.begin(), versions_.end(), newest_version_) != versions_.end();
}

void Workload::note_end(const Fact& end) {
  acknowledge_(end);
  ended_.push_back(end.name);
}

Status Workload::end_quick_run() {
  if (open_.size() < kMostOpenRuns) ASSAY_RETURN_IF_ERROR(start_run());
  OpenRun& open = open_.back();
  for (int i = 0; i < kQuickChanges; ++i) {
    ASSAY_RETURN_IF_ERROR(open.script.apply(*open.run, open.changes));
    ++open.changes;
  }
  return finish_run(open_.size() - 1);
}

Status Workload::tag_run() {
  action_ = Action::kTag;
  const std::string& run_id = ended_[random_.below(ended_.size())];
  ASSAY_RETURN_IF_ERROR(
      tracking::tag_run(*workspace_, run_id, {.set = {{kMarkTag, last_mark_ + 1}}}));
  acknowledge_({Fact::Kind::kTagged, run_id, ++last_mark_});
  return {};
}

Status Workload::delete_run() {
  action_ = Action::kTrash;
  const auto at = ended_.begin() + static_cast<std::ptrdiff_t>(random_.below(ended_.size()));
  const std::string run_id = *at;
  acknowledge_({Fact::Kind::kMoving, run_id});
  const auto deleted = tracking::delete_run(*workspace_, run_id);
  // After a failure too: it may have been moved before.
  ended_.erase(at);
  deleted_.push_back(run_id);
  if (!deleted) return tl::unexpected<Error>(deleted.error());
  acknowledge_({Fact::Kind::kTrashed, run_id});
  return {};
}

Status Workload::restore_run() {
  if (deleted_.empty()) return delete_run();
  action_ = Action::kTrash;
  const std::string run_id = deleted_.back();
  acknowledge_({Fact::Kind::kMoving, run_id});
  const auto restored = tracking::restore_run(*workspace_, run_id);
  // Another process may have taken it out of the trash for good. The ledger knows whether one did.
  const bool gone = !restored && restored.error().code == StatusCode::kNotFound;
  if (!restored && !gone) return tl::unexpected<Error>(restored.error());
  deleted_.pop_back();
  if (gone) return {};
  acknowledge_({Fact::Kind::kBack, run_id});
  ended_.push_back(run_id);
  return {};
}

Status Workload::reopen_run() {
  const auto at = ended_.begin() + static_cast<std::ptrdiff_t>(random_.below(ended_.size()));
  const std::string run_id = *at;
  acknowledge_({Fact::Kind::kReopening, run_id});
  RunRecord record;
  ASSAY_ASSIGN_OR_RETURN(auto run, Run::reopen(workspace_, run_id, &record));
  ended_.erase(at);
  RunScript script(record.info.name);
  const int64_t changes = script.length_of(record);
  open_.push_back({std::move(run), std::move(script), changes});
  acknowledge_({Fact::Kind::kRun, run_id, changes});
  return {};
}

Status Workload::promote() {
  if (versions_.empty()) return register_model();
  action_ = Action::kModels;
  const int64_t version = versions_[random_.below(versions_.size())];
  ASSAY_RETURN_IF_ERROR(ModelRegistry(workspace_)
                            .edit(kModel, version,
                                  {.stage = std::string(kProduction),
                                   .archive_others = true,
                                   .set_aliases = {kPromotedAlias}}));
  acknowledge_({Fact::Kind::kPromoted, kModel, version});
  return {};
}

Status Workload::delete_version() {
  if (versions_.empty()) return register_model();
  action_ = Action::kModels;
  const auto at = versions_.begin() + static_cast<std::ptrdiff_t>(random_.below(versions_.size()));
  const int64_t version = *at;
  const std::string name = fmt::format("{}:{}", kModel, version);
  acknowledge_({Fact::Kind::kMoving, name});
  const Status deleted = ModelRegistry(workspace_).delete_version(kModel, version);
  // In use: an alias is at it, or it is in production.
  if (!deleted && deleted.error().code == StatusCode::kInvalidArgument) {
    acknowledge_({Fact::Kind::kBack, name});
    return {};
  }
  versions_.erase(at);
  deleted_versions_.push_back(version);
  ASSAY_RETURN_IF_ERROR(deleted);
  acknowledge_({Fact::Kind::kTrashed, name});
  return {};
}

Status Workload::restore_version() {
  if (deleted_versions_.empty()) return delete_version();
  action_ = Action::kModels;
  const int64_t version = deleted_versions_.back();
  const std::string name = fmt::format("{}:{}", kModel, version);
  acknowledge_({Fact::Kind::kMoving, name});
  const auto restored = ModelRegistry(workspace_).restore_version(kModel, version);
  const bool gone = !restored && restored.error().code == StatusCode::kNotFound;
  if (!restored && !gone) return tl::unexpected<Error>(restored.error());
  deleted_versions_.pop_back();
  if (gone) return {};
  acknowledge_({Fact::Kind::kBack, name});
  versions_.push_back(version);
  return {};
}

Status Workload::collect_garbage() {
  action_ = Action::kCollect;
  const bool purges = random_.below(4) == 0;
  acknowledge_({Fact::Kind::kCollecting, "-", purges ? 1 : 0});
  if (random_.below(2) == 0) ASSAY_RETURN_IF_ERROR(strand_blobs());
  GarbageOptions options{.grace_ns = 0};
  if (purges) options.retention_ns = 0;
  ASSAY_RETURN_IF_ERROR(tracking::collect_garbage(*workspace_, options));
  if (newest_blob_.empty() || BlobStore(*workspace_).contains(newest_blob_)) return {};
  return fail(StatusCode::kInternal, "a collection took blob {}, which this process has pinned",
              newest_blob_);
}

// What a collection leaves that took blobs away just before models began to need them, and died.
Status Workload::strand_blobs() {
  ASSAY_RETURN_IF_ERROR(workspace_->ensure_folder(std::string(kBlobTrash)));
  for (const std::string& hash : registered_blobs_) {
    if (random_.below(2) == 0) continue;
    const std::string& root = workspace_->path();
    const Status moved =
        workspace_->files().rename(fmt::format("{}/blobs/{}/{}", root, hash.substr(0, 2), hash),
                                   fmt::format("{}/{}/{}", root, kBlobTrash, hash));
    if (!moved && moved.error().code != StatusCode::kNotFound) return moved;
  }
  return workspace_->files().sync_folder(fmt::format("{}/{}", workspace_->path(), kBlobTrash));
}

// The copy has what was acknowledged here, and is thrown away: so it is written beside the layer
// that records or fails, and the store is read as another process would.
Status Workload::copy_store() {
  action_ = Action::kCopy;
  const std::string to = fmt::format("{}-copy-{}-{}", workspace_->path(), tag_, ++copies_);
  ASSAY_ASSIGN_OR_RETURN(const auto reader, Workspace::open(workspace_->path()));
  ASSAY_ASSIGN_OR_RETURN(const CopyReport report, copy_workspace(*reader, to, StopToken()));
  for (const std::string& message : report.damaged) {
    if (message.starts_with("blob ")) continue;  // to be put away
    return fail(StatusCode::kInternal, "a copy found damage: {}", message);
  }
  ASSAY_ASSIGN_OR_RETURN(const auto copy, Workspace::open(to));
  ASSAY_ASSIGN_OR_RETURN(const RunList list, list_runs(*copy));
  if (!list.damaged.empty()) {
    return fail(StatusCode::kInternal, "a copy is damaged: {}", list.damaged.front());
  }
  std::set<std::string> ids;
  for (const RunInfo& info : list.runs) ids.insert(info.run_id);
  for (const std::string& run_id : ended_) {
    if (!ids.contains(run_id)) {
      return fail(StatusCode::kInternal, "a copy lacks run {}", run_id);
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(to, ignored);
  return {};
}

// A blob that nothing names, with other bytes than its name says.
Status Workload::put_away() {
  action_ = Action::kQuarantine;
  const std::string text = fmt::format("damaged {} of {}", ++put_away_, tag_);
  const std::string path = blob_path(sha256_hex(bytes_of(text)));
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace_->writer());
  ASSAY_RETURN_IF_ERROR(workspace_->ensure_folder(path.substr(0, path.rfind('/'))));
  ASSAY_RETURN_IF_ERROR(publish_file(workspace_->files(), writer->tmp_folder(),
                                     workspace_->path() + "/" + path, bytes_of(kDamagedBytes)));
  const DamagedFile damaged{DamagedFile::Kind::kBlob, path, "it was damaged on purpose"};
  ASSAY_ASSIGN_OR_RETURN(const QuarantineReport report,
                         quarantine_files(*workspace_, {&damaged, 1}));
  // Another process may have collected it before.
  if (report.moved.size() + report.left.size() == 1) return {};
  return fail(StatusCode::kInternal, "{} was not put away", path);
}

Status Workload::write_catalog() {
  action_ = Action::kCatalog;
  Catalog catalog(*workspace_);
  if (random_.below(2) == 0) return catalog.save();
  ASSAY_RETURN_IF_ERROR(catalog.rebuild());
  return {};
}

}  // namespace assay::tracking
