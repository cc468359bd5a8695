#include "tracking/experiment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <span>
#include <thread>

#include "tests/tracking/hooked_files.h"
#include "tests/tracking/test_folder.h"
#include "tracking/model_registry.h"
#include "tracking/run_file.h"
#include "tracking/run_trash.h"

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

class ExperimentChange : public testing::Test {
 protected:
  void SetUp() override {
    sweep_ = add("Adult", "sweep");
    trial_ = add("Adult", "trial", sweep_);
    other_ = add("letter", "job");
  }
  std::string add(const std::string& experiment, const std::string& kind,
                  const std::string& parent = "") {
    auto run =
        Run::create(workspace_, {.kind = kind, .experiment = experiment, .parent_run_id = parent});
    EXPECT_TRUE((*run)->log_metric("auc", 0.5, 1, 2.0));
    EXPECT_TRUE((*run)->finish(RunStatus::kCompleted));
    return (*run)->id();
  }
  std::string experiment_of(const std::string& run_id) {
    const auto info = find_run(*workspace_, run_id);
    return info ? info->experiment : info.error().message;
  }

  const TestFolder folder_{memory_folder()};
  std::shared_ptr<Workspace> workspace_ = *Workspace::create(folder_ / "store", "a");
  std::string sweep_;
  std::string trial_;
  std::string other_;
};

TEST_F(ExperimentChange, RenamesAllItsRunsAndNothingElseOfThem) {
  const RunRecord before = *load_run(*workspace_, sweep_);
  const auto renamed = Experiment::rename(*workspace_, "adult", "census");
  ASSERT_TRUE(renamed) << renamed.error().message;
  EXPECT_EQ(renamed->runs, 2);
  EXPECT_EQ(experiment_of(sweep_), "census");
  EXPECT_EQ(experiment_of(trial_), "census");
  EXPECT_EQ(experiment_of(other_), "letter");
  RunRecord after = *load_run(*workspace_, sweep_);
  after.info.experiment = before.info.experiment;
  EXPECT_EQ(*run_file_image(after), *run_file_image(before));
  EXPECT_EQ(Experiment::rename(*workspace_, "census", "Census")->runs, 2) << "other letters";
  EXPECT_EQ(experiment_of(trial_), "Census");
}

// The first one is stopped between two runs until the second one wants its turn.
class RenamedTwice : public ExperimentChange, public testing::WithParamInterface<bool> {};

TEST_P(RenamedTwice, AtOnceEndsAsOneName) {
  ASSERT_TRUE(workspace_->flush());
  workspace_.reset();
  Barrier half;
  std::atomic<int> renamed{0};
  HookedFiles first_files([&](std::string_view operation, const std::string& path) -> Status {
    if (operation == "rename" && path.ends_with(".h5") && ++renamed == 2) half.arrive();
    return {};
  });
  Barrier wanted;
  HookedFiles second_files([&](std::string_view operation, const std::string& path) -> Status {
    if (operation == "create" && path.ends_with("/RENAMING")) wanted.arrive();
    return {};
  });
  const auto first = *Workspace::open(folder_ / "store", &first_files);
  const auto second = *Workspace::open(folder_ / "store", &second_files);
  // Whoever has the lower id, the one at work goes on.
  ASSERT_TRUE(GetParam() ? first->writer() : second->writer());
  std::thread at_work([&] {
    const auto done = Experiment::rename(*first, "adult", "census");
    EXPECT_TRUE(done) << done.error().message;
  });
  half.await_arrival();
  std::thread late([&] {
    const auto done = Experiment::rename(*second, "adult", "people");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, StatusCode::kNotFound) << done.error().message;
  });
  wanted.await_arrival();
  half.open();
  wanted.open();
  at_work.join();
  late.join();
  workspace_ = *Workspace::open(folder_ / "store");
  EXPECT_EQ(experiment_of(sweep_), "census");
  EXPECT_EQ(experiment_of(trial_), "census");
}

INSTANTIATE_TEST_SUITE_P(Order, RenamedTwice, testing::Bool());

TEST_F(ExperimentChange, MergesOnlyWhenTold) {
  const auto refused = Experiment::rename(*workspace_, "Adult", "LETTER");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kAlreadyExists);
  EXPECT_EQ(experiment_of(sweep_), "Adult");
  EXPECT_EQ(Experiment::rename(*workspace_, "Adult", "letter", true)->runs, 2);
  EXPECT_EQ(Experiment::list_all(*workspace_)->at(0).runs, 3);
}

TEST_F(ExperimentChange, GoesOnPastDamagedRunsAndNamesThem) {
  ASSERT_TRUE(workspace_->flush());
  std::string file = run_file_of(*workspace_, trial_);
  std::string bytes = slurp(file);
  bytes[bytes.size() / 4] ^= 1;
  spill(file, bytes);
  file = run_file_of(*workspace_, other_);
  spill(file, slurp(file).substr(0, 600));
  const auto renamed = Experiment::rename(*workspace_, "adult", "census");
  ASSERT_TRUE(renamed) << renamed.error().message;
  EXPECT_EQ(renamed->runs, 1);
  EXPECT_THAT(renamed->damaged,
              testing::UnorderedElementsAre(testing::HasSubstr(trial_), testing::HasSubstr(other_)))
      << "the second might be one of the experiment";
  EXPECT_EQ(experiment_of(sweep_), "census");
  EXPECT_EQ(experiment_of(trial_), "Adult");
  const auto removed = Experiment::remove(*workspace_, "adult");
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->runs.size(), 1U);
  EXPECT_THAT(removed->damaged, testing::ElementsAre(testing::HasSubstr(other_)));
}

TEST_F(ExperimentChange, RefusesWhatRunsAndWhatIsNotThere) {
  const auto live = Run::create(workspace_, {.experiment = "adult"});
  ASSERT_TRUE((*live)->durable());
  const auto running = Experiment::rename(*workspace_, "adult", "census");
  EXPECT_EQ(running.error().code, StatusCode::kInvalidArgument);
  EXPECT_NE(running.error().message.find((*live)->id()), std::string::npos);
  EXPECT_EQ(experiment_of(sweep_), "Adult");
  EXPECT_EQ(Experiment::rename(*workspace_, "letter", "not a name").error().code,
            StatusCode::kInvalidArgument);
  const auto unknown = Experiment::rename(*workspace_, "lettre", "x");
  EXPECT_EQ(unknown.error().code, StatusCode::kNotFound);
  EXPECT_NE(unknown.error().message.find("did you mean 'letter'"), std::string::npos);
  EXPECT_EQ(Experiment::remove(*workspace_, "lettre").error().code, StatusCode::kNotFound);
  EXPECT_EQ(Experiment::remove(*workspace_, "adult").error().code, StatusCode::kInvalidArgument);
}

TEST_F(ExperimentChange, GoesToTheTrashUnlessAModelNeedsIt) {
  const std::string model = "model bytes";
  ASSERT_TRUE(
      ModelRegistry(workspace_)
          .register_model({.name = "credit", .run_id = trial_}, std::as_bytes(std::span(model))));
  const auto refused = Experiment::remove(*workspace_, "adult");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("credit:1"), std::string::npos);
  EXPECT_EQ(experiment_of(sweep_), "Adult");
  const auto removed = Experiment::remove(*workspace_, "adult", true);
  ASSERT_TRUE(removed) << removed.error().message;
  ASSERT_EQ(removed->runs.size(), 2U);
  EXPECT_EQ(removed->runs.at(0).run_id, sweep_) << "parents first";
  EXPECT_EQ(list_runs(*workspace_)->runs.size(), 1U);
  ASSERT_TRUE(restore_run(*workspace_, sweep_));
  EXPECT_EQ(list_runs(*workspace_)->runs.size(), 3U);
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
