#include "datasets/csv_blocks.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/datasets/table_reading.h"

namespace assay::datasets {
namespace {

using ::testing::HasSubstr;

std::string long_file(int rows) {
  std::string text = "id,x,kind,ok,when\n";
  for (int i = 0; i < rows; ++i) {
    text += std::to_string(i) + "," + (i % 10 == 3 ? "" : std::to_string(i / 4.0)) + ",\"k\n" +
            std::to_string(i % 3) + "\"," + (i % 2 ? "yes" : "no") + ",2020-01-01\n";
  }
  return text;
}

TEST(CsvBlocks, StreamsAllRowsInOrder) {
  const TestFolder folder;
  const std::string path = folder.write("t.csv", long_file(5000));
  for (const int64_t table_bytes : {1, 100, 5000, 1 << 20}) {
    for (const int threads : {1, 3}) {
      ThreadExecutor executor(threads);
      const StopToken stop;
      auto blocks = CsvBlocks::open(path,
                                    {{"kind", ColumnType::kCategorical},
                                     {"id", ColumnType::kNumeric},
                                     {"x", ColumnType::kNumeric},
                                     {"ok", ColumnType::kBoolean},
                                     {"when", ColumnType::kDatetime}},
                                    {}, table_bytes);
      ASSERT_TRUE(blocks) << blocks.error().message;
      EXPECT_EQ((*blocks)->names().size(), 5u);
      int64_t row = 0;
      for (;;) {
        const auto table = (*blocks)->next(executor, stop);
        ASSERT_TRUE(table) << table.error().message;
        if (*table == nullptr) break;
        const auto& columns = (*table)->columns();
        ASSERT_EQ(columns.size(), 5u);
        for (int64_t r = 0; r < (*table)->row_count(); ++r, ++row) {
          const auto at = static_cast<size_t>(r);
          ASSERT_EQ(columns[1].numbers[at], static_cast<double>(row));
          ASSERT_EQ(cell(columns[0], r), "k\n" + std::to_string(row % 3));
          ASSERT_EQ(std::isnan(columns[2].numbers[at]), row % 10 == 3);
          ASSERT_EQ(columns[3].numbers[at], static_cast<double>(row % 2));
          ASSERT_EQ(columns[4].numbers[at], 1577836800.0);
        }
        EXPECT_EQ(columns[3].levels, (std::vector<std::string>{"no", "yes"}));
      }
      EXPECT_EQ(row, 5000);
      EXPECT_EQ((*blocks)->row_count(), 5000);
      EXPECT_EQ(*(*blocks)->next(executor, stop), nullptr);
    }
  }
}

// The error of opening and draining.
std::string stream_error(const std::string& path, const std::vector<ColumnSpec>& columns) {
  SerialExecutor executor;
  const StopToken stop;
  auto blocks = CsvBlocks::open(path, columns, {}, 1000);
  if (!blocks) return std::string(name_of(blocks.error().code)) + ": " + blocks.error().message;
  for (;;) {
    const auto table = (*blocks)->next(executor, stop);
    if (!table) return std::string(name_of(table.error().code)) + ": " + table.error().message;
    if (*table == nullptr) return "";
  }
}

TEST(CsvBlocks, NamesWhatIsLacking) {
  const TestFolder folder;
  const std::string path = folder.write("t.csv", "a,b\n1,2\n");
  EXPECT_EQ(stream_error(path, {{"a"}, {"b"}}), "");
  EXPECT_EQ(stream_error(path, {{"a"}, {"c"}, {"d"}}),
            "data: " + path + ": lacks the columns 'c', 'd'");
  EXPECT_EQ(stream_error(path, {{"c"}}), "data: " + path + ": lacks the column 'c'");
  EXPECT_THAT(stream_error(path, {{"a"}, {"a"}}), HasSubstr("'a' is asked for twice"));
  EXPECT_THAT(stream_error(path, {}), HasSubstr("no columns"));
  EXPECT_THAT(stream_error(folder.path() + "/no.csv", {{"a"}}), HasSubstr("not_found"));
}

TEST(CsvBlocks, ValuesMustFitTheTypes) {
  const TestFolder folder;
  std::string text = long_file(500);
  for (const char* x : {"many", "many", "lots", "many", "some"}) {
    text += std::string("500,") + x + ",k,no,2020-01-01\n";
  }
  const std::string path = folder.write("t.csv", text);
  EXPECT_THAT(stream_error(path, {{"x", ColumnType::kNumeric}}),
              HasSubstr(":1002: column 'x': 'many' is no numeric value, nor are 4 more of 455 "
                        "values so far"));
  EXPECT_THAT(stream_error(path, {{"x", ColumnType::kDatetime}}), HasSubstr("no datetime value"));
  EXPECT_THAT(stream_error(folder.write("one.csv", "x\n1e999\n"), {{"x", ColumnType::kNumeric}}),
              HasSubstr(":2: column 'x': '1e999' is beyond the range"));
  EXPECT_EQ(stream_error(path, {{"x", ColumnType::kCategorical}}), "");
  EXPECT_EQ(stream_error(path, {{"kind", ColumnType::kBoolean}}), "");
}

TEST(CsvBlocks, UnknownBooleansAreMissingAndCounted) {
  const TestFolder folder;
  SerialExecutor executor;
  const StopToken stop;
  auto blocks = CsvBlocks::open(
      folder.write("t.csv", "a,b\nyes,1\nNo internet service,2\n,3\nno,4\nmaybe,5\nmaybe,6\n"),
      {{"a", ColumnType::kBoolean}}, {}, 1000);
  ASSERT_TRUE(blocks);
  const auto table = (*blocks)->next(executor, stop);
  ASSERT_TRUE(table) << table.error().message;
  const Column& a = (*table)->columns()[0];
  EXPECT_EQ(a.type, ColumnType::kBoolean);
  EXPECT_EQ(a.levels, (std::vector<std::string>{"no", "yes"}));
  EXPECT_EQ(a.numbers[0], 1);
  EXPECT_EQ(a.numbers[3], 0);
  for (const size_t row : {1, 2, 4, 5}) EXPECT_TRUE(std::isnan(a.numbers[row])) << row;
  EXPECT_EQ(a.missing_count, 4);
  EXPECT_EQ(a.misfits.count, 3);
  EXPECT_EQ(a.misfits.text, "No internet service");
}

TEST(CsvBlocks, FewMisfitsAreMissingAndNoted) {
  const TestFolder folder;
  const std::string path = folder.write(
      "t.csv", long_file(500) + "500,many,k,no,2020-01-01\n500,8,k,no,soon\n500,odd,k,no,\n");
  SerialExecutor executor;
  const StopToken stop;
  auto blocks = CsvBlocks::open(
      path, {{"x", ColumnType::kNumeric}, {"when", ColumnType::kDatetime}}, {}, 1000);
  ASSERT_TRUE(blocks);
  EXPECT_TRUE((*blocks)->misfit_notes().empty());
  double last = 0;
  int64_t missing = 0;
  for (;;) {
    const auto table = (*blocks)->next(executor, stop);
    ASSERT_TRUE(table) << table.error().message;
    if (*table == nullptr) break;
    missing += (*table)->columns()[0].missing_count;
    last = (*table)->columns()[0].numbers.back();
  }
  EXPECT_EQ(missing, 50 + 2);
  EXPECT_TRUE(std::isnan(last));
  EXPECT_EQ((*blocks)->misfit_notes(),
            (std::vector<std::string>{
                path + ":1002: column 'x': 'many' is no numeric value and counts as missing, as do "
                       "1 more of 453 values",
                path + ":1003: column 'when': 'soon' is no datetime value and counts as missing (1 "
                       "of 502 values)"}));
}

TEST(CsvBlocks, OneMisfitOfASmallBatchIsMissingToo) {
  const TestFolder folder;
  const std::vector<ColumnSpec> x = {{"x", ColumnType::kNumeric}};
  EXPECT_EQ(stream_error(folder.write("t.csv", "x\nmany\n3\n"), x), "");
  EXPECT_EQ(stream_error(folder.write("t.csv", "x\n1\n2\n3\n4\nmany\n"), x), "");
  // Beside nothing that fits the column may be of another kind.
  EXPECT_THAT(stream_error(folder.write("t.csv", "x\nmany\n"), x),
              HasSubstr(":2: column 'x': 'many' is no numeric value, one of 1 values so far"));
  EXPECT_THAT(stream_error(folder.write("t.csv", "x,y\nmany,1\n,2\n"), x), HasSubstr("of 1 val"));
  EXPECT_THAT(stream_error(folder.write("t.csv", "x\n1\nmany\n3\nmany\n"), x),
              HasSubstr(":3: column 'x': 'many' is no numeric value, nor are 1 more of 4"));
}

TEST(CsvBlocks, ErrorsAboutCellsNameTheirPlace) {
  const TestFolder folder;
  // Each record of long_file spans two lines; empty lines are no records.
  const std::string path = folder.write("t.csv", long_file(300) + "\r\n\nlast,1,k,no,\n");
  SerialExecutor executor;
  const StopToken stop;
  for (const int64_t table_bytes : {200, 1 << 20}) {
    auto blocks = CsvBlocks::open(
        path, {{"kind", ColumnType::kCategorical}, {"id", ColumnType::kText}}, {}, table_bytes);
    ASSERT_TRUE(blocks);
    int64_t before = 0;
    for (;;) {
      const auto table = (*blocks)->next(executor, stop);
      ASSERT_TRUE(table) << table.error().message;
      if (*table == nullptr) break;
      for (int64_t row = 0; row < (*table)->row_count(); ++row) {
        const int64_t record = before + row;
        const int64_t line = record < 300 ? 2 + 2 * record : 604;
        EXPECT_EQ((*blocks)->error_at(row, 1, "odd").message,
                  fmt::format("{}:{}: column 'id': odd", path, line));
      }
      before += (*table)->row_count();
    }
    EXPECT_EQ(before, 301);
  }
}

TEST(CsvBlocks, HeaderWithoutRowsHasNoTables) {
  const TestFolder folder;
  EXPECT_EQ(stream_error(folder.write("t.csv", "a,b\n"), {{"a"}}), "");
  EXPECT_THAT(stream_error(folder.write("e.csv", ""), {{"a"}}), HasSubstr("the file is empty"));
}

TEST(CsvBlocks, BooleanSpellingsAreCompletedFromTheOther) {
  const TestFolder folder;
  SerialExecutor executor;
  const StopToken stop;
  auto blocks =
      CsvBlocks::open(folder.write("t.csv", "a,b\nYes,1\nYes,\n"),
                      {{"a", ColumnType::kBoolean}, {"b", ColumnType::kBoolean}}, {}, 1000);
  ASSERT_TRUE(blocks);
  const auto table = (*blocks)->next(executor, stop);
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ((*table)->columns()[0].levels, (std::vector<std::string>{"No", "Yes"}));
  EXPECT_EQ((*table)->columns()[1].levels, (std::vector<std::string>{"0", "1"}));
  EXPECT_EQ((*table)->columns()[1].missing_count, 1);
}

}  // namespace
}  // namespace assay::datasets
