// Runs that go on: Run::reopen and the claims that keep two processes apart.
#include <gtest/gtest.h>

#include "tests/tracking/killed_store.h"
#include "tests/tracking/test_folder.h"
#include "tracking/catalog.h"
#include "tracking/garbage.h"
#include "tracking/run.h"
#include "tracking/run_query.h"
#include "tracking/run_scratch.h"
#include "tracking/run_tags.h"

namespace assay::tracking {
namespace {

class RunReopenTest : public testing::Test {
 protected:
  void SetUp() override { workspace_ = *Workspace::create(folder_ / "store", "a"); }
  std::unique_ptr<tracking::Run> make(const std::string& name = "one") {
    auto run = tracking::Run::create(workspace_, {.kind = "sweep", .name = name});
    EXPECT_TRUE(run) << run.error().message;
    EXPECT_TRUE((*run)->log_param("rate", 0.5));
    EXPECT_TRUE((*run)->log_metric("loss", 3, 0));
    EXPECT_TRUE((*run)->log_text(TextStream::kStdout, "one\n"));
    return std::move(*run);
  }
  RunRecord loaded(const std::string& id) {
    auto record = load_run(*workspace_, id);
    EXPECT_TRUE(record) << record.error().message;
    return record ? *record : RunRecord();
  }
  std::shared_ptr<Workspace> killed_copy() {
    copy_as_killed(folder_ / "store", folder_ / "copy");
    return *Workspace::open(folder_ / "copy");
  }

  TestFolder folder_;
  std::shared_ptr<Workspace> workspace_;
};

TEST_F(RunReopenTest, GoesOnWithAllThatWasRecorded) {
  std::string id;
  int64_t created_ns = 0;
  {
    const auto run = make();
    id = run->id();
    ASSERT_TRUE(run->finish(RunStatus::kInterrupted, "stopped"));
    created_ns = loaded(id).info.created_ns;
  }
  RunRecord before;
  const auto again = Run::reopen(workspace_, id, &before);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->id(), id);
  EXPECT_EQ(before.params.at("rate"), Value(0.5));
  EXPECT_EQ(before.info.status, RunStatus::kRunning);
  EXPECT_EQ(loaded(id).info.status, RunStatus::kRunning);
  ASSERT_TRUE((*again)->log_metric("loss", 2, 1));
  ASSERT_TRUE((*again)->log_param("rate", 0.25));
  ASSERT_TRUE((*again)->log_text(TextStream::kStdout, "two\n"));
  ASSERT_TRUE((*again)->finish(RunStatus::kCompleted));
  const RunRecord after = loaded(id);
  EXPECT_EQ(after.info.status, RunStatus::kCompleted);
  EXPECT_EQ(after.info.message, "");
  EXPECT_EQ(after.info.created_ns, created_ns);
  EXPECT_EQ(after.metrics.at("loss").size(), 2u);
  EXPECT_EQ(after.params.at("rate"), Value(0.25));
  EXPECT_EQ(after.stdout_text, "one\ntwo\n");
  const auto listed = list_runs(*workspace_);
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->runs.size(), 1u);
  EXPECT_EQ(listed->runs[0].status, RunStatus::kCompleted);
}

TEST_F(RunReopenTest, GoesOnAfterItsProcessWasKilledAndAgainAfterTheNextOne) {
  const auto run = make();
  ASSERT_TRUE(run->durable());
  auto copy = killed_copy();
  {
    const auto again = Run::reopen(copy, "one", nullptr);
    ASSERT_TRUE(again) << again.error().message;
    ASSERT_TRUE((*again)->log_metric("loss", 2, 1));
    ASSERT_TRUE((*again)->durable());
    copy_as_killed(folder_ / "copy", folder_ / "second");
  }
  const auto second = *Workspace::open(folder_ / "second");
  RunRecord before;
  const auto last = Run::reopen(second, run->id(), &before);
  ASSERT_TRUE(last) << last.error().message;
  EXPECT_EQ(before.metrics.at("loss").size(), 2u);
  ASSERT_TRUE((*last)->finish(RunStatus::kCompleted));
  EXPECT_EQ(load_run(*second, run->id())->info.status, RunStatus::kCompleted);
}

// The file names the earlier writer still; its journal must not be replayed over the later one's.
TEST_F(RunReopenTest, WhatADeadWriterLeftIsRecoveredBeforeAndNotAfter) {
  const auto run = make();
  ASSERT_TRUE(run->checkpoint());
  ASSERT_TRUE(run->log_metric("loss", 1, 1));
  ASSERT_TRUE(run->durable());
  const auto copy = killed_copy();
  const auto again = Run::reopen(copy, run->id(), nullptr);
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_TRUE((*again)->finish(RunStatus::kCompleted));
  ASSERT_TRUE(copy->recover());
  const auto record = load_run(*copy, run->id());
  ASSERT_TRUE(record);
  EXPECT_EQ(record->info.status, RunStatus::kCompleted);
  EXPECT_EQ(record->metrics.at("loss").size(), 2u);
}

TEST_F(RunReopenTest, IsRefusedWhileTheRunLives) {
  const auto run = make();
  ASSERT_TRUE(run->checkpoint());
  const auto again = Run::reopen(workspace_, run->id(), nullptr);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, StatusCode::kAlreadyExists);
  EXPECT_NE(again.error().message.find("still running"), std::string::npos);
  const auto unknown = Run::reopen(workspace_, "onn", nullptr);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, StatusCode::kNotFound);
  EXPECT_NE(unknown.error().message.find("'one'"), std::string::npos) << unknown.error().message;
}

TEST_F(RunReopenTest, OneOfTwoProcessesGetsTheClaim) {
  const auto run = make();
  ASSERT_TRUE(run->finish(RunStatus::kInterrupted));
  const std::string writer = loaded(run->id()).info.writer;
  const auto other = *Workspace::open(folder_ / "store");
  ASSERT_TRUE(RunScratch(*other, run->id()).claim(writer));
  const Status late = RunScratch(*workspace_, run->id()).claim(writer);
  // The first claims it twice without harm, the second hears whose it is.
  EXPECT_TRUE(RunScratch(*other, run->id()).claim(writer));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, StatusCode::kAlreadyExists);
  EXPECT_NE(late.error().message.find(fmt::format("process {}", ::getpid())), std::string::npos)
      << late.error().message;
}

TEST_F(RunReopenTest, AClaimOfADeadProcessPassesOn) {
  const auto run = make();
  ASSERT_TRUE(run->finish(RunStatus::kInterrupted));
  const std::string writer = loaded(run->id()).info.writer;
  // The last was cut by a loss of power.
  for (const std::string claimer : {"01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ", ""}) {
    RunScratch scratch(*workspace_, run->id());
    ASSERT_TRUE(scratch.write("f", {}));
    spill(workspace_->path() + "/scratch/" + run->id() + "/after-" + writer, claimer);
    EXPECT_TRUE(scratch.claim(writer)) << claimer;
    EXPECT_TRUE(scratch.discard());
  }
}

TEST_F(RunReopenTest, ScratchIsReadWhatWasWrittenAndDiscarded) {
  const auto run = make();
  RunScratch scratch(*workspace_, run->id());
  EXPECT_TRUE(scratch.names()->empty());
  EXPECT_TRUE(scratch.discard());
  ASSERT_TRUE(scratch.write("a", std::as_bytes(std::span("one", 3))));
  ASSERT_TRUE(scratch.write("a", std::as_bytes(std::span("three", 5))));
  ASSERT_TRUE(scratch.write("b", {}));
  ASSERT_TRUE(scratch.claim("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
  EXPECT_EQ(*scratch.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(*scratch.read("a", 100), "three");
  EXPECT_EQ(scratch.read("a", 4).error().code, StatusCode::kResourceExhausted);
  EXPECT_EQ(scratch.read("c", 4).error().code, StatusCode::kNotFound);
  EXPECT_TRUE(scratch.remove("a"));
  EXPECT_TRUE(scratch.remove("a"));
  ASSERT_TRUE(scratch.discard());
  EXPECT_FALSE(PosixFileLayer().exists(workspace_->path() + "/scratch/" + run->id()));
}

TEST_F(RunReopenTest, GarbageIsTheScratchOfRunsThatEndedWellOrLongAgo) {
  const auto done = make("done");
  const auto stopped = make("stopped");
  for (const auto& run : {&done, &stopped}) {
    ASSERT_TRUE(
        RunScratch(*workspace_, (*run)->id()).write("f", std::as_bytes(std::span("12", 2))));
  }
  ASSERT_TRUE(done->finish(RunStatus::kCompleted));
  ASSERT_TRUE(stopped->finish(RunStatus::kInterrupted));
  auto report = collect_garbage(*workspace_, {.dry_run = true});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->scratch_runs, 1);
  EXPECT_EQ(report->scratch_bytes, 2);
  report = collect_garbage(*workspace_, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->scratch_runs, 1);
  EXPECT_TRUE(RunScratch(*workspace_, done->id()).names()->empty());
  EXPECT_EQ(RunScratch(*workspace_, stopped->id()).names()->size(), 1u);
  report = collect_garbage(*workspace_, {.retention_ns = 0});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->scratch_runs, 1);
  EXPECT_TRUE(RunScratch(*workspace_, stopped->id()).names()->empty());
}

}  // namespace
}  // namespace assay::tracking
