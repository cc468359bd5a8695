#include "tracking/run_tags.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/tracking/failing_files.h"
#include "tests/tracking/killed_store.h"
#include "tests/tracking/test_folder.h"
#include "tracking/run.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

class RunTagsTest : public testing::Test {
 protected:
  void SetUp() override { workspace_ = *Workspace::create(folder_ / "store", "a", &files_); }
  std::string finished_run() {
    auto run = *Run::create(workspace_, {.kind = "job", .name = "job-1"});
    EXPECT_TRUE(run->set_tag("team", "fraud"));
    EXPECT_TRUE(run->log_param("depth", 3));
    EXPECT_TRUE(run->log_metric("loss", 0.5, 1, 2.0));
    EXPECT_TRUE(run->finish(RunStatus::kCompleted));
    return run->id();
  }
  RunRecord read(const std::string& id) {
    auto record = load_run(*workspace_, id);
    EXPECT_TRUE(record) << record.error().message;
    return record ? *record : RunRecord();
  }

  TestFolder folder_;
  FailingFiles files_;
  std::shared_ptr<Workspace> workspace_;
};

TEST_F(RunTagsTest, OfOneOfSeveralWithTheNameAreChangedByItsIdOnly) {
  const std::string first = finished_run();
  const std::string second = finished_run();
  const auto tagged = tag_run(*workspace_, "job-1", {{{"tier", 1}}, {}});
  ASSERT_FALSE(tagged);
  EXPECT_EQ(tagged.error().code, StatusCode::kInvalidArgument);
  EXPECT_NE(tagged.error().message.find("2 runs are named 'job-1'"), std::string::npos);
  for (const std::string& id : {first, second}) EXPECT_FALSE(read(id).tags.contains("tier")) << id;
  ASSERT_TRUE(tag_run(*workspace_, first, {{{"tier", 1}}, {}}));
  EXPECT_TRUE(read(first).tags.contains("tier"));
  EXPECT_FALSE(read(second).tags.contains("tier"));
}

TEST_F(RunTagsTest, ChangesTagsAndNothingElse) {
  const std::string id = finished_run();
  RunRecord expected = read(id);
  const auto tagged = tag_run(*workspace_, "job-1", {{{"tier", 1}, {"team", "risk"}}, {}});
  ASSERT_TRUE(tagged) << tagged.error().message;
  expected.tags = {{"tier", 1}, {"team", "risk"}};
  EXPECT_EQ(read(id).tags, expected.tags);
  EXPECT_EQ(*run_file_image(read(id)), *run_file_image(expected));
  ASSERT_TRUE(tag_run(*workspace_, id, {{}, {"team"}}));
  expected.tags.erase("team");
  EXPECT_EQ(*run_file_image(read(id)), *run_file_image(expected));
}

TEST_F(RunTagsTest, OfAKilledRunOnAFullDiskSayThatItIsFull) {
  auto run = *Run::create(workspace_, {.kind = "job", .name = "cut"});
  ASSERT_TRUE(run->log_metric("loss", 1, 1));
  ASSERT_TRUE(run->durable());
  copy_as_killed(folder_ / "store", folder_ / "killed");
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  // Room for the lease or not.
  for (int64_t operations = 0; operations < 200; ++operations) {
    FailingFiles full;
    const auto killed = *Workspace::open(folder_ / "killed", &full);
    full.restart(operations, true);
    const auto tagged = tag_run(*killed, "cut", {{{"tier", 1}}, {}});
    full.restart(-1, false);
    if (tagged) return;
    EXPECT_EQ(tagged.error().code, StatusCode::kIo) << operations << tagged.error().message;
    EXPECT_NE(tagged.error().message.find("No space left on device"), std::string::npos)
        << operations << tagged.error().message;
  }
  FAIL() << "no disk was large enough";
}

TEST_F(RunTagsTest, WhatIsSoAlreadyIsNotPublished) {
  const std::string id = finished_run();
  const FileInfo before = *files_.stat(run_file_of(*workspace_, id));
  ASSERT_TRUE(tag_run(*workspace_, id, {{{"team", "fraud"}}, {}}));
  EXPECT_EQ(*files_.stat(run_file_of(*workspace_, id)), before);
}

TEST_F(RunTagsTest, RefusesRunningRunsAndBadKeys) {
  const std::string id = finished_run();
  auto running = *Run::create(workspace_, {.name = "live"});
  ASSERT_TRUE(running->checkpoint());
  const auto refused = tag_run(*workspace_, "live", {{{"a", 1}}, {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("still running"), std::string::npos);
  EXPECT_EQ(tag_run(*workspace_, id, {{{"", 1}}, {}}).error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(tag_run(*workspace_, id, {{{"a", 1}}, {"a"}}).error().code,
            StatusCode::kInvalidArgument);
  EXPECT_EQ(tag_run(*workspace_, "none", {{{"a", 1}}, {}}).error().code, StatusCode::kNotFound);
  const auto unknown = tag_run(*workspace_, id, {{{"a", 1}}, {"taem"}});
  EXPECT_NE(unknown.error().message.find("did you mean 'team'"), std::string::npos);
  EXPECT_EQ(read(id).tags.size(), 1U) << "all or nothing";
}

TEST_F(RunTagsTest, ManyThreadsLoseNoTag) {
  const std::string id = finished_run();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const auto workspace = *Workspace::open(folder_ / "store");
      for (int i = 0; i < 5; ++i) {
        const auto done = tag_run(*workspace, id, {{{fmt::format("{}-{}", t, i), i}}, {}});
        ASSERT_TRUE(done) << done.error().message;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(read(id).tags.size(), 21U);
}

TEST_F(RunTagsTest, AFullDiskLeavesTheOldTagsOrTheNew) {
  const std::string id = finished_run();
  bool done = false;
  for (int64_t n = 0; !done; ++n) {
    ASSERT_LT(n, 100);
    ASSERT_TRUE(tag_run(*workspace_, id, {{{"state", "old"}}, {}}));
    files_.restart(n, true);
    const auto tagged = tag_run(*workspace_, id, {{{"state", "new"}}, {}});
    done = files_.count() <= n;
    const bool fails = files_.failed_other();
    files_.restart(-1, false);
    EXPECT_EQ(!fails, tagged.has_value());
    const Value state = read(id).tags.at("state");
    EXPECT_TRUE(state == Value("old") || state == Value("new"));
    if (tagged) {
      EXPECT_EQ(state, Value("new"));
    }
  }
  EXPECT_TRUE(workspace_->files().list((*workspace_->writer())->tmp_folder())->empty());
}

TEST(TagValue, IsANumberOnlyInItsShortestForm) {
  EXPECT_EQ(parse_tag_value("3"), Value(3));
  EXPECT_EQ(parse_tag_value("-3"), Value(-3));
  EXPECT_EQ(parse_tag_value("0.5"), Value(0.5));
  EXPECT_EQ(parse_tag_value("-0.5"), Value(-0.5));
  EXPECT_EQ(parse_tag_value("true"), Value(true));
  for (const char* text : {"", "007", "1.50", "+1", "nan", "inf", "-inf", "True", "1e400", "0x1",
                           "1 ", "99999999999999999999999"}) {
    EXPECT_EQ(parse_tag_value(text), Value(text)) << text;
  }
}

}  // namespace
}  // namespace assay::tracking
