// Random use of a store, by seed: starts runs and children of them, logs their scripts, makes them
// durable, checkpoints, finishes at once or later, flushes, stores blobs, registers models, moves
// an alias, sets one and removes it. Each call that returns well is reported as a fact at once. A
// call that fails is made again by a later step, as training code would. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/base/rng.h"
#include "kernels/base/status.h"
#include "tests/tracking/crash/ledger.h"
#include "tests/tracking/crash/run_script.h"
#include "tracking/run.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// For half of the seeds a journal of tiny segments and frequent folding, so that short workloads
// rotate and fold too; else as users have it. Before the workspace's first write.
void tune_journal(Workspace& workspace, uint64_t seed);

class Workload {
 public:
  // `tag` goes into the names of runs and must differ between workloads of one store.
  Workload(std::shared_ptr<Workspace> workspace, uint64_t seed, std::string tag,
           std::function<void(const Fact&)> acknowledge);

  // One random action. Fails as what it called.
  Status step();
  // Likewise, of those that need the journal alone: nothing is published, few runs hold it all.
  Status journal_step();
  // Finishes the open runs and flushes. Stops at the first failure; may be called again.
  Status finish();

 private:
  struct OpenRun {
    std::unique_ptr<Run> run;
    RunScript script;
    int64_t changes = 0;  // made so far
  };
  OpenRun& any_run() { return open_[random_.below(open_.size())]; }
  Status start_run();
  Status log_burst();
  Status make_durable();
  Status checkpoint();
  Status finish_run(size_t index);
  Status finish_later();
  Status flush();
  Status store_blob();
  Status register_model();
  Status move_alias();
  Status remove_alias();

  const std::shared_ptr<Workspace> workspace_;
  const std::string tag_;
  const std::function<void(const Fact&)> acknowledge_;
  Rng random_;
  std::vector<OpenRun> open_;
  std::vector<Fact> unflushed_;  // ends that are facts once a flush succeeds
  int64_t started_ = 0;
  int64_t stored_ = 0;
  int64_t newest_version_ = 0;
  int64_t aliases_ = 0;  // set to be removed
};

}  // namespace assay::tracking
