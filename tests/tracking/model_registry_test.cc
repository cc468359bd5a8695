#include "tracking/model_registry.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <thread>

#include "tests/bytes_of.h"
#include "tests/tracking/failing_files.h"
#include "tests/tracking/test_folder.h"
#include "tracking/model_card.h"

namespace assay::tracking {
namespace {

class ModelRegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    workspace_ = *Workspace::create(folder_ / "store", "a", &files_);
    registry_ = std::make_unique<ModelRegistry>(workspace_);
  }
  ModelVersion add(const std::string& name, const std::string& bytes) {
    const auto model = registry_->register_model({.name = name}, bytes_of(bytes));
    EXPECT_TRUE(model) << model.error().message;
    return model ? *model : ModelVersion();
  }

  TestFolder folder_;
  FailingFiles files_;
  std::shared_ptr<Workspace> workspace_;
  std::unique_ptr<ModelRegistry> registry_;
};

TEST_F(ModelRegistryTest, KeepsWhatWasRegistered) {
  ModelVersion model{.name = "Adult",
                     .format_version = 3,
                     .task = "binary",
                     .metric = "roc_auc",
                     .score = 0.93,
                     .stage = "staging",
                     .description = "größer als je",
                     .tags = {{"team", "fraud"}},
                     .run_id = "01HZY0J8Q0ABCDEFGHJKMNPQRS",
                     .dataset_name = "adult",
                     .dataset_hash = std::string(64, 'a'),
                     .code_commit = std::string(40, 'b'),
                     .input_contract = R"({"columns": 14})"};
  ASSERT_TRUE(registry_->register_model(model, bytes_of("weights")));
  const auto read = registry_->resolve("adult");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->name, "Adult");
  EXPECT_EQ(read->version, 1);
  EXPECT_EQ(read->size, 7);
  EXPECT_GT(read->created_ns, 0);
  EXPECT_EQ(read->format_version, 3);
  EXPECT_EQ(read->task, "binary");
  EXPECT_EQ(read->metric, "roc_auc");
  EXPECT_EQ(read->score, 0.93);
  EXPECT_EQ(read->stage, "staging");
  EXPECT_EQ(read->description, "größer als je");
  EXPECT_EQ(read->tags, model.tags);
  EXPECT_EQ(read->run_id, model.run_id);
  EXPECT_EQ(read->dataset_name, "adult");
  EXPECT_EQ(read->dataset_hash, model.dataset_hash);
  EXPECT_EQ(read->code_commit, model.code_commit);
  EXPECT_EQ(read->input_contract, model.input_contract);
  EXPECT_EQ(read->aliases, std::vector<std::string>{"latest"});
  EXPECT_EQ(*registry_->read_model(*read), "weights");
}

TEST_F(ModelRegistryTest, CountsVersionsAcrossLetterCase) {
  EXPECT_EQ(add("adult", "1").version, 1);
  EXPECT_EQ(add("ADULT", "2").version, 2);
  EXPECT_EQ(add("letter", "3").version, 1);
  for (int i = 3; i <= 11; ++i) EXPECT_EQ(add("adult", "x").version, i);
  EXPECT_EQ(registry_->resolve("Adult")->version, 11) << "numbers, not text";
  EXPECT_EQ(registry_->resolve("adult:2")->name, "ADULT");
  const auto models = registry_->list_models();
  ASSERT_TRUE(models);
  ASSERT_EQ(models->size(), 2U);
  EXPECT_EQ((*models)[0].version, 11);
  EXPECT_EQ((*models)[1].name, "letter");
  const auto versions = registry_->list_versions("adult");
  ASSERT_TRUE(versions);
  ASSERT_EQ(versions->size(), 11U);
  EXPECT_EQ(versions->front().version, 11);
}

TEST_F(ModelRegistryTest, ResolvesAliases) {
  add("adult", "1");
  add("adult", "2");
  ASSERT_TRUE(registry_->set_alias("adult", "Champion", 1));
  EXPECT_EQ(registry_->resolve("adult@champion")->version, 1);
  EXPECT_EQ(registry_->resolve("adult@latest")->version, 2);
  EXPECT_EQ(registry_->resolve("adult:1")->aliases, std::vector<std::string>{"champion"});
  ASSERT_TRUE(registry_->set_alias("adult", "champion", 2));
  EXPECT_EQ(registry_->resolve("adult@CHAMPION")->version, 2);
  EXPECT_EQ(registry_->resolve("adult")->aliases, (std::vector<std::string>{"champion", "latest"}));
  ASSERT_TRUE(registry_->remove_alias("adult", "champion"));
  EXPECT_EQ(registry_->resolve("adult@champion").error().code, StatusCode::kNotFound);
}

TEST_F(ModelRegistryTest, NamesTheNearestThing) {
  EXPECT_NE(registry_->resolve("adult").error().message.find("no model is registered yet"),
            std::string::npos);
  add("adult", "1");
  ASSERT_TRUE(registry_->set_alias("adult", "champion", 1));
  const auto name = registry_->resolve("adlut");
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().code, StatusCode::kNotFound);
  EXPECT_NE(name.error().message.find("did you mean 'adult'"), std::string::npos);
  const auto version = registry_->resolve("adult:7");
  EXPECT_EQ(version.error().code, StatusCode::kNotFound);
  EXPECT_NE(version.error().message.find("1 to 1"), std::string::npos);
  const auto alias = registry_->resolve("adult@champoin");
  EXPECT_NE(alias.error().message.find("did you mean 'champion'"), std::string::npos);
  EXPECT_EQ(registry_->resolve("adult:one").error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(registry_->resolve("adult:").error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(registry_->resolve("../etc").error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(registry_->resolve("").error().code, StatusCode::kInvalidArgument);
}

TEST_F(ModelRegistryTest, RefusesBadArguments) {
  EXPECT_EQ(registry_->register_model({.name = "a:b"}, {}).error().code,
            StatusCode::kInvalidArgument);
  EXPECT_EQ(registry_->register_model({.name = "a", .stage = "prod"}, {}).error().code,
            StatusCode::kInvalidArgument);
  add("adult", "1");
  EXPECT_EQ(registry_->set_alias("adult", "latest", 1).error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(registry_->set_alias("adult", "a/b", 1).error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(registry_->set_alias("adult", "best", 2).error().code, StatusCode::kNotFound);
  EXPECT_EQ(registry_->set_alias("none", "best", 1).error().code, StatusCode::kNotFound);
}

TEST_F(ModelRegistryTest, ExportsTheSameBytes) {
  const std::string weights(300'000, 'w');
  spill(folder_ / "model.in", weights);
  ASSERT_TRUE(registry_->register_model_file({.name = "big"}, folder_ / "model.in"));
  ASSERT_TRUE(registry_->export_model("big:1", folder_ / "model.out"));
  const std::string file = slurp(folder_ / "model.out");
  EXPECT_EQ(split_card(file, "out")->model, weights);
}

TEST_F(ModelRegistryTest, KeepsAScoreThatIsNoNumber) {
  ASSERT_TRUE(registry_->register_model(
      {.name = "a", .score = std::numeric_limits<double>::infinity()}, bytes_of("x")));
  EXPECT_EQ(registry_->resolve("a")->score, std::numeric_limits<double>::infinity());
}

TEST_F(ModelRegistryTest, ReportsADamagedRecord) {
  add("adult", "1");
  spill(folder_ / "store/models/adult/versions/1.json", "{\"name\": 3}");
  EXPECT_EQ(registry_->resolve("adult").error().code, StatusCode::kData);
  EXPECT_EQ(add("adult", "2").version, 2);
}

TEST_F(ModelRegistryTest, SeesAnyChangeOfARecord) {
  ASSERT_TRUE(registry_->register_model({.name = "adult", .score = 0.5}, bytes_of("1")));
  ASSERT_TRUE(registry_->edit("adult", 1, {.stage = "staging"}));
  for (const std::string file : {"versions/1.json", "changes/1.json"}) {
    const std::string path = folder_ / ("store/models/adult/" + file);
    const std::string whole = slurp(path);
    for (const auto& [from, to] : {std::pair{"0.5", "0.8"}, {"\"user\": \"", "\"user\": \"x"}}) {
      std::string changed = whole;
      const size_t at = changed.find(from);
      if (at == changed.npos) continue;
      spill(path, changed.replace(at, std::string_view(from).size(), to));
      ReadProblems problems;
      ASSERT_TRUE(registry_->list_versions("adult", &problems)) << file;
      EXPECT_EQ(problems.damaged.size(), 1U) << file << ": " << to;
    }
    // A build of before wrote no hash.
    const size_t seal = whole.find(",\n  \"record_sha256\"");
    ASSERT_NE(seal, whole.npos);
    spill(path, whole.substr(0, seal) + "\n}\n");
    EXPECT_TRUE(registry_->list_versions("adult"));
    spill(path, whole);
  }
}

TEST_F(ModelRegistryTest, ManyAtOnceGetDifferentVersions) {
  std::vector<std::thread> threads;
  std::vector<std::vector<int64_t>> taken(4);
  for (size_t t = 0; t < taken.size(); ++t) {
    threads.emplace_back([&, t] {
      const auto workspace = Workspace::open(folder_ / "store");
      ModelRegistry registry(*workspace);
      for (int i = 0; i < 20; ++i) {
        const std::string bytes = std::to_string(t) + "-" + std::to_string(i);
        const auto model = registry.register_model({.name = "shared"}, bytes_of(bytes));
        ASSERT_TRUE(model) << model.error().message;
        EXPECT_EQ(
            *registry.read_model(*registry.resolve("shared:" + std::to_string(model->version))),
            bytes);
        taken[t].push_back(model->version);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int64_t> all;
  for (const auto& versions : taken) all.insert(versions.begin(), versions.end());
  EXPECT_EQ(all.size(), 80U);
  EXPECT_EQ(*all.rbegin(), 80);
}

TEST_F(ModelRegistryTest, AFullDiskHarmsNoVersion) {
  add("adult", "old");
  bool done = false;
  int64_t expected = 2;
  for (int64_t n = 0; !done; ++n) {
    ASSERT_LT(n, 100);
    files_.restart(n, true);
    const auto model =
        registry_->register_model({.name = "adult"}, bytes_of("new" + std::to_string(n)));
    done = files_.count() <= n;
    files_.restart(-1, false);
    ASSERT_EQ(done, model.has_value()) << n;
    EXPECT_EQ(*registry_->read_model(*registry_->resolve("adult:1")), "old");
    const auto latest = registry_->resolve("adult");
    ASSERT_TRUE(latest) << latest.error().message;
    EXPECT_TRUE(registry_->read_model(*latest));
    expected = latest->version;
  }
  EXPECT_EQ(expected, registry_->list_versions("adult")->front().version);
  done = false;
  for (int64_t n = 0; !done; ++n) {
    ASSERT_TRUE(registry_->set_alias("adult", "champion", 1));
    files_.restart(n, true);
    const Status status = registry_->set_alias("adult", "champion", 2);
    done = files_.count() <= n;
    files_.restart(-1, false);
    // The cached state may fail to be written: that is no failure of the change.
    EXPECT_TRUE(!done || status.has_value());
    const auto champion = registry_->resolve("adult@champion");
    ASSERT_TRUE(champion) << champion.error().message;
    EXPECT_TRUE(champion->version == 2 || (!status && champion->version == 1));
  }
}

}  // namespace
}  // namespace assay::tracking
