#include "tracking/experiment.h"

#include <gtest/gtest.h>

#include "tests/tracking/test_folder.h"

namespace assay::tracking {
namespace {

TEST(Experiment, StartsAndListsItsRuns) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  const auto adult = Experiment::open(*workspace, "Adult");
  ASSERT_TRUE(adult) << adult.error().message;
  const auto run = adult->start_run({.kind = "trial", .experiment = "ignored", .name = "one"});
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_TRUE((*run)->finish(RunStatus::kCompleted));
  const auto other = Experiment::open(*workspace, "letter");
  ASSERT_TRUE((*other->start_run())->finish(RunStatus::kFailed));
  ASSERT_TRUE((*Experiment::open(*workspace, "ADULT")->start_run())->finish(RunStatus::kFailed));
  const auto runs = adult->list();
  ASSERT_EQ(runs->runs.size(), 2U);
  EXPECT_EQ(runs->runs[1].name, "one");
  EXPECT_EQ(runs->runs[1].experiment, "Adult");
  EXPECT_EQ(adult->list({.status = RunStatus::kFailed})->runs.size(), 1U);
  const auto all = Experiment::list_all(**workspace);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(0).name, "ADULT") << "the newest run first";
  EXPECT_EQ(all->at(0).runs, 2);
  EXPECT_EQ(all->at(1).name, "letter");
  EXPECT_EQ(all->at(1).runs, 1);
}

TEST(Experiment, RefusesBadNames) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  for (const char* name : {"", "with space", "-first"}) {
    EXPECT_EQ(Experiment::open(*workspace, name).error().code, StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace assay::tracking
