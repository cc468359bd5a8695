// Random use of a store, by seed: starts runs, logs their scripts, makes them durable, checkpoints,
// finishes at once or later, flushes, stores blobs, registers models and moves, sets and removes
// aliases; tags, deletes, restores and goes on with runs that ended, promotes, deletes and restores
// versions, collects garbage, writes the catalog, copies the store, puts damaged blobs into
// quarantine. Each call that returns well is reported as a fact at once; what is to be moved or
// collected is reported before. A call that fails is made again by a later step, as training code
// would. Not thread-safe.
#pragma once

#include <atomic>
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

// The alias that is promoted together with the stage; all workloads of a store share it.
inline constexpr const char* kPromotedAlias = "promoted";

// What a step does, for controls that leave out syncs of one kind of step alone.
enum class Action { kRuns, kTag, kTrash, kCollect, kModels, kCatalog, kCopy, kQuarantine };

// What a blob holds that a step damaged to put it away.
inline constexpr const char* kDamagedBytes = "damaged on purpose";

// What the steps are drawn from.
enum class Focus {
  kAll,
  kJournal,  // what needs the journal alone: nothing is published, few runs hold it all
  kUpkeep,   // mostly what happens to runs and models after their end
};

class Workload {
 public:
  // `tag` goes into the names of runs and must differ between workloads of one store.
  Workload(std::shared_ptr<Workspace> workspace, uint64_t seed, std::string tag,
           std::function<void(const Fact&)> acknowledge);

  // One random action. Fails as what it called.
  Status step(Focus focus = Focus::kAll);
  // What the last step began. Any thread may ask.
  Action action() const { return action_.load(); }
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
  Status any_step();
  Status journal_step();
  Status upkeep_step();
  Status end_quick_run();
  Status tag_run();
  Status delete_run();
  Status restore_run();
  Status reopen_run();
  Status promote();
  Status delete_version();
  Status restore_version();
  Status collect_garbage();
  Status strand_blobs();
  Status write_catalog();
  Status copy_store();
  Status put_away();
  // The newest version was registered and is not deleted, so that it can have an alias.
  bool has_newest() const;
  // Acknowledged ends may be tagged and deleted.
  void note_end(const Fact& end);

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
  int64_t last_mark_ = 0;
  int64_t copies_ = 0;
  int64_t put_away_ = 0;
  std::atomic<Action> action_{Action::kRuns};
  std::vector<std::string> ended_;         // runs
  std::vector<std::string> deleted_;       // likewise
  std::vector<int64_t> versions_;          // registered here and not deleted
  std::vector<int64_t> deleted_versions_;  // likewise
  std::vector<std::string> registered_blobs_;
  std::string newest_blob_;  // stored here alone, so that only the pin of this process keeps it
};

}  // namespace assay::tracking
