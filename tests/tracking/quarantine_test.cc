#include "tracking/quarantine.h"

#include <set>

#include "tests/tracking/failing_quarantine.h"
#include "tests/tracking/killed_store.h"
#include "tests/tracking/unreadable_files.h"
#include "tests/tracking/upkeep_fixture.h"
#include "tracking/garbage.h"
#include "tracking/records_internal.h"
#include "tracking/run_trash.h"
#include "tracking/workspace_copy.h"

namespace assay::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Quarantine : public UpkeepTest {
 protected:
  std::string store(const std::string& path) const { return folder_ / ("store/" + path); }
  std::string blob(const std::string& sha256) { return store(blob_path(sha256)); }
  // Gives what is left of the file.
  std::string cut_run(const std::string& run_id) {
    const std::string path = run_file_of(*workspace_, run_id);
    const std::string half = slurp(path).substr(0, 700);
    spill(path, half);
    return half;
  }
  CheckReport check() { return *check_workspace(*workspace_, stop_); }
  QuarantineReport put_away() {
    auto report = quarantine_damage(*workspace_, stop_);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : QuarantineReport();
  }
  // Everything that goes over the whole store works and finds nothing.
  void expect_clean() {
    EXPECT_THAT(check().problems, IsEmpty());
    const auto garbage = collect_garbage(*workspace_, kAtOnce);
    ASSERT_TRUE(garbage) << garbage.error().message;
    EXPECT_THAT(garbage->damaged, IsEmpty());
    EXPECT_EQ(garbage->held_blobs, 0);
    const auto copied = copy_workspace(*workspace_, folder_ / "copy", stop_);
    ASSERT_TRUE(copied) << copied.error().message;
    EXPECT_THAT(copied->damaged, IsEmpty());
    const auto copy = *Workspace::open(folder_ / "copy");
    EXPECT_THAT(check_workspace(*copy, stop_)->problems, IsEmpty());
    std::filesystem::remove_all(folder_ / "copy");
  }
  void TearDown() override { workspace_.reset(); }  // before its files
  UnreadableFiles files_;
  StopToken stop_;
};

TEST_F(Quarantine, TakesDamagedRunsAndSaysWhatAndWhy) {
  const std::string half = cut_run(other_);
  ASSERT_EQ(check().damaged.size(), 1U);
  const QuarantineReport report = put_away();
  ASSERT_EQ(report.moved.size(), 1U);
  EXPECT_EQ(report.moved[0].path,
            "runs/" + run_file_of(*workspace_, other_).substr(store("runs/").size()));
  EXPECT_EQ(slurp(store(report.folder + "/" + report.moved[0].path)), half);
  const std::string note = slurp(store(report.folder + "/NOTE.json"));
  EXPECT_THAT(note, HasSubstr(report.moved[0].path));
  EXPECT_THAT(note, HasSubstr("seal"));
  EXPECT_THAT(note, HasSubstr("\"time\""));
  EXPECT_THAT(run_ids(), testing::UnorderedElementsAre(sweep_, trials_[0], trials_[1]));
  expect_clean();
}

TEST_F(Quarantine, OfAWholeStoreIsNotMade) {
  const QuarantineReport report = put_away();
  EXPECT_THAT(report.moved, IsEmpty());
  EXPECT_EQ(report.folder, "");
  EXPECT_FALSE(std::filesystem::exists(store("quarantine")));
}

TEST_F(Quarantine, GivesBackWhatIsWholeAfterAll) {
  const std::string path = "runs/" + run_file_of(*workspace_, other_).substr(store("runs/").size());
  const std::string bytes = slurp(store(path));
  const std::string sha256 = load_run(*workspace_, trials_[0])->artifacts[0].sha256;
  const std::vector<DamagedFile> files = {
      {DamagedFile::Kind::kRun, path, "it was damaged a moment ago"},
      {DamagedFile::Kind::kBlob, blob_path(sha256), "likewise"},
      {DamagedFile::Kind::kRun, "runs/00/gone.h5", "it is gone"},
      {DamagedFile::Kind::kVersion, "models/credit/versions/1.json", "likewise"},
      {DamagedFile::Kind::kRun, path, "schema 9, written by a newer release"}};
  const auto report = quarantine_files(*workspace_, files);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->moved, IsEmpty());
  EXPECT_EQ(report->left.size(), 5U);
  EXPECT_EQ(slurp(store(path)), bytes);
  EXPECT_THAT(check().problems, IsEmpty());
  EXPECT_TRUE(ModelRegistry(workspace_).resolve("credit:1"));
}

TEST_F(Quarantine, MakesDamagedAndMissingBlobsKnownLosses) {
  const std::string damaged = load_run(*workspace_, trials_[0])->artifacts[0].sha256;
  const std::string missing = load_run(*workspace_, sweep_)->artifacts[0].sha256;
  spill(blob(damaged), "other bytes");
  std::filesystem::remove(blob(missing));
  EXPECT_EQ(check().problems.size(), 2U);
  put_away();
  const CheckReport report = check();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_THAT(report.lost, testing::UnorderedElementsAre(
                               testing::AllOf(HasSubstr(damaged), HasSubstr(trials_[0])),
                               testing::AllOf(HasSubstr(missing), HasSubstr(sweep_))));
  EXPECT_EQ(BlobStore(*workspace_).read(missing).error().code, StatusCode::kData);
  expect_clean();
  EXPECT_EQ(put("trial bytes 1"), damaged);
  EXPECT_EQ(check().lost.size(), 1U) << "stored again, it is lost no more";
}

TEST_F(Quarantine, OfAModelsRecordGivesTheVersionUpAndNotItsNumber) {
  ModelRegistry registry(workspace_);
  const std::string model = "other model bytes";
  ASSERT_TRUE(registry.register_model({.name = "credit"}, std::as_bytes(std::span(model))));
  ASSERT_TRUE(registry.set_alias("credit", "champion", 2));
  spill(store("models/credit/versions/2.json"), "{");
  ReadProblems problems;
  ASSERT_TRUE(registry.list_models(&problems));
  EXPECT_THAT(problems.damaged, ElementsAre(HasSubstr("versions/2.json")));
  EXPECT_EQ(put_away().moved.size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(store("models/credit/versions/2.json")));
  EXPECT_EQ(registry.resolve("credit")->version, 1);
  EXPECT_EQ(registry.resolve("credit@champion").error().code, StatusCode::kNotFound);
  EXPECT_THAT(registry.resolve("credit:2").error().message, HasSubstr("deleted for good"));
  const auto next = registry.register_model({.name = "credit"}, std::as_bytes(std::span(model)));
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->version, 3);
  reopen();
  expect_clean();
}

TEST_F(Quarantine, OfTheOnlyVersionKeepsItsNumberToo) {
  spill(store("models/credit/versions/1.json"), "{");
  put_away();
  ModelRegistry registry(workspace_);
  EXPECT_THAT(*registry.list_models(), IsEmpty());
  EXPECT_EQ(registry.resolve("credit").error().code, StatusCode::kNotFound);
  const std::string model = "other model bytes";
  EXPECT_EQ(registry.register_model({.name = "credit"}, std::as_bytes(std::span(model)))->version,
            2);
}

// Versions 1 to 3; an alias points at the last.
class LostVersions : public Quarantine {
 protected:
  void SetUp() override {
    Quarantine::SetUp();
    ModelRegistry registry(workspace_);
    for (const std::string bytes : {"second model", "third model"}) {
      ASSERT_TRUE(registry.register_model({.name = "credit"}, std::as_bytes(std::span(bytes))));
    }
    ASSERT_TRUE(registry.set_alias("credit", "champion", 3));
    sha256_ = registry.resolve("credit:2")->sha256;
    reopen();
  }
  void lose(int64_t version) {
    std::filesystem::remove(store(fmt::format("models/credit/versions/{}.json", version)));
  }
  std::string sha256_;  // of the second
};

TEST_F(LostVersions, AreSeenByTheGapAndByWhatNamesThem) {
  lose(2);
  EXPECT_THAT(check().problems, ElementsAre(HasSubstr("versions/2.json' is missing")));
  lose(3);
  EXPECT_THAT(check().problems, ElementsAre(HasSubstr("versions/2.json' is missing"),
                                            HasSubstr("versions/3.json' is missing")));
  lose(1);
  EXPECT_EQ(check().problems.size(), 3U) << "a model of which there are only changes";
  ReadProblems problems;
  ASSERT_TRUE(ModelRegistry(workspace_).list_models(&problems));
  EXPECT_EQ(problems.damaged.size(), 3U);
  EXPECT_EQ(ModelRegistry(workspace_).resolve("credit@champion").error().code, StatusCode::kData);
}

TEST_F(LostVersions, HoldBackTheirBlobsAndAreToldByCopies) {
  lose(2);
  const auto garbage = collect_garbage(*workspace_, kAtOnce);
  ASSERT_TRUE(garbage) << garbage.error().message;
  EXPECT_THAT(garbage->damaged, ElementsAre(HasSubstr("versions/2.json")));
  EXPECT_TRUE(holds(sha256_)) << "whoever brings the record back needs it";
  const auto copied = copy_workspace(*workspace_, folder_ / "copy", stop_);
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_THAT(copied->damaged, ElementsAre(HasSubstr("versions/2.json")));
}

TEST_F(LostVersions, AreGivenUpAndTheirNumbersStayTaken) {
  lose(2);
  lose(3);
  ModelRegistry registry(workspace_);
  const std::string bytes = "fourth model";
  EXPECT_EQ(registry.register_model({.name = "credit"}, std::as_bytes(std::span(bytes)))->version,
            4)
      << "the alias must not point at it";
  const QuarantineReport report = put_away();
  EXPECT_EQ(report.moved.size(), 2U);
  EXPECT_TRUE(
      std::filesystem::exists(store(report.folder + "/models/credit/versions/2.json.missing")));
  EXPECT_THAT(registry.resolve("credit:2").error().message, HasSubstr("deleted for good"));
  EXPECT_EQ(registry.resolve("credit@champion").error().code, StatusCode::kNotFound);
  reopen();
  expect_clean();
}

// However large a gap is, it is told of and costs little.
TEST_F(LostVersions, OfAHugeGapAreToldInPart) {
  auto model = *ModelRegistry(workspace_).resolve("credit:3");
  model.version = 4'000'000'000;
  spill(store("models/credit/versions/4000000000.json"), to_json(model));
  const CheckReport report = check();
  EXPECT_GT(report.problems.size(), 1U);
  EXPECT_LT(report.problems.size(), 100U);
  EXPECT_THAT(report.problems, testing::Contains(HasSubstr("versions/4.json' is missing")));
}

TEST_F(Quarantine, TakesTheJournalOfADeadWriterThatCannotBeRecovered) {
  auto run = Run::create(workspace_, {.name = "lost"});
  ASSERT_TRUE((*run)->durable());
  copy_as_killed(folder_ / "store", folder_ / "killed");
  const std::string segment = damage_killed_journal(folder_ / "killed");
  ASSERT_FALSE(segment.empty());
  const auto killed = *Workspace::open(folder_ / "killed");
  EXPECT_EQ(collect_garbage(*killed, kAtOnce)->damaged.size(), 1U);
  const auto report = quarantine_damage(*killed, stop_);
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->moved.size(), 1U);
  EXPECT_THAT(report->moved[0].path, HasSubstr("writers/"));
  EXPECT_TRUE(check_workspace(*killed, stop_)->whole());
  EXPECT_THAT(collect_garbage(*killed, kAtOnce)->damaged, IsEmpty());
}

TEST_F(Quarantine, LetsTheJournalRestoreARunWhoseFileWasDamaged) {
  auto run = Run::create(workspace_, {.name = "twice"});
  ASSERT_TRUE((*run)->log_metric("auc", 0.5, 1, 1.0));
  ASSERT_TRUE((*run)->durable());
  const std::string id = (*run)->id();
  copy_as_killed(folder_ / "store", folder_ / "killed");
  // As if its file had been written, and the journal had not yet said so.
  const std::string file = run_file_of(*workspace_, id).substr(store("").size());
  std::filesystem::create_directories(
      std::filesystem::path(folder_ / ("killed/" + file)).parent_path());
  spill(folder_ / ("killed/" + file), "no run file");
  const auto killed = *Workspace::open(folder_ / "killed");
  ASSERT_TRUE(quarantine_damage(*killed, stop_));
  const auto recovered = load_run(*killed, id);
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_EQ(recovered->metrics.at("auc").size(), 1U);
  EXPECT_TRUE(check_workspace(*killed, stop_)->whole());
}

TEST_F(Quarantine, LeavesWhatCannotBeReadAndMayBeWhole) {
  const std::string orphan = put("nobody needs this");
  const std::string sha256 = load_run(*workspace_, trials_[0])->artifacts[0].sha256;
  workspace_.reset();
  workspace_ = *Workspace::open(folder_ / "store", &files_);
  const std::string run = run_file_of(*workspace_, other_);
  const std::string version = store("models/credit/versions/1.json");
  for (const std::string& path : {run, version}) files_.deny(path);
  EXPECT_EQ(check().unreadable.size(), 2U);
  EXPECT_EQ(check().problems, check().unreadable);
  EXPECT_THAT(put_away().moved, IsEmpty());
  files_.deny(blob(sha256));
  EXPECT_EQ(quarantine_run(*workspace_, other_).error().code, StatusCode::kIo);
  EXPECT_EQ(ModelRegistry(workspace_).give_up_version("credit", 1, "").error().code,
            StatusCode::kIo);
  const std::vector<DamagedFile> files = {
      {DamagedFile::Kind::kRun, run.substr(store("").size()), "said to be damaged"},
      {DamagedFile::Kind::kBlob, blob_path(sha256), "likewise"},
      {DamagedFile::Kind::kVersion, "models/credit/versions/1.json", "likewise"}};
  const auto report = quarantine_files(*workspace_, files);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->moved, IsEmpty());
  for (const std::string& path : {run, version, blob(sha256)}) {
    EXPECT_TRUE(std::filesystem::is_regular_file(path)) << path;
  }
  const auto garbage = collect_garbage(*workspace_, kAtOnce);
  ASSERT_TRUE(garbage) << garbage.error().message;
  EXPECT_THAT(garbage->damaged, IsEmpty());
  EXPECT_EQ(garbage->unreadable.size(), 2U);
  EXPECT_EQ(garbage->blobs, 0);
  EXPECT_TRUE(holds(orphan));
  // A model that cannot be looked into is not taken for none.
  files_.deny(store("models/credit/versions"));
  EXPECT_FALSE(collect_garbage(*workspace_, kAtOnce));
  EXPECT_TRUE(holds(orphan));
}

TEST_F(Quarantine, AndGarbageCollectionsLeaveForeignFilesAlone) {
  const std::vector<std::string> foreign = {store("blobs/.DS_Store"), store("models/.DS_Store"),
                                            store("models/Thumbs.db"),
                                            run_file_of(*workspace_, other_) + ".bak"};
  for (const std::string& path : foreign) spill(path, "of another program");
  EXPECT_THAT(check().foreign, testing::UnorderedElementsAreArray(foreign));
  EXPECT_THAT(put_away().moved, IsEmpty());
  expect_clean();
  for (const std::string& path : foreign) EXPECT_TRUE(std::filesystem::exists(path)) << path;
}

TEST_F(Quarantine, TakesOneRunByItsId) {
  EXPECT_EQ(quarantine_run(*workspace_, other_).error().code, StatusCode::kNotFound);
  cut_run(other_);
  cut_run(sweep_);
  EXPECT_EQ(quarantine_run(*workspace_, other_.substr(0, 4)).error().code,
            StatusCode::kInvalidArgument)
      << "two begin so";
  const auto report = quarantine_run(*workspace_, other_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->moved.size(), 1U);
  EXPECT_EQ(check().damaged.size(), 1U);
  EXPECT_EQ(quarantine_run(*workspace_, other_).error().code, StatusCode::kNotFound);
}

// Wherever it stops, each damaged file is in its place or in quarantine with a note, and the next
// one goes on.
TEST_F(Quarantine, ThatFailsAnywhereLosesNothing) {
  const std::string half = cut_run(other_);
  const std::string sha256 = load_run(*workspace_, trials_[0])->artifacts[0].sha256;
  spill(blob(sha256), "other bytes");
  workspace_.reset();
  quarantine_failing_at_each(folder_ / "store", stop_, [&](int64_t at) {
    std::multiset<std::string> found;
    for (const std::string& path : files_below(folder_ / "store")) {
      const std::string bytes = slurp(store(path));
      if (bytes != half && bytes != "other bytes") continue;
      found.insert(bytes);
      if (!path.starts_with("quarantine/")) continue;
      const std::string folder = path.substr(0, std::string("quarantine/").size() + 26);
      EXPECT_THAT(slurp(store(folder + "/NOTE.json")), HasSubstr(path.substr(folder.size() + 1)));
    }
    EXPECT_EQ(found, (std::multiset<std::string>{half, "other bytes"})) << at;
    workspace_ = *Workspace::open(folder_ / "store");
    put_away();
    EXPECT_THAT(check().problems, IsEmpty()) << at;
    workspace_.reset();
  });
}

}  // namespace
}  // namespace assay::tracking
