#include "tracking/run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <thread>

#include "tests/tracking/failing_files.h"
#include "tests/tracking/test_folder.h"
#include "tracking/environment.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

class RunTest : public testing::Test {
 protected:
  void SetUp() override { open_store(); }
  void open_store() {
    workspace_ = *Workspace::create(folder_ / "store", "a", &files_);
    // The journal is written when a test asks for it, so that operations can be counted.
    workspace_->tune_journal({.tick_ns = int64_t{3600} * 1'000'000'000});
  }
  std::unique_ptr<tracking::Run> make(RunSpec spec = {}) {
    auto run = tracking::Run::create(workspace_, std::move(spec));
    EXPECT_TRUE(run) << run.error().message;
    return std::move(*run);
  }
  RunRecord stored(const std::string& id) {
    auto record = read_run(run_file_of(*workspace_, id));
    EXPECT_TRUE(record) << record.error().message;
    return record ? *record : RunRecord();
  }

  TestFolder folder_;
  FailingFiles files_;
  ManualClock clock_{7};
  std::shared_ptr<Workspace> workspace_;
};

TEST_F(RunTest, TakesAsLongAsItsClockSaysWhateverTheTimeOfDay) {
  workspace_->set_clock(clock_);
  const auto run = make();
  clock_.advance(5'000'000'000);
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  EXPECT_EQ(stored(run->id()).info.ended_ns - stored(run->id()).info.created_ns, 5'000'000'000);
  std::string given_up;
  {
    const auto dropped = make();
    given_up = dropped->id();
    clock_.advance(2'000'000'000);
  }
  ASSERT_TRUE(workspace_->flush());
  EXPECT_EQ(stored(given_up).info.status, RunStatus::kInterrupted);
  EXPECT_EQ(stored(given_up).info.ended_ns - stored(given_up).info.created_ns, 2'000'000'000);
}

TEST_F(RunTest, PublishesWhatWasLogged) {
  const auto sweep = make({.kind = "sweep", .experiment = "Adult", .name = "tuesday"});
  const auto run = make({.kind = "trial", .experiment = "Adult", .parent_run_id = sweep->id()});
  ASSERT_TRUE(run->log_param("rate", 0.5));
  ASSERT_TRUE(run->log_param("rate", 0.25));
  ASSERT_TRUE(run->set_tag("team", "fraud"));
  ASSERT_TRUE(run->log_metric("auc", 0.75, 3, 12.5));
  ASSERT_TRUE(run->declare_metric("auc"));
  ASSERT_TRUE(run->declare_metric("never"));
  ASSERT_TRUE(run->log_text(TextStream::kStdout, "one "));
  ASSERT_TRUE(run->log_text(TextStream::kStdout, "two"));
  ASSERT_TRUE(run->log_text(TextStream::kStderr, "oh"));
  ASSERT_TRUE(run->set_score("auc", 0.75));
  ASSERT_TRUE(run->set_environment(collect_environment({.seed = 42})));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted, "fine"));
  const RunRecord record = stored(run->id());
  EXPECT_EQ(record.info.kind, "trial");
  EXPECT_EQ(record.info.experiment, "Adult");
  EXPECT_EQ(record.info.parent_run_id, sweep->id());
  EXPECT_EQ(record.info.name.rfind("trial-", 0), 0U) << record.info.name;
  EXPECT_EQ(record.info.status, RunStatus::kCompleted);
  EXPECT_EQ(record.info.message, "fine");
  EXPECT_EQ(record.info.score, 0.75);
  EXPECT_TRUE(record.info.finished);
  EXPECT_GE(record.info.ended_ns, record.info.created_ns);
  EXPECT_EQ(record.params.at("rate"), Value(0.25));
  EXPECT_EQ(record.tags.at("team"), Value("fraud"));
  ASSERT_EQ(record.metrics.at("auc").size(), 1U);
  EXPECT_EQ(record.metrics.at("auc")[0].step, 3);
  EXPECT_EQ(record.metrics.at("auc")[0].time, 12.5);
  EXPECT_TRUE(record.metrics.at("never").empty());
  EXPECT_EQ(record.stdout_text, "one two");
  EXPECT_EQ(record.stderr_text, "oh");
  EXPECT_EQ(record.environment.at("seed"), Value("42"));
}

TEST_F(RunTest, IsInvisibleUntilItsFirstCommitOrCheckpoint) {
  const auto run = make();
  EXPECT_TRUE(list_runs(*workspace_)->runs.empty());
  ASSERT_TRUE(run->log_param("a", 1));
  EXPECT_TRUE(list_runs(*workspace_)->runs.empty());
  ASSERT_TRUE(run->durable());
  EXPECT_EQ(list_runs(*workspace_)->runs.size(), 1U);
  ASSERT_TRUE(run->log_metric("loss", 2.0));
  ASSERT_TRUE(run->checkpoint());
  EXPECT_EQ(stored(run->id()).info.status, RunStatus::kRunning);
  ASSERT_TRUE(run->log_metric("loss", 1.0));
  EXPECT_EQ(stored(run->id()).metrics.at("loss").size(), 1U);
  ASSERT_TRUE(run->finish(RunStatus::kPruned));
  EXPECT_EQ(stored(run->id()).metrics.at("loss").size(), 2U);
  EXPECT_EQ(stored(run->id()).info.status, RunStatus::kPruned);
}

TEST_F(RunTest, KeepsArtifactsAsBlobs) {
  const auto run = make();
  const std::string text = "<svg/>";
  ASSERT_TRUE(run->log_artifact("plots/roc.svg", std::as_bytes(std::span(text)), "image/svg+xml"));
  spill(folder_ / "data.bin", "12345");
  ASSERT_TRUE(run->log_artifact_file("data.bin", folder_ / "data.bin", ""));
  ASSERT_TRUE(run->log_artifact_file("plots/roc.svg", folder_ / "data.bin", "x/y"));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  const RunRecord record = stored(run->id());
  ASSERT_EQ(record.artifacts.size(), 2U);
  EXPECT_EQ(record.artifacts[0].path, "plots/roc.svg");
  EXPECT_EQ(record.artifacts[0].size, 5);
  EXPECT_EQ(*BlobStore(*workspace_).read(record.artifacts[0].sha256), "12345");
  EXPECT_EQ(record.artifacts[1].media_type, "");
}

TEST_F(RunTest, RefusesBadArtifactPaths) {
  const auto run = make();
  for (const char* path : {"", "/etc/passwd", "../up", "a/../../b", "\xff", "a//b", "a/", ".",
                           "./a", ".git/x", "a/.GIT/config"}) {
    const Status status = run->log_artifact(path, {}, "");
    ASSERT_FALSE(status) << path;
    EXPECT_EQ(status.error().code, StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(run->log_artifact_file("a", folder_ / "none", "").error().code, StatusCode::kNotFound);
}

TEST_F(RunTest, RefusesBadSpecs) {
  const auto code = [&](RunSpec spec) {
    const auto run = tracking::Run::create(workspace_, std::move(spec));
    return run ? StatusCode::kInternal : run.error().code;
  };
  EXPECT_EQ(code({.kind = "swep"}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.experiment = "with space"}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.name = std::string(257, 'n')}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.name = "\xff"}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.parent_run_id = "nobody"}), StatusCode::kInvalidArgument);
  const auto hint = tracking::Run::create(workspace_, {.kind = "swep"});
  EXPECT_NE(hint.error().message.find("did you mean 'sweep'"), std::string::npos);
}

TEST_F(RunTest, RefusesShapesThatDisagree) {
  const auto run = make();
  EXPECT_FALSE(run->log_predictions({"p", 2, 2, std::vector<float>(3), {}, {}}));
  EXPECT_FALSE(run->log_predictions({"p", -1, -3, std::vector<float>(3), {}, {}}));
  EXPECT_FALSE(run->log_predictions({"p", 2, 1, std::vector<double>(2), {1}, {}}));
  EXPECT_FALSE(run->log_predictions({"p", 2, 1, std::vector<double>(2), {}, {"a", "b"}}));
  EXPECT_FALSE(run->log_predictions({"", 0, 0, std::vector<double>(), {}, {}}));
  EXPECT_FALSE(
      run->log_table({"t", {{"a", std::vector<double>(2)}, {"b", std::vector<double>(1)}}}));
  EXPECT_FALSE(run->log_table({"t", {{"a", std::vector<double>()}, {"a", std::vector<double>()}}}));
  EXPECT_FALSE(run->log_table({"t", {{"", std::vector<double>()}}}));
  std::vector<std::string> wide(100'000);
  wide[0] = std::string(4096, 'w');
  EXPECT_FALSE(run->log_table({"t", {{"w", wide}}})) << "400 MB as a fixed-width column";
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  EXPECT_TRUE(stored(run->id()).tables.empty());
}

TEST_F(RunTest, KeepsEmptyTablesAndPredictions) {
  const auto run = make();
  ASSERT_TRUE(run->log_predictions({"none", 0, 3, std::vector<float>(), {}, {}}));
  ASSERT_TRUE(run->log_table({"empty", {}}));
  ASSERT_TRUE(run->log_table({"rowless", {{"text", std::vector<std::string>()}}}));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  const RunRecord record = stored(run->id());
  ASSERT_EQ(record.predictions.size(), 1U);
  EXPECT_EQ(record.predictions[0]->columns, 3);
  ASSERT_EQ(record.tables.size(), 2U);
}

TEST_F(RunTest, CleansTextsOfTables) {
  const auto run = make();
  ASSERT_TRUE(
      run->log_table({"t", {{"level", std::vector<std::string>{"\xff", std::string("a\0b", 3)}}}}));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  EXPECT_EQ(std::get<std::vector<std::string>>(stored(run->id()).tables[0]->columns[0].values),
            (std::vector<std::string>{"\xEF\xBF\xBD",
                                      "a\xEF\xBF\xBD"
                                      "b"}));
}

TEST_F(RunTest, TakesNothingAfterItsEnd) {
  const auto run = make();
  ASSERT_TRUE(run->finish(RunStatus::kFailed, "out of memory"));
  EXPECT_FALSE(run->log_param("a", 1));
  EXPECT_FALSE(run->log_metric("a", 1));
  EXPECT_FALSE(run->log_text(TextStream::kStdout, "a"));
  EXPECT_FALSE(run->checkpoint());
  EXPECT_FALSE(run->finish(RunStatus::kCompleted));
  EXPECT_EQ(stored(run->id()).info.status, RunStatus::kFailed);
}

TEST_F(RunTest, CannotEndAsRunning) {
  const auto run = make();
  EXPECT_EQ(run->finish(RunStatus::kRunning).error().code, StatusCode::kInvalidArgument);
  EXPECT_TRUE(run->finish(RunStatus::kCancelled));
}

TEST_F(RunTest, HasALimitForTexts) {
  const auto run = make();
  const std::string chunk(32 << 20, 'x');
  EXPECT_TRUE(run->log_text(TextStream::kStderr, chunk));
  EXPECT_TRUE(run->log_text(TextStream::kStderr, chunk));
  EXPECT_EQ(run->log_text(TextStream::kStderr, "x").error().code, StatusCode::kResourceExhausted);
  EXPECT_TRUE(run->log_text(TextStream::kStdout, "x"));
}

TEST_F(RunTest, IsLoggedByManyThreads) {
  const auto run = make();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        EXPECT_TRUE(run->log_metric("m" + std::to_string(t), i, i));
        EXPECT_TRUE(run->log_metric("shared", i, i));
        EXPECT_TRUE(run->log_param("p" + std::to_string(t), i));
        if (i % 100 == 0) {
          EXPECT_TRUE(run->checkpoint());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  const RunRecord record = stored(run->id());
  EXPECT_EQ(record.metrics.at("shared").size(), 2000U);
  for (int t = 0; t < 4; ++t) {
    const auto& points = record.metrics.at("m" + std::to_string(t));
    ASSERT_EQ(points.size(), 500U);
    for (int i = 0; i < 500; ++i) EXPECT_EQ(points[static_cast<size_t>(i)].value, i);
    EXPECT_EQ(record.params.at("p" + std::to_string(t)), Value(499));
  }
}

TEST_F(RunTest, ManyPublishSideBySide) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        auto run = tracking::Run::create(workspace_, {.kind = "trial", .experiment = "many"});
        ASSERT_TRUE(run);
        EXPECT_TRUE((*run)->log_param("thread", t));
        EXPECT_TRUE((*run)->finish(RunStatus::kCompleted));
      }
    });
  }
  // A reader meanwhile sees only whole runs.
  for (int i = 0; i < 50; ++i) {
    const auto list = list_runs(*workspace_);
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->damaged.empty());
    if (!list->runs.empty()) {
      EXPECT_TRUE(load_run(*workspace_, list->runs.back().run_id));
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(list_runs(*workspace_)->runs.size(), 100U);
}

TEST_F(RunTest, LogsThroughHandlesAndInBatches) {
  const auto run = make();
  auto loss = run->metric("loss");
  ASSERT_TRUE(loss);
  ASSERT_TRUE(loss->log(2.0, 1, 10.5));
  const double before = static_cast<double>(wall_time_ns()) * 1e-9;
  ASSERT_TRUE(loss->log(1.0, 2));
  const Metric copy = *loss;
  ASSERT_TRUE(Metric(copy).log(0.5, 3, 11.5));
  ASSERT_TRUE(run->log_metrics(std::vector<MetricValue>{{"auc", 0.75}, {"loss", 0.25}}, 4, 12.5));
  EXPECT_FALSE(run->log_metrics(std::vector<MetricValue>{{"auc", 0.75}, {"", 0.25}}));
  EXPECT_FALSE(run->metric("").has_value());
  ASSERT_TRUE(run->metric("untouched"));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  EXPECT_EQ(loss->log(0.0).error().code, StatusCode::kInvalidArgument);
  const RunRecord record = stored(run->id());
  const auto& points = record.metrics.at("loss");
  ASSERT_EQ(points.size(), 4U);
  for (size_t i = 0; i < points.size(); ++i) EXPECT_EQ(points[i].step, static_cast<int64_t>(i) + 1);
  EXPECT_EQ(points[0].time, 10.5);
  EXPECT_NEAR(points[1].time, before, 60);
  EXPECT_EQ(points[3].time, 12.5);
  EXPECT_EQ(record.metrics.at("auc").size(), 1U) << "a batch is taken whole or not at all";
  EXPECT_FALSE(record.metrics.contains("untouched"));
}

TEST_F(RunTest, HandlesOutliveTheirRun) {
  std::optional<Metric> metric;
  {
    const auto run = make();
    metric = *run->metric("loss");
    ASSERT_TRUE(metric->log(1.0));
  }
  workspace_.reset();
  EXPECT_EQ(metric->log(2.0).error().code, StatusCode::kInvalidArgument);
}

TEST_F(RunTest, HoldsALimitedNumberOfPoints) {
  workspace_ = *Workspace::create(folder_ / "small", "a");
  workspace_->tune_journal({.run_points = 10'000});
  const auto run = make({.name = "bounded"});
  auto metric = run->metric("loss");
  int taken = 0;
  Status status;
  while (status) {
    status = metric->log(taken, taken);
    taken += status ? 1 : 0;
    ASSERT_LT(taken, 30'000);
  }
  EXPECT_EQ(status.error().code, StatusCode::kResourceExhausted);
  EXPECT_GE(taken, 10'000);
  EXPECT_FALSE(run->log_metric("other", 1));
  ASSERT_TRUE(run->log_param("still", "open"));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  EXPECT_EQ(stored(run->id()).metrics.at("loss").size(), static_cast<size_t>(taken));
}

TEST_F(RunTest, ChildrenShareTheExperiment) {
  const auto sweep = make({.kind = "sweep", .experiment = "Adult"});
  const auto child = sweep->start_child({.kind = "trial"});
  const auto other = sweep->start_child({.kind = "step", .experiment = "other"});
  ASSERT_TRUE(child && other);
  EXPECT_FALSE(sweep->start_child({.kind = "tril"}));
  ASSERT_TRUE((*child)->finish(RunStatus::kCompleted));
  ASSERT_TRUE((*other)->finish(RunStatus::kCompleted));
  EXPECT_EQ(stored((*child)->id()).info.parent_run_id, sweep->id());
  EXPECT_EQ(stored((*child)->id()).info.experiment, "Adult");
  EXPECT_EQ(stored((*other)->id()).info.experiment, "other");
}

TEST_F(RunTest, GivenUpItIsInterrupted) {
  std::string id;
  {
    const auto run = make();
    id = run->id();
    ASSERT_TRUE(run->log_metric("loss", 1.0));
  }
  ASSERT_TRUE(workspace_->flush());
  const RunRecord record = stored(id);
  EXPECT_EQ(record.info.status, RunStatus::kInterrupted);
  EXPECT_EQ(record.metrics.at("loss").size(), 1U);
}

TEST_F(RunTest, AnEndThatCouldNotBePublishedIsKept) {
  std::string id;
  {
    const auto run = make();
    id = run->id();
    files_.restart(0, true);
    EXPECT_FALSE(run->finish(RunStatus::kFailed, "no luck"));
    files_.restart(-1, false);
  }
  ASSERT_TRUE(workspace_->flush());
  EXPECT_EQ(stored(id).info.status, RunStatus::kFailed);
  EXPECT_EQ(stored(id).info.message, "no luck");
}

TEST_F(RunTest, SamplesTheSystem) {
  const auto run = make();
  EXPECT_EQ(run->sample_system(0).error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(run->sample_system(std::nan("")).error().code, StatusCode::kInvalidArgument);
  ASSERT_TRUE(run->sample_system(0.1));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  EXPECT_FALSE(run->sample_system(1));
  const RunRecord record = stored(run->id());
  ASSERT_GE(record.metrics.at("system/rss_bytes").size(), 1U);
  const double bytes = record.metrics.at("system/rss_bytes")[0].value;
  EXPECT_GT(bytes, 1e6);
  EXPECT_LT(bytes, 1e12);
}

TEST_F(RunTest, AFullDiskKeepsTheLastPublishedState) {
  for (const bool keep : {false, true}) {
    for (const bool last : {false, true}) {  // finish() or checkpoint()
      bool done = false;
      for (int64_t n = 0; !done; ++n) {
        ASSERT_LT(n, 100);
        const auto run = make({.name = "disk"});
        ASSERT_TRUE(run->log_metric("loss", 1.0));
        ASSERT_TRUE(run->checkpoint());
        const std::string path = run_file_of(*workspace_, run->id());
        const std::string before = slurp(path);
        ASSERT_TRUE(run->log_metric("loss", 0.5));
        ASSERT_TRUE(workspace_->flush());  // earlier runs do not count
        files_.restart(n, keep);
        const Status status = last ? run->finish(RunStatus::kCompleted) : run->checkpoint();
        done = files_.count() <= n;
        const bool fails = files_.failed_other();
        files_.restart(-1, false);
        ASSERT_EQ(!fails, status.has_value()) << "operation " << n;
        const auto after = read_run(path);
        ASSERT_TRUE(after) << n << ": " << after.error().message;
        if (!status) {
          EXPECT_EQ(status.error().code, StatusCode::kIo);
          const bool old = slurp(path) == before;
          EXPECT_TRUE(old || after->metrics.at("loss").size() == 2U);
          // There is room again: logging and publishing go on, nothing is lost.
          EXPECT_TRUE(run->log_metric("loss", 0.25));
          EXPECT_TRUE(run->finish(RunStatus::kCompleted));
          EXPECT_EQ(stored(run->id()).metrics.at("loss").size(), 3U);
        }
      }
    }
  }
}

TEST_F(RunTest, TheFirstPublishSurvivesAFullDisk) {
  bool done = false;
  for (int64_t n = 0; !done; ++n) {
    ASSERT_LT(n, 100);
    std::filesystem::remove_all(folder_ / "store");
    open_store();
    files_.restart(n, true);
    auto run = tracking::Run::create(workspace_, {});
    const Status status = run ? (*run)->finish(RunStatus::kCompleted) : Status();
    const bool published = run && status;
    done = files_.count() <= n;
    const bool fails = files_.failed_other();
    files_.restart(-1, false);
    EXPECT_EQ(!fails, published) << n;
    const auto list = list_runs(*workspace_);
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->damaged.empty()) << n;
    if (!run) run = tracking::Run::create(workspace_, {});
    ASSERT_TRUE(run) << n << ": " << run.error().message;
    if (!published) {
      EXPECT_TRUE((*run)->finish(RunStatus::kCompleted)) << n;
    }
    EXPECT_EQ(list_runs(*workspace_)->runs.size(), 1U);
  }
}

}  // namespace
}  // namespace assay::tracking
