// A file layer whose n-th changing operation fails, and all later ones too if asked: a full or
// broken disk. A failing append leaves half of its bytes behind, as real disks do. Thread-safe.
#pragma once

#include <atomic>
#include <string>
#include <system_error>

#include "tests/tracking/observed_files.h"

namespace assay::tracking {

class FailingFiles final : public ObservedFiles {
 public:
  // Operations are counted from 0; -1: none fails.
  std::atomic<int64_t> fail_at = -1;
  std::atomic<bool> keep_failing = false;
  std::atomic<int> reason = ENOSPC;         // errno of the failure
  std::atomic<bool> removals_fail = false;  // a full disk still lets files go
  int64_t count() const { return count_.load(); }
  // Whether something failed that was not the writing of the catalog, which is a cache: its
  // failures are nobody's.
  bool failed_other() const { return failed_other_.load(); }
  void restart(int64_t at, bool keep) {
    count_ = 0;
    failed_other_ = false;
    fail_at = at;
    keep_failing = keep;
  }

 protected:
  Status perform(const FileCall& call, Act act) override {
    const bool removal =
        call.operation == FileOperation::kUnlink || call.operation == FileOperation::kRemoveFolder;
    if (removal && !removals_fail) return act(call);
    const int64_t number = count_.fetch_add(1);
    const bool fails = fail_at >= 0 && (keep_failing ? number >= fail_at : number == fail_at);
    if (!fails) return act(call);
    if (call.path.find("/catalog") == std::string::npos) failed_other_ = true;
    if (call.operation == FileOperation::kAppend) {
      FileCall half = call;
      half.bytes = call.bytes.first(call.bytes.size() / 2);
      (void)act(half);
    }
    return fail(StatusCode::kIo, "cannot {} '{}': {}", verb_of(call.operation), call.path,
                std::generic_category().message(reason));
  }

 private:
  std::atomic<int64_t> count_{0};
  std::atomic<bool> failed_other_{false};
};

}  // namespace assay::tracking
