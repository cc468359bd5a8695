// The checks of the crash tests can fail: records with a change lost, torn, repeated or invented
// are told from whole ones.
#include <gtest/gtest.h>

#include "tests/tracking/crash/run_script.h"
#include "tests/tracking/crash/store_check.h"
#include "tests/tracking/test_folder.h"
#include "tracking/blob_store.h"
#include "tracking/model_registry.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

constexpr int64_t kChanges = 400;

class Script : public testing::Test {
 protected:
  void SetUp() override {
    const auto workspace = Workspace::create(folder_ / "store", "a");
    ASSERT_TRUE(workspace);
    workspace_ = *workspace;
    auto run = Run::create(workspace_, {.name = "scripted"});
    ASSERT_TRUE(run);
    for (int64_t i = 0; i < kChanges; ++i) ASSERT_TRUE(script_.apply(**run, i));
    ASSERT_TRUE((*run)->finish(script_.final_status(), script_.final_message()));
    run_id_ = (*run)->id();
    auto record = load_run(*workspace_, run_id_);
    ASSERT_TRUE(record);
    record_ = std::move(*record);
    ASSERT_EQ(script_.difference(record_), "");
  }
  const TestFolder folder_;
  std::shared_ptr<Workspace> workspace_;
  RunScript script_{"scripted"};
  std::string run_id_;
  RunRecord record_;
};

TEST_F(Script, KnowsHowManyChangesARecordHolds) {
  EXPECT_EQ(script_.length_of(record_), kChanges);
  EXPECT_EQ(script_.length_of(RunRecord()), 0);
}

TEST_F(Script, CountsUpToTheFirstChangeThatIsMissing) {
  auto& points = record_.metrics["m/1"];
  const int64_t lost = points[points.size() - 2].step;
  points.resize(points.size() - 2);
  EXPECT_EQ(script_.difference(record_), "") << "the beginning of a series is whole";
  EXPECT_EQ(script_.length_of(record_), lost);
}

TEST_F(Script, SeesALostPoint) {
  auto& points = record_.metrics.begin()->second;
  points.erase(points.begin() + 3);
  EXPECT_NE(script_.difference(record_), "");
}

TEST_F(Script, SeesARepeatedPoint) {
  auto& points = record_.metrics.begin()->second;
  points.insert(points.begin() + 3, points[3]);
  EXPECT_NE(script_.difference(record_), "");
}

TEST_F(Script, SeesAChangedValue) {
  record_.metrics.begin()->second[5].value += 1e-12;
  EXPECT_NE(script_.difference(record_), "");
}

TEST_F(Script, SeesALostParameterTagLineArtifactAndScore) {
  std::vector<RunRecord> broken(5, record_);
  broken[0].params.erase(broken[0].params.begin());
  broken[1].tags.erase(broken[1].tags.begin());
  broken[2].stdout_text.erase(0, broken[2].stdout_text.find('\n') + 1);
  broken[3].artifacts.pop_back();
  broken[4].info.score.reset();
  for (size_t i = 0; i < broken.size(); ++i) EXPECT_NE(script_.difference(broken[i]), "") << i;
}

TEST_F(Script, SeesALostMetricTableAndPredictions) {
  std::vector<RunRecord> broken(3, record_);
  broken[0].metrics.erase(broken[0].metrics.begin());
  broken[1].tables.clear();
  broken[2].predictions.clear();
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_LT(script_.length_of(broken[i]), kChanges) << i;
  }
}

TEST_F(Script, SeesAForeignTableAndPredictions) {
  std::vector<RunRecord> broken(2, record_);
  const NamedTable table{"table0", {{"n", std::vector<int64_t>{1, 2, 3}}}};
  broken[0].tables.push_back(std::make_shared<const NamedTable>(table));
  const Predictions set{"p0", 1, 1, std::vector<double>{-5}};
  broken[1].predictions.push_back(std::make_shared<const Predictions>(set));
  for (size_t i = 0; i < broken.size(); ++i) EXPECT_NE(script_.difference(broken[i]), "") << i;
}

TEST_F(Script, SeesAnotherRunsRecord) { EXPECT_NE(RunScript("another").difference(record_), ""); }

TEST_F(Script, CheckSeesWhatALedgerMisses) {
  EXPECT_TRUE(check_whole(*workspace_, Writers::kAreDead).empty());
  Ledger ledger;
  ledger.note({Fact::Kind::kFinished, run_id_, kChanges});
  EXPECT_TRUE(check_kept(workspace_, ledger).empty());
  ledger.note({Fact::Kind::kRun, run_id_, kChanges + 1});
  ledger.note({Fact::Kind::kRun, "01HZY0J8Q0ABCDEFGHJKMNPQRS", 1});
  ledger.note({Fact::Kind::kBlob, std::string(64, 'a')});
  ledger.note({Fact::Kind::kModel, "none", 1, std::string(64, 'b')});
  ledger.note({Fact::Kind::kAlias, "none@champion", 1});
  EXPECT_EQ(check_kept(workspace_, ledger).size(), 5U);
  const std::string model = "bytes";
  ModelRegistry registry(workspace_);
  ASSERT_TRUE(registry.register_model({.name = "some"}, std::as_bytes(std::span(model))));
  ASSERT_TRUE(registry.set_alias("some", "champion", 1));
  ledger.note({Fact::Kind::kNoAlias, "some@champion"});
  EXPECT_EQ(check_kept(workspace_, ledger).size(), 6U);
}

TEST_F(Script, CheckSeesTornFiles) {
  const std::string run = run_file_of(*workspace_, run_id_);
  spill(run, slurp(run).substr(0, 5000));
  const auto blob = BlobStore(*workspace_).put("bytes");
  ASSERT_TRUE(blob);
  spill(*BlobStore(*workspace_).path_of(blob->sha256), "torn");
  EXPECT_EQ(check_whole(*workspace_, Writers::kAreDead).size(), 2U);
}

}  // namespace
}  // namespace assay::tracking
