#include "tracking/run_query.h"

#include <gtest/gtest.h>

#include "tests/tracking/killed_store.h"
#include "tests/tracking/test_folder.h"
#include "tracking/run.h"
#include "tracking/run_file.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

class RunQuery : public testing::Test {
 protected:
  void SetUp() override {
    workspace_ = *Workspace::create(folder_ / "store", "a");
    sweep_ = add({.kind = "sweep", .experiment = "Adult", .name = "tuesday"});
    first_ = add({.kind = "trial", .experiment = "Adult", .name = "one", .parent_run_id = sweep_});
    second_ = add({.kind = "trial", .experiment = "Adult", .name = "two", .parent_run_id = sweep_},
                  RunStatus::kFailed);
    other_ = add({.kind = "job", .experiment = "letter", .name = "two"});
  }
  std::string add(RunSpec spec, RunStatus status = RunStatus::kCompleted) {
    auto run = tracking::Run::create(workspace_, std::move(spec));
    EXPECT_TRUE((*run)->finish(status));
    return (*run)->id();
  }
  std::vector<std::string> ids(const RunFilter& filter) {
    std::vector<std::string> found;
    const RunList list = *list_runs(*workspace_, filter);
    for (const RunInfo& info : list.runs) found.push_back(info.run_id);
    return found;
  }

  using Ids = std::vector<std::string>;
  TestFolder folder_;
  std::shared_ptr<Workspace> workspace_;
  std::string sweep_, first_, second_, other_;
};

TEST_F(RunQuery, ListsNewestFirst) { EXPECT_EQ(ids({}), (Ids{other_, second_, first_, sweep_})); }

TEST_F(RunQuery, Filters) {
  EXPECT_EQ(ids({.experiment = "ADULT"}), (Ids{second_, first_, sweep_}));
  EXPECT_EQ(ids({.kind = "trial"}), (Ids{second_, first_}));
  EXPECT_EQ(ids({.status = RunStatus::kFailed}), (Ids{second_}));
  EXPECT_EQ(ids({.parent_run_id = sweep_, .limit = 1}), (Ids{second_}));
  EXPECT_EQ(ids({.experiment = "nothing"}), Ids{});
}

TEST_F(RunQuery, FindsByIdPrefixAndName) {
  EXPECT_EQ(find_run(*workspace_, sweep_)->run_id, sweep_);
  std::string lower = sweep_;
  for (char& c : lower) c = static_cast<char>(std::tolower(c));
  EXPECT_EQ(find_run(*workspace_, lower)->run_id, sweep_);
  EXPECT_EQ(find_run(*workspace_, "one")->run_id, first_);
  EXPECT_EQ(find_run(*workspace_, "TUESDAY")->run_id, sweep_);
  EXPECT_EQ(find_run(*workspace_, "two")->run_id, other_) << "the newest of a name";
  EXPECT_EQ(find_run(*workspace_, sweep_.substr(0, 25))->run_id, sweep_);
  EXPECT_EQ(load_run(*workspace_, "one")->info.name, "one");
}

TEST_F(RunQuery, SaysWhatIsAmbiguousOrMissing) {
  const auto several = find_run(*workspace_, sweep_.substr(0, 5));
  ASSERT_FALSE(several);
  EXPECT_EQ(several.error().code, StatusCode::kInvalidArgument);
  const auto none = find_run(*workspace_, "tuesdy");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, StatusCode::kNotFound);
  EXPECT_NE(none.error().message.find("did you mean 'tuesday'"), std::string::npos);
  EXPECT_EQ(find_run(*workspace_, "").error().code, StatusCode::kNotFound);
  EXPECT_EQ(find_run(*workspace_, *make_ulid()).error().code, StatusCode::kNotFound);
}

TEST_F(RunQuery, ReportsDamagedFilesAndListsTheRest) {
  spill(run_file_of(*workspace_, first_), "not a run");
  const auto list = list_runs(*workspace_);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->runs.size(), 3U);
  ASSERT_EQ(list->damaged.size(), 1U);
  EXPECT_NE(list->damaged[0].find(first_), std::string::npos);
  EXPECT_EQ(find_run(*workspace_, first_).error().code, StatusCode::kData);
}

TEST_F(RunQuery, IgnoresFilesThatAreNoRuns) {
  spill(folder_ / "store/runs/notes.txt", "x");
  spill(folder_ / "store/runs/" + ulid_shard(first_) + "/readme", "x");
  const auto list = list_runs(*workspace_);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->runs.size(), 4U);
}

TEST_F(RunQuery, ARunningRunOfADeadWriterIsInterrupted) {
  std::string id;
  {
    const auto other = Workspace::open(folder_ / "store");
    const auto run = tracking::Run::create(*other, {.name = "long"});
    id = (*run)->id();
    ASSERT_TRUE((*run)->checkpoint());
    EXPECT_EQ(find_run(*workspace_, id)->status, RunStatus::kRunning);
    EXPECT_EQ(ids({.status = RunStatus::kRunning}), (Ids{id}));
    copy_as_killed(folder_ / "store", folder_ / "killed");
  }
  EXPECT_EQ(find_run(*workspace_, id)->status, RunStatus::kInterrupted) << "given up in order";
  workspace_ = *Workspace::open(folder_ / "killed");
  EXPECT_EQ(find_run(*workspace_, id)->status, RunStatus::kInterrupted);
  EXPECT_EQ(load_run(*workspace_, id)->info.status, RunStatus::kInterrupted);
  EXPECT_EQ(ids({.status = RunStatus::kInterrupted}), (Ids{id}));
  EXPECT_EQ(read_run(run_file_of(*workspace_, id))->info.status, RunStatus::kRunning)
      << "the file says what was written";
}

TEST_F(RunQuery, AWorkspaceWithoutARunsFolderIsEmpty) {
  ASSERT_TRUE(workspace_->close());
  std::filesystem::remove_all(folder_ / "store/runs");
  EXPECT_TRUE(list_runs(*workspace_)->runs.empty());
}

}  // namespace
}  // namespace assay::tracking
