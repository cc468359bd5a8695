// A recording of what a store asked of the file system, in order, with the moments at which it
// acknowledged something to its caller. DiskModel makes states after a loss of power from it.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/tracking/crash/ledger.h"
#include "tests/tracking/observed_files.h"

namespace assay::tracking {

struct TraceStep {
  FileOperation operation = FileOperation::kCreate;
  std::string path{};
  std::string from{};
  int64_t file = 0;
  std::string bytes{};
};

// Makes the calls on the real file system, one at a time, and records those that succeed. A sync of
// what is there is only recorded: the trace says what it would have made durable. Thread-safe.
class RecordingFiles final : public ObservedFiles {
 public:
  // Remembers that the store acknowledged a fact after what has been recorded so far.
  void acknowledge(const Fact& fact);

  size_t count();
  // The recording; only when no call is being made.
  const std::vector<TraceStep>& steps() const { return steps_; }
  // What was acknowledged when the first `count` steps had been made.
  Ledger ledger_at(size_t count) const;

 protected:
  Status perform(const FileCall& call, Act act) override;

 private:
  std::mutex mutex_;
  std::vector<TraceStep> steps_;
  std::vector<std::pair<size_t, Fact>> facts_;
};

// Swallows syncs for which `drops` holds: the store believes that they were made. A harness that
// finds nothing wrong with such a store proves nothing. As thread-safe as the layer below.
class ForgetfulFiles final : public ObservedFiles {
 public:
  ForgetfulFiles(FileLayer& below, std::function<bool(const FileCall&)> drops)
      : ObservedFiles(&below), drops_(std::move(drops)) {}

 protected:
  Status perform(const FileCall& call, Act act) override {
    const bool sync =
        call.operation == FileOperation::kSync || call.operation == FileOperation::kSyncFolder;
    return sync && drops_(call) ? Status() : act(call);
  }

 private:
  const std::function<bool(const FileCall&)> drops_;
};

}  // namespace assay::tracking
