#include "tracking/run_follower.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/base/rng.h"
#include "tests/tracking/killed_store.h"
#include "tests/tracking/observed_files.h"
#include "tests/tracking/test_folder.h"
#include "tracking/run.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/run_tags.h"
#include "tracking/run_trash.h"

namespace assay::tracking {
namespace {

// Counts what is read.
class CountingFiles final : public ObservedFiles {
 public:
  int64_t bytes_read = 0;

  Result<std::unique_ptr<File>> open(const std::string& path) override {
    ASSAY_ASSIGN_OR_RETURN(auto file, ObservedFiles::open(path));
    return std::make_unique<CountedFile>(*this, std::move(file));
  }

 protected:
  Status perform(const FileCall& call, Act act) override { return act(call); }

 private:
  class CountedFile final : public File {
   public:
    CountedFile(CountingFiles& owner, std::unique_ptr<File> file)
        : owner_(owner), file_(std::move(file)) {}
    Status append(std::span<const std::byte> bytes) override { return file_->append(bytes); }
    Status sync() override { return file_->sync(); }
    Result<int64_t> read_at(int64_t offset, std::span<std::byte> bytes) override {
      auto count = file_->read_at(offset, bytes);
      owner_.bytes_read += count.value_or(0);
      return count;
    }
    Result<int64_t> size() override { return file_->size(); }

   private:
    CountingFiles& owner_;
    std::unique_ptr<File> file_;
  };
};

class FollowerTest : public testing::Test {
 protected:
  void SetUp() override { make({}); }
  void make(JournalOptions options) {
    workspace_ = *Workspace::create(store(), "a");
    workspace_->tune_journal(options);
    reader_ = *Workspace::open(store(), &files_);
  }
  std::string store() const { return folder_ / "store"; }
  std::unique_ptr<tracking::Run> start(const std::string& name) {
    return std::move(*tracking::Run::create(workspace_, {.name = name}));
  }
  static RunNews look(RunFollower& follower) {
    auto news = follower.next();
    EXPECT_TRUE(news) << news.error().message;
    return news ? *news : RunNews();
  }
  static size_t point_count(const RunNews& news, const std::string& key) {
    const auto it = news.points.find(key);
    return it == news.points.end() ? 0 : it->second.size();
  }

  const TestFolder folder_{memory_folder()};
  CountingFiles files_;
  std::shared_ptr<Workspace> workspace_;
  std::shared_ptr<Workspace> reader_;
};

TEST_F(FollowerTest, GivesAllThereIsAndThenWhatIsNew) {
  const auto run = start("live");
  ASSERT_TRUE(run->log_text(TextStream::kStdout, "one\n"));
  ASSERT_TRUE(run->log_metric("loss", 2.0, 1));
  ASSERT_TRUE(run->durable());
  auto follower = RunFollower::open(*reader_, "live");
  ASSERT_TRUE(follower) << follower.error().message;
  RunNews news = look(*follower);
  EXPECT_EQ(news.stdout_text, "one\n");
  EXPECT_EQ(point_count(news, "loss"), 1U);
  EXPECT_EQ(news.info.status, RunStatus::kRunning);
  EXPECT_EQ(look(*follower).stdout_text, "");
  ASSERT_TRUE(run->log_text(TextStream::kStderr, "oh"));
  ASSERT_TRUE(run->log_metric("loss", 1.0, 2));
  ASSERT_TRUE(run->log_metric("auc", 0.5, 2));
  ASSERT_TRUE(run->set_score("auc", 0.5));
  ASSERT_TRUE(run->durable());
  news = look(*follower);
  EXPECT_EQ(news.stdout_text + news.stderr_text, "oh");
  ASSERT_EQ(point_count(news, "loss"), 1U);
  EXPECT_EQ(news.points.at("loss")[0].value, 1.0);
  EXPECT_EQ(point_count(news, "auc"), 1U);
  EXPECT_EQ(news.info.score, 0.5);
  ASSERT_TRUE(run->finish(RunStatus::kCompleted, "fine"));
  news = look(*follower);
  EXPECT_EQ(news.info.status, RunStatus::kCompleted);
  EXPECT_EQ(news.info.message, "fine");
  EXPECT_EQ(news.stdout_text + news.stderr_text, "");
}

TEST_F(FollowerTest, ReadsFinishedRunsFromTheirFiles) {
  const auto run = start("done");
  ASSERT_TRUE(run->log_text(TextStream::kStdout, "one\n"));
  ASSERT_TRUE(run->finish(RunStatus::kFailed));
  auto follower = RunFollower::open(*reader_, "done");
  ASSERT_TRUE(follower);
  const RunNews news = look(*follower);
  EXPECT_EQ(news.stdout_text, "one\n");
  EXPECT_EQ(news.info.status, RunStatus::kFailed);
  ASSERT_TRUE(tag_run(*workspace_, "done", {.set = {{"a", "b"}}}));
  EXPECT_EQ(look(*follower).stdout_text, "") << "another file with the same log";
}

TEST_F(FollowerTest, CostsWhatIsNew) {
  const auto run = start("long");
  const auto metric = run->metric("loss");
  ASSERT_TRUE(metric);
  auto handle = *metric;
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(handle.log(i, i, 1.0));
  ASSERT_TRUE(run->checkpoint());
  ASSERT_TRUE(run->durable());
  auto follower = RunFollower::open(*reader_, "long");
  ASSERT_TRUE(follower);
  EXPECT_EQ(point_count(look(*follower), "loss"), 100'000U);
  files_.bytes_read = 0;
  constexpr int kLooks = 20;
  for (int i = 0; i < kLooks; ++i) {
    ASSERT_TRUE(handle.log(i, i, 1.0));
    ASSERT_TRUE(run->durable());
    EXPECT_EQ(point_count(look(*follower), "loss"), 1U);
  }
  // A lease and a frame each.
  EXPECT_LT(files_.bytes_read, kLooks * 2000);
  files_.bytes_read = 0;
  ASSERT_TRUE(run->checkpoint());
  EXPECT_EQ(point_count(look(*follower), "loss"), 0U);
  EXPECT_LT(files_.bytes_read, 10'000) << "a file that knows no more is not read";
}

// Tiny segments that come and go, files that are published meanwhile, looks at random times: in the
// end all was given, once and in order.
TEST_F(FollowerTest, MissesNothingAndRepeatsNothing) {
  workspace_.reset();
  std::filesystem::remove_all(store());
  JournalOptions options;
  options.tick_ns = 1'000'000;
  options.segment_bytes = 4096;
  options.first_checkpoint_bytes = 16'384;
  options.large_change_bytes = 2048;
  make(options);
  Rng random(5);
  const auto other = start("other");
  const auto run = start("live");
  ASSERT_TRUE(run->durable());
  auto follower = RunFollower::open(*reader_, "live");
  ASSERT_TRUE(follower);
  std::string expected;
  std::string text;
  int64_t logged = 0;
  std::vector<int64_t> steps;
  const auto take = [&] {
    const RunNews news = look(*follower);
    text += news.stdout_text;
    const auto it = news.points.find("m");
    if (it == news.points.end()) return;
    for (const MetricPoint& point : it->second) steps.push_back(point.step);
  };
  for (int i = 0; i < 600; ++i) {
    for (uint64_t n = random.below(30); n > 0; --n) {
      ASSERT_TRUE(run->log_metric("m", 0.5, logged++));
    }
    const std::string line = fmt::format("line {}\n", i);
    ASSERT_TRUE(run->log_text(TextStream::kStdout, line));
    expected += line;
    ASSERT_TRUE(other->log_metric("m", 0.5, i));
    const uint64_t what = random.below(20);
    if (what < 2) {
      ASSERT_TRUE((what == 0 ? run : other)->checkpoint());
    }
    if (what == 2) {
      const NamedTable table{"t", {{"n", std::vector<int64_t>(1000, i)}}};
      ASSERT_TRUE(run->log_table(table));  // goes to the file only
    }
    if (what < 6) {
      ASSERT_TRUE(run->durable());
    }
    if (what < 10) take();
  }
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  take();
  EXPECT_EQ(text, expected);
  ASSERT_EQ(steps.size(), static_cast<size_t>(logged));
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
  EXPECT_EQ(look(*follower).info.status, RunStatus::kCompleted);
}

TEST_F(FollowerTest, GoesOnThroughATakeover) {
  const auto run = start("live");
  ASSERT_TRUE(run->log_text(TextStream::kStdout, "one\n"));
  ASSERT_TRUE(run->durable());
  copy_as_killed(store(), folder_ / "killed");
  const auto killed = *Workspace::open(folder_ / "killed");
  auto follower = RunFollower::open(*killed, "live");
  ASSERT_TRUE(follower);
  RunNews news = look(*follower);
  EXPECT_EQ(news.stdout_text, "one\n");
  EXPECT_EQ(news.info.status, RunStatus::kInterrupted);
  ASSERT_TRUE((*Workspace::open(folder_ / "killed"))->recover());
  news = look(*follower);
  EXPECT_EQ(news.stdout_text, "");
  EXPECT_EQ(news.info.status, RunStatus::kInterrupted);
  EXPECT_TRUE(news.info.finished);
}

TEST_F(FollowerTest, SaysWhenTheRunIsDeleted) {
  ASSERT_TRUE(start("gone")->finish(RunStatus::kCompleted));
  auto follower = RunFollower::open(*reader_, "gone");
  ASSERT_TRUE(follower);
  look(*follower);
  ASSERT_TRUE(delete_run(*workspace_, "gone"));
  const auto news = follower->next();
  ASSERT_FALSE(news);
  EXPECT_EQ(news.error().code, StatusCode::kNotFound);
  EXPECT_FALSE(RunFollower::open(*reader_, "nothing"));
}

TEST_F(FollowerTest, SaysWhenTheWorkspaceIsGone) {
  const auto run = start("on its way");
  ASSERT_TRUE(run->durable());
  ASSERT_TRUE(start("done")->finish(RunStatus::kCompleted));
  auto running = RunFollower::open(*reader_, "on its way");
  auto ended = RunFollower::open(*reader_, "done");
  ASSERT_TRUE(running && ended);
  look(*running);
  look(*ended);
  std::filesystem::rename(store(), folder_ / "moved");
  for (RunFollower* follower : {&*running, &*ended}) {
    const auto news = follower->next();
    ASSERT_FALSE(news);
    EXPECT_EQ(news.error().code, StatusCode::kIo);
    EXPECT_NE(news.error().message.find("moved or removed"), std::string::npos)
        << news.error().message;
  }
  std::filesystem::rename(folder_ / "moved", store());
}

TEST_F(FollowerTest, NamesADamagedFile) {
  ASSERT_TRUE(start("done")->finish(RunStatus::kCompleted));
  auto follower = RunFollower::open(*reader_, "done");
  ASSERT_TRUE(follower);
  const std::string path = run_file_of(*workspace_, find_run(*workspace_, "done")->run_id);
  spill(path, slurp(path).substr(0, 1000));
  const auto news = follower->next();
  ASSERT_FALSE(news);
  EXPECT_EQ(news.error().code, StatusCode::kData);
  EXPECT_NE(news.error().message.find(path), std::string::npos);
}

}  // namespace
}  // namespace assay::tracking
