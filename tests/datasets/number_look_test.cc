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

std::string gaps_of(std::vector<std::string> levels) {
  Column column;
  column.name = "c";
  column.type = ColumnType::kText;
  column.levels = std::move(levels);
  return number_gaps(column);
}

std::vector<std::string> numbers_and(std::vector<std::string> others, int count) {
  for (int i = 0; i < count; ++i) others.push_back(std::to_string(i) + ".5");
  return others;
}

TEST(NumberGaps, NamesWhatStandsAmongNumbers) {
  EXPECT_EQ(gaps_of(numbers_and({"-"}, 2)), "'-'");
  EXPECT_EQ(gaps_of(numbers_and({"--", "Unknown"}, 5)), "'--' and 'Unknown'");
  EXPECT_EQ(gaps_of(numbers_and({"abc"}, 10)), "'abc'");
  EXPECT_EQ(gaps_of(numbers_and({"n/k", "B", "-"}, 57)), "'n/k' and 2 more");
}

TEST(NumberGaps, LeavesCategoriesAndCodesAlone) {
  EXPECT_EQ(gaps_of({}), "");
  EXPECT_EQ(gaps_of(numbers_and({}, 20)), "");
  EXPECT_EQ(gaps_of(numbers_and({"other"}, 9)), "") << "a category may have numbers as levels";
  EXPECT_EQ(gaps_of(numbers_and({"-"}, 1)), "");
  EXPECT_EQ(gaps_of(numbers_and({"a", "b", "c"}, 56)), "");
  EXPECT_EQ(gaps_of(numbers_and({"-", "00501"}, 50)), "") << "post codes";
}

TEST(NumberGaps, TheHintSaysWhatToDo) {
  Column column;
  column.name = "c";
  column.type = ColumnType::kText;
  column.levels = numbers_and({"-"}, 12);
  EXPECT_EQ(reading_hint(column),
            "column 'c' would be numeric but for '-' and is read as text (missing_tokens can name "
            "what stands for a missing value)");
  column.levels = {"1,5", "2,5"};
  EXPECT_EQ(reading_hint(column),
            "column 'c' looks like numbers with a decimal comma ('1,5'), and is read as text "
            "(write numbers as 1234.5 and dates as 2024-12-31)");
  column.levels = {"a", "b"};
  EXPECT_EQ(reading_hint(column), "");
}

}  // namespace
}  // namespace assay::datasets
