#include "tracking/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>

#include "tests/tracking/aged_files.h"
#include "tests/tracking/random_runs.h"
#include "tests/tracking/test_folder.h"
#include "tracking/catalog_file_internal.h"
#include "tracking/catalog_journal_internal.h"
#include "tracking/hdf5_internal.h"
#include "tracking/run.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/run_seal_internal.h"
#include "tracking/run_table_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr unsigned kCatalogSeed = 20250103;

class CatalogTest : public testing::Test {
 protected:
  void SetUp() override {
    workspace_ = *Workspace::create(folder_ / "store", "a", &files_);
    path_ = workspace_->path();
  }

  std::string add(RunRecord record) {
    auto run = Run::create(workspace_, {.kind = record.info.kind.empty() ? "job" : record.info.kind,
                                        .experiment = "default",
                                        .name = record.info.name});
    EXPECT_TRUE(run);
    for (const auto& [key, value] : record.params) EXPECT_TRUE((*run)->log_param(key, value));
    for (const auto& [key, value] : record.tags) EXPECT_TRUE((*run)->set_tag(key, value));
    for (const auto& [key, points] : record.metrics) {
      for (const MetricPoint& point : points) EXPECT_TRUE((*run)->log_metric(key, point.value));
    }
    if (record.info.score) {
      EXPECT_TRUE((*run)->set_score("m1", *record.info.score));
    }
    const RunStatus status =
        record.info.status == RunStatus::kRunning ? RunStatus::kCompleted : record.info.status;
    EXPECT_TRUE((*run)->finish(status));
    return (*run)->id();
  }

  void add_some(int count) {
    RandomRuns runs(kCatalogSeed);
    for (int i = 0; i < count; ++i) add(runs.record());
  }

  // Everything that a catalog says, as text: what a fresh one finds is compared with what one
  // without any cache finds.
  static std::string told(Workspace& workspace) {
    Catalog catalog(workspace);
    const auto fields = catalog.fields();
    EXPECT_TRUE(fields);
    const auto page = catalog.search({}, *fields);
    EXPECT_TRUE(page);
    if (!fields || !page) return "error";
    std::string text;
    for (const RunRow& row : page->rows) {
      text += row.info.run_id + " " + row.info.name + " " + std::string(name_of(row.info.status)) +
              " " + (row.info.score ? Value(*row.info.score).text() : "-") + " " + row.trend;
      for (size_t i = 0; i < row.values.size(); ++i) {
        if (row.values[i]) text += " " + field_text((*fields)[i]) + "=" + row.values[i]->text();
      }
      text += "\n";
    }
    for (const std::string& message : page->damaged) text += message + "\n";
    return text;
  }
  // Removes a run's file by hand.
  void lose(const std::string& run_id) {
    const std::string path = run_file_of(*workspace_, run_id);
    const auto info = read_run_info(files_, path);
    if (!info) return;  // it was lost before
    lost_[run_id] = info->name;
    std::filesystem::remove(path);
  }
  std::string truth() {
    const std::string copy = folder_ / "copy";
    std::filesystem::copy(path_, copy, std::filesystem::copy_options::recursive);
    std::filesystem::remove(copy + "/catalog.h5");
    std::filesystem::remove(copy + "/catalog.wal");
    std::string text = told(**Workspace::open(copy));
    std::filesystem::remove_all(copy);
    for (const auto& [run_id, name] : lost_) {
      text += missing_run_message(*workspace_, {run_id, name}) + "\n";
    }
    // Messages name files by their path.
    for (size_t at = text.find(copy); at != std::string::npos; at = text.find(copy)) {
      text.replace(at, copy.size(), path_);
    }
    return text;
  }

  std::string catalog_file() const { return path_ + "/catalog.h5"; }
  std::string journal_file() const { return path_ + "/catalog.wal"; }

  TestFolder folder_;
  std::map<std::string, std::string> lost_;  // run ids and names
  AgedFiles files_;
  std::shared_ptr<Workspace> workspace_;
  std::string path_;
};

TEST_F(CatalogTest, AnEmptyWorkspaceHasNoRuns) {
  Catalog catalog(*workspace_);
  const auto page = catalog.search({});
  ASSERT_TRUE(page);
  EXPECT_THAT(page->rows, IsEmpty());
  EXPECT_EQ(page->total, 0);
  EXPECT_TRUE(catalog.save());
  EXPECT_EQ(told(*workspace_), "");
}

TEST_F(CatalogTest, ANotedRunIsListedWithoutReadingItsFile) {
  add_some(30);
  files_.restart();
  const std::string listed = told(*workspace_);
  EXPECT_EQ(files_.run_files_opened, 0);
  EXPECT_EQ(listed, truth());
}

TEST_F(CatalogTest, ASavedCatalogAnswersWithoutLookingIntoAnyFolder) {
  add_some(30);
  const std::string expected = truth();
  ASSERT_TRUE(Catalog(*workspace_).save());
  files_.restart();
  EXPECT_EQ(told(*workspace_), expected);
  EXPECT_EQ(files_.run_files_opened, 0);
  EXPECT_EQ(files_.folders_listed, 0);
}

TEST_F(CatalogTest, AFolderThatChangedAMomentAgoIsNotTrusted) {
  files_.aged = false;
  add_some(3);
  ASSERT_TRUE(Catalog(*workspace_).save());
  files_.restart();
  EXPECT_EQ(told(*workspace_), truth());
  EXPECT_GT(files_.folders_listed, 0);
}

TEST_F(CatalogTest, SeesReplacedNewAndMissingFiles) {
  files_.aged = false;
  auto run = *Run::create(workspace_, {.name = "long"});
  ASSERT_TRUE(run->checkpoint());
  const std::string gone = add({});
  ASSERT_TRUE(workspace_->flush());  // the journal says that its file was there
  ASSERT_TRUE(Catalog(*workspace_).save());
  Catalog warm(*workspace_);
  ASSERT_TRUE(warm.search({}));

  ASSERT_TRUE(run->log_param("late", 5));
  ASSERT_TRUE(run->finish(RunStatus::kFailed, "no luck"));
  std::filesystem::remove(run_file_of(*workspace_, gone));
  std::filesystem::remove(journal_file());  // nobody noted anything
  const std::string fresh = add({});

  const RunField late{FieldGroup::kParam, "late"};
  const auto expect_the_truth = [&](Catalog& catalog) {
    const auto page = catalog.search({}, {&late, 1});
    ASSERT_TRUE(page);
    ASSERT_EQ(page->rows.size(), 2U);
    EXPECT_EQ(page->rows[0].info.run_id, fresh);
    EXPECT_EQ(page->rows[1].info.run_id, run->id());
    EXPECT_EQ(page->rows[1].info.status, RunStatus::kFailed);
    EXPECT_EQ(page->rows[1].info.message, "no luck");
    EXPECT_EQ(page->rows[1].values[0], Value(5));
  };
  expect_the_truth(warm);
  Catalog cold(*workspace_);
  expect_the_truth(cold);
}

TEST_F(CatalogTest, FindsRunsAsTheirJournalsKnowThem) {
  files_.aged = false;
  Catalog warm(*workspace_);
  const auto found = [&](std::string_view text) {
    const auto query = parse_run_query(text, 0);
    EXPECT_TRUE(query) << text;
    const auto page = warm.search(*query);
    EXPECT_TRUE(page) << page.error().message;
    EXPECT_EQ(page->matched, Catalog(*workspace_).search(*query)->matched) << text;
    return page->matched;
  };
  const auto run = *Run::create(workspace_, {.name = "live"});
  ASSERT_TRUE(run->log_param("lr", 0.5));
  ASSERT_TRUE(run->log_metric("m1", 2));
  ASSERT_TRUE(run->durable());
  EXPECT_FALSE(files_.exists(run_file_of(*workspace_, run->id())));
  EXPECT_EQ(found("status = 'running' and params.lr = 0.5 and metrics.m1 = 2"), 1);
  EXPECT_EQ(found(""), 1) << "what was shown for one answer is not kept";

  ASSERT_TRUE(run->checkpoint());
  EXPECT_EQ(found("score is null"), 1);
  ASSERT_TRUE(run->set_score("m1", 0.75));
  ASSERT_TRUE(run->durable());
  EXPECT_EQ(found("score = 0.75 and metric = 'm1' and params.lr = 0.5"), 1);

  ASSERT_TRUE(run->finish(RunStatus::kFailed, "no luck", FinishMode::kDeferred));
  ASSERT_TRUE(run->durable());
  EXPECT_EQ(found("status = 'failed' and message = 'no luck' and end_time is not null"), 1);
  ASSERT_TRUE(workspace_->flush());
  EXPECT_EQ(found("status = 'failed' and score = 0.75"), 1);
  EXPECT_EQ(found(""), 1);
  ASSERT_TRUE(warm.save());
  EXPECT_EQ(found("status = 'failed' and score = 0.75"), 1);
}

TEST_F(CatalogTest, ADamagedCatalogOrJournalChangesNoAnswer) {
  add_some(25);
  const std::string expected = truth();
  ASSERT_TRUE(Catalog(*workspace_).save());
  add({});
  const std::string more = truth();
  ASSERT_NE(more, expected);
  const std::string catalog = slurp(catalog_file());
  const std::string journal = slurp(journal_file());
  std::mt19937 random(kCatalogSeed);
  for (int i = 0; i < 150; ++i) {
    std::string bytes = i % 2 == 0 ? catalog : journal;
    switch (random() % 4) {
      case 0:
        bytes.resize(random() % bytes.size());
        break;
      case 1:
        bytes[random() % bytes.size()] ^= static_cast<char>(1U << (random() % 8));
        break;
      case 2:
        bytes.insert(random() % bytes.size(), "RFRM\xff");
        break;
      default:
        std::fill_n(bytes.begin() + static_cast<long>(random() % bytes.size()), 1, '\0');
        bytes += "tail";
    }
    // A new file, as a damaged disk would show it: inode and times tell nothing.
    std::filesystem::remove(i % 2 == 0 ? catalog_file() : journal_file());
    spill(i % 2 == 0 ? catalog_file() : journal_file(), bytes);
    ASSERT_EQ(told(*workspace_), more) << i;
    spill(catalog_file(), catalog);
    spill(journal_file(), journal);
  }
  std::filesystem::remove(catalog_file());
  EXPECT_EQ(told(*workspace_), more) << "no catalog.h5";
  std::filesystem::remove(journal_file());
  EXPECT_EQ(told(*workspace_), more) << "neither";
  std::filesystem::create_directory(catalog_file());
  std::filesystem::create_directory(journal_file());
  EXPECT_EQ(told(*workspace_), more) << "folders";
}

TEST_F(CatalogTest, AnOldJournalBesideANewerCatalogChangesNoAnswer) {
  files_.aged = false;
  auto run = *Run::create(workspace_, {.name = "long"});
  ASSERT_TRUE(run->checkpoint());
  add_some(5);
  const std::string old_journal = slurp(journal_file());
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  ASSERT_TRUE(Catalog(*workspace_).save());
  spill(journal_file(), old_journal);
  files_.aged = true;
  EXPECT_EQ(find_run(*workspace_, run->id())->status, RunStatus::kCompleted);
  EXPECT_EQ(told(*workspace_), truth());
}

TEST_F(CatalogTest, TheCatalogOfAnotherWorkspaceChangesNoAnswer) {
  add_some(10);
  ASSERT_TRUE(Catalog(*workspace_).save());
  const auto other = *Workspace::create(folder_ / "other", "b", &files_);
  ASSERT_TRUE((*Run::create(other, {.name = "alone"}))->finish(RunStatus::kCompleted));
  for (const char* name : {"/catalog.h5", "/catalog.wal"}) {
    std::filesystem::copy_file(path_ + name, other->path() + name,
                               std::filesystem::copy_options::overwrite_existing);
  }
  const auto page = Catalog(*other).search({});
  ASSERT_TRUE(page);
  ASSERT_EQ(page->rows.size(), 1U);
  EXPECT_EQ(page->rows[0].info.name, "alone");
}

TEST_F(CatalogTest, WhatAListHadToReadIsKeptInTheJournal) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  // Runs that nobody noted here.
  const auto other = *Workspace::create(folder_ / "other", "b");
  for (int i = 0; i < 20; ++i) {
    const auto run = Run::create(other, {.name = "run " + std::to_string(i)});
    ASSERT_TRUE((*run)->finish(RunStatus::kCompleted));
  }
  std::filesystem::copy(other->path() + "/runs", path_ + "/runs",
                        std::filesystem::copy_options::recursive);
  files_.restart();
  const std::string first = told(*workspace_);
  EXPECT_EQ(files_.run_files_opened, 20);
  EXPECT_EQ(first, truth());
  files_.restart();
  EXPECT_EQ(told(*workspace_), first);
  EXPECT_EQ(files_.run_files_opened, 0);
  EXPECT_EQ(files_.folders_listed, 0) << "the journal has stamps of all folders";

  const std::string gone = (*list_runs(*workspace_)).runs[3].run_id;
  lose(gone);
  EXPECT_EQ(told(*workspace_), truth());
}

TEST_F(CatalogTest, WorksInAReadOnlyWorkspace) {
  add_some(5);
  const std::string expected = truth();
  std::filesystem::remove(journal_file());
  files_.writable = false;
  const auto reader = *Workspace::open(path_, &files_);
  EXPECT_EQ(told(*reader), expected);
  EXPECT_FALSE(Catalog(*reader).save());
}

TEST_F(CatalogTest, ReportsADamagedRunFileAndListsTheRest) {
  add_some(4);
  const std::string victim = add({});
  ASSERT_TRUE(Catalog(*workspace_).save());
  const std::string path = run_file_of(*workspace_, victim);
  std::filesystem::remove(path);
  spill(path, "not a run");
  for (int i = 0; i < 2; ++i) {
    const auto page = Catalog(*workspace_).search({});
    ASSERT_TRUE(page);
    EXPECT_EQ(page->rows.size(), 4U);
    ASSERT_EQ(page->damaged.size(), 1U) << "every time";
    EXPECT_THAT(page->damaged[0], HasSubstr(victim));
    ASSERT_TRUE(Catalog(*workspace_).save());
  }
}

TEST_F(CatalogTest, AFileUnderAnotherRunsNameIsDamaged) {
  const std::string id = add({});
  const std::string other = *make_ulid();
  ASSERT_TRUE(workspace_->ensure_folder(shard_folder(shard_of(other))));
  std::filesystem::copy_file(run_file_of(*workspace_, id), run_file_of(*workspace_, other));
  const auto page = Catalog(*workspace_).search({});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->rows.size(), 1U);
  ASSERT_EQ(page->damaged.size(), 1U);
  EXPECT_THAT(page->damaged[0], HasSubstr("it holds run " + id));
}

TEST_F(CatalogTest, ARunFileWithoutDetailsIsReadThroughHdf5) {
  RunRecord record;
  record.params["lr"] = 0.25;
  record.metrics["m1"] = {{0, 0, 1}, {1, 0, 3}, {2, 0, 2}};
  record.info.score = 2;
  const std::string id = add(record);
  const std::string path = run_file_of(*workspace_, id);
  const std::string bytes = slurp(path);
  const std::string summary = *read_summary(files_, path);
  std::string older(*verified_image(bytes, path));
  append_seal(older, summary.substr(0, summary.find(",\"details\"")) + "}");
  std::filesystem::remove(path);
  spill(path, older);
  const RunField fields[] = {{FieldGroup::kParam, "lr"},
                             {FieldGroup::kMetricLast, "m1"},
                             {FieldGroup::kMetricGreatest, "m1"}};
  const auto page = Catalog(*workspace_).search({}, fields);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->rows.size(), 1U);
  EXPECT_EQ(page->rows[0].values[0], Value(0.25));
  EXPECT_EQ(page->rows[0].values[1], Value(2.0));
  EXPECT_EQ(page->rows[0].values[2], Value(3.0));
  EXPECT_EQ(page->rows[0].trend, "074");
}

TEST_F(CatalogTest, PagesAndCounts) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(add({}));
  const auto query = parse_run_query("kind = 'job' limit 2 offset 3", 0);
  const auto page = Catalog(*workspace_).search(*query);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->rows.size(), 2U);
  EXPECT_EQ(page->rows[0].info.run_id, ids[1]);
  EXPECT_EQ(page->rows[1].info.run_id, ids[0]);
  EXPECT_EQ(page->matched, 5);
  EXPECT_EQ(page->total, 5);
  const auto beyond = Catalog(*workspace_).search(*parse_run_query("offset 99", 0));
  ASSERT_TRUE(beyond);
  EXPECT_THAT(beyond->rows, IsEmpty());
}

TEST_F(CatalogTest, NotesFieldsThatNoRunHas) {
  RunRecord record;
  record.params["learner"] = "gbdt";
  add(record);
  const auto page = Catalog(*workspace_).search(*parse_run_query("params.lerner = 'gbdt'", 0));
  ASSERT_TRUE(page);
  EXPECT_THAT(page->notes,
              testing::ElementsAre("no run has params.lerner (did you mean params.learner?)"));
  record.metrics["auc"] = {{0, 0, 0.5}};
  add(record);
  const auto notes = [&](const char* query, const std::vector<RunField>& shown) {
    return Catalog(*workspace_).search(*parse_run_query(query, 0), shown)->notes;
  };
  const std::vector<RunField> columns = {{FieldGroup::kParam, "learnr"},
                                         {FieldGroup::kMetricGreatest, "acu"},
                                         {FieldGroup::kMetricLeast, "acu"}};
  EXPECT_THAT(notes("", columns),
              testing::ElementsAre("no run has params.learnr (did you mean params.learner?)",
                                   "no run has metrics.acu (did you mean metrics.auc?)"))
      << "columns that are shown are noted as well, each metric once";
  EXPECT_THAT(notes("tags.learner = 'x' or tags.lerner = 'x'", {}),
              testing::ElementsAre("no run has tags.learner (did you mean params.learner?)",
                                   "no run has tags.lerner (did you mean params.learner?)"));
  EXPECT_THAT(notes("metrics.auc.max > 0", {}),
              testing::ElementsAre("no run has metrics.auc.max (did you mean max(metrics.auc)?)"));
  EXPECT_THAT(notes("metrics.auc.avg > 0", {}),
              testing::ElementsAre("no run has metrics.auc.avg (there are last(metrics.auc), "
                                   "min(metrics.auc), max(metrics.auc) and count(metrics.auc))"));
  const auto fine = Catalog(*workspace_).search(*parse_run_query("params.learner = 'x'", 0));
  ASSERT_TRUE(fine);
  EXPECT_THAT(fine->notes, IsEmpty());
}

TEST_F(CatalogTest, IsAnHdf5FileThatOtherProgramsRead) {
  RunRecord record;
  record.params["lr"] = 0.25;
  add(record);
  ASSERT_TRUE(Catalog(*workspace_).save());
  const std::string bytes = slurp(catalog_file());
  const auto image = verified_image(bytes, catalog_file(), kCatalogSeal);
  ASSERT_TRUE(image) << image.error().message;
  const Hdf5Session session;
  const auto file = open_image(*image);
  ASSERT_TRUE(file) << file.error().message;
  const auto array = open_array(file->get(), "params/lr/f64");
  ASSERT_TRUE(array);
  ASSERT_EQ(array->count, 1U);
  double value = 0;
  ASSERT_TRUE(read_into(*array, H5T_NATIVE_DOUBLE, &value));
  EXPECT_EQ(value, 0.25);
}

TEST_F(CatalogTest, CheckFindsAWrongCatalogAndRebuildMendsIt) {
  RunRecord record;
  record.params["lr"] = 0.25;
  const std::string id = add(record);
  ASSERT_TRUE(Catalog(*workspace_).save());
  auto check = Catalog(*workspace_).check();
  ASSERT_TRUE(check);
  EXPECT_TRUE(check->file);
  EXPECT_EQ(check->rows, 1);
  EXPECT_THAT(check->problems, IsEmpty());

  // A catalog that names the right file and says something else about it.
  RunTable table = std::move(*RunTable::create(nullptr));
  const std::string path = run_file_of(*workspace_, id);
  CatalogEntry entry{identity_of(*files_.stat(path)), *read_run_summary(files_, path)};
  entry.summary.params["lr"] = 0.5;
  table.put(entry);
  spill(catalog_file(), *catalog_image(table, {}));
  check = Catalog(*workspace_).check();
  ASSERT_TRUE(check);
  ASSERT_EQ(check->problems.size(), 1U);
  EXPECT_THAT(check->problems[0], HasSubstr(id + ": params.lr"));

  EXPECT_EQ(*Catalog(*workspace_).rebuild(), 1);
  check = Catalog(*workspace_).check();
  ASSERT_TRUE(check);
  EXPECT_THAT(check->problems, IsEmpty());

  std::string bytes = slurp(catalog_file());
  bytes.resize(bytes.size() / 2);
  spill(catalog_file(), bytes);
  check = Catalog(*workspace_).check();
  ASSERT_TRUE(check);
  ASSERT_EQ(check->problems.size(), 1U);
  EXPECT_THAT(check->problems[0], HasSubstr("catalog.h5"));
}

TEST_F(CatalogTest, AFullDiskNeverFailsAPublish) {
  // note() may fail at any of its steps; the run is published and listed all the same.
  std::filesystem::remove(journal_file());
  files_.writable = true;
  add_some(2);
  std::filesystem::remove(journal_file());
  std::filesystem::create_directory(journal_file());
  const std::string id = add({});
  EXPECT_TRUE(find_run(*workspace_, id));
}

TEST_F(CatalogTest, EqualsWhatRunFilesSayAfterManySavesAndChanges) {
  files_.aged = false;
  RandomRuns runs(kCatalogSeed + 1);
  std::vector<std::string> ids;
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 8; ++i) ids.push_back(add(runs.record()));
    if (round % 2 == 1) {
      ASSERT_TRUE(Catalog(*workspace_).save());  // it knows of the run that goes
      lose(ids[runs.pick(ids.size())]);
      std::filesystem::remove(journal_file());
    }
    EXPECT_EQ(told(*workspace_), truth()) << round;
    if (round != 3) {
      ASSERT_TRUE(Catalog(*workspace_).save());
      const auto check = Catalog(*workspace_).check();
      ASSERT_TRUE(check);
      EXPECT_THAT(check->problems, IsEmpty()) << round;
    }
  }
}

}  // namespace
}  // namespace assay::tracking
