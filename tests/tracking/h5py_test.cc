// Run files are for everybody: plain h5py and h5dump open each kind of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>

#include "tests/tracking/sample_record.h"
#include "tests/tracking/test_folder.h"
#include "tracking/environment.h"
#include "tracking/run.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

using testing::HasSubstr;

// What a command prints, and its exit status.
std::pair<int, std::string> run_command(const std::string& command) {
  std::string text;
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {-1, "cannot start " + command};
  std::array<char, 4096> block{};
  for (size_t count = 1; count > 0;) {
    count = std::fread(block.data(), 1, block.size(), pipe);
    text.append(block.data(), count);
  }
  const int status = ::pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

std::string read_with_h5py(const std::string& path) {
  const auto [status, text] = run_command(
      "/usr/bin/python3 -B " ASSAY_SOURCE_DIR "/tests/tracking/read_run.py '" + path + "'");
  EXPECT_EQ(status, 0) << text;
  return text;
}

std::string read_with_h5dump(const std::string& path) {
  const auto [status, text] = run_command("h5dump -H '" + path + "'");
  EXPECT_EQ(status, 0) << "h5dump is in the package hdf5-tools; it said: " << text;
  return text;
}

TEST(PlainReaders, OpenARunWithEverythingInIt) {
  const TestFolder folder;
  const std::string path = folder / "run.h5";
  spill(path, *run_file_image(sample_record()));
  const std::string text = read_with_h5py(path);
  EXPECT_THAT(text, HasSubstr("schema assay.run 1\n"));
  EXPECT_THAT(text, HasSubstr("run_id 01HZY0J8Q0ABCDEFGHJKMNPQRS\n"));
  EXPECT_THAT(text, HasSubstr("name bäume 🌳\n"));
  EXPECT_THAT(text, HasSubstr("status completed\n"));
  EXPECT_THAT(text, HasSubstr("created_ns 1700000000000000001\n"));
  EXPECT_THAT(text, HasSubstr("param learning_rate 0.1 float64\n"));
  EXPECT_THAT(text, HasSubstr("param trees 300 int64\n"));
  EXPECT_THAT(text, HasSubstr("param early 1 uint8\n"));
  EXPECT_THAT(text, HasSubstr("param größe/km lang 長い "));
  EXPECT_THAT(text, HasSubstr("long param long 100003 b'end'\n"));
  EXPECT_THAT(text, HasSubstr("metric roc_auc 3 0.9275 ('step', 'time', 'value')\n"));
  EXPECT_THAT(text, HasSubstr("metric loss 3 -inf "));
  EXPECT_THAT(text, HasSubstr("metric loss/val 1 1e+308 "));
  EXPECT_THAT(text, HasSubstr("metric declared 0 none "));
  EXPECT_THAT(text, HasSubstr("metric many 25000 49998.0 "));
  EXPECT_THAT(text, HasSubstr("predictions oof (3, 2) float32 3.0\n"));
  EXPECT_THAT(text, HasSubstr("predictions test/raw (2, 1) float64 -1.0\n"));
  EXPECT_THAT(text, HasSubstr("table feature_importance ['feature', 'gain', 'splits']\n"));
  EXPECT_THAT(text, HasSubstr("artifact plots/roc.svg 1234 aaaa\n"));
  EXPECT_THAT(read_with_h5dump(path), HasSubstr("GROUP \"feature_importance\""));
}

TEST(PlainReaders, OpenAnEmptyRun) {
  const TestFolder folder;
  spill(folder / "run.h5", *run_file_image(RunRecord()));
  EXPECT_THAT(read_with_h5py(folder / "run.h5"), HasSubstr("status running\n"));
  EXPECT_THAT(read_with_h5dump(folder / "run.h5"), HasSubstr("GROUP \"metrics\""));
}

TEST(PlainReaders, OpenARunOfAThousandMetrics) {
  const TestFolder folder;
  RunRecord record;
  for (int i = 0; i < 1'000; ++i) record.metrics["m" + std::to_string(i)] = {{i, 1.0, i * 0.5}};
  spill(folder / "run.h5", *run_file_image(record));
  EXPECT_THAT(read_with_h5py(folder / "run.h5"), HasSubstr("metric m999 1 499.5 "));
  EXPECT_THAT(read_with_h5dump(folder / "run.h5"), HasSubstr("DATASET \"m999\""));
}

TEST(PlainReaders, OpenEveryKindOfPublishedRun) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  ASSERT_TRUE(workspace);
  for (const char* kind : {"sweep", "trial", "job", "pipeline", "step"}) {
    const auto run = Run::create(*workspace, {.kind = kind, .name = kind});
    ASSERT_TRUE(run);
    ASSERT_TRUE((*run)->set_environment(collect_environment({.seed = 1})));
    ASSERT_TRUE((*run)->log_metric("loss", 1.5));
    ASSERT_TRUE((*run)->checkpoint());
    const std::string path = run_file_of(**workspace, (*run)->id());
    EXPECT_THAT(read_with_h5py(path), HasSubstr("status running\n"));
    ASSERT_TRUE((*run)->finish(RunStatus::kFailed, "for the test"));
    const std::string text = read_with_h5py(path);
    EXPECT_THAT(text, HasSubstr("kind " + std::string(kind) + "\n"));
    EXPECT_THAT(text, HasSubstr("status failed\n"));
    EXPECT_THAT(text, HasSubstr("metric loss 1 1.5 "));
    EXPECT_THAT(read_with_h5dump(path), HasSubstr("ATTRIBUTE \"cpu_model\""));
  }
}

TEST(PlainReaders, RunTheExample) {
  const TestFolder folder;
  spill(folder / "run.h5", *run_file_image(sample_record()));
  const auto [status, text] =
      run_command("/usr/bin/python3 -B " ASSAY_SOURCE_DIR "/examples/read_run.py '" +
                  (folder / "run.h5") + "'");
  EXPECT_EQ(status, 0) << text;
  EXPECT_THAT(text, HasSubstr("learning_rate"));
  EXPECT_THAT(text, HasSubstr("roc_auc"));
}

}  // namespace
}  // namespace assay::tracking
