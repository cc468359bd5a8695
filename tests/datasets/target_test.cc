#include "datasets/target.h"

#include <gmock/gmock.h>

#include "tests/datasets/table_reading.h"

namespace assay::datasets {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Strings = std::vector<std::string>;
using Codes = std::vector<int32_t>;
using Rows = std::vector<uint32_t>;

// A table with the target `y` and one other column.
std::shared_ptr<const Table> target_table(const Strings& values, const CsvOptions& options = {}) {
  std::string text = "x,y\n";
  for (size_t i = 0; i < values.size(); ++i) text += std::to_string(i) + "," + values[i] + "\n";
  return must_read(text, options);
}

Result<Target> target_of(const Strings& values, std::optional<Task> task = std::nullopt) {
  return extract_target(*target_table(values), "y", task);
}

std::string error_of(const Result<Target>& target) {
  return target ? "no error"
                : std::string(name_of(target.error().code)) + ": " + target.error().message;
}

TEST(Target, BooleansAreBinary) {
  const auto target = target_of({"Yes", "No", "", "Yes"});
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(target->task, Task::kBinary);
  EXPECT_EQ(target->labels, (Strings{"No", "Yes"}));
  EXPECT_EQ(target->codes, (Codes{1, 0, 1}));
  EXPECT_EQ(target->rows, (Rows{0, 1, 3}));
  EXPECT_EQ(target->missing_count, 1);
  EXPECT_EQ(target->counts, (std::vector<int64_t>{1, 2}));
  EXPECT_THAT(target->reason, HasSubstr("booleans"));
}

TEST(Target, DatesCannotBePredicted) {
  EXPECT_THAT(error_of(target_of({"2024-01-01", "2024-02-01", "2024-03-01"})),
              AllOf(HasSubstr("data: "), HasSubstr("'y' holds dates")));
}

TEST(Target, StringsClassify) {
  const auto target = target_of({"red", "blue", "green", "red"});
  ASSERT_TRUE(target);
  EXPECT_EQ(target->task, Task::kMulticlass);
  EXPECT_EQ(target->labels, (Strings{"blue", "green", "red"}));
  EXPECT_EQ(target->codes, (Codes{2, 0, 1, 2}));
  EXPECT_EQ(target_of({"<=50K", ">50K", ">50K"})->task, Task::kBinary);
}

TEST(Target, FewWholeNumbersClassifyAndSortAsNumbers) {
  const auto target = target_of({"10", "2", "-1", "2"});
  ASSERT_TRUE(target);
  EXPECT_EQ(target->task, Task::kMulticlass);
  EXPECT_EQ(target->labels, (Strings{"-1", "2", "10"}));
  EXPECT_EQ(target->codes, (Codes{2, 1, 0, 1}));
  EXPECT_THAT(target->reason, HasSubstr("3 distinct whole numbers"));
  EXPECT_EQ(target_of({"1", "0", "0"})->task, Task::kBinary);
}

TEST(Target, ManyWholeNumbersAndRealNumbersRegress) {
  Strings values;
  for (int i = 0; i < 10; ++i) values.push_back(std::to_string(i));
  EXPECT_EQ(target_of(values)->task, Task::kMulticlass);
  values.push_back("10");
  const auto target = target_of(values);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->task, Task::kRegression);
  EXPECT_EQ(target->values.size(), 11u);
  EXPECT_TRUE(target->labels.empty());
  EXPECT_EQ(target_of({"1.5", "2"})->task, Task::kRegression);
  EXPECT_EQ(target_of({"1.5", "?", "2"})->rows, (Rows{0, 2}));
}

TEST(Target, GivenTaskWins) {
  const auto classes = target_of({"1.5", "2", "1.5"}, Task::kBinary);
  ASSERT_TRUE(classes);
  EXPECT_EQ(classes->labels, (Strings{"1.5", "2"}));
  EXPECT_TRUE(classes->task_was_given);
  const auto numbers = target_of({"1", "0", "1"}, Task::kRegression);
  ASSERT_TRUE(numbers);
  EXPECT_EQ(numbers->values, (std::vector<double>{1, 0, 1}));
  EXPECT_EQ(target_of({"1", "0", "1"}, Task::kMulticlass)->task, Task::kMulticlass);
}

TEST(Target, LabelsOfNumbersKeepTheSpellingThatCameFirst) {
  CsvOptions options;
  options.spelled_columns = {"y", "nowhere"};
  const auto table = target_table({"2.0", "1", "1.0", "2", "+3 "}, options);
  const auto target = extract_target(*table, "y");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->labels, (Strings{"1", "2.0", "+3"}));
  EXPECT_EQ(target->codes, (Codes{1, 0, 0, 1, 2}));
  // A column that begins with many missing values is read as strings.
  Strings sparse(1200);
  sparse.insert(sparse.end(), {"1e0", "0.0", "1"});
  EXPECT_EQ(extract_target(*target_table(sparse, options), "y")->labels, (Strings{"0.0", "1e0"}));
  // Too many to be classes: nothing is kept.
  Strings many;
  for (int i = 0; i < 10002; ++i) many.push_back(std::to_string(i) + ".50");
  EXPECT_TRUE(target_table(many, options)->columns()[0].spellings.empty());
}

TEST(Target, LabelsOfAStringColumnKeepTheirSpelling) {
  CsvOptions options;
  options.column_types = {{"y", ColumnType::kCategorical}};
  const auto table = target_table({"10", "9.0", "09", "10"}, options);
  const auto target = extract_target(*table, "y");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->labels, (Strings{"09", "9.0", "10"}));
  EXPECT_EQ(target->codes, (Codes{2, 1, 0, 2}));
}

TEST(Target, NothingToLearn) {
  EXPECT_EQ(error_of(target_of({"a", "a", ""})),
            "data: data.csv: target 'y' is 'a' in all 2 rows: nothing to learn");
  EXPECT_EQ(error_of(target_of({"1.5", "1.5"})),
            "data: data.csv: target 'y' is 1.5 in all 2 rows: nothing to learn");
  EXPECT_EQ(error_of(target_of({"3", "3"})),
            "data: data.csv: target 'y' is '3' in all 2 rows: nothing to learn");
  EXPECT_EQ(error_of(target_of({"", "?"})), "data: data.csv: target 'y' is missing in all 2 rows");
}

TEST(Target, WhatCannotBeATarget) {
  const auto table = target_table({"a", "b"});
  EXPECT_EQ(error_of(extract_target(*table, "Y")),
            "data: data.csv: no column 'Y' (did you mean 'y'?)");
  EXPECT_THAT(error_of(target_of({"a", "b"}, Task::kRegression)),
              HasSubstr("is categorical (its values include 'a'): a regression target must be"));
  EXPECT_THAT(error_of(target_of({"a", "b", "c"}, Task::kBinary)),
              HasSubstr("has 3 classes, a binary task has 2"));
  Strings ids;
  for (int i = 0; i < 30; ++i) ids.push_back("id" + std::to_string(i));
  EXPECT_THAT(error_of(target_of(ids)), HasSubstr("has 30 distinct strings in 30 rows"));
  EXPECT_EQ(target_of(ids, Task::kMulticlass)->labels.size(), 30u);
  Strings many;
  for (int i = 0; i < 10002; ++i) many.push_back(std::to_string(i));
  EXPECT_THAT(error_of(target_of(many, Task::kMulticlass)), HasSubstr("more than 10000 classes"));
}

TEST(Task, NamesRoundTrip) {
  for (const Task task : {Task::kBinary, Task::kMulticlass, Task::kRegression}) {
    EXPECT_EQ(*parse_task(name_of(task)), task);
  }
  EXPECT_THAT(parse_task("regresion").error().message, HasSubstr("did you mean 'regression'?"));
}

}  // namespace
}  // namespace assay::datasets
