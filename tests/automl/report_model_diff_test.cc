#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "automl/report/model_diff.h"
#include "automl/report/source_diff.h"

namespace assay::automl {
namespace {

DiffSide side(int64_t version) {
  DiffSide side;
  side.model = {.name = "churn",
                .version = version,
                .sha256 = std::string(64, 'a'),
                .size = 1000,
                .format_version = 1,
                .task = "binary",
                .metric = "roc_auc",
                .score = 0.5,
                .run_id = "01",
                .dataset_name = "train.csv",
                .input_contract = R"({"columns": [
                    {"name": "age", "type": "numeric", "had_missing": false},
                    {"name": "city", "type": "categorical", "levels": ["Bern", "Lima"],
                     "level_count": 2, "had_missing": false}],
                  "target": "y", "task": "binary", "labels": ["no", "yes"]})"};
  side.run = tracking::RunRecord{};
  return side;
}

const DiffRow* find(const std::vector<DiffRow>& rows, const std::string& section,
                    const std::string& name) {
  for (const DiffRow& row : rows) {
    if (row.section == section && row.name == name) return &row;
  }
  return nullptr;
}

TEST(ModelDiff, OfTheSameModelIsEmpty) {
  const DiffSide a = side(1);
  EXPECT_TRUE(diff_models(a, a).empty());
  EXPECT_EQ(score_change(a, a), 0);
  DiffSide kept = a;
  kept.source = tracking::SourceManifest{};
  EXPECT_EQ(diff_text(kept, kept, 0), "churn:1 and churn:1 are the same\n");
}

TEST(ModelDiff, ListsColumnsAddedRemovedAndOfAnotherType) {
  const DiffSide a = side(1);
  DiffSide b = side(2);
  b.model.input_contract = R"({"columns": [
      {"name": "city", "type": "categorical", "levels": ["Bern", "Oslo"], "level_count": 2},
      {"name": "fee", "type": "numeric"}, {"name": "age", "type": "text"}],
    "target": "z", "labels": ["no", "yes"]})";
  const std::vector<DiffRow> rows = diff_models(a, b);
  ASSERT_EQ(rows.size(), 4U);
  const DiffRow* age = find(rows, "input", "column age");
  ASSERT_NE(age, nullptr);
  EXPECT_EQ(age->a->text(), "numeric");
  EXPECT_EQ(age->b->text(), "text");
  EXPECT_FALSE(find(rows, "input", "column fee")->a);
  EXPECT_EQ(find(rows, "input", "column city")->b->text(), "categorical (2 levels: Bern, Oslo)");
  EXPECT_EQ(find(rows, "input", "target")->b->text(), "z");
}

TEST(ModelDiff, ComparesScoresSizesDataParametersAndLastMetrics) {
  DiffSide a = side(1);
  DiffSide b = side(2);
  b.model.score = 0.75;
  b.model.size = 2000;
  b.model.dataset_hash = "ff";
  a.run->params = {{"seed", 1}, {"gone", "x"}, {"same", 0.5}};
  b.run->params = {{"seed", 2}, {"same", 0.5}};
  a.run->metrics["loss"] = {{0, 0, 9.0}, {1, 0, 1.0}};
  b.run->metrics["loss"] = {{0, 0, 9.0}, {1, 0, 2.0}};
  const std::vector<DiffRow> rows = diff_models(a, b);
  EXPECT_EQ(rows.size(), 6U);
  EXPECT_EQ(find(rows, "params", "seed")->b, tracking::Value(2));
  EXPECT_FALSE(find(rows, "params", "gone")->b);
  EXPECT_EQ(find(rows, "metrics", "loss")->a, tracking::Value(1.0));
  EXPECT_FALSE(find(rows, "data", "sha256")->a);
  EXPECT_EQ(score_change(a, b), 0.25);
  const std::string text = diff_text(a, b, 0);
  EXPECT_NE(text.find("roc_auc changed by +0.25"), std::string::npos) << text;
  const auto json = nlohmann::json::parse(diff_json(a, b));
  EXPECT_EQ(json["score_change"], 0.25);
  EXPECT_EQ(json["differences"].size(), 6U);
  EXPECT_TRUE(json["runs_compared"]);
}

tracking::SourceManifest manifest(std::vector<tracking::SourceFile> files) {
  tracking::SourceManifest manifest;
  manifest.files = std::move(files);
  return manifest;
}

TEST(ModelDiff, NamesScriptsAddedRemovedAndChanged) {
  DiffSide a = side(1);
  DiffSide b = side(2);
  const std::string one(64, '1');
  const std::string two(64, '2');
  a.source = manifest({{"same.py", 0, 1, one}, {"train.py", 0, 1, one}, {"old.py", 0, 1, one}});
  b.source = manifest({{"new.py", 0, 1, two}, {"same.py", 0, 1, one}, {"train.py", 0, 1, two}});
  b.source->git_diff_sha256 = two;
  std::vector<DiffRow> rows = diff_models(a, b);
  EXPECT_EQ(rows.size(), 4U);
  EXPECT_EQ(find(rows, "code", "file train.py")->a->text(), one);
  EXPECT_EQ(find(rows, "code", "file train.py")->b->text(), two);
  EXPECT_FALSE(find(rows, "code", "file new.py")->a);
  EXPECT_FALSE(find(rows, "code", "file old.py")->b);
  EXPECT_EQ(find(rows, "code", "uncommitted")->b->text(), two);
  b.source->git_diff_sha256.clear();
  b.source->git_dirty = true;
  rows = diff_models(a, b);
  EXPECT_EQ(find(rows, "code", "uncommitted")->b->text(), "not kept");
  EXPECT_TRUE(nlohmann::json::parse(diff_json(a, b))["scripts_compared"]);
  b.source.reset();
  EXPECT_TRUE(diff_models(a, b).empty());
  EXPECT_NE(diff_text(a, b, 0).find("run of churn:2 kept no scripts"), std::string::npos);
}

TEST(SourceDiff, HasAValueOfEachRunForWhatDiffers) {
  std::vector<tracking::SourceManifest> manifests(3);
  manifests[0].git_commit = manifests[1].git_commit = manifests[2].git_commit = "c0ffee";
  manifests[1].git_branch = "trial";
  manifests[0].files = {{"a.py", 0, 1, "1"}};
  manifests[2].files = {{"a.py", 0, 1, "2"}};
  const std::vector<SourceLine> lines = diff_sources(manifests);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].name, "branch");
  EXPECT_EQ(lines[0].values, (std::vector<std::string>{"", "trial", ""}));
  EXPECT_EQ(lines[1].name, "file a.py");
  EXPECT_EQ(lines[1].values, (std::vector<std::string>{"1", "", "2"}));
  EXPECT_TRUE(diff_sources({}).empty());
}

TEST(ModelDiff, SaysThatARunIsGone) {
  DiffSide a = side(1);
  DiffSide b = side(2);
  b.run.reset();
  a.run->params = {{"seed", 1}};
  EXPECT_EQ(find(diff_models(a, b), "params", "seed"), nullptr);
  EXPECT_NE(diff_text(a, b, 0).find("run of churn:2 is not"), std::string::npos);
}

TEST(ModelDiff, TakesAnyContractAndScore) {
  const DiffSide a = side(1);
  for (const char* contract :
       {"", "{", "[]", R"({"columns": 3})", R"({"columns": [1]})", R"({"columns": [{"name": 1}]})",
        R"({"columns": [{"name": "a", "type": 2}]})"}) {
    DiffSide b = side(2);
    b.model.input_contract = contract;
    b.model.score = std::numeric_limits<double>::quiet_NaN();
    const std::vector<DiffRow> rows = diff_models(a, b);
    EXPECT_NE(find(rows, "input", "contract"), nullptr) << contract;
    EXPECT_FALSE(score_change(a, b));
    EXPECT_FALSE(nlohmann::json::parse(diff_json(a, b), nullptr, false).is_discarded());
  }
}

}  // namespace
}  // namespace assay::automl
