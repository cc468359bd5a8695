#include "tracking/workspace_copy.h"

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "tests/tracking/failing_files.h"
#include "tests/tracking/killed_store.h"
#include "tests/tracking/upkeep_fixture.h"
#include "tracking/quarantine.h"
#include "tracking/run_trash.h"
#include "tracking/workspace_check.h"

namespace assay::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class WorkspaceCopy : public UpkeepTest {
 protected:
  Result<CopyReport> copy_to(const std::string& name) {
    return copy_workspace(*workspace_, folder_ / name, stop_);
  }
  void expect_whole(const std::string& name, size_t runs) {
    const auto copy = Workspace::open(folder_ / name);
    ASSERT_TRUE(copy) << copy.error().message;
    const auto checked = check_workspace(**copy, stop_);
    ASSERT_TRUE(checked) << checked.error().message;
    EXPECT_THAT(checked->problems, IsEmpty());
    EXPECT_EQ(list_runs(**copy)->runs.size(), runs);
    EXPECT_FALSE(std::filesystem::exists(folder_ / (name + "/COPYING")));
  }
  StopToken stop_;
};

TEST_F(WorkspaceCopy, HoldsTheSameRunsModelsAndBlobs) {
  const auto report = copy_workspace(*workspace_, folder_ / "copy/deep/", stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GE(report->files, 9);
  const auto copy = Workspace::open(folder_ / "copy/deep");
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_EQ((*copy)->display_name(), "shop");
  EXPECT_NE((*copy)->uuid(), workspace_->uuid());
  for (const char* part : {"runs", "blobs", "models"}) {
    const std::string one = folder_ / (std::string("store/") + part);
    const std::string two = folder_ / (std::string("copy/deep/") + part);
    ASSERT_EQ(files_below(one), files_below(two));
    for (const std::string& file : files_below(one)) {
      EXPECT_EQ(slurp(one + "/" + file), slurp(two + "/" + file)) << file;
    }
  }
  const auto checked = check_workspace(**copy, stop_);
  ASSERT_TRUE(checked);
  EXPECT_THAT(checked->problems, IsEmpty());
}

TEST_F(WorkspaceCopy, HoldsWhatIsOnlyInTheJournalsOfLiveWriters) {
  auto live = Run::create(workspace_, {.kind = "sweep", .name = "live"});
  ASSERT_TRUE((*live)->log_metric("auc", 0.25, 1, 1.0));
  const std::string bytes = "an artifact of a live run";
  ASSERT_TRUE((*live)->log_artifact("a.txt", std::as_bytes(std::span(bytes)), "text/plain"));
  ASSERT_TRUE((*live)->durable());
  ASSERT_FALSE(std::filesystem::exists(run_file_of(*workspace_, (*live)->id())));
  const auto reader = *Workspace::open(folder_ / "store");
  const auto report = copy_workspace(*reader, folder_ / "copy", stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->runs_cut, 1);
  expect_whole("copy", 5);
  auto copy = *Workspace::open(folder_ / "copy");
  const auto run = load_run(*copy, "live");
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->info.status, RunStatus::kInterrupted);
  EXPECT_TRUE(run->info.finished);
  EXPECT_THAT(run->info.message, HasSubstr("copy"));
  EXPECT_EQ(run->metrics.at("auc").size(), 1U);
  EXPECT_EQ(*BlobStore(*copy).read(run->artifacts.at(0).sha256), bytes);
  EXPECT_EQ(load_run(*reader, "live")->info.status, RunStatus::kRunning) << "the run goes on";
  ASSERT_TRUE((*live)->finish(RunStatus::kCompleted));
  EXPECT_EQ(copy_to("after")->runs_cut, 0);
}

TEST_F(WorkspaceCopy, HoldsWhatDeadWritersLeftWithoutWritingToTheOriginal) {
  auto run = Run::create(workspace_, {.name = "cut"});
  ASSERT_TRUE((*run)->log_metric("auc", 0.25, 1, 1.0));
  ASSERT_TRUE((*run)->durable());
  copy_as_killed(folder_ / "store", folder_ / "killed");
  const auto before = files_below(folder_ / "killed");
  const auto killed = *Workspace::open(folder_ / "killed");
  const auto report = copy_workspace(*killed, folder_ / "copy", stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(files_below(folder_ / "killed"), before);
  expect_whole("copy", 5);
  EXPECT_EQ(load_run(**Workspace::open(folder_ / "copy"), "cut")->info.status,
            RunStatus::kInterrupted);
}

// A writer that starts, logs, finishes and deletes runs, with small segments, while copies are
// made: each copy is whole and has at least what was acknowledged when it began.
TEST_F(WorkspaceCopy, HoldsAllThatWasAcknowledgedBeforeItBegan) {
  workspace_.reset();
  const auto writer = *Workspace::open(folder_ / "store");
  writer->tune_journal({.tick_ns = 100'000, .segment_bytes = 20'000});
  std::mutex mutex;
  std::map<std::string, int64_t> acknowledged;  // points by run
  std::set<std::string> deleted;
  std::atomic<bool> done = false;
  std::atomic<int> steps = 0;
  std::atomic<int> allowed = 0;  // a slow machine must not copy ever more runs
  std::thread work([&] {
    for (int i = 0; !done; ++i) {
      if (steps >= allowed) {
        std::this_thread::yield();
        --i;
        continue;
      }
      auto run = std::move(*Run::create(writer, {.kind = "job"}));
      const std::string bytes = "artifact " + std::to_string(i);
      EXPECT_TRUE(run->log_artifact("a", std::as_bytes(std::span(bytes)), "text/plain"));
      for (int64_t step = 0; step < 30; ++step) {
        EXPECT_TRUE(run->log_metric("auc", 0.5, step, 1.0));
        if (step % 10 != 9) continue;
        EXPECT_TRUE(run->durable());
        const std::scoped_lock lock(mutex);
        acknowledged[run->id()] = step + 1;
        ++steps;
      }
      const auto mode = i % 2 == 0 ? FinishMode::kPublish : FinishMode::kDeferred;
      EXPECT_TRUE(run->finish(RunStatus::kCompleted, "", mode));
      if (i % 5 != 4) continue;
      {
        const std::scoped_lock lock(mutex);
        deleted.insert(run->id());
      }
      EXPECT_TRUE(writer->flush());  // its end may still be buffered
      const auto gone = delete_run(*writer, run->id());
      EXPECT_TRUE(gone) << gone.error().message;
    }
  });
  const auto reader = *Workspace::open(folder_ / "store");
  for (int round = 0; round < 6; ++round) {
    allowed = 20 * (round + 3);
    while (steps < 20 * (round + 1)) std::this_thread::yield();
    std::map<std::string, int64_t> before;
    {
      const std::scoped_lock lock(mutex);
      before = acknowledged;
    }
    const std::string name = "copy" + std::to_string(round);
    const auto report = copy_workspace(*reader, folder_ / name, stop_);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->damaged, IsEmpty());
    const auto copy = *Workspace::open(folder_ / name);
    EXPECT_THAT(check_workspace(*copy, stop_)->problems, IsEmpty());
    const std::scoped_lock lock(mutex);
    for (const auto& [id, points] : before) {
      if (deleted.contains(id)) continue;
      const auto run = load_run(*copy, id);
      ASSERT_TRUE(run) << run.error().message;
      EXPECT_GE(run->metrics.at("auc").size(), static_cast<size_t>(points)) << id;
    }
  }
  done = true;
  work.join();
}

TEST_F(WorkspaceCopy, RefusesPlacesThatAreTakenOrInside) {
  std::filesystem::create_directories(folder_ / "full");
  spill(folder_ / "full/file", "mine");
  EXPECT_EQ(copy_workspace(*workspace_, folder_ / "full", stop_).error().code,
            StatusCode::kAlreadyExists);
  EXPECT_EQ(copy_workspace(*workspace_, folder_ / "store/inner", stop_).error().code,
            StatusCode::kInvalidArgument);
  EXPECT_EQ(copy_workspace(*workspace_, "", stop_).error().code, StatusCode::kInvalidArgument);
}

TEST_F(WorkspaceCopy, LeavesOutWhatIsDamagedAndNamesIt) {
  const std::string sha256 = load_run(*workspace_, other_)->artifacts[0].sha256;
  spill(folder_ / ("store/blobs/" + sha256.substr(0, 2) + "/" + sha256), "other bytes");
  const std::string file = run_file_of(*workspace_, trials_[0]);
  spill(file, slurp(file).substr(0, 500));
  const auto report = copy_to("copy");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->damaged,
              testing::UnorderedElementsAre(HasSubstr(sha256), HasSubstr(trials_[0])));
  const auto copy = *Workspace::open(folder_ / "copy");
  EXPECT_EQ(list_runs(*copy)->runs.size(), 3U);
  EXPECT_FALSE(BlobStore(*copy).contains(sha256));
}

TEST_F(WorkspaceCopy, NamesBlobsThatAreMissing) {
  const std::string sha256 = load_run(*workspace_, trials_[0])->artifacts[0].sha256;
  std::filesystem::remove(folder_ / ("store/" + blob_path(sha256)));
  const auto report = copy_to("copy");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->damaged,
              testing::ElementsAre(testing::AllOf(HasSubstr(sha256), HasSubstr(trials_[0]))));
  ASSERT_TRUE(quarantine_damage(*workspace_, stop_));
  EXPECT_THAT(copy_to("again")->damaged, IsEmpty()) << "it is known to be lost";
}

TEST_F(WorkspaceCopy, NamesDamagedRecordsOfTheRegistryAndKeepsTheirNumbers) {
  ModelRegistry registry(workspace_);
  const std::string model = "other model bytes";
  ASSERT_TRUE(registry.register_model({.name = "credit"}, std::as_bytes(std::span(model))));
  ASSERT_TRUE(registry.set_alias("credit", "champion", 1));
  ASSERT_TRUE(registry.set_alias("credit", "challenger", 1));
  const std::string records = folder_ / "store/models/credit";
  spill(records + "/versions/2.json", "");
  spill(records + "/changes/2.json", "{\"number\": 1}");
  const auto report = copy_to("copy");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->damaged, testing::UnorderedElementsAre(HasSubstr("versions/2.json"),
                                                             HasSubstr("changes/2.json")));
  const auto copy = *Workspace::open(folder_ / "copy");
  EXPECT_FALSE(check_workspace(*copy, stop_)->whole());
  EXPECT_TRUE(std::filesystem::exists(folder_ / "copy/models/credit/versions/2.json"));
  // One that was given up is nobody's loss.
  std::filesystem::remove(records + "/changes/2.json");
  ASSERT_TRUE(registry.give_up_version("credit", 2, "damaged"));
  EXPECT_THAT(copy_to("again")->damaged, IsEmpty());
}

TEST_F(WorkspaceCopy, NamesDamagedJournals) {
  auto run = Run::create(workspace_, {.name = "lost"});
  ASSERT_TRUE((*run)->durable());
  copy_as_killed(folder_ / "store", folder_ / "killed");
  const std::string segment = damage_killed_journal(folder_ / "killed");
  ASSERT_FALSE(segment.empty());
  const auto killed = *Workspace::open(folder_ / "killed");
  const auto report = copy_workspace(*killed, folder_ / "copy", stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->damaged, ElementsAre(HasSubstr(segment)));
}

TEST_F(WorkspaceCopy, NamesRunFilesInTheWrongFolderAndGoesOn) {
  const std::string file = run_file_of(*workspace_, other_);
  const std::string wrong = folder_ / "store/runs/wrong";
  std::filesystem::create_directories(wrong);
  std::filesystem::copy_file(file, wrong + "/" + other_ + ".h5");
  const auto report = copy_to("copy");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->damaged, ElementsAre(HasSubstr("runs/wrong/" + other_)));
  expect_whole("copy", 4);
}

TEST_F(WorkspaceCopy, ThatFailedAnywhereCanBeMadeAgain) {
  ASSERT_TRUE(delete_run(*workspace_, other_));
  for (int64_t at = 0;; ++at) {
    FailingFiles files;
    const auto workspace = *Workspace::open(folder_ / "store", &files);
    // From there on nothing can be written, not even what was made can be removed.
    files.removals_fail = true;
    files.restart(at, true);
    const auto failed = copy_workspace(*workspace, folder_ / "copy", stop_);
    const bool complete = files.count() <= at;
    if (!failed) {
      EXPECT_EQ(failed.error().code, StatusCode::kIo) << at;
    }
    if (complete) {
      ASSERT_TRUE(failed) << failed.error().message;
      EXPECT_GT(at, 30);
      break;
    }
    const bool whole = std::filesystem::exists(folder_ / "copy/WORKSPACE");
    EXPECT_EQ(whole, bool(Workspace::open(folder_ / "copy")));
    if (!whole) {
      const auto again = copy_to("copy");
      ASSERT_TRUE(again) << at << ": " << again.error().message;
    }
    const auto copy = *Workspace::open(folder_ / "copy");
    EXPECT_TRUE(check_workspace(*copy, stop_)->whole()) << at;
    EXPECT_EQ(list_runs(*copy)->runs.size(), 3U) << at;
    std::filesystem::remove_all(folder_ / "copy");
  }
}

TEST_F(WorkspaceCopy, ThatFailedLeavesNothing) {
  FailingFiles files;
  const auto workspace = *Workspace::open(folder_ / "store", &files);
  files.restart(25, false);
  EXPECT_FALSE(copy_workspace(*workspace, folder_ / "copy", stop_));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "copy"));
  std::filesystem::create_directory(folder_ / "empty");
  files.restart(25, false);
  EXPECT_FALSE(copy_workspace(*workspace, folder_ / "empty", stop_));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "empty"));
}

TEST_F(WorkspaceCopy, IsNotMadeWhereAnotherProcessMakesOne) {
  std::filesystem::create_directories(folder_ / "copy/runs");
  LeaseInfo other = this_process();
  other.pid_namespace = "another container";
  spill(folder_ / "copy/COPYING", to_json(other));
  auto report = copy_to("copy");
  EXPECT_EQ(report.error().code, StatusCode::kAlreadyExists);
  EXPECT_THAT(report.error().message, HasSubstr("another process"));
  other.heartbeat_ns -= kForeignLeaseExpiryNs + 1;
  spill(folder_ / "copy/COPYING", to_json(other));
  spill(folder_ / "copy/letter.txt", "mine");
  report = copy_to("copy");
  EXPECT_EQ(report.error().code, StatusCode::kAlreadyExists);
  EXPECT_THAT(report.error().message, HasSubstr("letter.txt"));
  EXPECT_EQ(slurp(folder_ / "copy/letter.txt"), "mine");
  std::filesystem::remove(folder_ / "copy/letter.txt");
  ASSERT_TRUE(copy_to("copy"));
  expect_whole("copy", 4);
}

}  // namespace
}  // namespace assay::tracking
