#include "tests/tracking/crash/disk_trace.h"

#include <algorithm>
#include <filesystem>

namespace assay::tracking {

void RecordingFiles::acknowledge(const Fact& fact) {
  const std::scoped_lock lock(mutex_);
  facts_.emplace_back(steps_.size(), fact);
}

size_t RecordingFiles::count() {
  const std::scoped_lock lock(mutex_);
  return steps_.size();
}

Ledger RecordingFiles::ledger_at(size_t count) const {
  Ledger ledger;
  for (const auto& [position, fact] : facts_) {
    if (position <= count) ledger.note(fact);
  }
  return ledger;
}

Status RecordingFiles::perform(const FileCall& call, Act act) {
  const std::scoped_lock lock(mutex_);
  const bool sync =
      call.operation == FileOperation::kSync || call.operation == FileOperation::kSyncFolder;
  // What is not there any more cannot be synced: the real call says so.
  const bool gone =
      call.operation == FileOperation::kSyncFolder && !std::filesystem::exists(call.path);
  if (!sync || gone) ASSAY_RETURN_IF_ERROR(act(call));
  TraceStep step{call.operation, call.path, call.from, call.file, {}};
  step.bytes.assign(reinterpret_cast<const char*>(call.bytes.data()), call.bytes.size());
  steps_.push_back(std::move(step));
  return {};
}

}  // namespace assay::tracking
