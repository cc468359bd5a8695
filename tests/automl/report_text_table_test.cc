#include <gtest/gtest.h>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

TextTable two_columns() {
  TextTable table;
  table.add_column("name");
  table.add_column("n", Align::kRight);
  return table;
}

TEST(TextTable, AlignsColumns) {
  TextTable table = two_columns();
  table.add_row({"a", "1"});
  table.add_row({"long name", "100"});
  EXPECT_EQ(table.render(),
            "name         n\n"
            "---------  ---\n"
            "a            1\n"
            "long name  100\n");
}

TEST(TextTable, CountsCodePointsAndHidesControlCharacters) {
  TextTable table = two_columns();
  table.add_row({"\xC3\xA9t\xC3\xA9", "1"});
  table.add_row({"a\nb\x1b", "2"});
  EXPECT_EQ(table.render(), "name  n\n----  -\n\xC3\xA9t\xC3\xA9   1\na?b?  2\n");
}

TEST(TextTable, LeavesNothingThatATerminalTakesForACommand) {
  const std::string text = "\xC3\xA9\x1b[2J\r\x7f\xC2\x9bm\tb\nc\xC2\xA0";
  EXPECT_EQ(printable(text), "\xC3\xA9?[2J???m?b?c\xC2\xA0");
  EXPECT_EQ(printable_lines(text), "\xC3\xA9?[2J???m\tb\nc\xC2\xA0");
  EXPECT_EQ(fitted_lines(text, 0), printable_lines(text));
  EXPECT_EQ(printable("\xC2"), "\xC2");
}

TEST(TextTable, CutsTheMiddleOfTheWidestColumn) {
  TextTable table = two_columns();
  table.add_row({"abcdefghijklmnop", "7"});
  EXPECT_EQ(table.render(13), "name        n\n----------  -\nabcd...nop  7\n");
  EXPECT_EQ(table.render(11), "name      n\n--------  -\nabc...op  7\n");
  // Below eight characters a column is not cut: others are left out, never the first.
  EXPECT_EQ(table.render(10), "name\n----------\nabcd...nop\n");
  EXPECT_EQ(table.render(5), "name\n--------\nabc...op\n");
  EXPECT_EQ(table.render(0), "name              n\n----------------  -\nabcdefghijklmnop  7\n");
}

TEST(TextTable, CutsListsAtTheirEnd) {
  TextTable table;
  table.add_column("levels", Align::kLeft, Fit::kEnd);
  table.add_row({"\xC3\xA9, b, c, d, e"});
  EXPECT_EQ(table.render(10), "levels\n----------\n\xC3\xA9, b, c...\n");
}

TEST(TextTable, NumbersAndIdsStayWhole) {
  TextTable table;
  table.add_column("id", Align::kLeft, Fit::kWhole);
  table.add_column("name");
  table.add_column("score", Align::kRight);
  table.add_row({"01ARZ3NDEKTSV4", "a long name here", "0.123456789"});
  EXPECT_EQ(table.render(40),
            "id              name               score\n"
            "--------------  -----------  -----------\n"
            "01ARZ3NDEKTSV4  a lo...here  0.123456789\n");
  EXPECT_EQ(table.render(37),
            "id              name            score\n"
            "--------------  --------  -----------\n"
            "01ARZ3NDEKTSV4  a l...re  0.123456789\n");
  EXPECT_EQ(table.render(36),
            "id                    score\n"
            "--------------  -----------\n"
            "01ARZ3NDEKTSV4  0.123456789\n")
      << "texts are left out before numbers";
  EXPECT_EQ(table.render(20), "id\n--------------\n01ARZ3NDEKTSV4\n");
  EXPECT_EQ(table.render(10), "id\n----------\n01AR...SV4\n") << "where it is all that is left";
}

TEST(TextTable, LeavesSpareColumnsOutFirst) {
  TextTable table;
  table.add_column("name");
  table.add_column("stage", Align::kLeft, Fit::kSpare);
  table.add_column("size", Align::kRight, Fit::kSpare);
  table.add_column("run");
  table.add_row({"credit", "production", "17 MiB", "abcdefghij"});
  EXPECT_EQ(table.render(38),
            "name    stage         size  run\n"
            "------  ----------  ------  ----------\n"
            "credit  production  17 MiB  abcdefghij\n");
  EXPECT_EQ(table.render(37),
            "name    stage       run\n"
            "------  ----------  ----------\n"
            "credit  production  abcdefghij\n");
  EXPECT_EQ(table.render(18), "name    run\n------  ----------\ncredit  abcdefghij\n");
}

TEST(TextTable, LinesAreFittedToo) {
  EXPECT_EQ(fitted_lines("short\n0123456789abcdef\n\nlast", 11), "short\n0123...cdef\n\nlast");
  EXPECT_EQ(fitted_lines("0123456789abcdef\n", 0), "0123456789abcdef\n");
}

TEST(TextTable, FillsMissingCellsAndDropsExtraOnes) {
  TextTable table = two_columns();
  table.add_row({"a"});
  table.add_row({"b", "2", "3"});
  EXPECT_EQ(table.render(), "name  n\n----  -\na\nb     2\n");
}

TEST(TextTable, WritesQuantities) {
  EXPECT_EQ(duration_text(0.2304), "230 ms");
  EXPECT_EQ(duration_text(1.5), "1.50 s");
  EXPECT_EQ(duration_text(125.2), "2 m 05 s");
  EXPECT_EQ(duration_text(7260), "2 h 01 m");
  EXPECT_EQ(latency_text(0), "-");
  EXPECT_EQ(latency_text(83.25), "83.2 us");
  EXPECT_EQ(latency_text(1240), "1.24 ms");
  EXPECT_EQ(latency_text(2.1e6), "2.10 s");
  EXPECT_EQ(size_text(512), "512 B");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(score_text(0.9234567), "0.923457");
}

}  // namespace
}  // namespace assay::automl
