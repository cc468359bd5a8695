#include "datasets/csv_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>

#include "kernels/base/hash.h"
#include "tests/datasets/table_reading.h"

namespace assay::datasets {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

using Doubles = std::vector<double>;
using Codes = std::vector<int32_t>;
using Strings = std::vector<std::string>;

TEST(CsvReader, ReadsNumbersAndStrings) {
  const auto table = must_read("age,city,score\n31,Rome,1.5\n45,Oslo,-2\n,Rome,1e2\n");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->row_count(), 3);
  EXPECT_EQ(table->source(), "data.csv");
  const Column& age = table->columns()[0];
  EXPECT_EQ(age.type, ColumnType::kNumeric);
  EXPECT_TRUE(age.all_integers);
  EXPECT_EQ(age.missing_count, 1);
  EXPECT_EQ(age.numbers[0], 31);
  EXPECT_TRUE(std::isnan(age.numbers[2]));
  const Column& city = table->columns()[1];
  EXPECT_EQ(city.type, ColumnType::kCategorical);
  EXPECT_EQ(city.levels, (Strings{"Oslo", "Rome"}));
  EXPECT_EQ(city.codes, (Codes{3, 2, 3}));
  const Column& score = table->columns()[2];
  EXPECT_EQ(score.numbers, (Doubles{1.5, -2, 100}));
  EXPECT_FALSE(score.all_integers);
}

TEST(CsvReader, KeepsQuotedNewlineDelimiterAndQuote) {
  const auto table = must_read("k,text\n1,\"two\nlines\"\n2,\"a,b\"\n3,\"say \"\"hi\"\"\"\n");
  ASSERT_NE(table, nullptr);
  const Column& text = table->columns()[1];
  EXPECT_EQ(cell(text, 0), "two\nlines");
  EXPECT_EQ(cell(text, 1), "a,b");
  EXPECT_EQ(cell(text, 2), "say \"hi\"");
}

TEST(CsvReader, AcceptsCrlfMarkBlankLinesAndNoFinalNewline) {
  const auto table = must_read(
      "\xef\xbb\xbf"
      "a,b\r\n\r\n1,x\r\n\n\"2\",\"y\"\r\n\r\n3,z");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->columns()[0].name, "a");
  EXPECT_EQ(table->columns()[0].numbers, (Doubles{1, 2, 3}));
  EXPECT_EQ(table->columns()[1].levels, (Strings{"x", "y", "z"}));
}

TEST(CsvReader, FindsTheDelimiter) {
  for (const char* d : {",", ";", "\t", "|"}) {
    const std::string c = d;
    const auto table = must_read(fmt::format("a{0}b\n1{0}x\n2{0}\"p{0}q\"\n", c));
    ASSERT_NE(table, nullptr) << d;
    ASSERT_EQ(table->column_count(), 2) << d;
    EXPECT_EQ(cell(table->columns()[1], 1), "p" + c + "q");
  }
  EXPECT_EQ(must_read("name;share\na;1,5\nb;2,5\n")->column_count(), 2);
  EXPECT_EQ(must_read("x\n1\n2\n")->column_count(), 1);
  CsvOptions options;
  options.delimiter = ':';
  EXPECT_EQ(must_read("a:b\n1:2\n", options)->column_count(), 2);
}

TEST(CsvReader, TellsWhetherThereIsAHeader) {
  EXPECT_EQ(must_read("a,b\n1,x\n")->row_count(), 1);
  EXPECT_EQ(must_read("1,x\n2,y\n")->row_count(), 2);
  EXPECT_EQ(must_read("1,x\n2,y\n")->columns()[1].name, "column_2");
  EXPECT_EQ(must_read("kind,size\nred,big\nblue,small\n")->row_count(), 2);
  // Strings only: values that come back are data, so are repeated names.
  EXPECT_EQ(must_read("red,big\nblue,small\nred,small\nblue,big\n")->row_count(), 4);
  EXPECT_EQ(must_read("red,red\nblue,green\n")->row_count(), 2);
  // Column numbers as names.
  EXPECT_EQ(must_read("0,1,2,3\n5,6,7,8\n")->row_count(), 1);
  EXPECT_EQ(must_read("when,n\n2020-01-01,a\n2020-01-02,b\n")->row_count(), 2);
  EXPECT_EQ(must_read("id,2019\n1,x\n2,y\n")->columns()[1].name, "2019");
  EXPECT_EQ(must_read("?,5\n1,6\n2,7\n")->row_count(), 3);
  EXPECT_EQ(must_read(",a\nx,1\ny,2\n")->columns()[0].name, "column_1");
  CsvOptions options;
  options.has_header = false;
  EXPECT_EQ(must_read("a,b\n1,x\n", options)->row_count(), 2);
  options.has_header = true;
  EXPECT_EQ(must_read("1,2\n3,4\n", options)->columns()[0].name, "1");
}

std::string header_error(const std::string& text, Strings expected) {
  CsvOptions options;
  options.expected_names = std::move(expected);
  return error_of(text, options);
}

TEST(CsvReader, KnowsAHeaderByTheNamesThatAreAskedFor) {
  // Strings alone, whose names occur as values too.
  std::string text = "a,b,y\n";
  for (int i = 0; i < 40; ++i)
    text += std::string(i % 2 ? "a,x" : "c,b") + (i % 3 ? ",n\n" : ",y\n");
  EXPECT_EQ(must_read(text)->columns()[0].name, "column_1");
  CsvOptions options;
  options.expected_names = {"y"};
  EXPECT_EQ(must_read(text, options)->columns()[2].name, "y");
  EXPECT_EQ(must_read(text, options)->row_count(), 40);
  options.expected_names = {"3"};
  EXPECT_EQ(must_read("1,2,3\n4,5,6\n7,8,9\n", options)->row_count(), 2);
  options.expected_names = {"column_2"};
  EXPECT_EQ(must_read("1,2,3\n4,5,6\n7,8,9\n", options)->row_count(), 3);
  EXPECT_THAT(header_error("1,2,3\n4,5,6\n", {"price"}),
              StartsWith("data: data.csv: no column 'price': the first line (1, 2, 3) was read as "
                         "data"));
  // Fewer than half of the names may be values by chance.
  EXPECT_THAT(header_error("1,red,3\n4,red,6\n", {"red", "green", "blue"}),
              HasSubstr("was read as data"));
}

// `rows` rows of codes from 01 to `codes`, and a number.
std::string coded_file(int rows, int codes, int width) {
  std::string text = "code,x\n";
  for (int i = 0; i < rows; ++i) {
    std::string code = std::to_string(1 + i * 7 % codes);
    code.insert(0, static_cast<size_t>(width) - code.size(), '0');
    text += code + "," + std::to_string(i) + "\n";
  }
  return text;
}

TEST(CsvReader, PaddedDigitsAreCodesAndKeepTheirSpelling) {
  for (const int late : {0, 3000}) {
    // Behind rows without a zero in front, too.
    std::string text = "code,x\n";
    for (int i = 0; i < late; ++i) text += std::to_string(10 + i % 5) + ",1\n";
    const auto table = must_read(text + coded_file(600, 12, 2).substr(7));
    ASSERT_NE(table, nullptr);
    const Column& code = table->columns()[0];
    EXPECT_EQ(code.type, ColumnType::kCategorical) << late;
    EXPECT_EQ(code.levels[0], "01");
    EXPECT_EQ(table->columns()[1].type, ColumnType::kNumeric);
  }
}

TEST(CsvReader, PaddedDigitsThatAreFewOrAllDifferentAreNumbers) {
  const auto ids = must_read(coded_file(500, 500, 6));
  EXPECT_EQ(ids->columns()[0].type, ColumnType::kNumeric);
  EXPECT_EQ(ids->columns()[0].numbers[1], 8);
  EXPECT_TRUE(ids->columns()[0].all_integers);
  std::string text = "a,b\n";
  for (int i = 0; i < 2000; ++i) text += (i == 1500 ? "05" : std::to_string(i % 90)) + ",x\n";
  const auto few_padded = must_read(text);
  const Column& few = few_padded->columns()[0];
  EXPECT_EQ(few.type, ColumnType::kNumeric);
  EXPECT_EQ(few.misfits.count, 0);
  CsvOptions options;
  options.column_types = {{"code", ColumnType::kNumeric}};
  EXPECT_EQ(must_read(coded_file(600, 12, 2), options)->columns()[0].type, ColumnType::kNumeric);
}

TEST(CsvReader, NamesEmptyHeaderFields) {
  const auto table = must_read(",a, b ,\n1,2,3,4\n");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->columns()[0].name, "column_1");
  EXPECT_EQ(table->columns()[2].name, "b");
  EXPECT_EQ(table->columns()[3].name, "column_4");
}

TEST(CsvReader, InfersBooleansAndDatetimes) {
  const auto table = must_read(
      "churn,when,flag\nYes,2020-01-01,0\nno,2020-01-01 00:00:10,1\n?,,1\nYES,1970-01-02,0\n");
  ASSERT_NE(table, nullptr);
  const Column& churn = table->columns()[0];
  EXPECT_EQ(churn.type, ColumnType::kBoolean);
  EXPECT_EQ(churn.levels, (Strings{"no", "YES"}));
  EXPECT_EQ(churn.numbers[0], 1);
  EXPECT_EQ(churn.numbers[1], 0);
  EXPECT_TRUE(std::isnan(churn.numbers[2]));
  EXPECT_EQ(churn.missing_count, 1);
  const Column& when = table->columns()[1];
  EXPECT_EQ(when.type, ColumnType::kDatetime);
  EXPECT_EQ(when.numbers[1] - when.numbers[0], 10);
  EXPECT_EQ(when.numbers[3], 86400);
  EXPECT_EQ(when.missing_count, 1);
  EXPECT_EQ(table->columns()[2].type, ColumnType::kNumeric);
}

TEST(CsvReader, MixedColumnKeepsItsSpellings) {
  // Numbers in the sample, a string far behind it: the column is read again.
  std::string text = "id,mixed,when\n";
  for (int i = 0; i < 5000; ++i) {
    text += std::to_string(i) + "," +
            (i > 4300 && i < 4322 ? "many"
             : i % 2              ? "1.0"
                                  : "01") +
            "," + (i % 700 == 44 ? "never" : "2020-01-01") + "\n";
  }
  const auto table = must_read(text);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->columns()[0].type, ColumnType::kNumeric);
  EXPECT_EQ(table->columns()[1].type, ColumnType::kCategorical);
  EXPECT_EQ(table->columns()[1].levels, (Strings{"01", "1.0", "many"}));
  EXPECT_EQ(cell(table->columns()[1], 4321), "many");
  EXPECT_EQ(table->columns()[2].levels, (Strings{"2020-01-01", "never"}));
  EXPECT_EQ(table->row_count(), 5000);
  EXPECT_EQ(table->content_hash(), sha256_hex(text));
}

// 3000 numbers, and `cells` of other texts one after the other from row `from` on.
std::string numbers_with(const Strings& cells, int from) {
  std::string text = "a,b\n";
  for (int i = 0; i < 3000; ++i) {
    const size_t at = static_cast<size_t>(i - from);
    text += (i >= from && at < cells.size() ? cells[at] : std::to_string(i)) + ",x\n";
  }
  return text;
}

TEST(CsvReader, AFewCellsThatAreNoNumbersCountAsMissing) {
  // In the sample that types are guessed from, and far behind it.
  for (const int from : {0, 500, 2500}) {
    const auto table = must_read(numbers_with({"abc", "12;5", "abc"}, from));
    ASSERT_NE(table, nullptr);
    const Column& a = table->columns()[0];
    EXPECT_EQ(a.type, ColumnType::kNumeric) << from;
    EXPECT_EQ(a.missing_count, 3);
    EXPECT_TRUE(a.all_integers);
    EXPECT_EQ(a.misfits.count, 3);
    EXPECT_EQ(a.misfits.line, from + 2);
    EXPECT_EQ(a.misfits.text, "abc");
    EXPECT_TRUE(std::isnan(a.numbers[static_cast<size_t>(from)]));
    EXPECT_EQ(a.numbers[static_cast<size_t>(from) + 3], from + 3);
    EXPECT_EQ(misfit_note(table->source(), a, 3000),
              "data.csv:" + std::to_string(from + 2) +
                  ": column 'a': 'abc' is no numeric value and counts as missing, as do 2 more of "
                  "3000 values");
  }
}

TEST(CsvReader, ManyCellsThatAreNoNumbersMakeCategories) {
  EXPECT_EQ(must_read(numbers_with(Strings(5, "abc"), 100))->columns()[0].misfits.count, 5);
  const auto table = must_read(numbers_with(Strings(6, "abc"), 100));
  EXPECT_EQ(table->columns()[0].type, ColumnType::kText);
  EXPECT_EQ(table->columns()[0].misfits.count, 0);
  // Read as strings at first, for want of values.
  std::string late = "a,b\n";
  for (int i = 0; i < 1500; ++i) late += ",x\n";
  for (int i = 0; i < 1000; ++i) late += (i == 70 ? "odd" : std::to_string(i)) + ",x\n";
  const auto numbers = must_read(late);
  EXPECT_EQ(numbers->columns()[0].type, ColumnType::kNumeric);
  EXPECT_EQ(numbers->columns()[0].misfits.line, 1572);
  EXPECT_EQ(numbers->columns()[0].missing_count, 1501);
}

TEST(CsvReader, AFewCellsThatAreNoDatetimesCountAsMissing) {
  std::string text = "a,b\n";
  for (int i = 0; i < 200; ++i)
    text += (i == 150 ? "soon" : "2020-01-0" + std::to_string(1 + i % 9)) + ",x\n";
  const auto table = must_read(text);
  EXPECT_EQ(table->columns()[0].type, ColumnType::kDatetime);
  EXPECT_EQ(table->columns()[0].misfits.text, "soon");
  EXPECT_EQ(table->columns()[0].misfits.line, 152);
}

TEST(CsvReader, NumbersBehindMissingValuesAreNumeric) {
  std::string text = "a,b\n";
  for (int i = 0; i < 3000; ++i) text += (i < 2000 ? "" : std::to_string(i)) + ",x\n";
  const auto table = must_read(text);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->columns()[0].type, ColumnType::kNumeric);
  EXPECT_EQ(table->columns()[0].missing_count, 2000);
  EXPECT_TRUE(table->columns()[0].all_integers);
  EXPECT_EQ(table->columns()[0].numbers[2999], 2999);
}

TEST(CsvReader, AllMissingIsNumericWithoutValues) {
  const auto table = must_read("a,b\n1,\n2,NA\n3,null\n");
  ASSERT_NE(table, nullptr);
  const Column& b = table->columns()[1];
  EXPECT_EQ(b.type, ColumnType::kNumeric);
  EXPECT_EQ(b.missing_count, 3);
  EXPECT_FALSE(b.all_integers);
  for (const double x : b.numbers) EXPECT_TRUE(std::isnan(x));
}

TEST(CsvReader, ManyDistinctStringsAreText) {
  std::string text = "id,kind\n";
  for (int i = 0; i < 100; ++i)
    text += "c" + std::to_string(i) + ",k" + std::to_string(i % 3) + "\n";
  const auto table = must_read(text);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->columns()[0].type, ColumnType::kText);
  EXPECT_EQ(table->columns()[0].levels.size(), 100u);
  EXPECT_EQ(cell(table->columns()[0], 42), "c42");
  EXPECT_EQ(table->columns()[1].type, ColumnType::kCategorical);
}

TEST(CsvReader, TakesGivenTypes) {
  CsvOptions options;
  options.column_types = {{"zip", ColumnType::kCategorical},
                          {"ok", ColumnType::kBoolean},
                          {"day", ColumnType::kDatetime},
                          {"note", ColumnType::kText}};
  const auto table = must_read(
      "zip,ok,day,note\n01234,1,2020-01-01,a\n1234,0,,b\n01234,?,1970-01-01,a\n", options);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->columns()[0].levels, (Strings{"01234", "1234"}));
  EXPECT_EQ(table->columns()[1].type, ColumnType::kBoolean);
  EXPECT_EQ(table->columns()[1].levels, (Strings{"0", "1"}));
  EXPECT_EQ(table->columns()[2].numbers[2], 0);
  EXPECT_EQ(table->columns()[3].type, ColumnType::kText);
}

TEST(CsvReader, LeavesColumnsOut) {
  CsvOptions options;
  options.drop = {"b"};
  EXPECT_EQ(must_read("a,b,c\n1,\"2\n\",3\n", options)->column_count(), 2);
  options.drop = {};
  options.only_columns = {"c", "a"};
  const auto table = must_read("a,b,c\n1,2,3\n", options);
  ASSERT_EQ(table->column_count(), 2);
  EXPECT_EQ(table->columns()[0].name, "a");
  EXPECT_EQ(table->columns()[1].name, "c");
}

TEST(CsvReader, OwnMissingTokensReplaceTheDefaults) {
  CsvOptions options;
  options.missing_tokens = Strings{"-999", "none"};
  const auto table = must_read("a,b\n-999,none\n5,NA\n,x\n", options);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->columns()[0].missing_count, 2);
  EXPECT_EQ(table->columns()[0].numbers[1], 5);
  EXPECT_EQ(table->columns()[1].levels, (Strings{"NA", "x"}));
  EXPECT_EQ(table->columns()[1].missing_count, 1);
}

TEST(CsvReader, AcceptsSignsBlanksAndQuotesAroundNumbers) {
  const auto table = must_read("a,b\n +1 ,x\n\"2.5\",y\n-3.,z\n1e308,w\n1e-999,v\n");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->columns()[0].numbers, (Doubles{1, 2.5, -3, 1e308, 0}));
}

TEST(CsvReader, OneRowAndTenThousandColumns) {
  std::string names;
  std::string values;
  for (int i = 0; i < 10000; ++i) {
    names += (i ? ",n" : "n") + std::to_string(i);
    values += (i ? "," : "") + std::to_string(i * 2);
  }
  const auto table = must_read(names + "\n" + values + "\n");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->column_count(), 10000);
  EXPECT_EQ(table->row_count(), 1);
  EXPECT_EQ(table->columns()[9999].numbers[0], 19998);
}

TEST(CsvReader, ReadsGzipAsPlainText) {
  std::string text = "a,b\n";
  for (int i = 0; i < 30000; ++i)
    text += std::to_string(i) + ",level" + std::to_string(i % 5) + "\n";
  const auto plain = must_read(text);
  const size_t half = text.size() / 2;
  const auto zipped = must_read(gzipped(text.substr(0, half)) + gzipped(text.substr(half)));
  ASSERT_NE(plain, nullptr);
  ASSERT_NE(zipped, nullptr);
  EXPECT_EQ(difference(*plain, *zipped), "");
  EXPECT_EQ(plain->content_hash(), sha256_hex(text));
}

TEST(CsvReader, GivesTheNamesFromTheStartOfAFile) {
  const TestFolder folder;
  std::string text = "a;\"b\nc\";\n";
  for (int i = 0; i < 100'000; ++i) text += "1;x;2\n";
  const auto names = read_csv_names(folder.write("t.csv", text + "broken\n"), {});
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_EQ(*names, (Strings{"a", "b\nc", "column_3"}));
  EXPECT_EQ(read_csv_names(folder.path() + "/no.csv", {}).error().code, StatusCode::kNotFound);
  EXPECT_EQ(read_csv_names(folder.write("s.csv", "a,b\n1\n"), {}).error().code, StatusCode::kData);
  EXPECT_EQ(read_csv_names(folder.write("e.csv", ""), {}).error().code, StatusCode::kData);
}

TEST(CsvReader, ReadsAFileByItsPath) {
  const TestFolder folder;
  const std::string path = folder.write("t.csv", "a,b\n1,x\n");
  SerialExecutor executor;
  const StopToken stop;
  const auto table = read_csv(path, {}, executor, stop);
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ((*table)->source(), path);
  EXPECT_EQ((*table)->content_hash(), sha256_hex("a,b\n1,x\n"));
}

}  // namespace
}  // namespace assay::datasets
