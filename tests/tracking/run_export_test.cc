#include "tracking/run_export.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/tracking/sample_record.h"
#include "tests/tracking/test_folder.h"
#include "tracking/blob_store.h"
#include "tracking/run_file.h"
#include "tracking/snapshot.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& path) {
  std::istringstream text(slurp(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

class RunExportTest : public testing::Test {
 protected:
  void SetUp() override {
    workspace_ = *Workspace::create(folder_ / "store", "a");
    record_ = sample_record();
    record_.source.reset();
    record_.artifacts.clear();
    record_.models.clear();
  }
  std::string stored(const std::string& text) {
    return BlobStore(*workspace_).put(std::string_view(text))->sha256;
  }
  Result<RunExportReport> run() {
    return export_run(*workspace_, record_, {folder_ / "out", "{}\n"});
  }
  std::string out(const std::string& name) { return folder_ / ("out/" + name); }

  TestFolder folder_;
  std::shared_ptr<Workspace> workspace_;
  RunRecord record_;
};

TEST_F(RunExportTest, WritesEverythingAsPlainFiles) {
  record_.artifacts = {{"plots/roc.svg", stored("<svg/>"), 6, "image/svg+xml"}};
  record_.models = {{"adult", 3, stored("weights"), 7, 1, "{}"}};
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->left_out.empty());
  const std::vector<std::string> files = files_below(folder_ / "out");
  EXPECT_EQ(files, (std::vector<std::string>{"artifacts/plots/roc.svg", "datasets/000.csv",
                                             "logs/stderr.txt", "logs/stdout.txt", "metrics.csv",
                                             "models/adult-3.assay", "predictions/oof.csv",
                                             "predictions/test%2Fraw.csv", "run.h5", "run.json",
                                             "tables/feature_importance.csv"}));
  EXPECT_EQ(report->files, static_cast<int64_t>(files.size()));
  EXPECT_EQ(slurp(out("run.json")), "{}\n");
  EXPECT_EQ(slurp(out("logs/stdout.txt")), record_.stdout_text);
  EXPECT_EQ(slurp(out("artifacts/plots/roc.svg")), "<svg/>");
  EXPECT_EQ(slurp(out("models/adult-3.assay")), "weights");
  EXPECT_EQ(lines_of(out("predictions/oof.csv")),
            (std::vector<std::string>{"row_id,no,yes", "10,0.25,0.75", "5,0.5,0.5", "7,1,0"}));
  EXPECT_EQ(lines_of(out("predictions/test%2Fraw.csv")),
            (std::vector<std::string>{"row_id,0", "0,1.5", "1,-2.5"}));
  EXPECT_EQ(
      lines_of(out("tables/feature_importance.csv")),
      (std::vector<std::string>{"feature,gain,splits", "age,3.5,12", "größe,1.25,4", ",0,0"}));
  int64_t bytes = 0;
  for (const std::string& file : files) bytes += static_cast<int64_t>(fs::file_size(out(file)));
  EXPECT_EQ(report->bytes, bytes);
}

TEST_F(RunExportTest, TheRunFileAndTheMetricsGiveTheRecordBack) {
  record_.metrics["odd, \"name\"\n"] = {{1, 0.1, 1.0 / 3.0}};
  ASSERT_TRUE(run());
  const auto read = read_run(out("run.h5"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->metrics.size(), record_.metrics.size());
  EXPECT_EQ(*run_file_image(*read), *run_file_image(record_));
  const std::string text = slurp(out("metrics.csv"));
  EXPECT_NE(text.find("\n\"odd, \"\"name\"\"\n\",1,0.1,0.3333333333333333\n"), std::string::npos);
  EXPECT_NE(text.find("\nloss,0,1,nan\nloss,1,2,inf\nloss,2,3,-inf\n"), std::string::npos);
  size_t points = 0;
  for (const auto& [key, values] : record_.metrics) points += values.size();
  EXPECT_EQ(lines_of(out("metrics.csv")).size(), points + 2)
      << "a title; one name has a line break";
}

TEST_F(RunExportTest, HasTheScriptsAndTheDifference) {
  fs::create_directories(folder_ / "code/src");
  spill(folder_ / "code/src/train.py", "print(1)\n");
  record_.source = take_snapshot(*workspace_, {.config_path = folder_ / "code/exp.yaml",
                                               .config_text = "a: 1\n",
                                               .scripts = folder_ / "code/src"})
                       ->source;
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->left_out.empty());
  EXPECT_EQ(slurp(out("source/config")), "a: 1\n");
  EXPECT_EQ(slurp(out("source/files/exp.yaml")), "a: 1\n");
  EXPECT_EQ(slurp(out("source/files/src/train.py")), "print(1)\n");
  EXPECT_TRUE(fs::exists(out("source/manifest.json")));
}

TEST_F(RunExportTest, HostileNamesStayInside) {
  record_.artifacts = {{"../../evil", stored("x"), 1, ""},
                       {"/tmp/assay-evil", stored("x"), 1, ""},
                       {"good", stored("x"), 1, ""}};
  record_.models = {{"../../evil", 1, stored("x"), 1, 1, ""}};
  NamedTable table{"../../evil", {{"a", std::vector<double>{1}}}};
  record_.tables = {std::make_shared<const NamedTable>(table)};
  table.name = std::string(400, 'n');
  record_.tables.push_back(std::make_shared<const NamedTable>(table));
  table.name = std::string(400, 'n') + "2";
  record_.tables.push_back(std::make_shared<const NamedTable>(table));
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->left_out.size(), 2U);
  EXPECT_FALSE(fs::exists(folder_ / "evil"));
  EXPECT_FALSE(fs::exists("/tmp/assay-evil"));
  EXPECT_TRUE(fs::exists(out("models/..%2F..%2Fevil-1.assay")));
  EXPECT_EQ(files_below(folder_ / "out/tables").size(), 3U);
}

TEST_F(RunExportTest, SaysWhichBlobsAreGone) {
  record_.artifacts = {{"lost.txt", std::string(64, 'a'), 5, ""}};
  record_.source = SourceInfo{.manifest_sha256 = std::string(64, 'b'), .config = "c"};
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->left_out.empty());
  EXPECT_EQ(report->damaged.size(), 3U);
  EXPECT_NE(report->damaged[0].find("lost.txt"), std::string::npos);
  EXPECT_EQ(slurp(out("source/config")), "c");
}

TEST_F(RunExportTest, LeavesOutOnlyWhatIsDamagedAndNamesIt) {
  for (const std::string name : {"a.py", "b.py", "c.py"}) {
    fs::create_directories(folder_ / "code");
    spill(folder_ / ("code/" + name), "print('" + name + "')\n");
  }
  const auto snapshot = take_snapshot(*workspace_, {.scripts = folder_ / "code"});
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  record_.source = snapshot->source;
  record_.artifacts = {{"bad", stored("right"), 5, ""}, {"good", stored("fine"), 4, ""}};
  spill(*BlobStore(*workspace_).path_of(record_.artifacts[0].sha256), "wrong");
  const auto& files = snapshot->source.files;
  ASSERT_EQ(files.size(), 3U);
  spill(*BlobStore(*workspace_).path_of(files[0].sha256), "wrong");
  fs::remove(*BlobStore(*workspace_).path_of(files[2].sha256));
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->damaged.size(), 3U);
  EXPECT_NE(report->damaged[0].find("artifacts/bad"), std::string::npos) << report->damaged[0];
  EXPECT_NE(report->damaged[1].find("source/files/a.py"), std::string::npos) << report->damaged[1];
  EXPECT_NE(report->damaged[2].find("source/files/c.py"), std::string::npos) << report->damaged[2];
  EXPECT_FALSE(fs::exists(out("artifacts/bad")));
  EXPECT_EQ(slurp(out("artifacts/good")), "fine");
  EXPECT_EQ(files_below(out("source/files")), std::vector<std::string>{"b.py"});
  int64_t bytes = 0;
  for (const std::string& file : files_below(folder_ / "out")) {
    bytes += static_cast<int64_t>(fs::file_size(out(file)));
  }
  EXPECT_EQ(report->bytes, bytes);
}

TEST_F(RunExportTest, AppearsWholeOrNotAtAll) {
  record_.artifacts = {{"a", stored("right"), 5, ""}, {"a/b", stored("left"), 4, ""}};
  ASSERT_FALSE(run()) << "a file in the way of a folder";
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  EXPECT_EQ(workspace_->files().list(folder_.path())->size(), 1U) << "only the store";
  record_.artifacts.clear();
  fs::create_directories(folder_ / "out");
  ASSERT_TRUE(run()) << "an empty folder is fine";
  EXPECT_EQ(run().error().code, StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace assay::tracking
