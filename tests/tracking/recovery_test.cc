#include "tracking/recovery.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tests/tracking/failing_files.h"
#include "tests/tracking/hooked_files.h"
#include "tests/tracking/killed_store.h"
#include "tests/tracking/observed_files.h"
#include "tests/tracking/test_folder.h"
#include "tests/tracking/test_times.h"
#include "tracking/journal_index.h"
#include "tracking/journal_segment.h"
#include "tracking/run.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

// A store whose only writer was killed while it had three runs: finished in the journal only,
// published and logged on, never published.
class RecoveryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::atomic<bool> publishes{true};
    HookedFiles files([&](std::string_view operation, const std::string& path) -> Status {
      if (publishes || operation != "rename" || !path.ends_with(".h5")) return {};
      return fail(StatusCode::kIo, "killed before");
    });
    const auto workspace = Workspace::create(folder_ / "live", "a", &files);
    ASSERT_TRUE(workspace);
    (*workspace)->tune_journal({.tick_ns = kHourNs, .retry_ns = kHourNs});
    const auto ended = tracking::Run::create(*workspace, {.name = "ended"});
    const auto halfway = tracking::Run::create(*workspace, {.name = "halfway"});
    const auto fresh = tracking::Run::create(*workspace, {.name = "fresh"});
    ASSERT_TRUE((*ended)->log_metric("loss", 1, 1, 1e9));
    ASSERT_TRUE((*halfway)->log_metric("loss", 1, 1, 1e9));
    ASSERT_TRUE((*halfway)->checkpoint());
    ASSERT_TRUE((*halfway)->log_metric("loss", 2, 2, 2e9));
    ASSERT_TRUE((*fresh)->log_text(TextStream::kStdout, "hello"));
    ASSERT_TRUE((*ended)->durable());
    ASSERT_TRUE((*halfway)->durable());
    ASSERT_TRUE((*fresh)->durable());
    publishes = false;
    ASSERT_TRUE((*ended)->finish(RunStatus::kFailed, "nan", FinishMode::kDeferred));
    ASSERT_TRUE((*ended)->durable());
    EXPECT_FALSE((*workspace)->flush());
    writer_ = (*(*workspace)->writer())->id();
    copy_as_killed(folder_ / "live", store());
  }

  std::string store() const { return folder_ / "store"; }
  std::string orphan() const { return store() + "/writers/" + writer_; }
  RunRecord published(const std::string& name) {
    const auto workspace = Workspace::open(store());
    const auto info = find_run(**workspace, name);
    EXPECT_TRUE(info) << info.error().message;
    auto record = read_run(run_file_of(**workspace, info->run_id));
    EXPECT_TRUE(record) << record.error().message;
    return record ? *record : RunRecord();
  }
  void expect_recovered() {
    EXPECT_EQ(published("ended").info.status, RunStatus::kFailed);
    EXPECT_EQ(published("ended").info.message, "nan");
    EXPECT_EQ(published("ended").metrics.at("loss").size(), 1U);
    const RunRecord halfway = published("halfway");
    EXPECT_EQ(halfway.info.status, RunStatus::kInterrupted);
    ASSERT_EQ(halfway.metrics.at("loss").size(), 2U);
    EXPECT_EQ(halfway.metrics.at("loss")[1].step, 2);
    EXPECT_EQ(halfway.info.ended_ns, int64_t{2'000'000'000} * 1'000'000'000);
    EXPECT_EQ(halfway.info.writer, writer_);
    EXPECT_EQ(published("fresh").stdout_text, "hello");
    EXPECT_EQ(published("fresh").info.status, RunStatus::kInterrupted);
    EXPECT_GT(published("fresh").info.ended_ns, 0);
  }

  TestFolder folder_;
  std::string writer_;
};

TEST_F(RecoveryTest, PublishesWhatTheDeadLeft) {
  const auto workspace = Workspace::open(store());
  ASSERT_TRUE((*workspace)->recover());
  expect_recovered();
  EXPECT_EQ((*workspace)->files().list(store() + "/writers")->size(), 1U);
  ASSERT_TRUE((*workspace)->recover());
  expect_recovered();
}

TEST_F(RecoveryTest, ReadersSeeTheSameBeforeIt) {
  const auto workspace = Workspace::open(store());
  const auto list = list_runs(**workspace);
  ASSERT_EQ(list->runs.size(), 3U);
  EXPECT_EQ(load_run(**workspace, "ended")->info.status, RunStatus::kFailed);
  EXPECT_EQ(load_run(**workspace, "halfway")->info.status, RunStatus::kInterrupted);
  EXPECT_EQ(load_run(**workspace, "halfway")->metrics.at("loss").size(), 2U);
  EXPECT_EQ(load_run(**workspace, "fresh")->stdout_text, "hello");
  EXPECT_EQ(files_below(orphan()).size(), 2U) << "reading changes nothing: LEASE, segment";
}

TEST_F(RecoveryTest, TheFirstWriterStartsIt) {
  const auto workspace = Workspace::open(store());
  ASSERT_TRUE(tracking::Run::create(*workspace, {.name = "next"}));
  EXPECT_FALSE(fs::exists(orphan())) << "taken over at once";
  ASSERT_TRUE((*workspace)->flush());
  expect_recovered();
}

TEST_F(RecoveryTest, SucceedsAfterADiskThatWasFullAtAnyOperation) {
  bool done = false;
  for (int64_t n = 0; !done; ++n) {
    ASSERT_LT(n, 200);
    const std::string path = folder_ / ("full" + std::to_string(n));
    fs::copy(store(), path, fs::copy_options::recursive);
    FailingFiles files;
    {
      const auto workspace = Workspace::open(path, &files);
      files.restart(n, true);
      const Status status = (*workspace)->recover();
      done = files.count() <= n;
      files.restart(-1, false);
      if (done) {
        EXPECT_TRUE(status) << status.error().message;
      }
    }
    const auto again = Workspace::open(path);
    ASSERT_TRUE((*again)->recover());
    EXPECT_EQ((*again)->files().list(path + "/writers")->size(), 1U) << n;
    EXPECT_EQ(load_run(**again, "halfway")->metrics.at("loss").size(), 2U);
    EXPECT_TRUE(list_runs(**again)->damaged.empty());
    EXPECT_EQ(list_runs(**again)->runs.size(), 3U);
  }
}

TEST_F(RecoveryTest, ATornEndLosesOnlyWhatWasNotAcknowledged) {
  const std::string segment = orphan() + "/seg-000001.wal";
  const std::string bytes = slurp(segment);
  for (size_t size = 0; size <= bytes.size(); size += 7) {
    const std::string path = folder_ / ("torn" + std::to_string(size));
    fs::copy(store(), path, fs::copy_options::recursive);
    spill(path + "/writers/" + writer_ + "/seg-000001.wal", bytes.substr(0, size));
    const auto workspace = Workspace::open(path);
    ASSERT_TRUE((*workspace)->recover()) << size;
    const auto list = list_runs(**workspace);
    ASSERT_TRUE(list->damaged.empty()) << size;
    const auto halfway = load_run(**workspace, "halfway");
    ASSERT_TRUE(halfway) << "published before the journal was cut";
    const size_t points = halfway->metrics.at("loss").size();
    ASSERT_TRUE(points == 1 || points == 2);
    for (size_t i = 0; i < points; ++i)
      EXPECT_EQ(halfway->metrics.at("loss")[i].step, int64_t(i) + 1);
    fs::remove_all(path);
  }
}

TEST_F(RecoveryTest, ADamagedJournalIsKeptAndHarmsNothingElse) {
  ASSERT_FALSE(damage_killed_journal(store()).empty());
  const auto workspace = Workspace::open(store());
  const auto list = list_runs(**workspace);
  ASSERT_TRUE(list);
  ASSERT_EQ(list->damaged.size(), 1U);
  EXPECT_NE(list->damaged[0].find("seg-000001.wal"), std::string::npos);
  EXPECT_EQ(load_run(**workspace, "halfway")->metrics.at("loss").size(), 1U);
  ASSERT_TRUE((*workspace)->recover());
  bool kept = false;
  for (const std::string& path : files_below(store())) {
    kept = kept || path.ends_with("seg-000001.wal");
  }
  EXPECT_TRUE(kept);
  ASSERT_TRUE(
      (*tracking::Run::create(*workspace, {.name = "next"}))->finish(RunStatus::kCompleted));
}

TEST_F(RecoveryTest, SeveralAtOnceDoItOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const auto workspace = Workspace::open(store());
      EXPECT_TRUE((*workspace)->recover());
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect_recovered();
  EXPECT_TRUE(fs::is_empty(store() + "/writers"));
}

// What a recovery meets that another one overtakes: after its first look at a segment all of them
// are removed, the oldest first.
class OvertakenFiles final : public ObservedFiles {
 public:
  explicit OvertakenFiles(std::vector<std::string> segments) : segments_(std::move(segments)) {}
  Result<std::unique_ptr<File>> open(const std::string& path) override {
    auto file = ObservedFiles::open(path);
    for (const std::string& segment : std::exchange(segments_, {})) fs::remove(segment);
    return file;
  }

 protected:
  Status perform(const FileCall& call, Act act) override { return act(call); }

 private:
  std::vector<std::string> segments_;
};

TEST_F(RecoveryTest, AnOvertakenOneTakesNoPublishedRunForOneWithoutAFile) {
  // One run is never published, or else the first segments would go.
  std::mutex mutex;
  std::string kept;
  HookedFiles live([&](std::string_view operation, const std::string& path) -> Status {
    const std::scoped_lock lock(mutex);
    const bool refused = operation == "rename" && !kept.empty() && path.find(kept) != path.npos;
    return refused ? Status(fail(StatusCode::kIo, "not yet")) : Status();
  });
  const auto workspace = Workspace::create(folder_ / "rotating", "a", &live);
  ASSERT_TRUE(workspace);
  (*workspace)->tune_journal({.tick_ns = kHourNs, .retry_ns = kHourNs, .segment_bytes = 4096});
  const auto open = tracking::Run::create(*workspace, {.name = "open"});
  {
    const std::scoped_lock lock(mutex);
    kept = (*open)->id();
  }
  const auto gone = tracking::Run::create(*workspace, {.name = "gone"});
  ASSERT_TRUE((*gone)->durable());
  for (int line = 0; line < 100; ++line) {
    ASSERT_TRUE((*open)->log_text(TextStream::kStdout, std::string(100, 'x')));
    ASSERT_TRUE((*open)->durable());
  }
  ASSERT_TRUE((*gone)->finish(RunStatus::kCompleted));
  ASSERT_TRUE((*open)->log_text(TextStream::kStdout, "after the note"));
  ASSERT_TRUE((*open)->durable());
  copy_as_killed(folder_ / "rotating", folder_ / "killed");
  const std::string killed = folder_ / "killed/writers/" + (*(*workspace)->writer())->id();
  PosixFileLayer posix;
  const auto before = JournalIndex::read(posix, killed);
  ASSERT_TRUE(before);
  ASSERT_GE(before->segments().size(), 2U);
  ASSERT_GT(before->runs().at((*gone)->id()).published_seq, 0U);
  OvertakenFiles files(before->segments());
  const auto index = JournalIndex::read(files, killed);
  ASSERT_TRUE(index);
  const auto found = index->runs().find((*gone)->id());
  EXPECT_TRUE(found == index->runs().end() || found->second.published_seq > 0);
}

TEST_F(RecoveryTest, AFileThatAnotherWriterPublishedIsLater) {
  const auto live = Workspace::open(store());
  const auto info = find_run(**live, "halfway");
  RunRecord record = *read_run(run_file_of(**live, info->run_id));
  record.info.writer = "01HZY0J8Q0ABCDEFGHJKMNPQRV";
  record.info.status = RunStatus::kCompleted;
  record.info.finished = true;
  spill(run_file_of(**live, info->run_id), *run_file_image(record));
  EXPECT_EQ(load_run(**live, "halfway")->info.status, RunStatus::kCompleted);
  ASSERT_TRUE((*live)->recover());
  EXPECT_EQ(published("halfway").info.status, RunStatus::kCompleted);
  EXPECT_EQ(published("halfway").metrics.at("loss").size(), 1U);
}

TEST_F(RecoveryTest, ReplayingTwiceChangesNothing) {
  PosixFileLayer files;
  const auto index = JournalIndex::read(files, orphan());
  ASSERT_TRUE(index) << index.error().message;
  ASSERT_EQ(index->runs().size(), 3U);
  for (const auto& [id, entry] : index->runs()) {
    RunRecord record;
    ASSERT_TRUE(index->replay(id, record));
    const std::string once = *run_file_image(record);
    ASSERT_TRUE(index->replay(id, record));
    EXPECT_EQ(*run_file_image(record), once);
    EXPECT_EQ(record.info.wal_seq, JournalIndex::reach(entry, 0));
  }
}

}  // namespace
}  // namespace assay::tracking
