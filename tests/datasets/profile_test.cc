#include "datasets/profile.h"

#include <cmath>

#include "datasets/column_types.h"
#include "tests/datasets/table_reading.h"

namespace assay::datasets {
namespace {

TableProfile profile_of(const std::string& text, int top = 10) {
  SerialExecutor executor;
  const auto table = must_read(text);
  return table == nullptr ? TableProfile() : *profile_table(*table, executor, top);
}

// Expected values from Python: statistics.pstdev, and linear quantiles worked out there.
TEST(Profile, DescribesNumbers) {
  const TableProfile profile = profile_of("x,y\n3,a\n-1.5,a\n8,b\n,b\n3,a\n0,b\n");
  EXPECT_EQ(profile.row_count, 6);
  EXPECT_EQ(profile.source, "data.csv");
  EXPECT_EQ(profile.content_hash.size(), 64u);
  const ColumnProfile& x = profile.columns[0];
  EXPECT_EQ(x.missing_count, 1);
  EXPECT_EQ(x.distinct_count, 4);
  EXPECT_EQ(x.min, -1.5);
  EXPECT_EQ(x.max, 8);
  EXPECT_DOUBLE_EQ(x.mean, 2.5);
  EXPECT_DOUBLE_EQ(x.std, 3.255764119219941);
  ASSERT_EQ(x.quantiles.size(), 5u);
  EXPECT_DOUBLE_EQ(x.quantiles[0], -1.2);
  EXPECT_DOUBLE_EQ(x.quantiles[1], 0);
  EXPECT_DOUBLE_EQ(x.quantiles[2], 3);
  EXPECT_DOUBLE_EQ(x.quantiles[3], 3);
  EXPECT_DOUBLE_EQ(x.quantiles[4], 7);
  EXPECT_TRUE(x.top_levels.empty());
}

TEST(Profile, HugeNumbersDoNotOverflow) {
  const TableProfile profile = profile_of("x,y\n1e308,a\n-1e308,a\n1.5e308,b\n1e308,b\n");
  const ColumnProfile& x = profile.columns[0];
  EXPECT_NEAR(x.mean / 1e308, 0.625, 1e-12);
  EXPECT_NEAR(x.std / 1e308, 0.9601432184835761, 1e-12);
  EXPECT_TRUE(std::isfinite(x.quantiles[1]));
}

TEST(Profile, RanksLevels) {
  const TableProfile profile = profile_of("c,b\nx,yes\ny,no\nz,yes\nx,yes\nz,\n?,no\nw,no\n", 2);
  const ColumnProfile& c = profile.columns[0];
  EXPECT_EQ(c.type, ColumnType::kCategorical);
  EXPECT_EQ(c.missing_count, 1);
  EXPECT_EQ(c.distinct_count, 4);
  using Levels = std::vector<std::pair<std::string, int64_t>>;
  EXPECT_EQ(c.top_levels, (Levels{{"x", 2}, {"z", 2}}));
  EXPECT_TRUE(std::isnan(c.mean));
  const ColumnProfile& b = profile.columns[1];
  EXPECT_EQ(b.type, ColumnType::kBoolean);
  EXPECT_EQ(b.top_levels, (Levels{{"no", 3}, {"yes", 3}}));
  EXPECT_DOUBLE_EQ(b.mean, 0.5);
}

TEST(Profile, WritesMomentsAsDates) {
  EXPECT_EQ(datetime_text(0), "1970-01-01");
  EXPECT_EQ(datetime_text(1704067200), "2024-01-01");
  EXPECT_EQ(datetime_text(1709210096.4), "2024-02-29 12:34:56");
  EXPECT_EQ(datetime_text(-1), "1969-12-31 23:59:59");
  EXPECT_EQ(datetime_text(-62135596800), "0001-01-01");
  EXPECT_EQ(datetime_text(-62135596801), "-");
  EXPECT_EQ(datetime_text(253402300799), "9999-12-31 23:59:59");
  EXPECT_EQ(datetime_text(1e300), "-");
  EXPECT_EQ(datetime_text(std::nan("")), "-");
  for (const double seconds : {0.0, 1709210096.0, -86399.0, 951782400.0}) {
    EXPECT_EQ(parse_datetime(datetime_text(seconds)), seconds);
  }
}

TEST(Profile, ColumnWithoutValues) {
  const TableProfile profile = profile_of("x,y\n,1\n,2\n");
  const ColumnProfile& x = profile.columns[0];
  EXPECT_EQ(x.missing_count, 2);
  EXPECT_EQ(x.distinct_count, 0);
  EXPECT_TRUE(std::isnan(x.min));
  EXPECT_TRUE(std::isnan(x.mean));
  EXPECT_TRUE(std::isnan(x.quantiles[2]));
}

TEST(Profile, QuantilesOfManyValues) {
  std::string text = "x,y\n";
  for (int i = 0; i <= 1000; ++i) text += std::to_string((i * 617 % 1001) - 500) + ",1\n";
  const TableProfile profile = profile_of(text);
  const ColumnProfile& x = profile.columns[0];
  EXPECT_EQ(x.distinct_count, 1001);
  EXPECT_EQ(x.quantiles, (std::vector<double>{-450, -250, 0, 250, 450}));
  EXPECT_DOUBLE_EQ(x.mean, 0);
}

}  // namespace
}  // namespace assay::datasets
