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

TEST(TextTable, CutsTheWidestColumnToTheTerminal) {
  TextTable table = two_columns();
  table.add_row({"abcdefghijklmnop", "7"});
  EXPECT_EQ(table.render(13), "name        n\n----------  -\nabcdefghi~  7\n");
  // Below eight characters a column is not cut.
  EXPECT_EQ(table.render(5), "name      n\n--------  -\nabcdefg~  7\n");
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
  EXPECT_EQ(size_text(512), "512 B");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(score_text(0.9234567), "0.923457");
}

}  // namespace
}  // namespace assay::automl
