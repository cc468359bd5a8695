#include "datasets/number_look.h"

#include <gtest/gtest.h>

namespace assay::datasets {
namespace {

std::string look_of(std::vector<std::string> levels, ColumnType type = ColumnType::kCategorical) {
  Column column;
  column.name = "c";
  column.type = type;
  column.levels = std::move(levels);
  return number_look(column);
}

TEST(NumberLook, KnowsSpellingsThatAreNotRead) {
  EXPECT_EQ(look_of({"1,5", "12", "-3,25"}), "numbers with a decimal comma ('1,5')");
  EXPECT_EQ(look_of({"1,234.5", "12", "1,000,000"}, ColumnType::kText),
            "numbers with commas between thousands ('1,234.5')");
  EXPECT_EQ(look_of({"1.234,5", "12", "1.000.000"}),
            "numbers with points between thousands ('1.234,5')");
  EXPECT_EQ(look_of({"1 234", "12 000.5"}), "numbers with blanks between thousands ('1 234')");
  EXPECT_EQ(look_of({"5%", "12.5 %", "7,5%"}), "numbers with a percent sign ('5%')");
  EXPECT_EQ(look_of({"$5", "-$1,200", "$3.50"}), "amounts with a currency sign ('$5')");
  EXPECT_EQ(look_of({"5 EUR", "7,50 \u20ac"}), "amounts with a currency sign ('5 EUR')");
  EXPECT_EQ(look_of({"01/31/2024", "2/3/24"}), "dates with the day or month first ('01/31/2024')");
  EXPECT_EQ(look_of({"31.01.2024", "1.2.2024 10:00"}),
            "dates with the day or month first ('31.01.2024')");
  EXPECT_EQ(look_of({"10:00", "9:30:15"}), "times of day ('10:00')");
}

TEST(NumberLook, NamesTheFewValuesThatAreNoNumbers) {
  std::vector<std::string> levels;
  for (int i = 0; i < 49; ++i) levels.push_back(std::to_string(i) + ".5");
  levels.push_back("n/k");
  EXPECT_EQ(look_of(levels, ColumnType::kText), "numbers but for 'n/k'");
  levels.push_back("-");
  EXPECT_EQ(look_of(levels, ColumnType::kText), "numbers but for 'n/k' and 1 more");
  levels.resize(8);
  levels.push_back("B");
  EXPECT_EQ(look_of(levels), "") << "a few may be codes";
}

TEST(NumberLook, LeavesWordsAndNumbersAlone) {
  EXPECT_EQ(look_of({}), "");
  EXPECT_EQ(look_of({"a", "b"}), "");
  EXPECT_EQ(look_of({"1", "2"}), "") << "codes that are read as text on purpose";
  EXPECT_EQ(look_of({"1,5", "2,5", "Oslo"}), "");
  EXPECT_EQ(look_of({"%", "$", ",", "-", ":", "12:", "1,"}), "");
  EXPECT_EQ(look_of({"1,5"}, ColumnType::kNumeric), "");
  std::vector<std::string> nearly(39, "1,5");
  nearly.push_back("unknown");
  EXPECT_EQ(look_of(nearly), "numbers with a decimal comma ('1,5')");
}

}  // namespace
}  // namespace assay::datasets
