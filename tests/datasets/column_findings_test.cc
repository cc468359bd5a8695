#include "datasets/column_findings.h"

#include <gmock/gmock.h>

#include <cmath>

#include "kernels/base/rng.h"

namespace assay::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Column numbers(std::string name, std::vector<double> values) {
  Column column;
  column.name = std::move(name);
  column.all_integers = true;
  for (const double value : values) {
    column.missing_count += std::isnan(value) ? 1 : 0;
    column.all_integers &= std::isnan(value) || std::floor(value) == value;
  }
  column.numbers = std::move(values);
  return column;
}

Column levels(std::string name, std::vector<std::string> names, std::vector<int32_t> codes) {
  Column column;
  column.name = std::move(name);
  column.type = ColumnType::kCategorical;
  column.levels = std::move(names);
  for (const int32_t code : codes) column.missing_count += code == kMissingCode ? 1 : 0;
  column.codes = std::move(codes);
  return column;
}

std::shared_ptr<const Table> table_of(std::vector<Column> columns) {
  return *Table::make(std::move(columns), "t.csv", "");
}

std::vector<size_t> first_columns(size_t count) {
  std::vector<size_t> columns;
  for (size_t i = 0; i < count; ++i) columns.push_back(i);
  return columns;
}

TEST(ColumnFindings, DuplicatesTellRowsApartAlike) {
  const auto table = table_of({
      numbers("x", {0.0, 1, kNaN, 2}),
      levels("a", {"p", "q"}, {2, 3, 0, 2}),
      numbers("negative zero", {-0.0, 1, kNaN, 2}),
      numbers("other", {0, 1, kNaN, 3}),
      numbers("filled", {0, 1, 5, 2}),
      levels("renamed", {"x", "y", "z"}, {4, 2, 0, 4}),
      levels("merged", {"x", "y"}, {2, 2, 0, 2}),
      levels("elsewhere missing", {"x", "y"}, {2, 3, 2, 0}),
  });
  SerialExecutor executor;
  const auto first = *find_duplicates(*table, first_columns(8), executor);
  EXPECT_THAT(first, ElementsAre(-1, -1, 0, -1, -1, 1, -1, -1));
  const std::vector<size_t> some = {5, 1, 0};
  EXPECT_THAT(*find_duplicates(*table, some, executor), ElementsAre(-1, 5, -1));
}

TEST(ColumnFindings, TextsAreAlikeOnlyIfTheySayTheSame) {
  std::vector<Column> columns = {levels("t", {"a", "b", "c"}, {2, 3, 4}),
                                 levels("same", {"a", "b", "c"}, {2, 3, 4}),
                                 levels("other", {"a", "b", "d"}, {2, 3, 4})};
  for (Column& column : columns) column.type = ColumnType::kText;
  SerialExecutor executor;
  EXPECT_THAT(*find_duplicates(*table_of(columns), first_columns(3), executor),
              ElementsAre(-1, 0, -1));
}

TEST(ColumnFindings, StopWhenAsked) {
  SerialExecutor executor;
  StopToken stop;
  stop.request();
  const auto table = table_of({numbers("x", {1, 2})});
  const auto first = find_duplicates(*table, first_columns(1), executor, &stop);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, StatusCode::kCancelled);
}

TEST(ColumnFindings, RowNumbersFillTheirRange) {
  std::vector<double> up, shuffled, gaps, sparse, twice;
  for (int row = 0; row < 101; ++row) {
    up.push_back(row + 1000);
    shuffled.push_back(row * 37 % 101);
    gaps.push_back(2 * row - row % 2);
    sparse.push_back(3 * row);
    twice.push_back(row / 2);
  }
  EXPECT_TRUE(numbers_rows(numbers("n", up)));
  EXPECT_TRUE(numbers_rows(numbers("n", shuffled)));
  EXPECT_TRUE(numbers_rows(numbers("n", gaps)));
  EXPECT_FALSE(numbers_rows(numbers("n", sparse)));
  EXPECT_FALSE(numbers_rows(numbers("n", twice)));
  up[3] = kNaN;
  EXPECT_FALSE(numbers_rows(numbers("n", up)));
  shuffled[0] += 0.5;
  EXPECT_FALSE(numbers_rows(numbers("n", shuffled)));
  EXPECT_FALSE(numbers_rows(numbers("n", {1, 2, 3, 4}))) << "a few rows say nothing";
  shuffled[0] = 1e300;
  EXPECT_FALSE(numbers_rows(numbers("n", shuffled)));
  EXPECT_FALSE(numbers_rows(levels("n", {"a"}, {2})));
}

TEST(ColumnFindings, IdsDifferInEveryRow) {
  std::vector<double> ids;
  for (int row = 0; row < 100; ++row) ids.push_back(1000000 + row * 7919 % 100 * 86413);
  EXPECT_FALSE(numbers_rows(numbers("n", ids)));
  EXPECT_TRUE(differs_by_row(numbers("n", ids)));
  std::vector<double> other = ids;
  other[7] = other[90];
  EXPECT_FALSE(differs_by_row(numbers("n", other))) << "twice";
  other[7] = 0.5;
  EXPECT_FALSE(differs_by_row(numbers("n", other))) << "no whole number";
  other[7] = kNaN;
  EXPECT_FALSE(differs_by_row(numbers("n", other))) << "missing";
  ids.pop_back();
  EXPECT_FALSE(differs_by_row(numbers("n", ids))) << "few rows say nothing";
  EXPECT_FALSE(differs_by_row(levels("n", {"a"}, {2})));
  std::vector<double> days;
  for (int month = 1; month <= 12; ++month) {
    for (int day = 1; day <= 28; ++day) days.push_back(20240000 + 100 * month + day);
  }
  EXPECT_FALSE(differs_by_row(numbers("n", days))) << "days say when";
}

TEST(ColumnFindings, KnowsNamesOfIds) {
  for (const char* name : {"id", "ID", " Index", "row_number", "Unnamed: 0", "customer_id",
                           "PassengerId", "user-id", "orderID", "", "order id", "userId"}) {
    EXPECT_TRUE(is_id_name(name)) << name;
  }
  for (const char* name :
       {"paid", "humid", "covid", "time", "idle", "income", "x", "PAID", "GRID", "BID", "Valid"}) {
    EXPECT_FALSE(is_id_name(name)) << name;
    EXPECT_FALSE(ends_in_id(name)) << name;
  }
  EXPECT_TRUE(ends_in_id("CUSTOMER_ID"));
  for (const char* name : {"no", "Index", "number", "#", ""}) EXPECT_FALSE(ends_in_id(name));
}

// 400 rows: class "yes" in every fourth.
Target yes_or_no() {
  Target target;
  target.name = "y";
  target.task = Task::kBinary;
  target.labels = {"no", "yes"};
  for (uint32_t row = 0; row < 400; ++row) {
    target.rows.push_back(row);
    target.codes.push_back(row % 4 == 0 ? 1 : 0);
  }
  return target;
}

TEST(ColumnFindings, AnswersAreColumnsThatTellTheClass) {
  std::vector<double> answer, nearly, strong, own;
  std::vector<int32_t> status, each;
  std::vector<std::string> names;
  for (int row = 0; row < 400; ++row) {
    const bool yes = row % 4 == 0;
    answer.push_back(yes ? 100 + row : row * 0.01);
    nearly.push_back(row == 8 ? 0 : (yes ? 1 : 0));
    strong.push_back(row % 40 == 8 ? 0 : (yes ? 1 : 0));
    own.push_back(row * 7919 % 400);
    status.push_back(yes ? 2 : 3 + row % 2);
    each.push_back(2 + row);
    names.push_back(fmt::format("{:03}", row));
  }
  const auto table =
      table_of({numbers("answer", answer), numbers("nearly", nearly), numbers("strong", strong),
                numbers("own", own), levels("status", {"a", "b", "c"}, status),
                levels("each", names, each)});
  SerialExecutor executor;
  const auto found = *find_answers(*table, yes_or_no(), first_columns(6), executor);
  // One wrong row of 100 that "no" gets wrong is 1 %; ten are not; a level a row teaches nothing.
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].column, 0u);
  EXPECT_EQ(found[1].column, 1u);
  EXPECT_EQ(found[2].column, 4u);
  EXPECT_EQ(found[1].share, 399.0 / 400);
  EXPECT_EQ(found[1].without, 0.75);
  EXPECT_EQ(answer_text(*table, yes_or_no(), found[1]),
            "column 'nearly' alone tells the target (99.75 % of the rows right, 75 % without it): "
            "does it hold what is to be predicted?");
}

TEST(ColumnFindings, AnswersAreColumnsThatTellTheValue) {
  Target target;
  target.name = "y";
  std::vector<double> scaled, noisy, noise;
  for (uint32_t row = 0; row < 500; ++row) {
    const double y = std::cos(0.1 * row) * 1e200;
    target.rows.push_back(row);
    target.values.push_back(y);
    scaled.push_back(3 - y * 2e-200);
    noise.push_back(static_cast<double>(row * 7919 % 500));
    noisy.push_back(y * 1e-200 + 0.2 * std::sin(7.0 * row));
  }
  scaled[16] = kNaN;  // there y is near its mean
  const auto table =
      table_of({numbers("scaled", scaled), numbers("noisy", noisy), numbers("noise", noise)});
  SerialExecutor executor;
  const auto found = *find_answers(*table, target, first_columns(3), executor);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].column, 0u);
  EXPECT_THAT(answer_text(*table, target, found[0]), HasSubstr("% of the variance"));
}

// Means of ten rows miss the tails of these.
TEST(ColumnFindings, ACopyOfTheValueAnswersWhateverItsTailsAre) {
  SerialExecutor executor;
  Rng rng(4);
  constexpr int kRows = 300;
  std::vector<double> logs, nearly, noise, gaps;
  Target target;
  for (uint32_t row = 0; row < kRows; ++row) {
    double normal = -6;
    for (int i = 0; i < 12; ++i) normal += rng.next_double();
    target.rows.push_back(row);
    target.values.push_back(std::exp(3 * normal));
    logs.push_back(-normal);
    nearly.push_back(normal + 0.3 * rng.next_double());
    noise.push_back(rng.next_double());
    gaps.push_back(row % 50 == 0 ? kNaN : target.values.back());
  }
  const auto table =
      table_of({numbers("copy", target.values), numbers("logs", logs), numbers("nearly", nearly),
                numbers("noise", noise), numbers("gaps", gaps)});
  const auto found = *find_answers(*table, target, first_columns(5), executor);
  std::vector<size_t> columns;
  for (const AnsweringColumn& answer : found) columns.push_back(answer.column);
  ASSERT_EQ(columns, (std::vector<size_t>{0, 1}));
  EXPECT_THAT(answer_text(*table, target, found[0]), HasSubstr("100 % of the variance)"));
  EXPECT_THAT(answer_text(*table, target, found[1]), HasSubstr("of the variance of its ranks"));
}

// Two columns that are 0 in the same rows agree in nearly all ranks.
TEST(ColumnFindings, NumbersThatAreMostlyZeroAreNoCopies) {
  SerialExecutor executor;
  Rng rng(6);
  std::vector<double> other;
  Target target;
  for (uint32_t row = 0; row < 2000; ++row) {
    const bool zero = row % 50 != 0;
    target.rows.push_back(row);
    target.values.push_back(zero ? 0 : 1 + rng.next_double());
    other.push_back(zero ? 0 : 1 + 9 * rng.next_double());
  }
  EXPECT_TRUE(
      find_answers(*table_of({numbers("x", other)}), target, first_columns(1), executor)->empty());
}

TEST(ColumnFindings, FewRowsAnswerNothing) {
  Target target = yes_or_no();
  target.rows.resize(40);
  target.codes.resize(40);
  std::vector<double> answer;
  for (const int32_t code : target.codes) answer.push_back(code);
  SerialExecutor executor;
  EXPECT_TRUE(
      find_answers(*table_of({numbers("x", answer)}), target, first_columns(1), executor)->empty());
}

}  // namespace
}  // namespace assay::datasets
