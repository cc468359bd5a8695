// Run files that are gone: told until they are back or their loss is noted, and never told of runs
// that were deleted.
#include "tracking/missing_run.h"

#include <filesystem>

#include "tests/tracking/upkeep_fixture.h"
#include "tracking/catalog.h"
#include "tracking/catalog_journal_internal.h"
#include "tracking/quarantine.h"
#include "tracking/removed_runs.h"
#include "tracking/run_file.h"
#include "tracking/run_trash.h"
#include "tracking/ulid.h"
#include "tracking/workspace_check.h"
#include "tracking/workspace_copy.h"

namespace assay::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class MissingRuns : public UpkeepTest {
 protected:
  std::string file_of(const std::string& run_id) { return run_file_of(*workspace_, run_id); }
  std::string store(const std::string& path) { return folder_ / ("store/" + path); }

  // What lists tell of damage.
  std::vector<std::string> told() {
    const auto page = Catalog(*workspace_).search({});
    EXPECT_TRUE(page) << page.error().message;
    return page ? page->damaged : std::vector<std::string>{"no page"};
  }
  CheckReport check() {
    const auto report = check_workspace(*workspace_, stop_);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : CheckReport();
  }
  auto names(const std::string& run_id) {
    return ElementsAre(testing::AllOf(HasSubstr(run_id), HasSubstr("is missing")));
  }
  StopToken stop_;
};

TEST_F(MissingRuns, AreToldByChecksAndListsUntilTheFileIsBack) {
  for (const bool saved : {false, true}) {
    if (saved) {
      ASSERT_TRUE(Catalog(*workspace_).save());
    }
    const std::string away = folder_ / "away.h5";
    std::filesystem::rename(file_of(trials_[0]), away);
    EXPECT_THAT(check().problems, names(trials_[0])) << saved;
    EXPECT_THAT(told(), names(trials_[0]));
    EXPECT_THAT(told(), names(trials_[0])) << "not only once";
    // What is written down of it is no reason to forget it.
    ASSERT_TRUE(Catalog(*workspace_).save());
    EXPECT_THAT(told(), names(trials_[0]));
    EXPECT_THAT(check().problems, names(trials_[0]));
    const auto runs = Catalog(*workspace_).rebuild();
    ASSERT_TRUE(runs);
    EXPECT_EQ(*runs, 3);
    EXPECT_THAT(told(), names(trials_[0])) << "a catalog made anew keeps it";

    std::filesystem::rename(away, file_of(trials_[0]));
    EXPECT_THAT(told(), IsEmpty());
    EXPECT_THAT(check().problems, IsEmpty());
    ASSERT_TRUE(Catalog(*workspace_).save());
    EXPECT_THAT(told(), IsEmpty());
  }
}

TEST_F(MissingRuns, AreNamedToWhoAsksForOne) {
  std::filesystem::remove(file_of(other_));
  const auto found = find_run(*workspace_, other_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, StatusCode::kData);
  EXPECT_THAT(found.error().message, HasSubstr("is missing"));
}

TEST_F(MissingRuns, OfACatalogThatIsAskedAllTheTimeToo) {
  Catalog catalog(*workspace_);
  ASSERT_TRUE(catalog.search({}));
  std::filesystem::remove(file_of(other_));
  EXPECT_THAT(catalog.search({})->damaged, names(other_));
  EXPECT_THAT(catalog.missing()->front().name, testing::Not(IsEmpty()));
}

TEST_F(MissingRuns, AreNotThoseThatWereDeleted) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  ASSERT_TRUE(delete_run(*workspace_, other_));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(check().problems, IsEmpty());
  ASSERT_TRUE(restore_run(*workspace_, other_));
  EXPECT_THAT(told(), IsEmpty());
  ASSERT_TRUE(delete_run(*workspace_, other_));
  ASSERT_TRUE(collect_garbage(*workspace_, kAtOnce));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(check().problems, IsEmpty());
}

TEST_F(MissingRuns, AreNotThoseWhoseTrashWasEmptiedByHand) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  ASSERT_TRUE(delete_run(*workspace_, other_));
  std::filesystem::remove_all(store("trash/runs"));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(check().problems, IsEmpty());
}

TEST_F(MissingRuns, AreNotThoseThatAStaleCatalogKnows) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  const std::string catalog = slurp(store("catalog.h5"));
  const std::string journal = slurp(store("catalog.wal"));
  ASSERT_TRUE(delete_run(*workspace_, other_));
  ASSERT_TRUE(collect_garbage(*workspace_, kAtOnce));
  spill(store("catalog.h5"), catalog);
  std::filesystem::remove(store("catalog.wal"));
  EXPECT_THAT(told(), IsEmpty());
  spill(store("catalog.wal"), journal);
  EXPECT_THAT(told(), IsEmpty());
  ASSERT_TRUE(Catalog(*workspace_).rebuild());
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(check().problems, IsEmpty());
}

TEST_F(MissingRuns, AreNotThoseInATrashThatNobodyWroteDown) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  // As a deletion leaves it that had no room for a record.
  std::filesystem::create_directories(store("trash/runs"));
  std::filesystem::rename(file_of(other_), store(fmt::format("trash/runs/{}-1.h5", other_)));
  EXPECT_THAT(told(), IsEmpty());
  ASSERT_TRUE(purge_runs(*workspace_, 2, false));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(check().problems, IsEmpty());
}

TEST_F(MissingRuns, AreThoseThatVanishAfterTheyWereRestored) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  ASSERT_TRUE(delete_run(*workspace_, other_));
  EXPECT_THAT(told(), IsEmpty());
  ASSERT_TRUE(restore_run(*workspace_, other_));
  EXPECT_THAT(told(), IsEmpty());
  std::filesystem::remove(file_of(other_));
  EXPECT_THAT(told(), names(other_));
  EXPECT_THAT(check().problems, names(other_));
}

TEST_F(MissingRuns, AreKnownFromTheJournalOfTheCatalogToo) {
  const std::string journal = slurp(store("catalog.wal"));
  spill(store("catalog.wal"), journal + missing_frame({"01HZY0J8Q0ABCDEFGHJKMNPQRS", "gone"}));
  EXPECT_THAT(told(), names("01HZY0J8Q0ABCDEFGHJKMNPQRS"));
  ASSERT_TRUE(Catalog(*workspace_).save());
  EXPECT_THAT(told(), names("01HZY0J8Q0ABCDEFGHJKMNPQRS"));
}

TEST_F(MissingRuns, KeepTheirBlobs) {
  const std::string sha256 = load_run(*workspace_, trials_[0])->artifacts[0].sha256;
  const std::string away = folder_ / "away.h5";
  std::filesystem::rename(file_of(trials_[0]), away);
  const auto report = collect_garbage(*workspace_, kAtOnce);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->damaged, names(trials_[0]));
  EXPECT_TRUE(holds(sha256));
  std::filesystem::rename(away, file_of(trials_[0]));
  EXPECT_THAT(check().problems, IsEmpty());
}

TEST_F(MissingRuns, AreToldBesideADamagedCatalog) {
  std::filesystem::remove(file_of(other_));
  spill(store("catalog.h5"), "no catalog");
  EXPECT_THAT(check().problems, names(other_)) << "its journal knows";
}

TEST_F(MissingRuns, ManyRemovalsBecomeOneRecord) {
  const std::vector<std::string> one = {other_};
  const std::vector<std::string> two = {trials_[0]};
  ASSERT_TRUE(note_removal(*workspace_, Removal::kRemoved, two));
  for (int i = 0; i < 70; ++i) {
    ASSERT_TRUE(
        note_removal(*workspace_, i % 2 == 0 ? Removal::kRemoved : Removal::kRestored, one));
  }
  size_t records = 0;
  for (const auto& entry : std::filesystem::directory_iterator(store("removals"))) {
    records += entry.is_regular_file() ? 1 : 0;
  }
  EXPECT_LT(records, 20U);
  EXPECT_THAT(*removed_runs(*workspace_), ElementsAre(trials_[0])) << "the last record counts";
}

TEST_F(MissingRuns, TheLastRemovalCountsAlsoIfAClockWasAhead) {
  ASSERT_TRUE(delete_run(*workspace_, other_));
  const std::string first = std::filesystem::directory_iterator(store("removals"))->path().string();
  const std::string ahead = *make_ulid_at(ulid_time_ms(*make_ulid()) + int64_t{400} * 86'400'000);
  std::filesystem::rename(first, store("removals/" + ahead + ".json"));
  ASSERT_TRUE(restore_run(*workspace_, other_));
  EXPECT_THAT(*removed_runs(*workspace_), IsEmpty());
  ASSERT_TRUE(delete_run(*workspace_, other_));
  EXPECT_THAT(*removed_runs(*workspace_), ElementsAre(other_));
}

TEST_F(MissingRuns, NothingIsToldWhereARecordOfRemovalsIsDamaged) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  ASSERT_TRUE(delete_run(*workspace_, other_));
  const std::string record =
      std::filesystem::directory_iterator(store("removals"))->path().string();
  spill(record, "{");
  std::filesystem::remove_all(store("trash/runs"));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(check().problems, ElementsAre(HasSubstr(record)));
}

TEST_F(MissingRuns, ARecordOfRemovalsWithAnyOtherByteIsDamaged) {
  ASSERT_TRUE(delete_run(*workspace_, other_));
  const std::string record =
      std::filesystem::directory_iterator(store("removals"))->path().string();
  std::string text = slurp(record);
  const size_t at = text.find(other_);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, other_.size(), trials_[0]);
  spill(record, text);
  const auto removed = removed_runs(*workspace_);
  ASSERT_FALSE(removed) << "another run would count as removed";
  EXPECT_EQ(removed.error().code, StatusCode::kData);
  EXPECT_THAT(removed.error().message, HasSubstr(record));
}

TEST_F(MissingRuns, BecomeAKnownLossInQuarantine) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  std::filesystem::remove(file_of(trials_[1]));
  ASSERT_THAT(check().problems, names(trials_[1]));
  const auto report = quarantine_damage(*workspace_, stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->moved, SizeIs(1));
  EXPECT_TRUE(std::filesystem::exists(
      store(report->folder + "/" + run_file_path(trials_[1]) + ".missing")));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(check().problems, IsEmpty());
  ASSERT_TRUE(Catalog(*workspace_).save());
  std::filesystem::remove_all(store("quarantine"));
  EXPECT_THAT(told(), IsEmpty()) << "that it was put away is written down";
  EXPECT_THAT(check().problems, IsEmpty());
}

TEST_F(MissingRuns, AreNamedByACopyThatCannotHaveThem) {
  std::filesystem::remove(file_of(other_));
  const auto report = copy_workspace(*workspace_, folder_ / "copy", stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->damaged, names(other_));
}

TEST_F(MissingRuns, AreToldByACopyThatLosesOneLater) {
  ASSERT_TRUE(copy_workspace(*workspace_, folder_ / "copy", stop_));
  const auto copy = *Workspace::open(folder_ / "copy");
  std::filesystem::remove(run_file_of(*copy, other_));
  const auto report = check_workspace(*copy, stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->problems, names(other_));
}

TEST_F(MissingRuns, OfManyOnlyTheFirstAreNamed) {
  std::vector<MissingRun> runs(40, MissingRun{other_, "one"});
  const auto messages = missing_run_messages(*workspace_, runs);
  EXPECT_THAT(messages, SizeIs(17));
  EXPECT_THAT(messages.back(), HasSubstr("24 runs missing besides"));
}

TEST_F(MissingRuns, NothingIsToldWithoutACatalog) {
  std::filesystem::remove(file_of(other_));
  std::filesystem::remove(store("catalog.h5"));
  std::filesystem::remove(store("catalog.wal"));
  EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace assay::tracking
