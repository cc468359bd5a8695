// What stands in a workspace where its files and folders belong: folders, pipes, links that lead
// elsewhere, nowhere or round in circles.
#include <sys/stat.h>

#include <filesystem>
#include <functional>

#include "tests/tracking/killed_store.h"
#include "tests/tracking/observed_files.h"
#include "tests/tracking/unreadable_files.h"
#include "tests/tracking/upkeep_fixture.h"
#include "tracking/catalog.h"
#include "tracking/dataset_list.h"
#include "tracking/garbage.h"
#include "tracking/quarantine.h"
#include "tracking/run_file.h"
#include "tracking/run_scratch.h"
#include "tracking/run_trash.h"
#include "tracking/workspace_check.h"
#include "tracking/workspace_copy.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class OddFiles : public UpkeepTest {
 protected:
  std::string store(const std::string& path) const { return folder_ / ("store/" + path); }
  std::string aside() { return folder_ / fmt::format("aside{}", aside_++); }
  CheckReport check() {
    const auto report = check_workspace(*workspace_, stop_);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : CheckReport();
  }
  GarbageReport collect() {
    const auto report = collect_garbage(*workspace_, kAtOnce);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : GarbageReport();
  }
  CopyReport copy() {
    fs::remove_all(folder_ / "copy");
    const auto report = copy_workspace(*workspace_, folder_ / "copy", stop_);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : CopyReport();
  }
  size_t copied_runs() { return list_runs(**Workspace::open(folder_ / "copy"))->runs.size(); }
  void hide(const std::string& path) {
    fs::rename(path, aside());
    fs::create_symlink(fs::path(path).filename(), path);
  }
  void TearDown() override { workspace_.reset(); }  // before its files
  UnreadableFiles files_;
  StopToken stop_;
  int aside_ = 0;
};

TEST_F(OddFiles, InPlaceOfARunAreDamageThatBlocksNothing) {
  const std::string orphan = put("nobody needs this");
  const std::vector<std::function<void(const std::string&)>> kinds = {
      [](const std::string& path) { fs::create_directories(path + "/deep"); },
      [](const std::string& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); },
      [](const std::string& path) { fs::create_symlink("nothing.h5", path); },
      [](const std::string& path) { fs::create_symlink(fs::path(path).filename(), path); },
      [](const std::string& path) { fs::create_symlink("/dev/zero", path); }};
  const std::string file = run_file_of(*workspace_, other_);
  const std::string whole = aside();
  fs::copy_file(file, whole);
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    reopen();
    fs::remove(file);
    kinds[kind](file);
    const auto list = list_runs(*workspace_);
    ASSERT_TRUE(list) << list.error().message;
    EXPECT_EQ(list->runs.size(), 3U) << kind;
    EXPECT_THAT(list->damaged, ElementsAre(HasSubstr(other_))) << kind;
    EXPECT_THAT(check().problems, ElementsAre(HasSubstr(other_))) << kind;
    const GarbageReport garbage = collect();
    EXPECT_THAT(garbage.damaged, ElementsAre(HasSubstr(other_))) << kind;
    EXPECT_EQ(garbage.blobs, 0) << kind;
    EXPECT_TRUE(holds(orphan)) << kind;
    EXPECT_THAT(copy().damaged, ElementsAre(HasSubstr(other_))) << kind;
    EXPECT_EQ(copied_runs(), 3U) << kind;
    const auto put_away = quarantine_damage(*workspace_, stop_);
    ASSERT_TRUE(put_away) << put_away.error().message;
    EXPECT_EQ(put_away->moved.size(), 1U) << kind;
    EXPECT_FALSE(fs::exists(fs::symlink_status(file))) << kind;
    EXPECT_THAT(check().problems, IsEmpty()) << kind;
    fs::copy_file(whole, file);
    EXPECT_EQ(run_ids().size(), 4U) << kind;
  }
}

TEST_F(OddFiles, ThatAreLinksToFoldersAreTheFolders) {
  for (const std::string part : {"runs", "models", "blobs"}) {
    std::vector<std::string> folders;
    for (const auto& entry : fs::directory_iterator(store(part))) {
      if (entry.is_directory()) folders.push_back(entry.path().string());
    }
    ASSERT_THAT(folders, Not(IsEmpty()));
    for (const std::string& folder : folders) {
      const std::string place = aside();
      fs::rename(folder, place);
      fs::create_directory_symlink(place, folder);
    }
  }
  reopen();
  EXPECT_EQ(run_ids().size(), 4U);
  EXPECT_EQ(ModelRegistry(workspace_).list_models()->size(), 1U);
  const CheckReport report = check();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_THAT(report.foreign, IsEmpty());
  EXPECT_EQ(report.runs, 4);
  EXPECT_EQ(report.models, 1);
  EXPECT_EQ(report.blobs, 4);
  EXPECT_EQ(collect().blobs, 0) << "runs and models name them all";
  EXPECT_TRUE(copy().complete());
  EXPECT_THAT(check_workspace(**Workspace::open(folder_ / "copy"), stop_)->problems, IsEmpty());
  EXPECT_EQ(copied_runs(), 4U);
}

TEST_F(OddFiles, OfRunsThatCannotBeListedAreToldAndTheRestIsNot) {
  const std::string orphan = put("nobody needs this");
  reopen();
  const std::string folder = fs::path(run_file_of(*workspace_, other_)).parent_path().string();
  hide(folder);
  EXPECT_THAT(list_runs(*workspace_)->damaged, ElementsAre(HasSubstr(folder)));
  EXPECT_THAT(check().unreadable, ElementsAre(HasSubstr(folder)));
  EXPECT_GE(check().runs, 1);
  const GarbageReport garbage = collect();
  EXPECT_THAT(garbage.unreadable, ElementsAre(HasSubstr(folder)));
  EXPECT_EQ(garbage.blobs, 0);
  EXPECT_TRUE(holds(orphan));
  const CopyReport copied = copy();
  EXPECT_THAT(copied.damaged, IsEmpty());
  EXPECT_THAT(copied.unreadable, ElementsAre(HasSubstr(folder)));
}

TEST_F(OddFiles, ThatAreLinksToADiskThatIsAwayAreNotTakenForNothing) {
  const std::string orphan = put("nobody needs this");
  reopen();
  const std::string folder = fs::path(run_file_of(*workspace_, other_)).parent_path().string();
  fs::rename(folder, aside());
  fs::create_directory_symlink("/disk/that/is/away", folder);
  const auto list = list_runs(*workspace_);
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_THAT(list->damaged, ElementsAre(HasSubstr(folder)));
  EXPECT_THAT(check().unreadable, ElementsAre(HasSubstr(folder)));
  EXPECT_THAT(collect().unreadable, ElementsAre(HasSubstr(folder)));
  EXPECT_TRUE(holds(orphan));
  EXPECT_THAT(copy().unreadable, ElementsAre(HasSubstr(folder)));
  fs::rename(store("models/credit"), aside());
  fs::create_directory_symlink("/disk/that/is/away", store("models/credit"));
  EXPECT_EQ(ModelRegistry(workspace_).list_models().error().code, StatusCode::kIo);
  EXPECT_FALSE(collect_garbage(*workspace_, kAtOnce));
  ReadProblems problems;
  ASSERT_TRUE(list_datasets(*workspace_, &problems));
  EXPECT_THAT(problems.unreadable, ElementsAre(HasSubstr(folder)));
  EXPECT_THAT(problems.damaged, IsEmpty()) << "it may be whole";
}

TEST_F(OddFiles, ThatAreWholeFoldersOnADiskThatIsAwayAreNotTakenForNothing) {
  ASSERT_TRUE(delete_run(*workspace_, other_));
  workspace_.reset();
  for (const char* part : {"runs", "writers", "blobs", "models", "trash/runs", "trash"}) {
    const std::string place = aside();
    fs::rename(store(part), place);
    fs::create_directory_symlink("/disk/that/is/away", store(part));
    const auto opened = Workspace::open(folder_ / "store");
    ASSERT_FALSE(opened) << part;
    EXPECT_EQ(opened.error().code, StatusCode::kIo);
    EXPECT_THAT(opened.error().message, HasSubstr(store(part)));
    fs::remove(store(part));
    fs::create_directory_symlink(place, store(part));
  }
  reopen();
  EXPECT_EQ(run_ids().size(), 3U);
  EXPECT_THAT(check().problems, IsEmpty());
  EXPECT_EQ(collect_garbage(*workspace_, {.grace_ns = 0})->blobs, 0);
}

TEST_F(OddFiles, InFoldersOfBlobsThatCannotBeListedAreNotMissing) {
  const std::string sha256 = load_run(*workspace_, other_)->artifacts[0].sha256;
  hide(fs::path(store(blob_path(sha256))).parent_path().string());
  const CheckReport report = check();
  EXPECT_EQ(report.unreadable.size(), 1U);
  EXPECT_EQ(report.problems, report.unreadable);
  EXPECT_THAT(report.damaged, IsEmpty());
}

// Says that the disk fails when the folder is listed.
class UnlistedFolder final : public ObservedFiles {
 public:
  explicit UnlistedFolder(std::string path) : path_(std::move(path)) {}
  Result<std::vector<FolderEntry>> scan(const std::string& path) override {
    if (path == path_) return fail(StatusCode::kIo, "cannot list folder '{}'", path);
    return ObservedFiles::scan(path);
  }

 private:
  Status perform(const FileCall& call, Act act) override { return act(call); }
  const std::string path_;
};

TEST_F(OddFiles, InAFolderThatCannotBeListedDoNotEndACollection) {
  const std::string hidden = put("nobody needs this");
  const std::string listed = put("nor this");
  ASSERT_NE(blob_folder(hidden), blob_folder(listed));
  workspace_.reset();
  UnlistedFolder files(store(blob_folder(hidden)));
  workspace_ = *Workspace::open(folder_ / "store", &files);
  const GarbageReport garbage = collect();
  EXPECT_THAT(garbage.unreadable, ElementsAre(HasSubstr(blob_folder(hidden))));
  EXPECT_EQ(garbage.blobs, 1);
  EXPECT_TRUE(holds(hidden));
  EXPECT_FALSE(holds(listed));
  reopen();
  EXPECT_EQ(collect().blobs, 1);
  EXPECT_FALSE(holds(hidden));
}

TEST_F(OddFiles, InPlaceOfASegmentArePutAway) {
  auto run = Run::create(workspace_, {.name = "in a journal"});
  ASSERT_TRUE(run && (*run)->durable());
  copy_as_killed(folder_ / "store", folder_ / "killed");
  run->reset();
  std::string segment;
  for (const std::string& path : files_below(folder_ / "killed")) {
    if (path.ends_with(".wal") && path.starts_with("writers/")) segment = path;
  }
  segment.replace(segment.rfind('.') - 1, 1, "9");  // a later one, with no word of it in this one
  fs::create_directories(folder_ / ("killed/" + segment + "/deep"));
  workspace_ = *Workspace::open(folder_ / "killed");
  EXPECT_TRUE(find_run(*workspace_, "in a journal"));
  EXPECT_THAT(check().problems, ElementsAre(HasSubstr(segment)));
  const auto put_away = quarantine_damage(*workspace_, stop_);
  ASSERT_TRUE(put_away) << put_away.error().message;
  EXPECT_THAT(check().problems, IsEmpty());
  EXPECT_EQ(run_ids().size(), 5U);
}

TEST_F(OddFiles, InPlaceOfTheOnlySegmentAreTold) {
  auto run = Run::create(workspace_, {.name = "in a journal"});
  ASSERT_TRUE(run && (*run)->durable());
  std::string segment;
  const std::vector<std::function<void(const std::string&)>> kinds = {
      [](const std::string& path) { fs::create_directories(path + "/deep"); },
      [](const std::string& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); },
      [](const std::string& path) { fs::create_symlink("nothing.wal", path); }};
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    const std::string killed = folder_ / fmt::format("killed{}", kind);
    copy_as_killed(folder_ / "store", killed);
    for (const std::string& path : files_below(killed)) {
      if (path.ends_with(".wal") && path.starts_with("writers/")) segment = path;
    }
    fs::remove(killed + "/" + segment);
    kinds[kind](killed + "/" + segment);
    workspace_ = *Workspace::open(killed);
    EXPECT_THAT(check().problems, ElementsAre(HasSubstr(segment))) << kind;
    const auto put_away = quarantine_damage(*workspace_, stop_);
    ASSERT_TRUE(put_away) << put_away.error().message;
    EXPECT_EQ(put_away->moved.size(), 1U) << kind;
    EXPECT_THAT(check().problems, IsEmpty()) << kind;
    EXPECT_EQ(run_ids().size(), 4U) << kind;
  }
  run->reset();
}

TEST_F(OddFiles, InPlaceOfABlobAreDamageThatIsPutAway) {
  const std::string sha256 = load_run(*workspace_, other_)->artifacts[0].sha256;
  const std::string path = store(blob_path(sha256));
  const std::string whole = aside();
  fs::rename(path, whole);
  fs::create_directory(store("folder"));
  const std::vector<std::function<void()>> kinds = {
      [&] { fs::create_directories(path + "/deep"); },
      [&] { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); },
      [&] { fs::create_symlink("nothing", path); }, [&] { fs::create_symlink(sha256, path); },
      [&] { fs::create_symlink("../../folder", path); }};
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    reopen();
    kinds[kind]();
    for (const bool thorough : {false, true}) {
      const auto report = check_workspace(*workspace_, stop_, {.thorough = thorough});
      ASSERT_TRUE(report) << report.error().message;
      EXPECT_THAT(report->problems, ElementsAre(HasSubstr(sha256))) << kind << thorough;
      EXPECT_THAT(report->unreadable, IsEmpty()) << kind;
    }
    EXPECT_THAT(collect().missing, ElementsAre(HasSubstr(sha256))) << kind;
    EXPECT_THAT(copy().damaged, ElementsAre(HasSubstr(sha256))) << kind;
    EXPECT_FALSE(fs::exists(folder_ / ("copy/" + blob_path(sha256)))) << kind;
    const auto put_away = quarantine_damage(*workspace_, stop_);
    ASSERT_TRUE(put_away) << put_away.error().message;
    EXPECT_EQ(put_away->moved.size(), 1U) << kind;
    EXPECT_FALSE(fs::exists(fs::symlink_status(path))) << kind;
    EXPECT_THAT(check().problems, IsEmpty()) << kind;
    EXPECT_EQ(check().lost.size(), 1U) << kind;
    fs::remove_all(store("quarantine"));
  }
  fs::rename(whole, path);
  EXPECT_THAT(check().problems, IsEmpty());
}

TEST_F(OddFiles, InPlaceOfABlobAreReplacedByWhatIsStoredAnew) {
  const std::string sha256 = load_run(*workspace_, other_)->artifacts[0].sha256;
  const std::string path = store(blob_path(sha256));
  for (const std::string& target : {std::string("nothing"), sha256}) {
    fs::remove(path);
    fs::create_symlink(target, path);
    EXPECT_EQ(put("shared"), sha256);
    EXPECT_THAT(check().problems, IsEmpty()) << target;
    EXPECT_TRUE(fs::is_regular_file(path));
  }
}

TEST_F(OddFiles, InPlaceOfTheCatalogArePutAwayWhenItIsMadeAnew) {
  const std::vector<std::function<void(const std::string&)>> kinds = {
      [](const std::string& path) { fs::create_directories(path + "/deep"); },
      [](const std::string& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); },
      [](const std::string& path) { fs::create_symlink("nothing", path); },
      [](const std::string& path) { fs::create_symlink(fs::path(path).filename(), path); },
      [](const std::string& path) { fs::create_directory_symlink("runs", path); }};
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    for (const std::string name : {"catalog.h5", "catalog.wal"}) {
      reopen();
      fs::remove_all(store(name));
      kinds[kind](store(name));
      EXPECT_EQ(run_ids().size(), 4U) << name << kind;
      EXPECT_THAT(check().catalog_problems, ElementsAre(HasSubstr(name))) << kind;
      const auto rebuilt = Catalog(*workspace_).rebuild();
      ASSERT_TRUE(rebuilt) << rebuilt.error().message;
      EXPECT_EQ(*rebuilt, 4);
      EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(store("catalog.h5")))) << kind;
      EXPECT_TRUE(check().whole()) << name << kind;
    }
  }
  int away = 0;
  for (const auto& entry : fs::recursive_directory_iterator(store("quarantine"))) {
    away += entry.path().filename().string().starts_with("catalog.") ? 1 : 0;
  }
  EXPECT_EQ(away, 10);
}

TEST_F(OddFiles, InPlaceOfADeletedRunAreDamageThatIsPutAway) {
  ASSERT_TRUE(delete_run(*workspace_, other_));
  const std::string file = fs::directory_iterator(store("trash/runs"))->path().string();
  fs::rename(file, aside());
  const std::string orphan = put("nobody needs this");
  const std::vector<std::function<void()>> kinds = {
      [&] { fs::create_directories(file + "/deep"); },
      [&] { ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0); },
      [&] { fs::create_symlink(fs::path(file).filename(), file); }};
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    reopen();
    kinds[kind]();
    EXPECT_THAT(check().problems, ElementsAre(HasSubstr(other_))) << kind;
    std::vector<std::string> damaged;
    EXPECT_THAT(*deleted_runs(*workspace_, &damaged), IsEmpty());
    EXPECT_THAT(damaged, ElementsAre(HasSubstr(other_))) << kind;
    const auto garbage = collect_garbage(*workspace_, {.grace_ns = 0});
    ASSERT_TRUE(garbage) << garbage.error().message;
    EXPECT_THAT(garbage->damaged, ElementsAre(HasSubstr(other_))) << kind;
    EXPECT_TRUE(holds(orphan)) << kind;
    EXPECT_THAT(copy().damaged, ElementsAre(HasSubstr(other_))) << kind;
    const auto put_away = quarantine_damage(*workspace_, stop_);
    ASSERT_TRUE(put_away) << put_away.error().message;
    EXPECT_EQ(put_away->moved.size(), 1U) << kind;
    EXPECT_THAT(check().problems, IsEmpty()) << kind;
  }
}

TEST_F(OddFiles, JournalsThatCannotBeReadHideNothingElse) {
  const std::string orphan = put("nobody needs this");
  auto run = Run::create(workspace_, {.name = "in a journal"});
  ASSERT_TRUE(run && (*run)->durable());
  copy_as_killed(folder_ / "store", folder_ / "killed");
  run->reset();
  std::string segment;
  for (const std::string& path : files_below(folder_ / "killed")) {
    if (path.ends_with(".wal") && path.starts_with("writers/")) segment = path;
  }
  files_.deny(folder_ / ("killed/" + segment));
  workspace_ = *Workspace::open(folder_ / "killed", &files_);
  const auto list = list_runs(*workspace_);
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->runs.size(), 4U);
  EXPECT_THAT(list->damaged, ElementsAre(HasSubstr(segment)));
  EXPECT_TRUE(load_run(*workspace_, other_));
  // It may be in there.
  const auto lost = find_run(*workspace_, "in a journal");
  EXPECT_EQ(lost.error().code, StatusCode::kIo);
  EXPECT_THAT(lost.error().message, HasSubstr(segment));
  EXPECT_THAT(check().unreadable, ElementsAre(HasSubstr(segment)));
  EXPECT_EQ(check().runs, 4);
  const CopyReport copied = copy();
  EXPECT_THAT(copied.unreadable, ElementsAre(HasSubstr(segment)));
  EXPECT_EQ(copied_runs(), 4U);
  const auto garbage = collect_garbage(*workspace_, {.grace_ns = 0, .dry_run = true});
  ASSERT_TRUE(garbage) << garbage.error().message;
  EXPECT_THAT(garbage->unreadable, ElementsAre(HasSubstr(segment)));
  EXPECT_EQ(garbage->blobs, 0);
  EXPECT_TRUE(holds(orphan));
}

TEST_F(OddFiles, InPlaceOfAVersionKeepItsNumber) {
  ModelRegistry registry(workspace_);
  const std::string model = "other model bytes";
  ASSERT_TRUE(registry.register_model({.name = "credit"}, std::as_bytes(std::span(model))));
  const std::string record = store("models/credit/versions/2.json");
  const std::vector<std::function<void(const std::string&)>> kinds = {
      [](const std::string& path) { fs::create_directories(path + "/deep"); },
      [](const std::string& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); },
      [](const std::string& path) { fs::create_symlink("nothing.json", path); },
      [](const std::string& path) { fs::create_symlink(fs::path(path).filename(), path); }};
  const std::string whole = aside();
  fs::copy_file(record, whole);
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    fs::remove_all(record);
    kinds[kind](record);
    ReadProblems problems;
    const auto models = registry.list_models(&problems);
    ASSERT_TRUE(models) << models.error().message;
    EXPECT_THAT(problems.damaged, Contains(HasSubstr("versions/2.json"))) << kind;
    ASSERT_EQ(models->size(), 1U) << "the newest that can be read stands for it";
    EXPECT_EQ(models->front().version, 1);
    EXPECT_THAT(check().problems, ElementsAre(HasSubstr("versions/2.json"))) << kind;
    EXPECT_THAT(copy().damaged, ElementsAre(HasSubstr("versions/2.json"))) << kind;
    EXPECT_TRUE(fs::is_regular_file(folder_ / "copy/models/credit/versions/2.json")) << kind;
  }
  const auto put_away = quarantine_damage(*workspace_, stop_);
  ASSERT_TRUE(put_away) << put_away.error().message;
  EXPECT_EQ(put_away->moved.size(), 1U);
  EXPECT_THAT(check().problems, IsEmpty());
  const auto next = registry.register_model({.name = "credit"}, std::as_bytes(std::span(model)));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->version, 3);
}

TEST_F(OddFiles, InPlaceOfAFolderEndWhatNeedsIt) {
  const std::string model = "other model bytes";
  ModelRegistry registry(workspace_);
  ASSERT_TRUE(registry.set_alias("credit", "champion", 1));
  const std::string changes = store("models/credit/changes");
  const std::string whole = aside();
  fs::rename(changes, whole);
  reopen();
  fs::create_symlink("nothing", changes);
  EXPECT_EQ(ModelRegistry(workspace_).set_alias("credit", "next", 1).error().code, StatusCode::kIo);
  fs::remove(changes);
  fs::rename(whole, changes);
  ASSERT_TRUE(workspace_->close());
  fs::rename(store("writers"), aside());
  spill(store("writers"), "a file");
  workspace_ = *Workspace::open(folder_ / "store");
  ModelRegistry blocked(workspace_);
  EXPECT_EQ(blocked.set_alias("credit", "next", 1).error().code, StatusCode::kIo);
  EXPECT_EQ(
      blocked.register_model({.name = "credit"}, std::as_bytes(std::span(model))).error().code,
      StatusCode::kIo);
  EXPECT_EQ(blocked.resolve("credit@champion")->version, 1);
}

TEST_F(OddFiles, OfAProcessThatWasKilledJustNowAreNoGarbageInADryRunEither) {
  auto run = Run::create(workspace_, {.kind = "sweep"});
  ASSERT_TRUE(run && (*run)->durable());
  const std::string id = (*run)->id();
  ASSERT_TRUE(RunScratch(*workspace_, id).write("f", std::as_bytes(std::span("12", 2))));
  copy_as_killed(folder_ / "store", folder_ / "killed");
  run->reset();
  workspace_ = *Workspace::open(folder_ / "killed");
  EXPECT_EQ(collect_garbage(*workspace_, {.dry_run = true})->scratch_runs, 0);
  EXPECT_EQ(collect_garbage(*workspace_, {})->scratch_runs, 0);
  EXPECT_EQ(RunScratch(*workspace_, id).names()->size(), 1U);
}

}  // namespace
}  // namespace assay::tracking
