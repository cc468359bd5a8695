#include "tracking/workspace_marker.h"

#include <sys/stat.h>

#include <functional>

#include "tests/tracking/failing_files.h"
#include "tests/tracking/upkeep_fixture.h"
#include "tracking/workspace_check.h"

namespace assay::tracking {
namespace {

using testing::AllOf;
using testing::HasSubstr;

namespace fs = std::filesystem;

class WorkspaceMarker : public UpkeepTest {
 protected:
  std::string store() const { return folder_ / "store"; }
  std::string marker() const { return folder_ / "store/WORKSPACE"; }
  void lose() {
    workspace_.reset();
    fs::remove(marker());
  }
  Result<MarkerRepair> repair() { return repair_marker({.explicit_path = store()}); }
  StopToken stop_;
};

TEST_F(WorkspaceMarker, ThatIsLostIsSaidAndNothingElseIsMadeOrUsedInItsPlace) {
  lose();
  const auto says = AllOf(HasSubstr("lost its file WORKSPACE"), HasSubstr("--repair-marker"));
  WorkspaceSearch search{.explicit_path = store()};
  for (const bool create : {false, true}) {
    search.create = create;
    const auto found = Workspace::discover(search);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, StatusCode::kData);
    EXPECT_THAT(found.error().message, says);
  }
  EXPECT_THAT(Workspace::open(store()).error().message, says);
  EXPECT_THAT(Workspace::create(store(), "other").error().message, says);
  // Neither is one further up.
  ASSERT_TRUE(Workspace::create(folder_ / ".assay", "upper"));
  fs::create_directories(folder_ / "project/deep");
  fs::rename(store(), folder_ / "project/.assay");
  search = {.start_folder = folder_ / "project/deep", .create = false};
  EXPECT_THAT(Workspace::discover(search).error().message, says);
  EXPECT_THAT(Workspace::open(folder_ / "project").error().message, says);
  const auto repaired = repair_marker(search);
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_EQ(repaired->path, folder_ / "project/.assay");
  EXPECT_EQ((*Workspace::discover(search))->display_name(), "project");
}

TEST_F(WorkspaceMarker, IsWrittenAnewWithAllThatIsThere) {
  const std::string uuid = workspace_->uuid();
  lose();
  fs::remove(folder_ / "store/datasets");
  const auto repaired = repair();
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_TRUE(repaired->written);
  EXPECT_EQ(repaired->put_away, "");
  workspace_ = *Workspace::open(store());
  EXPECT_EQ(workspace_->display_name(), "store");
  EXPECT_NE(workspace_->uuid(), uuid);
  EXPECT_EQ(run_ids().size(), 4U);
  EXPECT_TRUE(check_workspace(*workspace_, stop_)->whole());
  EXPECT_TRUE(ModelRegistry(workspace_).resolve("credit"));
  const std::string text = slurp(marker());
  EXPECT_FALSE(repair()->written) << "it is whole";
  EXPECT_EQ(slurp(marker()), text);
}

TEST_F(WorkspaceMarker, ThatIsDamagedIsPutAwayFirst) {
  workspace_.reset();
  for (const std::string& text : {std::string("{"), std::string(), std::string(100'000, ' ')}) {
    spill(marker(), text);
    const auto opened = Workspace::open(store());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, StatusCode::kData);
    EXPECT_THAT(opened.error().message, HasSubstr("--repair-marker"));
    const auto repaired = repair();
    ASSERT_TRUE(repaired) << repaired.error().message;
    EXPECT_TRUE(repaired->written);
    EXPECT_EQ(slurp(store() + "/" + repaired->put_away), text);
    const std::string note =
        fs::path(store() + "/" + repaired->put_away).parent_path() / "NOTE.json";
    EXPECT_THAT(slurp(note), HasSubstr("WORKSPACE"));
    EXPECT_TRUE(Workspace::open(store()));
  }
}

TEST_F(WorkspaceMarker, InWhosePlaceIsNoFileIsWrittenAnew) {
  workspace_.reset();
  fs::create_directory(folder_ / "elsewhere");
  const std::vector<std::function<void()>> kinds = {
      [&] { fs::create_directories(marker() + "/deep"); },
      [&] { ASSERT_EQ(::mkfifo(marker().c_str(), 0600), 0); },
      [&] { fs::create_symlink("nothing", marker()); },
      [&] { fs::create_symlink("WORKSPACE", marker()); },
      [&] { fs::create_symlink("../elsewhere", marker()); }};
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    fs::remove_all(marker());
    kinds[kind]();
    const auto opened = Workspace::open(store());
    ASSERT_FALSE(opened) << kind;
    EXPECT_EQ(opened.error().code, StatusCode::kData) << kind;
    EXPECT_THAT(opened.error().message, HasSubstr("--repair-marker")) << kind;
    const auto repaired = repair();
    ASSERT_TRUE(repaired) << repaired.error().message;
    EXPECT_TRUE(repaired->written) << kind;
    EXPECT_TRUE(fs::exists(fs::symlink_status(store() + "/" + repaired->put_away))) << kind;
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(marker()))) << kind;
    workspace_ = *Workspace::open(store());
    EXPECT_EQ(run_ids().size(), 4U) << kind;
    workspace_.reset();
  }
}

TEST_F(WorkspaceMarker, OfANewerReleaseIsLeft) {
  workspace_.reset();
  const std::string text = R"({"format": 2, "shape": "unknown"})";
  spill(marker(), text);
  const auto repaired = repair();
  ASSERT_FALSE(repaired);
  EXPECT_THAT(repaired.error().message, HasSubstr("newer release"));
  EXPECT_EQ(slurp(marker()), text);
}

TEST_F(WorkspaceMarker, IsNotMadeForOtherFolders) {
  const auto refused = [&](const std::string& path) {
    const auto repaired = repair_marker({.explicit_path = path});
    EXPECT_FALSE(repaired) << path;
    return repaired ? StatusCode::kInternal : repaired.error().code;
  };
  EXPECT_EQ(refused(folder_ / "nowhere"), StatusCode::kNotFound);
  for (const char* part : {"project/runs/1", "project/models/a", "project/datasets"}) {
    fs::create_directories(folder_ / part);
  }
  spill(folder_ / "project/runs/1/result.h5", "x");
  spill(folder_ / "project/models/a/weights.json", "{}");
  EXPECT_EQ(refused(folder_ / "project"), StatusCode::kNotFound);
  EXPECT_FALSE(lost_marker(workspace_->files(), folder_ / "project"));
  lose();
  spill(folder_ / "store/COPYING", "");
  EXPECT_EQ(refused(store()), StatusCode::kNotFound) << "a copy that was cut short";
}

TEST_F(WorkspaceMarker, EachPartTellsAWorkspace) {
  lose();
  PosixFileLayer files;
  const std::vector<std::string> parts = {"runs", "blobs", "models"};
  for (const std::string& kept : parts) {
    for (const std::string& part : parts) {
      if (part != kept) fs::rename(store() + "/" + part, store() + "/x" + part);
    }
    EXPECT_TRUE(lost_marker(files, store())) << kept;
    for (const std::string& part : parts) {
      if (part != kept) fs::rename(store() + "/x" + part, store() + "/" + part);
    }
  }
}

TEST_F(WorkspaceMarker, RepairedWithAFailureAnywhereIsThereOrCanBeRepairedAgain) {
  const auto damage = [&](bool missing) {
    if (missing) fs::remove(marker());
    if (!missing) spill(marker(), "{");
  };
  workspace_.reset();
  for (const bool missing : {true, false}) {
    bool complete = false;
    for (int64_t at = 0; !complete; ++at) {
      ASSERT_LT(at, 100);
      damage(missing);
      FailingFiles files;
      files.restart(at, true);
      const auto repaired = repair_marker({.explicit_path = store()}, &files);
      complete = files.count() <= at;
      EXPECT_TRUE(!complete || repaired);
      files.restart(-1, false);
      ASSERT_TRUE(repair()) << at;
      EXPECT_TRUE(Workspace::open(store())) << at;
    }
  }
}

}  // namespace
}  // namespace assay::tracking
