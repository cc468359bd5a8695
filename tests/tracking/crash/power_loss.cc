#include "tests/tracking/crash/power_loss.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>

#include "kernels/base/rng.h"
#include "tests/tracking/crash/disk_model.h"
#include "tests/tracking/crash/disk_trace.h"
#include "tests/tracking/crash/store_check.h"
#include "tests/tracking/crash/workload.h"
#include "tests/tracking/test_folder.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostProblems = 10;
constexpr const char* kStore = "/store";

// What a workload did, and how its writer left: its files go when this does, the recording stays.
struct Recording {
  TestFolder folder{fast_folder()};
  RecordingFiles files{};
  size_t end = 0;  // steps when the workload ended and its writer had not left yet
  std::vector<std::string> problems{};
};

std::unique_ptr<Recording> record(const PowerLossPlan& plan, uint64_t seed) {
  auto recording = std::make_unique<Recording>();
  RecordingFiles& files = recording->files;
  std::atomic<const Workload*> at_work{nullptr};
  const auto drops = [&](const FileCall& call) {
    if (!plan.drops || !plan.drops(call)) return false;
    const Workload* workload = at_work.load();
    return !plan.during || (workload != nullptr && workload->action() == *plan.during);
  };
  ForgetfulFiles forgetful(files, drops);
  const auto note = [&](const Status& status) {
    if (!status) recording->problems.push_back("the workload failed: " + status.error().message);
  };
  auto workspace = Workspace::create(recording->folder.path() + kStore, "crash", &forgetful);
  if (!workspace) {
    note(tl::unexpected<Error>(workspace.error()));
    return recording;
  }
  tune_journal(**workspace, plan.tuning.value_or(seed));
  Workload workload(*workspace, seed, fmt::format("w{}", seed % 1'000'000),
                    [&](const Fact& fact) { files.acknowledge(fact); });
  at_work = &workload;
  for (int i = 0; i < plan.actions; ++i) note(workload.step(plan.focus));
  at_work = nullptr;
  recording->end = files.count();
  return recording;
}

// The recorded steps up to a cut, on top of what lay in the folder when the recording began.
Status replay(DiskModel& disk, const RecordingFiles& files, size_t cut) {
  for (size_t i = 0; i < cut; ++i) ASSAY_RETURN_IF_ERROR(disk.apply(files.steps()[i]));
  return {};
}

class Trial {
 public:
  Trial(PowerLossCount& count, uint64_t seed) : count_(count), random_(seed) {}

  Problems run(const PowerLossPlan& plan, const Recording& recording, const DiskModel& empty) {
    // Anywhere, the writer's leaving included.
    const size_t cut =
        plan.cut_at_end ? recording.end : random_.below(recording.files.steps().size() + 1);
    DiskModel disk = empty;
    if (const Status status = replay(disk, recording.files, cut); !status) {
      return {status.error().message};
    }
    const Ledger ledger = recording.files.ledger_at(cut);
    count_.facts += static_cast<int64_t>(ledger.size());
    const TestFolder found(fast_folder());
    disk.lose_power(found.path(), random_);
    const std::string store = found.path() + kStore;
    age_leases(store);
    Problems problems;
    if (!plan.drops && fs::exists(store + "/WORKSPACE")) {
      problems = flip_and_check(store, ledger, random_, count_.flips);
    }
    const Problems found_without = recover(plan, found.path(), ledger);
    problems.insert(problems.end(), found_without.begin(), found_without.end());
    return problems;
  }

 private:
  Problems recover(const PowerLossPlan& plan, const std::string& folder, const Ledger& ledger) {
    const std::string store = folder + kStore;
    // A control shows that the syncs of the workload matter: recover it in peace.
    const uint64_t way = plan.drops ? 0 : random_.below(3);
    if (way == 1 && fs::exists(store + "/WORKSPACE")) return recover_by_two(store, ledger);
    if (way == 2 && fs::exists(store + "/WORKSPACE")) return cut_recovery(folder, ledger);
    return recover_and_check(store, ledger);
  }

  Problems recover_by_two(const std::string& store, const Ledger& ledger) {
    ++count_.recoveries_two;
    Status first;
    Status second;
    std::thread other([&] { first = recover_store(store); });
    second = recover_store(store);
    other.join();
    Problems problems = recover_and_check(store, ledger);
    for (const Status& status : {first, second}) {
      if (!status) problems.push_back("one of two recoveries failed: " + status.error().message);
    }
    return problems;
  }

  // Power goes again while the store is being recovered.
  Problems cut_recovery(const std::string& folder, const Ledger& ledger) {
    ++count_.recoveries_cut;
    DiskModel disk(folder);
    RecordingFiles files;
    if (const Status status = recover_store(folder + kStore, &files); !status) {
      return {"the first recovery failed: " + status.error().message};
    }
    const size_t cut = random_.below(files.steps().size() + 1);
    if (const Status status = replay(disk, files, cut); !status) return {status.error().message};
    const TestFolder again(fast_folder());
    disk.lose_power(again.path(), random_);
    age_leases(again.path() + kStore);
    return recover_and_check(again.path() + kStore, ledger);
  }

  PowerLossCount& count_;
  Rng random_;
};

bool in_folder(const std::string& path, const char* folder) {
  return path.find(std::string("/store/") + folder) != std::string::npos;
}

bool is_temporary(const FileCall& call, const char* prefix) {
  return call.operation == FileOperation::kSync &&
         call.path.find(std::string("/tmp/") + prefix) != std::string::npos;
}

}  // namespace

PowerLossCount lose_power(const PowerLossPlan& plan) {
  PowerLossCount count;
  const auto note = [&](uint64_t seed, const std::string& problem) {
    if (count.problems.size() < kMostProblems) {
      count.problems.push_back(fmt::format("seed {}: {}", seed, problem));
    }
  };
  for (int r = 0; r < plan.recordings; ++r) {
    const uint64_t seed = derive_seed(plan.seed, "recording", static_cast<uint64_t>(r));
    const auto recording = record(plan, seed);
    // The folder is as it was when the recording began once the store is out of the way.
    fs::remove_all(recording->folder.path() + kStore);
    const DiskModel empty(recording->folder.path());
    for (const std::string& problem : recording->problems) note(seed, problem);
    count.failed += recording->problems.empty() ? 0 : 1;
    for (int c = 0; c < plan.cuts; ++c) {
      ++count.trials;
      Trial trial(count, derive_seed(seed, "cut", static_cast<uint64_t>(c)));
      const Problems problems = trial.run(plan, *recording, empty);
      count.failed += problems.empty() ? 0 : 1;
      for (const std::string& problem : problems) note(seed, fmt::format("cut {}: {}", c, problem));
    }
  }
  return count;
}

const std::vector<SyncClass>& sync_classes() {
  static const std::vector<SyncClass> classes = {
      {"the journal's data",
       [](const FileCall& call) {
         return call.operation == FileOperation::kSync && call.path.ends_with(".wal");
       },
       Focus::kJournal},
      {"the folder of a new segment",
       [](const FileCall& call) {
         return call.operation == FileOperation::kSyncFolder && in_folder(call.path, "writers/");
       },
       Focus::kJournal},
      {"the folder of a new writer",
       [](const FileCall& call) {
         return call.operation == FileOperation::kSyncFolder && call.path.ends_with("/writers");
       },
       Focus::kJournal},
      {"a run file before its rename",
       [](const FileCall& call) {
         return is_temporary(call, "") && !is_temporary(call, "blob-") &&
                !is_temporary(call, "record-") && !is_temporary(call, "tags-");
       }},
      {"the folder of a run after its rename",
       [](const FileCall& call) {
         return call.operation == FileOperation::kSyncFolder && in_folder(call.path, "runs/");
       }},
      {"a blob before its link", [](const FileCall& call) { return is_temporary(call, "blob-"); }},
      {"the folder of a blob after its link",
       [](const FileCall& call) {
         return call.operation == FileOperation::kSyncFolder && in_folder(call.path, "blobs/");
       }},
      {"a record of the registry before its link",
       [](const FileCall& call) { return is_temporary(call, "record-"); }},
      {"a tagged run's file before its rename",
       [](const FileCall& call) { return is_temporary(call, "tags-"); }, Focus::kUpkeep},
      {"the folder of a tagged run",
       [](const FileCall& call) {
         return call.operation == FileOperation::kSyncFolder && in_folder(call.path, "runs/");
       },
       Focus::kUpkeep, Action::kTag},
      {"the folders of a run that was deleted or restored",
       [](const FileCall& call) {
         return call.operation == FileOperation::kSyncFolder &&
                (in_folder(call.path, "runs/") || in_folder(call.path, "trash/"));
       },
       Focus::kUpkeep, Action::kTrash},
      {"the folder of a blob that was put back",
       [](const FileCall& call) {
         return call.operation == FileOperation::kSyncFolder && in_folder(call.path, "blobs/");
       },
       // Caught only where the removal from the trash reached the disk and the link did not.
       Focus::kUpkeep, Action::kCollect, 10},
      {"the folders of versions and of changes of models",
       [](const FileCall& call) {
         return call.operation == FileOperation::kSyncFolder && in_folder(call.path, "models/");
       }},
      {"the folders that hold new folders",
       [](const FileCall& call) {
         return call.operation == FileOperation::kSyncFolder &&
                (call.path.ends_with("/store") || call.path.ends_with("/runs") ||
                 call.path.ends_with("/blobs") || call.path.ends_with("/models"));
       }},
  };
  return classes;
}

std::string fast_folder() {
  static const std::string folder = memory_folder();
  return folder;
}

}  // namespace assay::tracking
