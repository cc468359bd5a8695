// What changes of registered models: stages, tags, descriptions, deletion, and its history.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "tests/bytes_of.h"
#include "tests/tracking/failing_files.h"
#include "tests/tracking/hooked_files.h"
#include "tests/tracking/test_folder.h"
#include "tracking/blob_store.h"
#include "tracking/environment.h"
#include "tracking/model_registry.h"
#include "tracking/records_internal.h"
#include "tracking/run.h"

namespace assay::tracking {
namespace {

class ModelChangesTest : public testing::Test {
 protected:
  void SetUp() override {
    workspace_ = *Workspace::create(folder_ / "store", "a", &files_);
    registry_ = std::make_unique<ModelRegistry>(workspace_);
  }
  ModelVersion add(const std::string& name, const std::string& bytes = "x") {
    const auto model = registry_->register_model({.name = name}, bytes_of(bytes));
    EXPECT_TRUE(model) << model.error().message;
    return model ? *model : ModelVersion();
  }
  std::vector<int64_t> versions(const std::string& name) {
    std::vector<int64_t> numbers;
    if (const auto listed = registry_->list_versions(name)) {
      for (const ModelVersion& model : *listed) numbers.push_back(model.version);
    }
    return numbers;
  }
  std::string refusal(const Status& status) {
    EXPECT_FALSE(status);
    return status ? std::string() : status.error().message;
  }

  TestFolder folder_;
  FailingFiles files_;
  std::shared_ptr<Workspace> workspace_;
  std::unique_ptr<ModelRegistry> registry_;
};

TEST_F(ModelChangesTest, EditChangesAllOrNothing) {
  add("adult");
  const auto edited = registry_->edit("ADULT", 1,
                                      {.stage = "staging",
                                       .description = "größer",
                                       .set_tags = {{"team", "fraud"}, {"tier", "1"}},
                                       .set_aliases = {"Champion", "next"}},
                                      "weekly review");
  ASSERT_TRUE(edited) << edited.error().message;
  EXPECT_EQ(edited->stage, "staging");
  EXPECT_EQ(edited->description, "größer");
  EXPECT_EQ(edited->tags.at("team"), "fraud");
  EXPECT_EQ(edited->aliases, (std::vector<std::string>{"champion", "latest", "next"}));
  EXPECT_EQ(registry_->edit("adult", 1, {.stage = "prod", .description = "no"}).error().code,
            StatusCode::kInvalidArgument);
  EXPECT_EQ(registry_->edit("adult", 1, {.description = "no", .remove_tags = {"teem"}})
                    .error()
                    .message.find("did you mean 'team'") == std::string::npos,
            false);
  EXPECT_EQ(registry_->resolve("adult")->description, "größer");
  ASSERT_TRUE(registry_->edit("adult", 1, {.remove_tags = {"team"}}));
  EXPECT_EQ(registry_->resolve("adult")->tags, (std::map<std::string, std::string>{{"tier", "1"}}));
}

TEST_F(ModelChangesTest, TheVersionRecordStaysAsItWas) {
  add("adult");
  const std::string path = folder_ / "store/models/adult/versions/1.json";
  const std::string before = slurp(path);
  ASSERT_TRUE(registry_->edit("adult", 1, {.stage = "production", .set_tags = {{"a", "b"}}}));
  EXPECT_EQ(slurp(path), before);
}

TEST_F(ModelChangesTest, HistorySaysWhoWhenFromAndTo) {
  add("adult");
  ASSERT_TRUE(registry_->edit("adult", 1, {.stage = "staging"}, "try it"));
  ASSERT_TRUE(registry_->edit("adult", 1, {.stage = "staging"}, "again")) << "no event";
  add("adult");
  ASSERT_TRUE(registry_->set_alias("adult", "champion", 1));
  ASSERT_TRUE(registry_->set_alias("adult", "champion", 2, "better"));
  ASSERT_TRUE(registry_->remove_alias("adult", "champion"));
  ASSERT_TRUE(registry_->delete_version("adult", 1, "old"));
  const auto events = registry_->history("adult");
  ASSERT_TRUE(events) << events.error().message;
  std::vector<std::string> story;
  for (const ModelEvent& event : *events) {
    EXPECT_GT(event.at_ns, 0);
    EXPECT_EQ(event.user, user_name());
    for (const ModelChange& change : event.changes) {
      story.push_back(fmt::format("{} {}:{} {}>{} {}", change.what, change.key, change.version,
                                  change.from.value_or("-"), change.to.value_or("-"),
                                  event.reason));
    }
  }
  EXPECT_EQ(story,
            (std::vector<std::string>{"registered :1 ->none ", "stage :1 none>staging try it",
                                      "registered :2 ->none ", "alias champion:1 ->1 ",
                                      "alias champion:2 1>2 better", "alias champion:2 2>- ",
                                      "deleted :1 ->true old"}));
}

TEST_F(ModelChangesTest, HistoryPutsARegistrationBeforeItsChangesWhateverItsClockSaid) {
  add("adult", "one");
  ModelVersion second = add("adult", "two");
  ASSERT_TRUE(registry_->set_alias("adult", "champion", 2));
  ASSERT_TRUE(registry_->delete_version("adult", 1));
  // Registered on a machine whose clock is an hour ahead.
  second.created_ns += int64_t{3600} * 1'000'000'000;
  spill(folder_ / "store/models/adult/versions/2.json", to_json(second));
  const auto events = registry_->history("adult");
  ASSERT_TRUE(events) << events.error().message;
  std::vector<std::string> story;
  for (const ModelEvent& event : *events) {
    story.push_back(fmt::format("{} {}", event.changes[0].what, event.changes[0].version));
  }
  EXPECT_EQ(story,
            (std::vector<std::string>{"registered 1", "registered 2", "alias 2", "deleted 1"}));
}

TEST_F(ModelChangesTest, ADeletedVersionIsGoneUntilRestored) {
  add("adult", "one");
  add("adult", "two");
  add("adult", "three");
  ASSERT_TRUE(registry_->edit("adult", 2, {.set_tags = {{"k", "v"}}}));
  ASSERT_TRUE(registry_->delete_version("adult", 2));
  EXPECT_EQ(versions("adult"), (std::vector<int64_t>{3, 1}));
  const auto gone = registry_->resolve("adult:2");
  EXPECT_EQ(gone.error().code, StatusCode::kNotFound);
  EXPECT_NE(gone.error().message.find("models restore adult:2"), std::string::npos);
  EXPECT_EQ(registry_->set_alias("adult", "best", 2).error().code, StatusCode::kNotFound);
  EXPECT_EQ(registry_->delete_version("adult", 2).error().code, StatusCode::kNotFound);
  EXPECT_EQ(registry_->list_deleted("adult")->front().version, 2);
  const auto back = registry_->restore_version("adult", 2);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->tags.at("k"), "v");
  EXPECT_EQ(*registry_->read_model(*back), "two");
  EXPECT_EQ(versions("adult"), (std::vector<int64_t>{3, 2, 1}));
}

TEST_F(ModelChangesTest, ANumberIsNeverGivenOutTwice) {
  add("adult");
  add("adult");
  ASSERT_TRUE(registry_->delete_version("adult", 2));
  EXPECT_EQ(registry_->resolve("adult")->version, 1) << "latest is what is left";
  EXPECT_EQ(add("adult").version, 3);
  for (const int64_t version : {1, 3}) ASSERT_TRUE(registry_->delete_version("adult", version));
  EXPECT_TRUE(registry_->list_models()->empty());
  EXPECT_NE(registry_->resolve("adult").error().message.find("all versions"), std::string::npos);
  ASSERT_TRUE(registry_->purge(INT64_MAX));
  EXPECT_EQ(add("adult").version, 4);
}

TEST_F(ModelChangesTest, AModelInUseIsNotDeleted) {
  add("adult");
  ASSERT_TRUE(registry_->set_alias("adult", "champion", 1));
  ASSERT_TRUE(registry_->edit("adult", 1, {.stage = "production"}));
  const std::string both = refusal(registry_->delete_version("adult", 1));
  EXPECT_NE(both.find("alias 'champion'"), std::string::npos) << both;
  EXPECT_NE(both.find("stage is production"), std::string::npos) << both;
  ASSERT_TRUE(registry_->remove_alias("adult", "champion"));
  EXPECT_EQ(registry_->delete_version("adult", 1).error().code, StatusCode::kInvalidArgument);
  ASSERT_TRUE(registry_->edit("adult", 1, {.stage = "archived"}));
  EXPECT_TRUE(registry_->delete_version("adult", 1)) << "latest alone is no use";
}

TEST_F(ModelChangesTest, SeveralAreDeletedTogetherOrNotAtAll) {
  for (int i = 0; i < 3; ++i) add("adult");
  ASSERT_TRUE(registry_->set_alias("adult", "champion", 2));
  const std::vector<int64_t> all = {1, 2, 3};
  EXPECT_NE(refusal(registry_->delete_versions("adult", all)).find("adult:2"), std::string::npos);
  EXPECT_EQ(versions("adult").size(), 3U);
  ASSERT_TRUE(registry_->remove_alias("adult", "champion"));
  ASSERT_TRUE(registry_->delete_versions("adult", all));
  EXPECT_TRUE(versions("adult").empty());
  EXPECT_EQ(registry_->list_deleted("adult")->size(), 3U);
}

TEST_F(ModelChangesTest, AModelOfAPinnedRunIsNotDeleted) {
  auto maker = *Run::create(workspace_, {.kind = "sweep"});
  auto server = *Run::create(workspace_, {.kind = "job"});
  const auto model =
      registry_->register_model({.name = "adult", .run_id = maker->id()}, bytes_of("x"));
  ASSERT_TRUE(model);
  ASSERT_TRUE(server->add_model({.name = "Adult", .version = 1}));
  ASSERT_TRUE(server->set_tag("serving", true));
  ASSERT_TRUE(server->checkpoint());
  const std::string reason = refusal(registry_->delete_version("adult", 1));
  EXPECT_NE(reason.find(server->id()), std::string::npos) << reason;
  EXPECT_NE(reason.find("serving"), std::string::npos) << reason;
  ASSERT_TRUE(server->set_tag("serving", "no"));
  ASSERT_TRUE(server->checkpoint());
  ASSERT_TRUE(maker->set_tag("pinned", "yes"));
  ASSERT_TRUE(maker->checkpoint());
  EXPECT_NE(refusal(registry_->delete_version("adult", 1)).find(maker->id()), std::string::npos);
  ASSERT_TRUE(maker->set_tag("pinned", false));
  ASSERT_TRUE(maker->checkpoint());
  EXPECT_TRUE(registry_->delete_version("adult", 1));
}

TEST_F(ModelChangesTest, PromotingCanArchiveTheOthers) {
  for (int i = 0; i < 3; ++i) add("adult");
  ASSERT_TRUE(registry_->edit("adult", 1, {.stage = "production"}));
  ASSERT_TRUE(registry_->edit("adult", 2, {.stage = "staging"}));
  ASSERT_TRUE(registry_->edit("adult", 3, {.stage = "production", .archive_others = true}));
  EXPECT_EQ(registry_->resolve("adult:1")->stage, "archived");
  EXPECT_EQ(registry_->resolve("adult:2")->stage, "staging");
  EXPECT_EQ(registry_->resolve("adult:3")->stage, "production");
  EXPECT_EQ(registry_->history("adult")->back().changes.size(), 2U) << "one event";
  EXPECT_EQ(registry_->edit("adult", 3, {.stage = "none", .archive_others = true}).error().code,
            StatusCode::kInvalidArgument);
}

// Another process registers a version and promotes it between the look at the model and the change.
TEST_F(ModelChangesTest, PromotingArchivesAVersionThatWasPromotedMeanwhile) {
  const ModelEdit promotion{
      .stage = "production", .archive_others = true, .set_aliases = {"champion"}};
  add("adult");
  bool faster = false;
  HookedFiles files([&](std::string_view operation, const std::string& path) -> Status {
    if (faster || operation != "link" || path.find("/changes/") == std::string::npos) return {};
    faster = true;
    EXPECT_EQ(add("adult", "y").version, 2);
    EXPECT_TRUE(registry_->edit("adult", 2, promotion));
    return {};
  });
  const auto slow = Workspace::open(folder_ / "store", &files);
  ASSERT_TRUE(slow) << slow.error().message;
  ASSERT_TRUE(ModelRegistry(*slow).edit("adult", 1, promotion));
  EXPECT_TRUE(faster);
  EXPECT_EQ(registry_->resolve("adult@champion")->version, 1);
  EXPECT_EQ(registry_->resolve("adult:1")->stage, "production");
  EXPECT_EQ(registry_->resolve("adult:2")->stage, "archived");
}

TEST_F(ModelChangesTest, BlobsAreNeededUntilPurged) {
  const std::string one = add("adult", "one").sha256;
  const std::string two = add("adult", "two").sha256;
  std::vector<std::string> both = {one, two};
  std::sort(both.begin(), both.end());
  EXPECT_EQ(*registry_->blobs_needed(), both);
  ASSERT_TRUE(registry_->delete_version("adult", 1));
  EXPECT_EQ(*registry_->blobs_needed(), both) << "it can be restored";
  EXPECT_EQ(*registry_->purge(1), 0) << "not old enough";
  EXPECT_EQ(*registry_->purge(INT64_MAX), 1);
  EXPECT_EQ(*registry_->purge(INT64_MAX), 0);
  EXPECT_EQ(*registry_->blobs_needed(), std::vector<std::string>{two});
  EXPECT_NE(registry_->restore_version("adult", 1).error().message.find("for good"),
            std::string::npos);
  EXPECT_TRUE(registry_->list_deleted("adult")->empty());
}

TEST_F(ModelChangesTest, TheCachedStateIsOnlyACache) {
  add("adult");
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(registry_->edit("adult", 1, {.set_tags = {{"n", std::to_string(i)}}}));
  }
  const std::string path = folder_ / "store/models/adult/state.json";
  ASSERT_TRUE(std::filesystem::exists(path));
  for (const std::string& text : {slurp(path), std::string("{}"), std::string("{\"num")}) {
    spill(path, text);
    EXPECT_EQ(registry_->resolve("adult")->tags.at("n"), "39");
  }
  std::filesystem::remove(path);
  EXPECT_EQ(registry_->resolve("adult")->tags.at("n"), "39");
  EXPECT_EQ(registry_->history("adult")->size(), 41U);
}

TEST_F(ModelChangesTest, ADamagedOrMissingEventIsNamedAndHarmsNoOther) {
  add("adult");
  add("other");
  for (const char* tag : {"a", "b", "c"}) {
    ASSERT_TRUE(registry_->edit("adult", 1, {.set_tags = {{tag, "1"}}}));
  }
  const std::string path = folder_ / "store/models/adult/changes/2.json";
  const std::string good = slurp(path);
  const auto expect_left_out = [&](const std::string& text) {
    const auto read = registry_->resolve("adult");
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->tags, (std::map<std::string, std::string>{{"a", "1"}, {"c", "1"}})) << text;
    ASSERT_EQ(read->damage.size(), 1U) << text;
    EXPECT_NE(read->damage[0].find("changes/2.json"), std::string::npos) << read->damage[0];
  };
  for (const std::string& text :
       {good.substr(0, good.size() / 2), std::string(), std::string("[]"),
        std::string(R"({"record_version": 1, "number": 3, "at_ns": 1, "user": "", "host": "",)"
                    R"( "reason": "", "changes": []})"),
        std::string(
            R"({"record_version": 1, "number": 2, "at_ns": 1, "user": "", "host": "",)"
            R"( "reason": "", "changes": [{"what": "colour", "version": 1, "key": ""}]})")}) {
    spill(path, text);
    expect_left_out(text);
  }
  spill(path, R"({"record_version": 2})");
  const auto newer = registry_->resolve("adult");
  ASSERT_FALSE(newer);
  EXPECT_NE(newer.error().message.find("newer release"), std::string::npos);
  std::filesystem::remove(path);
  expect_left_out("missing");
  EXPECT_EQ(registry_->edit("adult", 1, {.stage = "staging"})->stage, "staging");
  EXPECT_TRUE(registry_->resolve("other")->damage.empty());
  ReadProblems problems;
  const auto listed = registry_->list_models(&problems);
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->size(), 2U);
  EXPECT_EQ(problems.damaged.size(), 1U);
}

TEST_F(ModelChangesTest, ReadsAliasesOfTheFirstFormat) {
  add("adult");
  add("adult");
  std::filesystem::create_directories(folder_ / "store/models/adult/aliases");
  spill(folder_ / "store/models/adult/aliases/champion.json", "{\"version\":1}\n");
  EXPECT_EQ(registry_->resolve("adult@champion")->version, 1);
  ASSERT_TRUE(registry_->set_alias("adult", "champion", 2));
  EXPECT_EQ(registry_->resolve("adult@champion")->version, 2);
  ASSERT_TRUE(registry_->remove_alias("adult", "champion"));
  EXPECT_FALSE(registry_->resolve("adult@champion"));
}

TEST_F(ModelChangesTest, RefusesTextsThatNoRecordShouldHold) {
  add("adult");
  EXPECT_EQ(registry_->edit("adult", 1, {.description = std::string(100'000, 'x')}).error().code,
            StatusCode::kInvalidArgument);
  EXPECT_EQ(registry_->edit("adult", 1, {.set_tags = {{"", "x"}}}).error().code,
            StatusCode::kInvalidArgument);
  EXPECT_EQ(
      registry_->edit("adult", 1, {.set_tags = {{"a", std::string(20'000, 'x')}}}).error().code,
      StatusCode::kInvalidArgument);
  ASSERT_TRUE(registry_->edit("adult", 1, {.set_tags = {{"a", "\xff\n\"{"}}}));
  EXPECT_EQ(registry_->resolve("adult")->tags.at("a"), "\xEF\xBF\xBD\n\"{");
  EXPECT_FALSE(registry_->edit("../adult", 1, {}));
  EXPECT_FALSE(registry_->delete_version("adult", 0));
  EXPECT_FALSE(registry_->delete_version("adult", -1));
  EXPECT_FALSE(registry_->restore_version("adult", 9));
}

TEST_F(ModelChangesTest, ManyAtOnceLoseNoChange) {
  add("adult");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const auto workspace = Workspace::open(folder_ / "store");
      ModelRegistry registry(*workspace);
      for (int i = 0; i < 15; ++i) {
        const std::string key = fmt::format("{}-{}", t, i);
        const auto edited = registry.edit("adult", 1, {.set_tags = {{key, "x"}}});
        ASSERT_TRUE(edited) << edited.error().message;
        EXPECT_TRUE(edited->tags.contains(key));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry_->resolve("adult")->tags.size(), 60U);
  const auto events = registry_->history("adult");
  ASSERT_TRUE(events);
  EXPECT_EQ(events->size(), 61U);
}

// An alias is set while the version is deleted: whoever is first wins, and the alias never points
// at a deleted version.
TEST_F(ModelChangesTest, DeletingAndAliasingAtOnceAgree) {
  for (int round = 0; round < 20; ++round) {
    const int64_t version = add("adult", std::to_string(round)).version;
    Status aliased;
    Status deleted;
    std::thread first([&] {
      ModelRegistry registry(*Workspace::open(folder_ / "store"));
      aliased = registry.set_alias("adult", "champion", version);
    });
    std::thread second([&] {
      ModelRegistry registry(*Workspace::open(folder_ / "store"));
      deleted = registry.delete_version("adult", version);
    });
    first.join();
    second.join();
    EXPECT_NE(aliased.has_value(), deleted.has_value());
    const auto champion = registry_->resolve("adult@champion");
    if (aliased) {
      ASSERT_TRUE(champion) << champion.error().message;
      EXPECT_EQ(champion->version, version);
      EXPECT_NE(deleted.error().message.find("champion"), std::string::npos);
      ASSERT_TRUE(registry_->remove_alias("adult", "champion"));
    } else {
      EXPECT_EQ(champion.error().code, StatusCode::kNotFound) << champion.error().message;
    }
  }
}

TEST_F(ModelChangesTest, AFullDiskLeavesTheOldStateOrTheNew) {
  add("adult");
  ASSERT_TRUE(registry_->edit("adult", 1, {.stage = "staging", .description = "old"}));
  bool done = false;
  for (int64_t n = 0; !done; ++n) {
    ASSERT_LT(n, 100);
    files_.restart(n, true);
    const auto edited = registry_->edit("adult", 1, {.stage = "production", .description = "new"});
    done = files_.count() <= n;
    files_.restart(-1, false);
    EXPECT_TRUE(!done || edited);
    const auto now = registry_->resolve("adult");
    ASSERT_TRUE(now) << now.error().message;
    EXPECT_EQ(now->stage == "production", now->description == "new") << "all or nothing";
    EXPECT_TRUE(!edited || now->description == "new");
    ASSERT_TRUE(registry_->edit("adult", 1, {.stage = "staging", .description = "old"}));
  }
}

}  // namespace
}  // namespace assay::tracking
