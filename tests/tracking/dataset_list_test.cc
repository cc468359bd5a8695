#include "tracking/dataset_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tracking/test_folder.h"
#include "tracking/run.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class DatasetList : public testing::Test {
 protected:
  std::string add(const std::string& name, char content, const std::string& role = "train",
                  const std::string& parent = "") {
    auto run = Run::create(workspace_,
                           {.kind = parent.empty() ? "job" : "trial", .parent_run_id = parent});
    EXPECT_TRUE(run) << run.error().message;
    EXPECT_TRUE((*run)->add_dataset({name, "", std::string(64, content), role, 10, 3, {}}));
    EXPECT_TRUE((*run)->finish(RunStatus::kCompleted));
    return (*run)->id();
  }
  std::vector<DatasetHistory> list() {
    const auto all = list_datasets(*workspace_);
    EXPECT_TRUE(all) << all.error().message;
    return all ? *all : std::vector<DatasetHistory>();
  }

  const TestFolder folder_{memory_folder()};
  std::shared_ptr<Workspace> workspace_ = *Workspace::create(folder_ / "store", "a");
};

TEST_F(DatasetList, HasAVersionForEachContent) {
  const std::string first = add("sales.csv", 'a');
  const std::string second = add("sales.csv", 'b');
  const std::string third = add("sales.csv", 'a', "test");
  add("other.csv", 'c');
  add("sales.csv", 'a', "train", third);  // a trial has the data of its sweep
  const auto all = list();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "other.csv") << "used last";
  const auto& versions = all[1].versions;
  ASSERT_EQ(versions.size(), 2U);
  EXPECT_EQ(versions[0].number, 1);
  EXPECT_EQ(versions[0].content_hash, std::string(64, 'a'));
  EXPECT_THAT(versions[0].roles, ElementsAre("test", "train"));
  ASSERT_EQ(versions[0].runs.size(), 2U);
  EXPECT_EQ(versions[0].runs[0].run_id, third) << "newest first";
  EXPECT_EQ(versions[0].runs[1].run_id, first);
  EXPECT_LT(versions[0].first_used_ns, versions[0].last_used_ns);
  EXPECT_EQ(versions[0].rows, 10);
  EXPECT_EQ(versions[1].number, 2);
  EXPECT_EQ(versions[1].runs.at(0).run_id, second);
}

TEST_F(DatasetList, HasWhatOnlyAJournalKnows) {
  const auto run = Run::create(workspace_, {});
  ASSERT_TRUE(run);
  ASSERT_TRUE((*run)->add_dataset({"live.csv", "", std::string(64, 'd'), "train", 1, 1, {}}));
  ASSERT_TRUE((*run)->durable());
  ASSERT_EQ(list().size(), 1U);
  EXPECT_EQ(list()[0].name, "live.csv");
}

TEST_F(DatasetList, IsFoundByNameAndByContent) {
  add("sales.csv", 'a');
  add("sales.csv", 'b');
  add("copy.csv", 'b');
  const auto all = list();
  EXPECT_EQ(find_dataset(all, "sales.csv")->versions.size(), 2U);
  const auto by_content = find_dataset(all, "BBBB");
  ASSERT_TRUE(by_content);
  ASSERT_EQ(by_content->versions.size(), 1U);
  EXPECT_EQ(by_content->versions[0].content_hash, std::string(64, 'b'));
  const auto unknown = find_dataset(all, "sale.csv");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("did you mean 'sales.csv'"));
  EXPECT_FALSE(find_dataset(all, "bbb")) << "too short for a hash";
}

TEST_F(DatasetList, TellsDamagedFilesAndGoesOn) {
  const std::string broken = add("a.csv", 'a');
  add("b.csv", 'b');
  const std::string path = run_file_of(*workspace_, broken);
  spill(path, slurp(path).substr(0, 1000));
  ReadProblems problems;
  const auto all = list_datasets(*workspace_, &problems);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1U);
  EXPECT_THAT(problems.damaged, testing::Contains(HasSubstr(broken)));
}

}  // namespace
}  // namespace assay::tracking
