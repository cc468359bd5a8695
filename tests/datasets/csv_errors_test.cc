// What cannot be read, and that the message says where and why.
#include <gmock/gmock.h>

#include "datasets/csv_reader.h"
#include "tests/datasets/table_reading.h"

namespace assay::datasets {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(CsvErrors, EmptyFiles) {
  EXPECT_EQ(error_of(""), "data: data.csv: the file is empty");
  EXPECT_EQ(error_of("\n\r\n\n"), "data: data.csv: the file is empty");
  EXPECT_EQ(error_of("\xef\xbb\xbf"), "data: data.csv: the file is empty");
  EXPECT_EQ(error_of("a,b,c\n"), "data: data.csv: the file has a header but no rows");
  EXPECT_EQ(error_of("a,b,c"), "data: data.csv: the file has a header but no rows");
  EXPECT_EQ(error_of("a,b,c\n\n\n"), "data: data.csv: the file has a header but no rows");
}

TEST(CsvErrors, WrongNumberOfFields) {
  EXPECT_EQ(error_of("a,b\n1,2\n\"3\n\",4\n5\n6,7\n"),
            "data: data.csv:5: 1 field (must be 2, as in the first line)");
  EXPECT_EQ(error_of("a,b\n1,2\n1,2,3\n"),
            "data: data.csv:3: 3 fields (must be 2, as in the first line)");
  EXPECT_EQ(error_of("1,2\n3,4\n5,6,\n"),
            "data: data.csv:3: 3 fields (must be 2, as in the first line)");
}

TEST(CsvErrors, DuplicateNames) {
  EXPECT_EQ(error_of("a,b,a\n1,2,3\n"),
            "data: data.csv: line 1: columns 1 and 3 are both named 'a' (names must differ)");
  EXPECT_THAT(error_of("column_2,\n1,2\n"), HasSubstr("columns 1 and 2 are both named 'column_2'"));
}

TEST(CsvErrors, BytesThatAreNotText) {
  EXPECT_EQ(error_of("a,b\n1,x\n2,caf\xe9\n"),
            "data: data.csv:3: column 'b': byte 0xe9 is not valid UTF-8");
  EXPECT_EQ(error_of(std::string("a,b\n1,x\n\0,y\n", 12)),
            "data: data.csv:3: column 'a': a NUL byte (the file is not text)");
  EXPECT_THAT(error_of("na\xffme,b\n1,2\n"), HasSubstr("the name of column 1 is not valid UTF-8"));
  EXPECT_THAT(error_of("\xff\xfe"
                       "a"),
              HasSubstr("UTF-16"));
  EXPECT_THAT(error_of("PK\x03\x04..."), HasSubstr("zip"));
  EXPECT_THAT(error_of("a,b\r1,2\r3,4\r"), HasSubstr("CR alone"));
}

TEST(CsvErrors, FirstErrorInTheFileWins) {
  EXPECT_THAT(error_of("a,b\n1\n2,\xff\n"), StartsWith("data: data.csv:2: 1 field"));
  EXPECT_THAT(error_of("a,b\n1,\xff\n2\n"), StartsWith("data: data.csv:2: column 'b': byte 0xff"));
  EXPECT_THAT(error_of("a,b\n1,2\n3,\xff,4\n"), StartsWith("data: data.csv:3: column 'b': byte"));
}

TEST(CsvErrors, UnclosedQuotes) {
  EXPECT_EQ(error_of("a,b\n1,x\n2,\"y\n3,z\n"), "data: data.csv:3: a quoted field is not closed");
  EXPECT_EQ(error_of("a,\"b\n1,x\n"), "data: data.csv: line 1: a quoted field is not closed");
}

TEST(CsvErrors, TextAfterAClosingQuote) {
  const std::string what =
      "text after a closing quote (a quote inside a quoted field is written twice): ";
  EXPECT_EQ(error_of("a,b\n1,x\n2,\"y\"z\n"), "data: data.csv:3: column 'b': " + what + "\"y\"z");
  EXPECT_EQ(error_of("a,b\n1,x\n\"2\"3,y\n"), "data: data.csv:3: column 'a': " + what + "\"2\"3");
  EXPECT_EQ(error_of("a,\"b\"c\n1,x\n2,y\n"),
            "data: data.csv: line 1: the name of column 2: " + what + "\"b\"c");
  CsvOptions options;
  options.drop = {"b"};
  EXPECT_THAT(error_of("a,b\n1,\"y\"z\n", options), HasSubstr(":2: column 'b'"))
      << "also in a column that is left out";
  const auto table = must_read("a,b\n\"1\" ,\"x\"\t\n2,\" y \" \r\n");
  EXPECT_EQ(table->columns()[0].numbers, (std::vector<double>{1, 2}));
  EXPECT_EQ(table->columns()[1].levels, (std::vector<std::string>{" y ", "x"}));
}

TEST(CsvErrors, NumbersBeyondTheRange) {
  EXPECT_THAT(error_of("a,b\n1,x\n1e999,y\n-inf,y\n"),
              StartsWith("data: data.csv:3: column 'a': '1e999' is beyond the range of numbers"));
  // Also where the column was read as strings at first, since the sample had no value.
  std::string late = "a,b\n";
  for (int i = 0; i < 1500; ++i) late += ",x\n";
  EXPECT_THAT(error_of(late + "5,x\ninf,x\n"),
              StartsWith("data: data.csv:1503: column 'a': 'inf'"));
  // Not in a column of strings.
  EXPECT_EQ(must_read("a,b\n1,x\n1e999,y\nlow,z\n")->columns()[0].levels.size(), 3u);
  CsvOptions options;
  options.missing_tokens = std::vector<std::string>{"1e999", "inf"};
  EXPECT_EQ(must_read("a,b\n1,x\n1e999,y\ninf,z\n", options)->columns()[0].missing_count, 2);
}

TEST(CsvErrors, ValuesThatDoNotFitAGivenType) {
  CsvOptions options;
  options.column_types = {{"a", ColumnType::kNumeric}};
  EXPECT_EQ(error_of("a,b\n1,x\ntwo,y\n", options),
            "data: data.csv:3: column 'a': 'two' is not a number");
  EXPECT_THAT(error_of("a,b\n1,x\n1e999,y\n", options), HasSubstr("beyond the range"));
  options.column_types = {{"a", ColumnType::kDatetime}};
  EXPECT_THAT(error_of("a,b\n2020-01-01,x\n5,y\n", options), HasSubstr("'5' is not a date"));
  options.column_types = {{"a", ColumnType::kBoolean}};
  EXPECT_THAT(error_of("a,b\nyes,x\nno,x\n" + std::string(60, 'z') + ",y\n", options),
              HasSubstr("data.csv:4: column 'a': '" + std::string(40, 'z') + "...' is not a bool"));
}

TEST(CsvErrors, OptionsThatNameNoColumn) {
  CsvOptions options;
  options.drop = {"agee"};
  EXPECT_EQ(error_of("age,b\n1,2\n", options),
            "invalid_argument: data.csv: no column 'agee', which drop names (did you mean 'age'?)");
  options.drop = {"age", "b"};
  EXPECT_THAT(error_of("age,b\n1,2\n", options), HasSubstr("no column is left of 2"));
  options = {};
  options.delimiter = 'x';
  EXPECT_THAT(error_of("a,b\n1,2\n", options), StartsWith("invalid_argument: delimiter 0x78"));
  options = {};
  options.block_bytes = 0;
  EXPECT_THAT(error_of("a,b\n1,2\n", options), StartsWith("invalid_argument: block_bytes=0"));
}

TEST(CsvErrors, TruncatedGzip) {
  std::string text = "a,b\n";
  for (int i = 0; i < 200000; ++i) text += std::to_string(i * 7919 % 100003) + ",x\n";
  const std::string whole = gzipped(text);
  EXPECT_THAT(error_of(whole.substr(0, whole.size() / 2)),
              HasSubstr("data: 'data.csv' is truncated after "));
  EXPECT_THAT(error_of(whole.substr(0, 5)), HasSubstr("is truncated after 5 compressed bytes"));
}

TEST(CsvErrors, MemoryBound) {
  // Eight bytes a cell, and four.
  std::string text = "a,b\n";
  std::string narrow = text;
  for (int i = 0; i < 400000; ++i) {
    const std::string number = std::to_string(i);
    text += number + ".123456789012," + number + ".123456789012\n";
    narrow += number + "," + number + "\n";
  }
  CsvOptions options;
  options.max_bytes = 6 << 20;
  options.block_bytes = 4096;
  EXPECT_THAT(error_of(text, options),
              ::testing::AllOf(StartsWith("resource_exhausted: data.csv: reading it needs about"),
                               HasSubstr("2 columns, but 6 MiB are allowed")));
  EXPECT_EQ(must_read(narrow, options)->row_count(), 400000);
  // In one batch, too, whose columns are known when it is read.
  options.block_bytes = 64 << 20;
  EXPECT_THAT(error_of(text, options), HasSubstr("2 columns, but 6 MiB are allowed"));
  options.block_bytes = 4096;
  options.max_bytes = 64 << 20;
  EXPECT_EQ(must_read(text, options)->row_count(), 400000);
}

TEST(CsvErrors, StopsWhenToldTo) {
  SerialExecutor executor;
  StopToken stop;
  stop.request();
  const auto table =
      read_csv_source(ByteSource::from_memory("a,b\n1,2\n", "data.csv"), {}, executor, stop);
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, StatusCode::kCancelled);
}

TEST(CsvErrors, LongRecordIsAMissingQuote) {
  std::string text = "a,b\n1,\"";
  text.append((64 << 20) + 100, 'x');
  EXPECT_THAT(error_of(text + "\n" + std::string(70 << 20, 'y')),
              HasSubstr("data.csv:2: a record is longer than 64 MiB"));
}

TEST(CsvErrors, FileThatChanges) {
  // The executor stands for the time that passes while the file is read.
  class Meddler final : public Executor {
   public:
    explicit Meddler(std::string path) : path_(std::move(path)) {}
    int thread_count() const override { return 1; }
    Status parallel_for(int64_t chunks, FunctionRef<void(int64_t, int)> body) override {
      std::ofstream(path_, std::ios::app) << "9,9\n";
      return serial_.parallel_for(chunks, body);
    }

   private:
    std::string path_;
    SerialExecutor serial_;
  };
  const TestFolder folder;
  const std::string path = folder.write("t.csv", "a,b\n1,2\n");
  Meddler executor(path);
  const StopToken stop;
  const auto table = read_csv(path, {}, executor, stop);
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, StatusCode::kIo);
  EXPECT_THAT(table.error().message, HasSubstr("changed while it was read"));
}

}  // namespace
}  // namespace assay::datasets
