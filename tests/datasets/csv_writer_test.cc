#include "datasets/csv_writer.h"

#include <cmath>
#include <limits>

#include "tests/datasets/table_reading.h"

namespace assay::datasets {
namespace {

std::string field(std::string_view text, char delimiter = ',') {
  std::string out;
  append_csv_field(out, text, delimiter);
  return out;
}
template <class Number>
std::string number(Number value) {
  std::string out;
  append_csv_number(out, value);
  return out;
}

TEST(CsvWriter, QuotesOnlyWhereNeeded) {
  EXPECT_EQ(field("plain text"), "plain text");
  EXPECT_EQ(field("a,b"), "\"a,b\"");
  EXPECT_EQ(field("a,b", ';'), "a,b");
  EXPECT_EQ(field("a;b", ';'), "\"a;b\"");
  EXPECT_EQ(field("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(field("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(field(" blank"), "\" blank\"");
  EXPECT_EQ(field(""), "\"\"");
}

TEST(CsvWriter, WritesShortestNumbers) {
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(0.1f), "0.1");
  EXPECT_EQ(number(1e300), "1e+300");
  EXPECT_EQ(number(-2.0), "-2");
  EXPECT_EQ(number(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(number(std::nan("")), "");
}

TEST(CsvWriter, WhatItWritesReadsBack) {
  const std::string cells[] = {"x", "a,b", "\"", "\r\n", "\n", " y ", "\"\"", "é,", "1"};
  std::string text = "name,value\n";
  double value = 1.0 / 3;
  std::vector<double> values;
  for (const std::string& cell : cells) {
    append_csv_field(text, cell);
    text += ',';
    values.push_back(value *= -7.1e5);
    append_csv_number(text, value);
    text += '\n';
  }
  const auto table = must_read(text);
  ASSERT_NE(table, nullptr);
  for (size_t r = 0; r < std::size(cells); ++r) {
    EXPECT_EQ(cell(table->columns()[0], static_cast<int64_t>(r)), cells[r]);
    EXPECT_EQ(table->columns()[1].numbers[r], values[r]);
  }
}

}  // namespace
}  // namespace assay::datasets
