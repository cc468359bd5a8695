// Changes of models whose files are damaged or missing: what is left out, what is told, what is
// kept, and the way out.
#include "tracking/model_events_internal.h"
#include "tracking/record_seal_internal.h"

#include <map>

#include "tests/tracking/failing_quarantine.h"
#include "tests/tracking/unreadable_files.h"
#include "tests/tracking/upkeep_fixture.h"
#include "tracking/garbage.h"
#include "tracking/model_log_internal.h"
#include "tracking/quarantine.h"
#include "tracking/records_internal.h"
#include "tracking/run_trash.h"
#include "tracking/workspace_copy.h"

namespace assay::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A folder of events, each with a tag of its number.
class EventLogTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(changes()); }
  std::string changes() const { return folder_ / "changes"; }
  std::string path(int64_t number) const { return fmt::format("{}/{}.json", changes(), number); }
  static ModelEvent event(int64_t number) {
    return {number, 5, "ada", "h", "", {{"tag", 1, std::to_string(number), {}, "x"}}, 0};
  }
  void add(int64_t number) { spill(path(number), to_json(event(number))); }
  EventLog read(const EventsWanted& wanted = {}) {
    const auto log = read_event_log(files_, changes(), "adult", wanted);
    EXPECT_TRUE(log) << log.error().message;
    return log ? *log : EventLog();
  }
  static std::vector<int64_t> numbers(const EventLog& log) {
    std::vector<int64_t> found;
    for (const ModelEvent& one : log.events) found.push_back(one.number);
    return found;
  }
  static std::vector<std::string> gaps(const EventLog& log) {
    std::vector<std::string> found;
    for (const EventGap& gap : log.gaps) {
      found.push_back(fmt::format("{}{}-{}", gap.missing ? "missing " : "", gap.first, gap.last));
    }
    return found;
  }

  const TestFolder folder_{memory_folder()};
  PosixFileLayer files_;
};

TEST_F(EventLogTest, LeavesOutOnlyWhatIsDamagedOrMissing) {
  for (const int64_t number : {1, 2, 4, 8, 9}) add(number);
  spill(path(2), "{");
  const EventLog log = read();
  EXPECT_THAT(numbers(log), ElementsAre(1, 4, 8, 9));
  EXPECT_THAT(gaps(log), ElementsAre("2-2", "missing 3-3", "missing 5-7"));
  EXPECT_THAT(log.gaps[0].why, HasSubstr("changes/2.json"));
  EXPECT_THAT(log.gaps[1].why, HasSubstr("changes/3.json' is missing"));
  EXPECT_THAT(log.gaps[2].why, HasSubstr("5.json' to '7.json' are missing"));
  EXPECT_EQ(log.last, 9);
  EXPECT_THAT(gaps(read({.after = 4, .taken = 4})), ElementsAre("missing 5-7"));
  EXPECT_THAT(numbers(read({.after = 8, .taken = 8})), ElementsAre(9));
}

TEST_F(EventLogTest, AGapMayBeAsLargeAsNumbersGo) {
  add(1);
  add(kLargestNumber);
  const EventLog log = read();
  EXPECT_THAT(numbers(log), ElementsAre(1, kLargestNumber));
  EXPECT_THAT(gaps(log), ElementsAre(fmt::format("missing 2-{}", kLargestNumber - 1)));
  EXPECT_EQ(log.last, kLargestNumber);
}

TEST_F(EventLogTest, WhatTheCacheSawIsTakenAlthoughItsFilesAreGone) {
  EXPECT_EQ(read().last, 0);
  EventLog log = read({.after = 7, .taken = 7});
  EXPECT_THAT(gaps(log), ElementsAre("missing 1-7"));
  EXPECT_EQ(log.last, 7);
  for (const int64_t number : {1, 2, 3}) add(number);
  for (const int64_t after : {0, 7}) {
    log = read({.after = after, .taken = 7});
    EXPECT_THAT(gaps(log), ElementsAre("missing 4-7")) << after;
    EXPECT_EQ(log.last, 7) << after;
  }
  spill(path(4), to_json(lost_event(4, 7, "")));
  for (const int64_t after : {0, 7}) {
    log = read({.after = after, .taken = 7});
    EXPECT_THAT(log.gaps, IsEmpty()) << after;
    EXPECT_EQ(log.last, 7) << after;
  }
}

TEST_F(EventLogTest, LostEventsAreToldOfNoMoreAndTheirNumbersStayTaken) {
  add(1);
  spill(path(2), to_json(lost_event(2, 9, "gone")));
  EventLog log = read();
  EXPECT_THAT(log.gaps, IsEmpty());
  EXPECT_EQ(log.last, 9);
  add(5);  // brought back
  add(12);
  log = read();
  EXPECT_THAT(numbers(log), ElementsAre(1, 2, 5, 12));
  EXPECT_THAT(gaps(log), ElementsAre("missing 10-11"));
  EXPECT_EQ(log.last, 12);
}

TEST_F(EventLogTest, OtherNamesAreNoEvents) {
  add(1);
  for (const char* name : {"01.json", "+2.json", "2.json.bak", "-3.json", "0.json", "x.json",
                           "9223372036854775807.json", "9223372036854775808.json", ".json"}) {
    spill(changes() + "/" + name, "{");
  }
  const EventLog log = read();
  EXPECT_THAT(numbers(log), ElementsAre(1));
  EXPECT_THAT(log.gaps, IsEmpty());
  EXPECT_EQ(log.last, 1);
}

TEST_F(EventLogTest, OfANewerReleaseOrNotToBeReadFailsAsAWhole) {
  add(1);
  add(3);
  spill(path(2), R"({"record_version": 2, "number": 2})");
  auto log = read_event_log(files_, changes(), "adult", {});
  ASSERT_FALSE(log);
  EXPECT_TRUE(written_by_newer(log.error().message)) << log.error().message;
  UnreadableFiles unreadable;
  unreadable.deny(path(2));
  log = read_event_log(unreadable, changes(), "adult", {});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, StatusCode::kIo);
  std::filesystem::remove(path(2));
  std::filesystem::create_symlink("2.json", path(2));
  EXPECT_THAT(gaps(read()), ElementsAre("missing 2-2")) << "a link to itself holds nothing";
}

TEST_F(EventLogTest, EveryChangeIsCheckedBeforeAnyIsApplied) {
  const ModelChange good{"stage", 1, "", "none", "staging"};
  const std::vector<ModelChange> bad = {{"colour", 1, "", {}, "red"},
                                        {"stage", 0, "", {}, "staging"},
                                        {"stage", INT64_MAX, "", {}, "staging"},
                                        {"stage", 1, "", {}, "stagign"},
                                        {"stage", 1, "", {}, {}},
                                        {"description", 1, "", {}, {}},
                                        {"tag", 1, "", {}, "x"},
                                        {"alias", 1, "latest", {}, "1"},
                                        {"alias", 1, "Champion", {}, "1"},
                                        {"alias", 1, "../x", {}, "1"},
                                        {"alias", 1, "champion", {}, "2"},
                                        {"deleted", 1, "", {}, "false"},
                                        {"purged", 1, "", {}, {}}};
  for (const ModelChange& change : bad) {
    ModelEvent one = event(1);
    one.changes = {good, change};
    const Status checked = check_event(one, "here");
    ASSERT_FALSE(checked) << change.what;
    EXPECT_EQ(checked.error().code, StatusCode::kData);
    EXPECT_THAT(checked.error().message, HasSubstr("'here' is damaged"));
    spill(path(1), to_json(one));
    const EventLog log = read();
    EXPECT_THAT(log.events, IsEmpty()) << change.what;
    EXPECT_THAT(gaps(log), ElementsAre("1-1")) << change.what;
  }
  ModelEvent empty = event(1);
  empty.changes.clear();
  EXPECT_FALSE(check_event(empty, "here")) << "an event changes something, or is lost";
  empty.lost_to = 1;
  EXPECT_TRUE(check_event(empty, "here"));
  empty.changes = {good};
  EXPECT_FALSE(check_event(empty, "here"));
  empty.changes.clear();
  for (const int64_t to : {int64_t{-1}, INT64_MAX, INT64_MIN}) {
    empty.lost_to = to;
    EXPECT_FALSE(check_event(empty, "here")) << to;
  }
}

// The names are listed while events are added: the list has the last and lacks one before it.
TEST_F(EventLogTest, AListThatIsTornIsMadeAgain) {
  class TornList final : public ObservedFiles {
   public:
    Result<std::vector<std::string>> list(const std::string& path) override {
      auto names = ObservedFiles::list(path);
      if (++lists == 1 && names) std::erase(*names, "2.json");
      return names;
    }
    int lists = 0;

   protected:
    Status perform(const FileCall& call, Act act) override { return act(call); }
  };
  for (const int64_t number : {1, 2, 3}) add(number);
  TornList files;
  const auto log = read_event_log(files, changes(), "adult", {});
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_THAT(numbers(*log), ElementsAre(1, 2, 3));
  EXPECT_THAT(log->gaps, IsEmpty());
  EXPECT_EQ(files.lists, 2);
}

class DamagedChanges : public UpkeepTest {
 protected:
  void SetUp() override {
    UpkeepTest::SetUp();
    const std::string bytes = "other model bytes";
    ASSERT_TRUE(registry().register_model({.name = "credit"}, std::as_bytes(std::span(bytes))));
  }
  ModelRegistry registry() { return ModelRegistry(workspace_); }
  std::string store(const std::string& path) const { return folder_ / ("store/" + path); }
  std::string change(int64_t number) const { return store(change_path("credit", number)); }
  // Event 1 to 4: an alias to version 1, to 2, a tag, the stage.
  void make_history() {
    ASSERT_TRUE(registry().set_alias("credit", "champion", 1));
    ASSERT_TRUE(registry().set_alias("credit", "champion", 2));
    ASSERT_TRUE(registry().edit("credit", 1, {.set_tags = {{"team", "fraud"}}}));
    ASSERT_TRUE(registry().edit("credit", 1, {.stage = "staging"}));
  }
  QuarantineReport put_away() {
    auto report = quarantine_damage(*workspace_, stop_);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : QuarantineReport();
  }
  StopToken stop_;
};

TEST_F(DamagedChanges, OneDisablesNothingAndIsTold) {
  make_history();
  spill(change(2), slurp(change(2)).substr(0, 60));
  for (const char* reference : {"credit@champion", "credit:1"}) {
    const auto model = registry().resolve(reference);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->version, 1) << "what it was before";
    EXPECT_EQ(model->stage, "staging");
    EXPECT_EQ(model->tags.at("team"), "fraud");
    EXPECT_THAT(model->damage, ElementsAre(HasSubstr("changes/2.json")));
  }
  const auto model = registry().resolve("credit");
  EXPECT_EQ(*registry().read_model(*model), "other model bytes");
  EXPECT_TRUE(registry().export_model("credit", folder_ / "credit.assay"));
  ReadProblems problems;
  EXPECT_EQ(registry().list_models(&problems)->size(), 1U);
  EXPECT_EQ(registry().list_versions("credit", &problems)->size(), 2U);
  EXPECT_EQ(registry().history("credit", &problems)->size(), 5U);
  EXPECT_EQ(problems.damaged.size(), 3U);
  EXPECT_EQ(registry().list_models().error().code, StatusCode::kData);
  EXPECT_EQ(registry().list_versions("credit").error().code, StatusCode::kData);
  EXPECT_EQ(registry().history("credit").error().code, StatusCode::kData);
}

TEST_F(DamagedChanges, NewOnesNeverReuseANumber) {
  make_history();
  spill(change(4), "");
  const auto edited = registry().edit("credit", 1, {.set_tags = {{"tier", "1"}}});
  ASSERT_TRUE(edited) << edited.error().message;
  EXPECT_EQ(edited->damage.size(), 1U);
  EXPECT_EQ(slurp(change(4)), "") << "it stays as it is";
  EXPECT_TRUE(std::filesystem::exists(change(5)));
  std::filesystem::remove(change(3));
  ASSERT_TRUE(registry().set_alias("credit", "next", 2));
  EXPECT_FALSE(std::filesystem::exists(change(3)));
  EXPECT_TRUE(std::filesystem::exists(change(6)));
  ASSERT_TRUE(registry().remove_alias("credit", "next"));
  EXPECT_TRUE(std::filesystem::exists(change(7)));
}

TEST_F(DamagedChanges, TheLastNumberOfAllIsSaid) {
  make_history();
  spill(change(kLargestNumber), "");
  const auto edited = registry().edit("credit", 1, {.set_tags = {{"tier", "1"}}});
  ASSERT_FALSE(edited);
  EXPECT_EQ(edited.error().code, StatusCode::kData);
  EXPECT_THAT(edited.error().message, HasSubstr("no number is left"));
  auto model = *registry().resolve("credit:1");
  model.version = kLargestNumber;
  spill(store(fmt::format("models/credit/versions/{}.json", kLargestNumber)), to_json(model));
  const std::string bytes = "more";
  const auto made = registry().register_model({.name = "credit"}, std::as_bytes(std::span(bytes)));
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("no number is left"));
}

TEST_F(DamagedChanges, TheStateIsNotWrittenFromAHistoryThatLacksSomething) {
  make_history();
  spill(change(2), "{");
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(registry().edit("credit", 1, {.set_tags = {{"n", std::to_string(i)}}}));
  }
  EXPECT_FALSE(std::filesystem::exists(store("models/credit/state.json")));
  put_away();
  ASSERT_TRUE(registry().edit("credit", 1, {.set_tags = {{"n", "40"}}}));
  EXPECT_TRUE(std::filesystem::exists(store("models/credit/state.json")));
  EXPECT_EQ(registry().resolve("credit:1")->tags.at("n"), "40");
}

TEST_F(DamagedChanges, AStateWhoseContentChangedIsOfNoUse) {
  make_history();
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE(registry().edit("credit", 1, {.set_tags = {{"n", std::to_string(i)}}}));
  }
  std::string state = slurp(store("models/credit/state.json"));
  const size_t at = state.find("fraud");
  ASSERT_NE(at, std::string::npos);
  state.replace(at, 5, "other");
  spill(store("models/credit/state.json"), state);
  EXPECT_EQ(registry().resolve("credit:1")->tags.at("team"), "fraud");
}

TEST_F(DamagedChanges, TheWayOutLeavesAModelThatWorks) {
  make_history();
  const std::string half = slurp(change(2)).substr(0, 60);
  spill(change(2), half);
  std::filesystem::remove(change(3));
  const auto before = check_workspace(*workspace_, stop_);
  ASSERT_TRUE(before);
  EXPECT_THAT(before->problems, ElementsAre(HasSubstr("changes/2.json"), HasSubstr("3.json")));
  EXPECT_EQ(before->models, 2);
  const QuarantineReport report = put_away();
  ASSERT_EQ(report.moved.size(), 2U);
  EXPECT_EQ(slurp(store(report.folder + "/models/credit/changes/2.json")), half);
  EXPECT_TRUE(
      std::filesystem::exists(store(report.folder + "/models/credit/changes/3.json.missing")));
  EXPECT_THAT(slurp(store(report.folder + "/NOTE.json")), HasSubstr("changes/2.json"));
  // Later readers are quiet, and the history says what is lost.
  EXPECT_THAT(registry().resolve("credit")->damage, IsEmpty());
  EXPECT_THAT(check_workspace(*workspace_, stop_)->problems, IsEmpty());
  EXPECT_THAT(put_away().moved, IsEmpty());
  const auto events = registry().history("credit");
  ASSERT_TRUE(events) << events.error().message;
  std::vector<int64_t> lost;
  for (const ModelEvent& event : *events) {
    if (event.lost_to > 0) lost.push_back(event.number);
  }
  EXPECT_THAT(lost, ElementsAre(2, 3));
  // It can be changed, read, written to a file and deleted.
  ASSERT_TRUE(registry().set_alias("credit", "champion", 2));
  EXPECT_EQ(registry().resolve("credit@champion")->version, 2);
  EXPECT_TRUE(registry().edit("credit", 2, {.stage = "production", .archive_others = true}));
  EXPECT_EQ(*registry().read_model(*registry().resolve("credit@champion")), "other model bytes");
  EXPECT_TRUE(registry().export_model("credit", folder_ / "credit.assay"));
  EXPECT_TRUE(registry().delete_version("credit", 1));
  const auto copied = copy_workspace(*workspace_, folder_ / "copy", stop_);
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_THAT(copied->damaged, IsEmpty());
  reopen();
  EXPECT_THAT(collect_garbage(*workspace_, kAtOnce)->damaged, IsEmpty());
}

TEST_F(DamagedChanges, AGreatGapIsPutAwayAsOne) {
  make_history();
  const int64_t far = int64_t{1} << 61;
  std::filesystem::rename(change(4), change(far));
  spill(change(far), to_json(ModelEvent{far, 5, "a", "h", "", {{"tag", 1, "k", {}, "v"}}, 0}));
  ASSERT_EQ(put_away().moved.size(), 1U);
  EXPECT_THAT(registry().resolve("credit:1")->damage, IsEmpty());
  EXPECT_EQ(registry().resolve("credit:1")->tags.at("k"), "v");
  EXPECT_EQ(files_below(store("models/credit/changes")).size(), 5U);
  ASSERT_TRUE(registry().set_alias("credit", "next", 2));
  EXPECT_TRUE(std::filesystem::exists(change(far + 1)));
}

TEST_F(DamagedChanges, AreAlsoWhatIsNoFile) {
  make_history();
  std::filesystem::remove(change(2));
  std::filesystem::create_directories(change(2) + "/deep");
  spill(change(2) + "/deep/note", "of somebody");
  std::filesystem::remove(change(4));
  std::filesystem::create_symlink("gone.json", change(4));
  const auto model = registry().resolve("credit@champion");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(model->damage, ElementsAre(HasSubstr("2.json' is damaged: it is a folder"),
                                         HasSubstr("4.json' is missing")));
  const QuarantineReport report = put_away();
  EXPECT_EQ(report.moved.size(), 2U);
  EXPECT_EQ(slurp(store(report.folder + "/models/credit/changes/2.json/deep/note")), "of somebody");
  EXPECT_THAT(registry().resolve("credit")->damage, IsEmpty());
  EXPECT_THAT(check_workspace(*workspace_, stop_)->problems, IsEmpty());
  ASSERT_TRUE(registry().set_alias("credit", "next", 2));
  EXPECT_TRUE(std::filesystem::exists(change(5)));
}

TEST_F(DamagedChanges, WhatTheStateKnewStays) {
  make_history();
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE(registry().edit("credit", 1, {.set_tags = {{"n", std::to_string(i)}}}));
  }
  ASSERT_TRUE(std::filesystem::exists(store("models/credit/state.json")));
  spill(change(2), "");
  EXPECT_THAT(registry().resolve("credit")->damage, IsEmpty()) << "its outcome is known";
  EXPECT_EQ(registry().resolve("credit@champion")->version, 2);
  EXPECT_THAT(check_workspace(*workspace_, stop_)->problems, ElementsAre(HasSubstr("2.json")));
  EXPECT_EQ(put_away().moved.size(), 1U);
  EXPECT_EQ(registry().resolve("credit@champion")->version, 2);
  // Without any of the files the numbers are still taken.
  std::filesystem::remove_all(store("models/credit/changes"));
  reopen();
  const auto model = registry().resolve("credit@champion");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->version, 2);
  EXPECT_THAT(model->damage, ElementsAre(HasSubstr("are missing")));
  put_away();
  EXPECT_THAT(registry().resolve("credit")->damage, IsEmpty());
  ASSERT_TRUE(registry().set_alias("credit", "next", 2));
  EXPECT_THAT(check_workspace(*workspace_, stop_)->problems, IsEmpty());
}

TEST_F(DamagedChanges, NothingOfTheModelIsDeletedForWantOfKnowledge) {
  const std::string orphan = put("nobody needs this");
  ASSERT_TRUE(registry().delete_version("credit", 2, "worse"));                  // 1
  ASSERT_TRUE(registry().restore_version("credit", 2));                          // 2
  ASSERT_TRUE(registry().delete_version("credit", 1));                           // 3
  ASSERT_TRUE(registry().edit("credit", 2, {.set_tags = {{"team", "fraud"}}}));  // 4
  const std::string whole = slurp(change(2));
  spill(change(2), whole.substr(0, whole.size() / 2));
  reopen();
  // Version 2 seems deleted, but a restoration may be what is damaged.
  const auto garbage = collect_garbage(*workspace_, kAtOnce);
  ASSERT_TRUE(garbage) << garbage.error().message;
  EXPECT_EQ(garbage->models, 0) << "nothing is purged";
  EXPECT_EQ(garbage->blobs, 0);
  EXPECT_EQ(garbage->held_blobs, 1);
  EXPECT_TRUE(holds(orphan));
  EXPECT_THAT(garbage->damaged, ElementsAre(HasSubstr("changes/2.json")));
  EXPECT_THAT(delete_run(*workspace_, sweep_).error().message, HasSubstr("credit:1"));
  const auto deleted = registry().delete_version("credit", 1);
  ASSERT_FALSE(deleted);
  spill(change(2), whole);
  EXPECT_EQ(registry().resolve("credit")->version, 2);
  EXPECT_EQ(*registry().read_model(*registry().resolve("credit")), "other model bytes");
  spill(change(2), "");
  EXPECT_EQ(registry().set_alias("credit", "next", 2).error().code, StatusCode::kNotFound);
}

TEST_F(DamagedChanges, AVersionIsNotDeletedWhileItMightBeInUse) {
  make_history();
  spill(change(1), "{");
  const auto deleted = registry().delete_version("credit", 1);
  ASSERT_FALSE(deleted);
  EXPECT_EQ(deleted.error().code, StatusCode::kData);
  EXPECT_THAT(deleted.error().message, HasSubstr("--quarantine"));
  put_away();
  ASSERT_TRUE(registry().edit("credit", 1, {.stage = "none"}));
  EXPECT_TRUE(registry().delete_version("credit", 1));
}

TEST_F(DamagedChanges, PutAwayTheyGiveDeletedVersionsTheirTimeAnew) {
  ASSERT_TRUE(registry().delete_version("credit", 2));
  ASSERT_TRUE(registry().restore_version("credit", 2));
  const int64_t deleted_ns = registry().history("credit")->at(2).at_ns;
  spill(change(2), "{");
  put_away();
  EXPECT_EQ(registry().list_deleted("credit")->size(), 1U);
  EXPECT_EQ(*registry().purge(deleted_ns + 1), 0);
  EXPECT_TRUE(registry().restore_version("credit", 2));
}

TEST_F(DamagedChanges, AnAliasOfTheFirstFormatIsLeftOutAlone) {
  std::filesystem::create_directories(store("models/credit/aliases"));
  spill(store("models/credit/aliases/champion.json"), "{\"version\":1}\n");
  spill(store("models/credit/aliases/next.json"), "{\"vers");
  const auto model = registry().resolve("credit@champion");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(model->damage, ElementsAre(HasSubstr("aliases/next.json")));
  EXPECT_EQ(put_away().moved.size(), 1U);
  EXPECT_THAT(registry().resolve("credit@champion")->damage, IsEmpty());
}

TEST_F(DamagedChanges, AreCopiedAsTheyAreAndTold) {
  make_history();
  spill(change(2), "{");
  std::filesystem::remove(change(3));
  const auto copied = copy_workspace(*workspace_, folder_ / "copy", stop_);
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_THAT(copied->damaged,
              testing::UnorderedElementsAre(HasSubstr("2.json"), HasSubstr("3.json' is missing")));
  ModelRegistry copy(*Workspace::open(folder_ / "copy"));
  EXPECT_EQ(copy.resolve("credit@champion")->damage.size(), 2U);
}

// Wherever it stops, the damaged bytes are kept, the number is taken, and the next one goes on.
TEST_F(DamagedChanges, PutAwayWithAFailureAnywhereLosesNothing) {
  make_history();
  const std::string half = slurp(change(4)).substr(0, 70);
  spill(change(4), half);
  std::filesystem::remove(change(2));
  workspace_.reset();
  quarantine_failing_at_each(folder_ / "store", stop_, [&](int64_t at) {
    EXPECT_TRUE(std::filesystem::exists(change(4))) << at;
    bool kept = false;
    for (const std::string& path : files_below(folder_ / "store")) {
      kept = kept || slurp(store(path)) == half;
    }
    EXPECT_TRUE(kept) << at;
    workspace_ = *Workspace::open(folder_ / "store");
    put_away();
    EXPECT_THAT(check_workspace(*workspace_, stop_)->problems, IsEmpty()) << at;
    EXPECT_THAT(registry().resolve("credit:1")->damage, IsEmpty()) << at;
    EXPECT_EQ(registry().resolve("credit:1")->tags.at("team"), "fraud") << at;
    ASSERT_TRUE(registry().set_alias("credit", "next", 1));
    EXPECT_TRUE(std::filesystem::exists(change(5))) << at;
    workspace_.reset();
  });
}

TEST_F(DamagedChanges, WhatTurnsOutToBeWholeIsLeft) {
  make_history();
  const std::string before = slurp(change(2));
  const std::vector<DamagedFile> files = {
      {DamagedFile::Kind::kEvent, change_path("credit", 2), "it was damaged a moment ago"},
      {DamagedFile::Kind::kMissingEvents, change_path("credit", 3), "likewise"},
      {DamagedFile::Kind::kEvent, change_path("credit", 9), "it is gone"}};
  const auto report = quarantine_files(*workspace_, files);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->moved, IsEmpty());
  EXPECT_EQ(report->left.size(), 3U);
  EXPECT_EQ(slurp(change(2)), before);
  EXPECT_EQ(registry().resolve("credit@champion")->version, 2);
}

TEST_F(DamagedChanges, AModelWhoseBytesAreLostIsNotPutToUse) {
  const auto model = registry().resolve("credit:2");
  const std::string path = store(blob_path(model->sha256));
  const std::string bytes = slurp(path);
  const auto expect_refused = [&](const Result<ModelVersion>& edited) {
    ASSERT_FALSE(edited);
    EXPECT_EQ(edited.error().code, StatusCode::kData);
    EXPECT_THAT(edited.error().message,
                testing::AllOf(HasSubstr("credit:2"), HasSubstr(model->sha256),
                               HasSubstr("models import")));
  };
  const auto expect_all_refused = [&] {
    expect_refused(registry().edit("credit", 2, {.stage = "production"}));
    expect_refused(registry().edit("credit", 2, {.stage = "staging"}));
    expect_refused(registry().edit("credit", 2, {.set_aliases = {"champion"}}));
  };
  std::filesystem::remove(path);
  expect_all_refused();
  spill(path, "other bytes");
  expect_all_refused();
  EXPECT_TRUE(registry().edit("credit", 2, {.stage = "archived", .set_tags = {{"a", "b"}}}));
  EXPECT_FALSE(registry().resolve("credit@champion"));
  spill(path, bytes);
  EXPECT_TRUE(registry().edit("credit", 2, {.stage = "production"}));
}

}  // namespace
}  // namespace assay::tracking
