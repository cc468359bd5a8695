#include <gtest/gtest.h>

#include "datasets/level_table_internal.h"
#include "kernels/base/rng.h"

namespace assay::datasets {
namespace {

TEST(LevelTable, GivesIdsInOrderOfAppearance) {
  LevelTable table;
  EXPECT_EQ(table.intern("b"), 0);
  EXPECT_EQ(table.intern(""), 1);
  EXPECT_EQ(table.intern("a"), 2);
  EXPECT_EQ(table.intern("b"), 0);
  EXPECT_EQ(table.intern(""), 1);
  EXPECT_EQ(table.size(), 3);
  EXPECT_EQ(table.text(2), "a");
  EXPECT_EQ(table.text_bytes(), 2);
}

TEST(LevelTable, SortsByBytes) {
  LevelTable table;
  for (const char* text : {"b", "abcdefghZ", "", "a", "abcdefgh", "\xc3\xa9", "B", "abcdefghA"}) {
    table.intern(text);
  }
  table.intern(std::string_view("a\0", 2));
  std::vector<std::string> sorted;
  for (const int32_t id : table.sorted()) sorted.emplace_back(table.text(id));
  const std::vector<std::string> expected = {"",          "B",         "a", {"a\0", 2}, "abcdefgh",
                                             "abcdefghA", "abcdefghZ", "b", "\xc3\xa9"};
  EXPECT_EQ(sorted, expected);
}

TEST(LevelTable, KeepsManyLevelsApartAndForgetsThem) {
  LevelTable table;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 50000; ++i) ASSERT_EQ(table.intern("level " + std::to_string(i)), i);
    for (int i = 0; i < 50000; ++i) ASSERT_EQ(table.intern("level " + std::to_string(i)), i);
    EXPECT_EQ(table.size(), 50000);
    EXPECT_GT(table.byte_count(), 50000 * 6);
    table.clear();
    EXPECT_EQ(table.size(), 0);
  }
  EXPECT_EQ(table.intern("x"), 0);
  table.clear();
  EXPECT_EQ(table.intern("y"), 0);
}

TEST(LevelTable, EqualHashesAreToldApart) {
  LevelTable table;
  EXPECT_EQ(table.intern("one", 42), 0);
  EXPECT_EQ(table.intern("two", 42), 1);
  EXPECT_EQ(table.intern("one", 42), 0);
  EXPECT_EQ(table.hash(1), 42u);
}

}  // namespace
}  // namespace assay::datasets
