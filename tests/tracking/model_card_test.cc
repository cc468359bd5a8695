#include "tracking/model_card.h"

#include <gtest/gtest.h>

#include "tests/bytes_of.h"
#include "tests/tracking/test_folder.h"
#include "tracking/model_registry.h"

namespace assay::tracking {
namespace {

TEST(ModelCard, ComesApartAsItWasPutTogether) {
  const std::string file = with_card("weights", R"({"a": 1})");
  const auto parts = split_card(file, "f");
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_TRUE(parts->has_card);
  EXPECT_EQ(parts->model, "weights");
  EXPECT_EQ(parts->card, R"({"a": 1})");
  const std::string twice = with_card(file, "second");
  EXPECT_EQ(split_card(twice, "f")->model, file);
}

TEST(ModelCard, AFileWithoutOneIsTheModel) {
  for (const std::string& file :
       {std::string(), std::string("weights"), std::string("ASSAYCRD"), std::string(500, 'f')}) {
    const auto parts = split_card(file, "f");
    ASSERT_TRUE(parts);
    EXPECT_FALSE(parts->has_card);
    EXPECT_EQ(parts->model, file);
  }
}

TEST(ModelCard, EveryChangedByteOfItIsFound) {
  const std::string model = "weights";
  const std::string file = with_card(model, R"({"a": 1})");
  for (size_t at = model.size(); at + 8 < file.size(); ++at) {
    std::string changed = file;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    const auto parts = split_card(changed, "f");
    ASSERT_FALSE(parts) << at;
    EXPECT_EQ(parts.error().code, StatusCode::kData);
  }
}

class ModelImportTest : public testing::Test {
 protected:
  void SetUp() override {
    ModelVersion model{.name = "Adult",
                       .format_version = 1,
                       .task = "binary",
                       .metric = "roc_auc",
                       .score = 0.93,
                       .description = "the first",
                       .tags = {{"team", "fraud"}},
                       .run_id = "01HZY0J8Q0ABCDEFGHJKMNPQRS",
                       .dataset_name = "adult",
                       .dataset_version = "2",
                       .dataset_hash = std::string(64, 'a'),
                       .code_commit = std::string(40, 'b'),
                       .input_contract = R"({"columns": 14})"};
    ASSERT_TRUE(here_.register_model(model, bytes_of("weights")));
    ASSERT_TRUE(here_.edit("adult", 1,
                           {.stage = "production",
                            .description = "the best",
                            .set_tags = {{"tier", "1"}},
                            .set_aliases = {"champion"}}));
    ASSERT_TRUE(here_.export_model("adult@champion", file_));
  }

  TestFolder folder_;
  std::string file_ = folder_ / "adult.assay";
  ModelRegistry here_{*Workspace::create(folder_ / "here", "here")};
  ModelRegistry there_{*Workspace::create(folder_ / "there", "there")};
};

TEST_F(ModelImportTest, KeepsLineageAndMetadata) {
  const auto model = there_.import_model(file_, "");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->name, "Adult");
  EXPECT_EQ(model->version, 1);
  EXPECT_EQ(model->task, "binary");
  EXPECT_EQ(model->score, 0.93);
  EXPECT_EQ(model->description, "the best");
  EXPECT_EQ(model->tags, (std::map<std::string, std::string>{{"team", "fraud"}, {"tier", "1"}}));
  EXPECT_EQ(model->run_id, "01HZY0J8Q0ABCDEFGHJKMNPQRS");
  EXPECT_EQ(model->dataset_version, "2");
  EXPECT_EQ(model->dataset_hash, std::string(64, 'a'));
  EXPECT_EQ(model->code_commit, std::string(40, 'b'));
  EXPECT_EQ(model->input_contract, R"({"columns": 14})");
  EXPECT_EQ(model->stage, "none") << "where it serves is decided anew";
  EXPECT_EQ(model->aliases, std::vector<std::string>{"latest"});
  EXPECT_EQ(model->sha256, here_.resolve("adult")->sha256) << "the same blob";
  ASSERT_TRUE(model->origin);
  EXPECT_EQ(model->origin->workspace, "here");
  EXPECT_EQ(model->origin->name, "Adult");
  EXPECT_EQ(model->origin->version, 1);
  EXPECT_EQ(model->origin->created_ns, here_.resolve("adult")->created_ns);
  EXPECT_EQ(*there_.read_model(*model), "weights");
}

TEST_F(ModelImportTest, TakesTheNextVersionUnderAnotherName) {
  ASSERT_TRUE(there_.import_model(file_, "other"));
  const auto model = there_.import_model(file_, "Other");
  ASSERT_TRUE(model);
  EXPECT_EQ(model->version, 2);
  EXPECT_EQ(there_.import_model(file_, "../x").error().code, StatusCode::kInvalidArgument);
}

TEST_F(ModelImportTest, ASecondJourneyKeepsTheFirstOrigin) {
  ASSERT_TRUE(there_.import_model(file_, "second"));
  ASSERT_TRUE(there_.export_model("second", folder_ / "again.assay"));
  const auto model = here_.import_model(folder_ / "again.assay", "third");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->origin->workspace, "here");
  EXPECT_EQ(model->origin->name, "Adult");
}

TEST_F(ModelImportTest, RefusesWhatIsNoExport) {
  spill(folder_ / "plain", "weights");
  const auto plain = there_.import_model(folder_ / "plain", "a");
  EXPECT_EQ(plain.error().code, StatusCode::kData);
  EXPECT_NE(plain.error().message.find("models register"), std::string::npos);
  EXPECT_EQ(there_.import_model(folder_ / "none", "a").error().code, StatusCode::kNotFound);
  const std::string file = slurp(file_);
  const auto parts = split_card(file, "f");
  spill(folder_ / "swapped", with_card("other weights", parts->card));
  EXPECT_NE(there_.import_model(folder_ / "swapped", "a").error().message.find("another model"),
            std::string::npos);
  for (const char* card : {"{}", "[1]", "", R"({"record_version": 9})",
                           R"({"record_version": 1, "exported_ns": 1})"}) {
    spill(folder_ / "bad", with_card("weights", card));
    EXPECT_EQ(there_.import_model(folder_ / "bad", "a").error().code, StatusCode::kData) << card;
  }
  EXPECT_TRUE(there_.list_models()->empty());
}

}  // namespace
}  // namespace assay::tracking
