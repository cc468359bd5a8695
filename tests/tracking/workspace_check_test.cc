#include "tracking/workspace_check.h"

#include <sys/stat.h>

#include <filesystem>

#include "tests/tracking/upkeep_fixture.h"
#include "tracking/catalog.h"
#include "tracking/garbage.h"
#include "tracking/quarantine.h"
#include "tracking/run_trash.h"
#include "tracking/ulid.h"
#include "tracking/workspace_copy.h"

namespace assay::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class WorkspaceCheck : public UpkeepTest {
 protected:
  CheckReport check(bool thorough = true) {
    const auto report = check_workspace(*workspace_, stop_, {.thorough = thorough});
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : CheckReport();
  }
  // The path of the only file below the store whose path holds `part`.
  std::string file_with(const std::string& part) {
    std::string found;
    for (const std::string& path : files_below(folder_ / "store")) {
      if (path.find(part) != std::string::npos) found = folder_ / ("store/" + path);
    }
    EXPECT_FALSE(found.empty()) << part;
    return found;
  }
  StopToken stop_;
};

TEST_F(WorkspaceCheck, FindsNothingInAWholeOne) {
  ASSERT_TRUE(delete_run(*workspace_, other_));
  int64_t steps = 0;
  const auto report =
      check_workspace(*workspace_, stop_, {.progress = [&](int64_t done) { steps = done; }});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_EQ(report->runs, 4) << "one of them in the trash";
  EXPECT_EQ(report->blobs, 4);
  EXPECT_EQ(report->models, 1);
  EXPECT_GE(steps, 9);
}

TEST_F(WorkspaceCheck, NothingWaitsForPipesAmongItsFiles) {
  ASSERT_TRUE(delete_run(*workspace_, other_));
  const std::string id = "01HZY0J8Q0ABCDEFGHJKMNPQRV";
  std::vector<std::string> folders = {folder_ / "store"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "store")) {
    if (entry.is_directory()) folders.push_back(entry.path().string());
  }
  size_t pipes = 0;
  const auto make_pipe = [&](const std::string& path) {
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0) << path;
    ++pipes;
  };
  for (const std::string& folder : folders) make_pipe(folder + "/pipe");
  for (const char* name : {"runs/ff", "blobs/ff"}) {
    if (!std::filesystem::exists(folder_ / (std::string("store/") + name))) {
      make_pipe(folder_ / (std::string("store/") + name));
    }
  }
  std::filesystem::create_directories(folder_ / "store/runs/fe");
  for (const auto& shard : std::filesystem::directory_iterator(folder_ / "store/runs")) {
    // In its own folder the pipe would be in a run's place, which is told as damage.
    if (shard.path().filename() == ulid_shard(id)) continue;
    if (shard.is_directory()) make_pipe(shard.path().string() + "/" + id + ".h5");
  }
  make_pipe(folder_ / fmt::format("store/trash/runs/{}.h5", id));
  make_pipe(folder_ / ("store/writers/" + id));
  std::filesystem::remove(folder_ / "store/catalog.h5");
  std::filesystem::remove(folder_ / "store/catalog.wal");
  make_pipe(folder_ / "store/catalog.h5");
  make_pipe(folder_ / "store/catalog.wal");
  EXPECT_GT(pipes, 12U);

  reopen();
  EXPECT_EQ(run_ids().size(), 3U);
  EXPECT_THAT(check().problems, IsEmpty());
  EXPECT_GT(check().foreign.size(), 3U);
  ASSERT_TRUE(collect_garbage(*workspace_, {.grace_ns = 0}));
  ASSERT_TRUE(workspace_->recover());
  // The next run's folder may be this one: a run is told an error there, which is no check's
  // affair.
  if (std::filesystem::is_fifo(folder_ / "store/runs/ff")) {
    std::filesystem::remove(folder_ / "store/runs/ff");
  }
  make_run("job", "", "more");
  EXPECT_EQ(run_ids().size(), 4U);
  ASSERT_TRUE(Catalog(*workspace_).rebuild());
  EXPECT_EQ(run_ids().size(), 4U);
  const auto copied = copy_workspace(*workspace_, folder_ / "copy", stop_);
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_THAT(copied->damaged, IsEmpty());
  EXPECT_TRUE(check_workspace(**Workspace::open(folder_ / "copy"), stop_)->whole());
}

TEST_F(WorkspaceCheck, NamesEachFileThatChanged) {
  const std::string run = file_with(other_ + ".h5");
  std::string bytes = slurp(run);
  bytes[bytes.size() / 3] ^= 1;
  spill(run, bytes);
  EXPECT_THAT(check().problems, ElementsAre(HasSubstr(other_)));
  EXPECT_THAT(check(false).problems, ElementsAre(HasSubstr(other_)));
}

TEST_F(WorkspaceCheck, NamesBlobsThatAreDamagedOrMissing) {
  const std::string sha256 = load_run(*workspace_, trials_[0])->artifacts[0].sha256;
  spill(file_with(sha256), "other bytes 1");
  EXPECT_THAT(check().problems, ElementsAre(HasSubstr(sha256)));
  EXPECT_TRUE(check(false).whole()) << "a quick check does not hash blobs";
  spill(file_with(sha256), "trial");
  EXPECT_THAT(check().problems, ElementsAre(HasSubstr(sha256)));
  EXPECT_THAT(check(false).problems,
              ElementsAre(testing::AllOf(HasSubstr(sha256), HasSubstr("it has 5 bytes, and run " +
                                                                      trials_[0] + " names 13"))));
  std::filesystem::remove(file_with(sha256));
  EXPECT_THAT(check().problems, ElementsAre(testing::AllOf(HasSubstr(sha256), HasSubstr("missing"),
                                                           HasSubstr(trials_[0]))));
  EXPECT_THAT(check(false).problems, ElementsAre(HasSubstr("missing")));
}

TEST_F(WorkspaceCheck, NamesEachModelRecordThatIsDamaged) {
  const std::string model = "other model bytes";
  ASSERT_TRUE(ModelRegistry(workspace_)
                  .register_model({.name = "credit"}, std::as_bytes(std::span(model))));
  spill(file_with("versions/1.json"), "{");
  EXPECT_THAT(check(false).problems, ElementsAre(HasSubstr("versions/1.json")));
}

TEST_F(WorkspaceCheck, ComparesSizesOfModels) {
  const std::string sha256 = ModelRegistry(workspace_).resolve("credit")->sha256;
  spill(file_with(sha256), "model");
  EXPECT_THAT(check(false).problems,
              ElementsAre(HasSubstr("it has 5 bytes, and model credit:1 names 11")));
}

TEST_F(WorkspaceCheck, ComparesSizesOfWhatAJournalNames) {
  auto run = *Run::create(workspace_, {.kind = "job", .name = "running"});
  const std::string bytes = "bytes of a run under way";
  ASSERT_TRUE(run->log_artifact("b.txt", std::as_bytes(std::span(bytes)), "text/plain"));
  ASSERT_TRUE(run->durable());
  const std::string sha256 = load_run(*workspace_, run->id())->artifacts[0].sha256;
  spill(file_with("blobs/" + sha256.substr(0, 2) + "/" + sha256), "");
  EXPECT_THAT(check(false).problems, ElementsAre(HasSubstr("it has 0 bytes, and run")));
}

TEST_F(WorkspaceCheck, SaysWhetherThereIsACatalog) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  CheckReport report = check(false);
  EXPECT_TRUE(report.catalog_file);
  EXPECT_EQ(report.catalog_runs, 4);
  std::filesystem::remove(folder_ / "store/catalog.h5");
  make_run("job", "", "x");
  report = check(false);
  EXPECT_FALSE(report.catalog_file);
  EXPECT_TRUE(report.catalog_journal);
  EXPECT_TRUE(report.whole());
  spill(folder_ / "store/catalog.h5", "damaged");
  report = check(false);
  EXPECT_THAT(report.problems, IsEmpty()) << "it is a cache";
  EXPECT_FALSE(report.whole());
}

TEST_F(WorkspaceCheck, SaysWhenTheCatalogsJournalIsDamaged) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  make_run("job", "", "x");
  make_run("job", "", "y");
  const std::string journal = folder_ / "store/catalog.wal";
  const std::string whole = slurp(journal);
  ASSERT_GT(whole.size(), 200U);
  spill(journal, whole.substr(0, whole.size() - 7));
  EXPECT_TRUE(check(false).whole()) << "a torn end is what a crash leaves";
  spill(journal, whole.substr(0, whole.size() - 7) + whole.substr(16));
  EXPECT_TRUE(check(false).whole()) << "and others go on behind it";
  spill(journal, whole + std::string(100, '\0') + whole.substr(16));
  EXPECT_TRUE(check(false).whole()) << "a page that was never written";
  for (const size_t bytes : {size_t{0}, size_t{5}, size_t{15}}) {
    spill(journal, whole.substr(0, bytes));
    EXPECT_TRUE(check(false).whole()) << "a header cut after " << bytes << " bytes";
  }
  spill(journal, whole.substr(0, 5) + std::string(11, '\0') + whole.substr(16));
  EXPECT_TRUE(check(false).whole()) << "a header torn in the middle";
  spill(journal, whole + "other bytes" + whole.substr(16));
  EXPECT_THAT(check(false).catalog_problems, ElementsAre(HasSubstr("catalog.wal")));
  spill(journal, std::string(1000, '\x5a'));
  EXPECT_THAT(check(false).catalog_problems, ElementsAre(HasSubstr("catalog.wal")));
  ASSERT_TRUE(Catalog(*workspace_).rebuild());
  EXPECT_TRUE(check(false).whole());
}

TEST_F(WorkspaceCheck, NamesRunsUnderAWrongName) {
  const std::string from = file_with(other_ + ".h5");
  std::filesystem::copy_file(from, file_with(sweep_ + ".h5"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(check().problems, testing::Contains(HasSubstr("holds run " + other_)));
}

TEST_F(WorkspaceCheck, StopsWhenAsked) {
  stop_.request();
  EXPECT_EQ(check_workspace(*workspace_, stop_).error().code, StatusCode::kCancelled);
}

TEST_F(WorkspaceCheck, MissesVersionsThatRunsRegistered) {
  auto run = *Run::create(workspace_, {.kind = "sweep"});
  const std::string bytes = "newest bytes";
  ModelRegistry registry(workspace_);
  const auto made = registry.register_model({.name = "Credit", .run_id = run->id()},
                                            std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(made);
  ASSERT_TRUE(run->add_model({.name = "Credit", .version = made->version, .sha256 = made->sha256}));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  EXPECT_THAT(check().problems, IsEmpty());
  std::filesystem::remove(folder_ / "store/models/credit/versions/2.json");
  EXPECT_THAT(check().problems,
              ElementsAre(testing::AllOf(HasSubstr("credit:2 is missing"), HasSubstr(run->id()))));
  const auto put_away = quarantine_damage(*workspace_, stop_);
  ASSERT_TRUE(put_away) << put_away.error().message;
  EXPECT_THAT(check().problems, IsEmpty());
  const auto next = registry.register_model({.name = "credit"}, std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->version, 3) << "the number stays taken";
}

TEST_F(WorkspaceCheck, SeesANumberThatWasGivenOutAgain) {
  auto run = *Run::create(workspace_, {.kind = "sweep"});
  const std::string bytes = "newest bytes";
  ModelRegistry registry(workspace_);
  const auto made = registry.register_model({.name = "credit", .run_id = run->id()},
                                            std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(made);
  ASSERT_TRUE(run->add_model({.name = "credit", .version = made->version, .sha256 = made->sha256}));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  std::filesystem::remove(folder_ / "store/models/credit/versions/2.json");
  const std::string others = "other bytes";
  ASSERT_EQ(registry.register_model({.name = "credit"}, std::as_bytes(std::span(others)))->version,
            2);
  EXPECT_THAT(check().problems,
              ElementsAre(testing::AllOf(HasSubstr("credit:2"), HasSubstr(run->id()))));
}

TEST_F(WorkspaceCheck, MissesAModelThatIsGoneWithItsFolder) {
  auto run = *Run::create(workspace_, {.kind = "sweep"});
  ASSERT_TRUE(run->add_model({.name = "churn", .version = 1, .sha256 = std::string(64, 'a')}));
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  EXPECT_THAT(check().problems, testing::Contains(HasSubstr("churn:1 is missing")));
  ASSERT_TRUE(quarantine_damage(*workspace_, stop_));
  EXPECT_THAT(check().problems, IsEmpty());
}

TEST_F(WorkspaceCheck, AFileNamedLikeAFarVersionIsNobodys) {
  const std::string stray = folder_ / "store/models/credit/versions/1000000.json";
  spill(stray, "{}");
  const CheckReport report = check();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_THAT(report.foreign, ElementsAre(stray));
  const std::string bytes = "more bytes";
  const auto next =
      ModelRegistry(workspace_).register_model({.name = "credit"}, std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->version, 2);
  const auto copied = copy_workspace(*workspace_, folder_ / "copy", stop_);
  ASSERT_TRUE(copied);
  EXPECT_THAT(copied->damaged, IsEmpty());
}

TEST_F(WorkspaceCheck, SeesAnyChangedByteOfTheCatalog) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  const std::string path = folder_ / "store/catalog.h5";
  const std::string whole = slurp(path);
  for (size_t at = 7; at < whole.size(); at += whole.size() / 97 + 1) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    spill(path, bytes);
    EXPECT_THAT(check(false).catalog_problems, ElementsAre(HasSubstr("catalog.h5"))) << at;
  }
}

}  // namespace
}  // namespace assay::tracking
