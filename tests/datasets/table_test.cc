#include "datasets/table.h"

#include <gmock/gmock.h>

namespace assay::datasets {
namespace {

using ::testing::HasSubstr;

Column plain_numbers(std::string name, std::vector<double> values) {
  Column column;
  column.name = std::move(name);
  column.numbers = std::move(values);
  return column;
}
Column strings(std::string name, std::vector<int32_t> codes, std::vector<std::string> levels) {
  Column column;
  column.name = std::move(name);
  column.type = ColumnType::kCategorical;
  column.codes = std::move(codes);
  column.levels = std::move(levels);
  return column;
}

TEST(Table, FindsColumnsByName) {
  const auto table = Table::make({plain_numbers("Age", {1, 2}), strings("city", {0, 2}, {"Rome"})},
                                 "t.csv", "hash");
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ((*table)->row_count(), 2);
  EXPECT_EQ((*table)->column_count(), 2);
  EXPECT_EQ((*table)->find("city"), 1);
  EXPECT_EQ((*table)->find("City"), -1);
  EXPECT_EQ((*(*table)->column("Age"))->numbers[1], 2);
  // Numbers of a byte, codes of four, and a level.
  EXPECT_EQ((*table)->byte_count(), 2 * 1 + 2 * 4 + static_cast<int64_t>(sizeof(std::string)));
  const auto near = (*table)->column("age");
  ASSERT_FALSE(near);
  EXPECT_EQ(near.error().code, StatusCode::kData);
  EXPECT_EQ(near.error().message, "t.csv: no column 'age' (did you mean 'Age'?)");
  EXPECT_EQ((*table)->column("temperature").error().message,
            "t.csv: no column 'temperature' among its 2 columns");
}

TEST(Table, RefusesColumnsThatDoNotFit) {
  const auto uneven = Table::make({plain_numbers("a", {1, 2}), plain_numbers("b", {1})}, "t", "");
  ASSERT_FALSE(uneven);
  EXPECT_EQ(uneven.error().code, StatusCode::kInvalidArgument);
  EXPECT_THAT(uneven.error().message, HasSubstr("column 'b' has 1 rows, but column 'a' has 2"));
  const auto twice = Table::make({plain_numbers("a", {1}), plain_numbers("a", {1})}, "t", "");
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().message, HasSubstr("columns 1 and 2 are both named 'a'"));
  for (const int32_t code : {-1, 3}) {
    const auto bad = Table::make({strings("a", {2, code}, {"x"})}, "t", "");
    ASSERT_FALSE(bad);
    EXPECT_THAT(bad.error().message, HasSubstr("must be 0..2 for 1 levels"));
  }
}

TEST(Table, TypeNamesRoundTrip) {
  for (const ColumnType type : {ColumnType::kNumeric, ColumnType::kBoolean, ColumnType::kDatetime,
                                ColumnType::kCategorical, ColumnType::kText}) {
    EXPECT_EQ(*parse_column_type(name_of(type)), type);
  }
  const auto unknown = parse_column_type("numerik");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("did you mean 'numeric'?"));
}

}  // namespace
}  // namespace assay::datasets
