#include "tests/tracking/crash/workload.h"

#include <span>
#include <utility>

#include "tracking/blob_store.h"
#include "tracking/model_registry.h"

namespace assay::tracking {
namespace {

constexpr size_t kMostOpenRuns = 3;
constexpr uint64_t kLongestBurst = 40;
constexpr const char* kModel = "crash";

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

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

Status Workload::step() {
  const uint64_t number = random_.below(100);
  if (open_.empty() || (number < 10 && open_.size() < kMostOpenRuns)) return start_run();
  if (number < 45) return log_burst();
  if (number < 60) return make_durable();
  if (number < 67) return checkpoint();
  if (number < 73) return finish_run(random_.below(open_.size()));
  if (number < 79) return finish_later();
  if (number < 83) return flush();
  if (number < 88) return store_blob();
  if (number < 94) return register_model();
  return number < 97 ? move_alias() : remove_alias();
}

Status Workload::journal_step() {
  const uint64_t number = random_.below(100);
  if (open_.empty() || (number < 10 && open_.size() < kMostOpenRuns)) return start_run();
  return number < 60 ? log_burst() : make_durable();
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
  acknowledge_({Fact::Kind::kFinished, open.run->id(), open.changes});
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
    acknowledge_(end);
  } else {
    unflushed_.push_back(end);
  }
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
  return {};
}

Status Workload::flush() {
  ASSAY_RETURN_IF_ERROR(workspace_->flush());
  for (const Fact& end : unflushed_) acknowledge_(end);
  unflushed_.clear();
  return {};
}

Status Workload::store_blob() {
  // Now and then the same bytes again: a blob that is there is reused.
  const int64_t number = stored_ - static_cast<int64_t>(random_.below(3));
  const std::string text = fmt::format("blob {} of {}", number, tag_);
  ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, BlobStore(*workspace_).put(bytes_of(text)));
  ++stored_;
  acknowledge_({Fact::Kind::kBlob, blob.sha256});
  return {};
}

Status Workload::register_model() {
  const std::string text = fmt::format("model {} of {}", stored_, tag_);
  ASSAY_ASSIGN_OR_RETURN(
      const ModelVersion model,
      ModelRegistry(workspace_).register_model({.name = kModel}, bytes_of(text)));
  ++stored_;
  newest_version_ = model.version;
  acknowledge_({Fact::Kind::kModel, model.name, model.version, model.sha256});
  return {};
}

Status Workload::move_alias() {
  if (newest_version_ == 0) return register_model();
  ASSAY_RETURN_IF_ERROR(ModelRegistry(workspace_).set_alias(kModel, tag_, newest_version_));
  acknowledge_({Fact::Kind::kAlias, fmt::format("{}@{}", kModel, tag_), newest_version_});
  return {};
}

Status Workload::remove_alias() {
  if (newest_version_ == 0) return register_model();
  // Each once: what is set anew after a kill would look like a removal that was lost.
  const std::string alias = fmt::format("gone-{}-{}", tag_, ++aliases_);
  ModelRegistry registry(workspace_);
  ASSAY_RETURN_IF_ERROR(registry.set_alias(kModel, alias, newest_version_));
  ASSAY_RETURN_IF_ERROR(registry.remove_alias(kModel, alias));
  acknowledge_({Fact::Kind::kNoAlias, fmt::format("{}@{}", kModel, alias)});
  return {};
}

}  // namespace assay::tracking
