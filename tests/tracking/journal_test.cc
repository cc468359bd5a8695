// The journal through the runs that use it: what is durable, what is shown, what a full disk, a
// takeover and a slow disk do.
#include "tracking/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/tracking/failing_files.h"
#include "tests/tracking/hooked_files.h"
#include "tests/tracking/killed_store.h"
#include "tests/tracking/test_folder.h"
#include "tests/tracking/test_times.h"
#include "tracking/run.h"
#include "tracking/run_file.h"
#include "tracking/run_publisher.h"
#include "tracking/run_query.h"
#include "tracking/run_trash.h"
#include "tracking/unrecorded_runs.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> segments_below(const std::string& store) {
  std::vector<std::string> segments;
  for (const std::string& path : files_below(store)) {
    if (path.ends_with(".wal") && path.find("seg-") != std::string::npos) segments.push_back(path);
  }
  return segments;
}

class JournalTest : public testing::Test {
 protected:
  std::shared_ptr<Workspace> make_store(FileLayer* files = nullptr, JournalOptions options = {}) {
    auto workspace = Workspace::create(store(), "a", files);
    EXPECT_TRUE(workspace) << workspace.error().message;
    (*workspace)->tune_journal(options);
    return *workspace;
  }
  std::string store() const { return folder_ / "store"; }
  static std::unique_ptr<tracking::Run> start(const std::shared_ptr<Workspace>& workspace,
                                              std::string name) {
    auto run = tracking::Run::create(workspace, {.name = std::move(name)});
    EXPECT_TRUE(run) << run.error().message;
    return std::move(*run);
  }
  // What another process sees that only reads.
  RunRecord seen(const std::string& name, const std::string& path = "") {
    const auto reader = Workspace::open(path.empty() ? store() : path);
    auto record = load_run(**reader, name);
    EXPECT_TRUE(record) << record.error().message;
    return record ? *record : RunRecord();
  }

  TestFolder folder_;
};

TEST_F(JournalTest, DurableRunsAreSeenBeforeTheyArePublished) {
  const auto workspace = make_store();
  const auto run = start(workspace, "live");
  ASSERT_TRUE(run->log_param("rate", 0.5));
  ASSERT_TRUE(run->log_metric("loss", 2.0, 1));
  ASSERT_TRUE(run->set_score("loss", 2.0));
  ASSERT_TRUE(run->durable());
  EXPECT_FALSE(fs::exists(run_file_of(*workspace, run->id())));
  const RunRecord record = seen("live");
  EXPECT_EQ(record.info.status, RunStatus::kRunning);
  EXPECT_EQ(record.params.at("rate"), Value(0.5));
  ASSERT_EQ(record.metrics.at("loss").size(), 1U);
  const auto list = list_runs(*workspace, {.status = RunStatus::kRunning});
  ASSERT_EQ(list->runs.size(), 1U);
  EXPECT_EQ(list->runs[0].score, 2.0);
  EXPECT_EQ(find_run(*workspace, run->id())->name, "live");
}

TEST_F(JournalTest, ReadersSeeThePublishedFileAndWhatCameAfter) {
  const auto workspace = make_store();
  const auto run = start(workspace, "both");
  ASSERT_TRUE(run->log_metric("loss", 2.0, 1));
  ASSERT_TRUE(run->checkpoint());
  ASSERT_TRUE(run->log_metric("loss", 1.0, 2));
  ASSERT_TRUE(run->set_score("loss", 1.0));
  ASSERT_TRUE(run->durable());
  EXPECT_EQ(read_run(run_file_of(*workspace, run->id()))->metrics.at("loss").size(), 1U);
  const RunRecord record = seen("both");
  ASSERT_EQ(record.metrics.at("loss").size(), 2U);
  EXPECT_EQ(record.metrics.at("loss")[1].value, 1.0);
  EXPECT_EQ(find_run(*workspace, "both")->score, 1.0);
}

TEST_F(JournalTest, ADeletedRunStaysDeleted) {
  const auto workspace = make_store();
  const auto kept = start(workspace, "kept");
  const auto deleted = start(workspace, "deleted");
  ASSERT_TRUE(deleted->log_metric("loss", 2.0));
  ASSERT_TRUE(deleted->durable());
  ASSERT_TRUE(deleted->finish(RunStatus::kCompleted));
  ASSERT_TRUE(kept->log_metric("loss", 2.0));
  ASSERT_TRUE(kept->durable());  // with the note that the other was published
  ASSERT_TRUE(delete_run(*workspace, deleted->id()));
  EXPECT_EQ(list_runs(*workspace)->runs.size(), 1U);
  EXPECT_EQ(find_run(*workspace, deleted->id()).error().code, StatusCode::kNotFound);
  copy_as_killed(store(), folder_ / "killed");
  const auto killed = Workspace::open(folder_ / "killed");
  ASSERT_TRUE((*killed)->recover());
  const auto list = list_runs(**killed);
  ASSERT_EQ(list->runs.size(), 1U);
  EXPECT_EQ(list->runs[0].name, "kept");
}

TEST_F(JournalTest, LeavesNothingBehindWhenAllIsPublished) {
  std::string id;
  {
    const auto workspace = make_store();
    const auto run = start(workspace, "done");
    id = run->id();
    ASSERT_TRUE(run->log_metric("loss", 2.0));
    ASSERT_TRUE(run->durable());
    EXPECT_EQ(segments_below(store()).size(), 1U);
    ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  }
  EXPECT_TRUE(fs::is_empty(folder_ / "store/writers"));
  EXPECT_EQ(seen("done").metrics.at("loss").size(), 1U);
}

TEST_F(JournalTest, WhatIsPublishedAnywayIsNotJournaled) {
  const auto workspace = make_store(nullptr, {.tick_ns = kHourNs});
  const auto run = start(workspace, "quick");
  ASSERT_TRUE(run->log_metric("loss", 2.0));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  ASSERT_TRUE(workspace->close());
  EXPECT_TRUE(segments_below(store()).empty());
  EXPECT_EQ(seen("quick").info.status, RunStatus::kCompleted);
}

TEST_F(JournalTest, DeferredEndsAreDurableBeforeTheirFiles) {
  Barrier publishing;
  HookedFiles files([&](std::string_view operation, const std::string& path) -> Status {
    if (operation == "rename" && path.ends_with(".h5")) publishing.arrive();
    return {};
  });
  const auto workspace = make_store(&files);
  const auto run = start(workspace, "late");
  ASSERT_TRUE(run->log_metric("loss", 2.0));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted, "fine", FinishMode::kDeferred));
  EXPECT_FALSE(run->log_metric("loss", 1.0));
  EXPECT_EQ(run->finish(RunStatus::kFailed).error().code, StatusCode::kInvalidArgument);
  ASSERT_TRUE(run->durable());
  publishing.await_arrival();
  EXPECT_FALSE(fs::exists(run_file_of(*workspace, run->id())));
  EXPECT_EQ(seen("late").info.status, RunStatus::kCompleted);
  EXPECT_EQ(seen("late").info.message, "fine");
  publishing.open();
  ASSERT_TRUE(workspace->flush());
  EXPECT_TRUE(fs::exists(run_file_of(*workspace, run->id())));
  EXPECT_EQ((*workspace->publisher())->backlog(), 0);
}

TEST_F(JournalTest, ClosingPublishesAllThatEnded) {
  const auto workspace = make_store();
  for (int i = 0; i < 50; ++i) {
    const auto run = start(workspace, "trial" + std::to_string(i));
    ASSERT_TRUE(run->log_metric("loss", i));
    ASSERT_TRUE(run->finish(RunStatus::kCompleted, "", FinishMode::kDeferred));
  }
  const auto open = start(workspace, "open");
  ASSERT_TRUE(workspace->close());
  EXPECT_TRUE(fs::is_empty(folder_ / "store/writers"));
  const auto list = list_runs(*workspace);
  EXPECT_EQ(list->runs.size(), 51U);
  for (const RunInfo& info : list->runs) {
    EXPECT_TRUE(fs::exists(run_file_of(*workspace, info.run_id)));
  }
  EXPECT_EQ(find_run(*workspace, "open")->status, RunStatus::kInterrupted);
  EXPECT_FALSE(open->log_param("a", 1));
  EXPECT_FALSE(tracking::Run::create(workspace, {}));
  EXPECT_TRUE(workspace->close());
}

TEST_F(JournalTest, AFullBacklogIsPublishedByWhoFinishes) {
  const auto workspace = make_store(nullptr, {.backlog_bytes = 1});
  const auto run = start(workspace, "much");
  ASSERT_TRUE(run->finish(RunStatus::kCompleted, "", FinishMode::kDeferred));
  EXPECT_TRUE(fs::exists(run_file_of(*workspace, run->id())));
}

TEST_F(JournalTest, OutOfTimeTheJournalKeepsWhatIsLeft) {
  Barrier publishing;
  HookedFiles files([&](std::string_view operation, const std::string& path) -> Status {
    if (operation == "rename" && path.ends_with(".h5")) publishing.arrive();
    return {};
  });
  const auto workspace = make_store(&files);
  for (const char* name : {"one", "two"}) {
    ASSERT_TRUE(start(workspace, name)->finish(RunStatus::kPruned, "", FinishMode::kDeferred));
  }
  publishing.await_arrival();
  StopToken stop;
  stop.request();
  EXPECT_EQ(workspace->close(&stop).error().code, StatusCode::kCancelled);
  copy_as_killed(store(), folder_ / "killed");
  EXPECT_EQ(seen("two", folder_ / "killed").info.status, RunStatus::kPruned);
  publishing.open();
}

TEST_F(JournalTest, OutOfTimeWithABrokenJournalWhatIsLostIsCounted) {
  std::atomic<bool> journal_fails{false};
  std::atomic<bool> files_fail{false};
  HookedFiles files([&](std::string_view operation, const std::string& path) -> Status {
    const bool journal = operation == "sync" && path.find("seg-") != std::string::npos;
    const bool file = operation == "rename" && path.ends_with(".h5");
    if (journal && journal_fails) return fail(StatusCode::kIo, "broken journal");
    if (file && files_fail) return fail(StatusCode::kIo, "broken disk");
    return {};
  });
  const auto workspace = make_store(&files, {.tick_ns = kHourNs, .retry_ns = kHourNs});
  const Journal& journal = **workspace->journal();
  journal_fails = files_fail = true;
  for (const char* name : {"one", "two"}) {
    ASSERT_TRUE(start(workspace, name)->finish(RunStatus::kPruned, "", FinishMode::kDeferred));
  }
  StopToken stop;
  stop.request();
  const Status flushed = workspace->flush(&stop);
  ASSERT_EQ(flushed.error().code, StatusCode::kIo) << flushed.error().message;
  EXPECT_NE(flushed.error().message.find("2 runs are not recorded"), std::string::npos);
  EXPECT_NE(flushed.error().message.find("broken journal"), std::string::npos);
  EXPECT_EQ(unrecorded_runs(journal), 2U);
  EXPECT_EQ(journal.health().error().message, "broken journal");
  files_fail = false;
  // While the journal is broken the file is written by who ends the run.
  const auto late = start(workspace, "late");
  ASSERT_TRUE(late->finish(RunStatus::kCompleted, "", FinishMode::kDeferred));
  EXPECT_TRUE(fs::exists(run_file_of(*workspace, late->id())));
  ASSERT_TRUE(workspace->flush());
  EXPECT_EQ(unrecorded_runs(journal), 0U);
  EXPECT_TRUE(workspace->flush(&stop)) << "nothing is left that there is no time for";
  EXPECT_EQ(seen("two").info.status, RunStatus::kPruned);
  files_fail = true;
  ASSERT_TRUE(start(workspace, "lost")->finish(RunStatus::kPruned, "", FinishMode::kDeferred))
      << "it is queued";
  EXPECT_EQ(workspace->close(&stop).error().code, StatusCode::kIo);
  EXPECT_EQ(unrecorded_runs(journal), 1U);
  files_fail = false;
}

TEST_F(JournalTest, AFullDiskLosesNothingAtAnyOperation) {
  for (const bool keep : {false, true}) {
    bool done = false;
    for (int64_t n = 0; !done; ++n) {
      ASSERT_LT(n, 100);
      fs::remove_all(store());
      FailingFiles files;
      const auto workspace = make_store(&files, {.tick_ns = kHourNs, .retry_ns = kHourNs});
      const auto run = start(workspace, "disk");
      ASSERT_TRUE(run->log_metric("loss", 0, 0));
      ASSERT_TRUE(run->durable());
      files.restart(n, keep);
      ASSERT_TRUE(run->log_metric("loss", 1, 1)) << "logging never fails for a full disk";
      const Status first = run->durable();
      ASSERT_TRUE(run->log_param("after", n));
      const Status second = run->durable();
      done = files.count() <= n;
      files.restart(-1, false);
      if (done) {
        EXPECT_TRUE(first && second);
      }
      // Acknowledged, so there after a kill.
      const std::string killed = folder_ / ("killed" + std::to_string(n) + (keep ? "k" : ""));
      copy_as_killed(store(), killed);
      const RunRecord then = seen("disk", killed);
      ASSERT_GE(then.metrics.at("loss").size(), first || second ? 2U : 1U) << n;
      EXPECT_EQ(then.metrics.at("loss")[0].step, 0);
      if (second) {
        EXPECT_EQ(then.params.at("after"), Value(n));
      }
      // There is room again.
      ASSERT_TRUE(run->log_metric("loss", 2, 2));
      ASSERT_TRUE(run->durable()) << n;
      const RunRecord now = seen("disk");
      ASSERT_EQ(now.metrics.at("loss").size(), 3U) << n;
      EXPECT_EQ(now.params.at("after"), Value(n));
      ASSERT_TRUE(run->finish(RunStatus::kCompleted));
      ASSERT_TRUE(workspace->close());
      EXPECT_TRUE(fs::is_empty(folder_ / "store/writers")) << n;
      EXPECT_EQ(seen("disk").metrics.at("loss").size(), 3U);
    }
  }
}

// The numbers of changes that a full disk kept out are in no frame of a run, but in the note that
// the run was published: what comes next in that segment must not fall behind it.
TEST_F(JournalTest, WhatFollowsANoteAfterAFullDiskIsRead) {
  FailingFiles files;
  const auto workspace = make_store(&files, {.tick_ns = kHourNs, .retry_ns = kHourNs});
  const auto full = start(workspace, "full");
  const auto kept = start(workspace, "kept");
  const auto next = start(workspace, "next");
  ASSERT_TRUE(full->durable());
  ASSERT_TRUE(kept->durable());
  ASSERT_TRUE(next->durable());
  files.restart(0, false);
  ASSERT_TRUE(full->log_metric("loss", 1, 1));
  ASSERT_TRUE(full->durable()) << "its file has it";
  ASSERT_GT(files.count(), 1);
  ASSERT_TRUE(workspace->flush());
  ASSERT_TRUE(kept->checkpoint());
  ASSERT_TRUE(workspace->flush()) << "the note is alone in the new segment";
  ASSERT_TRUE(next->log_metric("loss", 2, 1));
  ASSERT_TRUE(next->durable());
  ASSERT_EQ(segments_below(store()).size(), 2U);
  EXPECT_FALSE(fs::exists(run_file_of(*workspace, next->id())));
  EXPECT_THAT(list_runs(*Workspace::open(store()).value())->damaged, testing::IsEmpty());
  ASSERT_EQ(seen("next").metrics.at("loss").size(), 1U);
  EXPECT_EQ(seen("full").metrics.at("loss").size(), 1U);
}

TEST_F(JournalTest, AnEmptyRunIsDurableToo) {
  const auto workspace = make_store(nullptr, {.tick_ns = kHourNs});
  const auto run = start(workspace, "empty");
  EXPECT_TRUE(list_runs(*workspace)->runs.empty());
  ASSERT_TRUE(run->durable());
  copy_as_killed(store(), folder_ / "killed");
  const auto killed = Workspace::open(folder_ / "killed");
  ASSERT_TRUE((*killed)->recover());
  EXPECT_EQ(find_run(**killed, "empty")->status, RunStatus::kInterrupted);
  EXPECT_TRUE(fs::exists(run_file_of(**killed, run->id())));
}

TEST_F(JournalTest, ARunIsOnlySeenAsItWasAtSomeMoment) {
  std::atomic<bool> journal_fails{false};
  std::atomic<bool> publishing_fails{false};
  HookedFiles files([&](std::string_view operation, const std::string& path) -> Status {
    const bool journal = operation == "append" && path.find("seg-") != std::string::npos;
    const bool file = operation == "rename" && path.ends_with(".h5");
    if ((journal && journal_fails) || (file && publishing_fails)) {
      return fail(StatusCode::kIo, "no space left");
    }
    return {};
  });
  const auto workspace = make_store(&files, {.tick_ns = kHourNs, .retry_ns = kHourNs});
  const auto run = start(workspace, "gap");
  const auto step = [&](int64_t number) {
    EXPECT_TRUE(run->log_text(TextStream::kStdout, std::to_string(number)));
    EXPECT_TRUE(run->set_score("loss", static_cast<double>(number)));
    return run->durable().has_value();
  };
  const auto text_after_kill = [&](const char* folder) {
    copy_as_killed(store(), folder_ / folder);
    const RunRecord record = seen("gap", folder_ / folder);
    const auto info = find_run(**Workspace::open(folder_ / folder), "gap");
    EXPECT_EQ(info->score, record.info.score) << "lists and records agree";
    const auto recovered = Workspace::open(folder_ / folder);
    EXPECT_TRUE((*recovered)->recover());
    EXPECT_EQ(seen("gap", folder_ / folder).stdout_text, record.stdout_text);
    return record.stdout_text;
  };
  EXPECT_TRUE(step(1));
  journal_fails = publishing_fails = true;
  EXPECT_FALSE(step(2)) << "neither the journal nor the run file takes it";
  journal_fails = false;
  EXPECT_FALSE(step(3)) << "the journal has it, but not what came before";
  EXPECT_EQ(text_after_kill("first"), "1");
  publishing_fails = false;
  EXPECT_TRUE(step(4));
  EXPECT_TRUE(step(5)) << "by the journal alone";
  EXPECT_EQ(text_after_kill("second"), "12345");
}

TEST_F(JournalTest, OnAFullDiskLoggingGoesOnAndNobodyWaits) {
  FailingFiles files;
  const auto workspace =
      make_store(&files, {.retry_ns = 1'000'000, .staging_bytes = int64_t{4} << 20});
  const auto run = start(workspace, "full");
  ASSERT_TRUE(run->log_metric("first", 1));
  ASSERT_TRUE(run->durable());
  files.restart(0, true);
  EXPECT_EQ(run->durable().has_value(), true) << "nothing new to write";
  ASSERT_TRUE(run->log_text(TextStream::kStdout, "no room"));
  const Status stuck = run->durable();
  ASSERT_FALSE(stuck);
  EXPECT_NE(stuck.error().message.find("No space left"), std::string::npos);
  EXPECT_FALSE(run->health());
  auto metric = run->metric("loss");
  ASSERT_TRUE(metric);
  constexpr int kPoints = 400'000;  // more than the staging buffer holds
  for (int i = 0; i < kPoints; ++i) ASSERT_TRUE(metric->log(i, i, i));
  EXPECT_FALSE(run->durable());
  files.restart(-1, false);
  ASSERT_TRUE(run->durable());
  const RunRecord record = seen("full");
  ASSERT_EQ(record.metrics.at("loss").size(), size_t{kPoints});
  for (int i = 0; i < kPoints; ++i) ASSERT_EQ(record.metrics.at("loss")[size_t(i)].step, i);
  EXPECT_EQ(record.stdout_text, "no room");
}

TEST_F(JournalTest, AWriterTakenOverDuringACommitAcknowledgesNothing) {
  Barrier syncing;
  std::atomic<bool> armed{false};
  HookedFiles files([&](std::string_view operation, const std::string& path) -> Status {
    if (operation == "sync" && path.find("seg-") != std::string::npos && armed) syncing.arrive();
    return {};
  });
  const auto workspace = make_store(&files);
  const auto run = start(workspace, "fenced");
  ASSERT_TRUE(run->log_metric("loss", 1.0));
  ASSERT_TRUE(run->durable());
  armed = true;
  ASSERT_TRUE(run->log_metric("loss", 2.0));
  Status status;
  std::thread waiting([&] { status = run->durable(); });
  syncing.await_arrival();
  // Asleep inside its fdatasync, it is believed dead.
  const std::string own = folder_ / "store/writers/" + (*workspace->writer())->id();
  fs::rename(own, own + ".taken-" + (*workspace->writer())->id());
  syncing.open();
  waiting.join();
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("took this writer over"), std::string::npos);
  EXPECT_EQ(run->log_param("more", 1).error().code, StatusCode::kIo);
  EXPECT_EQ(run->log_metric("loss", 3.0).error().code, StatusCode::kIo);
  EXPECT_FALSE(run->finish(RunStatus::kCompleted));
  EXPECT_FALSE(fs::exists(run_file_of(*workspace, run->id())));
  // The taker has what was acknowledged.
  const auto taker = Workspace::open(store());
  ASSERT_TRUE((*taker)->recover());
  EXPECT_GE(seen("fenced").metrics.at("loss").size(), 1U);
  EXPECT_EQ(seen("fenced").info.status, RunStatus::kInterrupted);
}

TEST_F(JournalTest, SegmentsFollowOneAnotherAndGoWhenNoRunNeedsThem) {
  const auto workspace =
      make_store(nullptr, {.staging_bytes = int64_t{4} << 20, .segment_bytes = 64 * 1024});
  const auto quiet = start(workspace, "quiet");
  ASSERT_TRUE(quiet->log_param("needed", true));
  for (int round = 0; round < 12; ++round) {
    const auto run = start(workspace, "round" + std::to_string(round));
    for (int i = 0; i < 3000; ++i) ASSERT_TRUE(run->log_metric("loss", i, i));
    ASSERT_TRUE(run->durable());
    ASSERT_TRUE(run->finish(RunStatus::kCompleted));
    ASSERT_TRUE(quiet->log_metric("round", round));
  }
  ASSERT_TRUE(quiet->durable());
  ASSERT_TRUE(workspace->flush());  // the quiet run was published for the sake of old segments
  EXPECT_TRUE(fs::exists(run_file_of(*workspace, quiet->id())));
  copy_as_killed(store(), folder_ / "killed");
  EXPECT_EQ(seen("quiet", folder_ / "killed").metrics.at("round").size(), 12U);
  EXPECT_EQ(seen("quiet", folder_ / "killed").params.at("needed"), Value(true));
  EXPECT_EQ(seen("round3", folder_ / "killed").metrics.at("loss").size(), 3000U);
  ASSERT_TRUE(workspace->close());
  EXPECT_TRUE(segments_below(store()).empty());
}

TEST_F(JournalTest, LargeChangesAreInTheRunFileOnly) {
  const auto workspace = make_store(nullptr, {.tick_ns = kHourNs});
  const auto run = start(workspace, "large");
  constexpr int64_t kRows = 300'000;
  ASSERT_TRUE(
      run->log_predictions({"oof", kRows, 1, std::vector<float>(size_t{kRows}, 0.5F), {}, {}}));
  ASSERT_TRUE(run->durable());
  EXPECT_TRUE(fs::exists(run_file_of(*workspace, run->id())));
  int64_t journaled = 0;
  for (const std::string& path : segments_below(store())) {
    journaled += static_cast<int64_t>(fs::file_size(store() + "/" + path));
  }
  EXPECT_LT(journaled, 64 * 1024);
  copy_as_killed(store(), folder_ / "killed");
  EXPECT_EQ(seen("large", folder_ / "killed").predictions.at(0)->rows, kRows);
}

TEST_F(JournalTest, RunsAreFoldedAsTheyDouble) {
  const auto workspace = make_store(nullptr, {.first_checkpoint_bytes = 64 * 1024});
  const auto run = start(workspace, "long");
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(run->log_metric("loss", i, i));
  ASSERT_TRUE(run->durable());
  ASSERT_TRUE(workspace->flush());
  const auto folded = read_run(run_file_of(*workspace, run->id()));
  ASSERT_TRUE(folded) << folded.error().message;
  EXPECT_GT(folded->metrics.at("loss").size(), 2000U);
  EXPECT_EQ(seen("long").metrics.at("loss").size(), 10'000U);
}

TEST_F(JournalTest, ProducersWaitForASlowDiskAndLoseNothing) {
  Barrier syncing;
  HookedFiles files([&](std::string_view operation, const std::string& path) -> Status {
    if (operation != "sync" || path.find("seg-") == std::string::npos) return {};
    syncing.arrive();
    return {};
  });
  const auto workspace = make_store(&files, {.staging_bytes = int64_t{4} << 20});
  const auto run = start(workspace, "slow");
  std::atomic<int> logged{0};
  constexpr int kPoints = 1'000'000;  // 24 MB through 8 MiB of buffers
  std::thread producer([&] {
    auto metric = run->metric("loss");
    for (int i = 0; i < kPoints; ++i) {
      if (!metric->log(i, i, 0.0)) break;
      logged.store(i + 1);
    }
  });
  syncing.await_arrival();
  EXPECT_LT(logged.load(), kPoints) << "the disk has taken nothing yet";
  syncing.open();
  producer.join();
  EXPECT_EQ(logged.load(), kPoints);
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  EXPECT_EQ(seen("slow").metrics.at("loss").size(), size_t{kPoints});
}

TEST_F(JournalTest, ManyRunsAndThreadsShareIt) {
  const auto workspace = make_store(nullptr, {.segment_bytes = 256 * 1024});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const auto run = start(workspace, "r" + std::to_string(t) + "-" + std::to_string(i));
        auto metric = run->metric("loss");
        for (int step = 0; step < 2000; ++step) EXPECT_TRUE(metric->log(step, step));
        EXPECT_TRUE(run->durable());
        const auto mode = i % 2 == 0 ? FinishMode::kDeferred : FinishMode::kPublish;
        EXPECT_TRUE(run->finish(RunStatus::kCompleted, "", mode));
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const auto list = list_runs(*workspace);
    ASSERT_TRUE(list) << list.error().message;
    EXPECT_TRUE(list->damaged.empty());
    if (list->runs.empty()) continue;
    EXPECT_TRUE(load_run(*workspace, list->runs.front().run_id));
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(workspace->flush());
  const auto list = list_runs(*workspace, {.status = RunStatus::kCompleted});
  ASSERT_EQ(list->runs.size(), 40U);
  for (const RunInfo& info : list->runs) {
    const auto record = read_run(run_file_of(*workspace, info.run_id));
    ASSERT_TRUE(record);
    const auto& points = record->metrics.at("loss");
    ASSERT_EQ(points.size(), 2000U);
    for (size_t i = 0; i < points.size(); ++i) ASSERT_EQ(points[i].step, int64_t(i));
  }
}

}  // namespace
}  // namespace assay::tracking
