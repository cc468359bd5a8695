#include "tracking/run_bundle.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>

#include "tests/tracking/upkeep_fixture.h"

namespace assay::tracking {
namespace {

using testing::HasSubstr;

class RunBundle : public UpkeepTest {
 protected:
  // What read_bundle.py, which knows only h5py, prints of a bundle and of the run files.
  std::string compared(const std::string& bundle) {
    const std::string command = "/usr/bin/python3 -B " ASSAY_SOURCE_DIR
                                "/tests/tracking/read_bundle.py '" +
                                bundle + "' '" + workspace_->path() + "' 2>&1";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string text;
    std::array<char, 4096> block{};
    for (size_t count = 1; pipe != nullptr && count > 0;) {
      count = std::fread(block.data(), 1, block.size(), pipe);
      text.append(block.data(), count);
    }
    const int status = pipe == nullptr ? -1 : ::pclose(pipe);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << text;
    return text;
  }
  StopToken stop_;
};

TEST_F(RunBundle, HoldsAllThatRunFilesHold) {
  const std::string path = folder_ / "all.h5";
  const auto report = export_bundle(*workspace_, path, {.blobs = true}, stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->runs, 4);
  EXPECT_EQ(report->blobs, 3);
  EXPECT_EQ(report->bytes, static_cast<int64_t>(std::filesystem::file_size(path)));
  EXPECT_EQ(compared(path), "4 runs equal, 3 blobs whole\n");
}

TEST_F(RunBundle, HoldsChosenRunsAlone) {
  const std::string path = folder_ / "one.h5";
  spill(path, "what was there");
  const auto report = export_bundle(*workspace_, path, {.run_ids = {other_}}, stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(compared(path), "1 runs equal, 0 blobs whole\n");
  const auto twice = export_bundle(*workspace_, path, {.run_ids = {other_, sweep_, other_}}, stop_);
  ASSERT_TRUE(twice) << twice.error().message;
  EXPECT_EQ(twice->runs, 2);
}

TEST_F(RunBundle, LeavesOutWhatIsDamagedAndNamesIt) {
  const std::string path = folder_ / "all.h5";
  const std::string run = run_file_of(*workspace_, other_);
  const std::string missing = load_run(*workspace_, sweep_)->artifacts[0].sha256;
  spill(run, slurp(run).substr(0, 500));
  std::filesystem::remove(folder_ / ("store/" + blob_path(missing)));
  const auto report = export_bundle(*workspace_, path, {.blobs = true}, stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->damaged,
              testing::UnorderedElementsAre(HasSubstr(other_), HasSubstr(missing)));
  EXPECT_EQ(report->runs, 3);
  EXPECT_EQ(report->blobs, 2);
}

TEST_F(RunBundle, HoldsRunsThatAreUnderWay) {
  auto live = Run::create(workspace_, {.name = "live"});
  ASSERT_TRUE((*live)->log_metric("auc", 0.25, 1, 1.0));
  const std::string bytes = "an artifact of a live run";
  ASSERT_TRUE((*live)->log_artifact("a.txt", std::as_bytes(std::span(bytes)), "text/plain"));
  ASSERT_TRUE((*live)->durable());
  const auto reader = *Workspace::open(folder_ / "store");
  const auto report = export_bundle(*reader, folder_ / "all.h5", {.blobs = true}, stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->runs, 5);
  EXPECT_EQ(report->runs_cut, 1);
  EXPECT_EQ(report->blobs, 4);
}

TEST_F(RunBundle, LeavesWhatWasThereOnFailure) {
  const std::string path = folder_ / "out.h5";
  spill(path, "what was there");
  auto report = export_bundle(*workspace_, path, {.run_ids = {"01NOTHING"}}, stop_);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, StatusCode::kNotFound);
  stop_.request();
  EXPECT_FALSE(export_bundle(*workspace_, path, {.run_ids = {sweep_}}, stop_));
  EXPECT_EQ(slurp(path), "what was there");
  EXPECT_EQ(files_below(folder_.path()).size(), files_below(folder_ / "store").size() + 1)
      << "no temporary file is left";
}

}  // namespace
}  // namespace assay::tracking
