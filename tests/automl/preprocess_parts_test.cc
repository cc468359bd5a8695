#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "automl/preprocess/calendar.h"
#include "automl/preprocess/cycle.h"
#include "automl/preprocess/level_counts.h"
#include "tests/automl/preprocess_tables.h"

namespace assay::automl {
namespace {

using datasets::Column;
using datasets::ColumnType;
using testing::ElementsAre;

TEST(FeatureEncoder, CountsTheLevelsOfLargeCategories) {
  // 300 levels; the first occurs three times, the others once or twice.
  std::vector<std::string> levels;
  std::vector<int32_t> codes = {2, 2, 0};
  for (int k = 0; k < 300; ++k) {
    levels.push_back(fmt::format("{:03}", k));
    for (int i = 0; i < 1 + (k % 2); ++i) codes.push_back(k + 2);
  }
  const auto table = table_of({texts("c", levels, codes)});
  const FeatureEncoder encoder = fit(table);
  ASSERT_EQ(encoder.feature_count(), 2);
  EXPECT_EQ(encoder.features()[1].name, "c.count");
  EXPECT_EQ(encoder.features()[1].kind, kernels::FeatureKind::kNumeric);
  EXPECT_EQ(encoder.category_count(), 1);
  ModelWriter writer;
  encoder.save(writer);
  const std::string bytes = must(writer.finish());
  const FeatureEncoder loaded =
      must(FeatureEncoder::load(must(ModelReader::open(bytes, "m.assay"))));
  ModelWriter again;
  loaded.save(again);
  EXPECT_EQ(must(again.finish()), bytes);
  // Level 299 twice, a level that training did not have, level 000 three times, none.
  const auto test = table_of({texts("c", {"000", "299", "new"}, {3, 4, 2, 0})});
  for (const FeatureEncoder* each : {&encoder, &loaded}) {
    const auto encoded = must(each->encode(test));
    // Edges lie between the logarithms of 2, 3 and 4: counts 1, 2, 3 have the bins 1, 2, 3.
    EXPECT_THAT(bin_column(*encoded, 1), ElementsAre(2, 1, 3, 0));
  }
  // Each level once: nothing to count.
  std::vector<int32_t> once;
  for (int k = 0; k < 300; ++k) once.push_back(k + 2);
  EXPECT_EQ(fit(table_of({texts("c", levels, once)})).feature_count(), 1);
  const Cpu cpu;
  EncoderOptions options;
  options.level_counts = false;
  EXPECT_EQ(must(FeatureEncoder::fit(table, options, cpu.context)).feature_count(), 1);
  options.level_counts = true;
  EXPECT_EQ(must(FeatureEncoder::fit(small_table(), options, cpu.context)).feature_count(), 5);
}

TEST(LevelCounts, AreLogarithmsOfRows) {
  const auto counts = must(LevelCounts::from_counts({3, 0}));
  const std::vector<int32_t> codes = {2, 3, 1, 0};
  std::vector<std::vector<double>> numbers;
  const std::vector<int32_t> outputs = {1};
  ASSERT_TRUE(counts->apply({{}, {}, codes}, outputs, nullptr, numbers));
  EXPECT_NEAR(numbers[0][0], std::log(4.0), 1e-15);
  EXPECT_EQ(numbers[0][1], 0);
  EXPECT_EQ(numbers[0][2], 0);
  EXPECT_TRUE(std::isnan(numbers[0][3]));
  EXPECT_FALSE(LevelCounts::from_counts({1, -1}));
}

TEST(FeatureEncoder, SplitsDatesIntoWhatVaries) {
  // 2021-03-01T06:00, 2021-04-01T06:00, 2021-05-03T06:00: year and hour do not vary.
  const auto table =
      table_of({numbers("when", {1614578400, 1617256800, 1620021600}, ColumnType::kDatetime)});
  const FeatureEncoder encoder = fit(table);
  std::vector<std::string> names;
  for (const Feature& feature : encoder.features()) names.push_back(feature.name);
  EXPECT_THAT(names, ElementsAre("when", "when.month", "when.day", "when.weekday", "when.yearday"));
  const auto encoded = must(encoder.encode(table));
  EXPECT_THAT(bin_column(*encoded, 1), ElementsAre(1, 2, 3));
  EXPECT_THAT(bin_column(*encoded, 2), ElementsAre(1, 1, 2));
  EXPECT_THAT(bin_column(*encoded, 3), ElementsAre(1, 2, 1));  // Monday, Thursday, Monday
}

TEST(Calendar, KnowsLeapDaysNegativeTimesAndLimits) {
  // 2000-02-29T23:59:59, 1969-12-31T00:00:00, beyond any calendar, missing.
  const std::vector<double> moments = {951868799, -86400, 1e15, kNaN};
  const auto part = [&](FeaturePart which) { return calendar_part(moments, which); };
  EXPECT_EQ(part(FeaturePart::kYear)[0], 2000);
  EXPECT_EQ(part(FeaturePart::kMonth)[0], 2);
  EXPECT_EQ(part(FeaturePart::kDay)[0], 29);
  EXPECT_EQ(part(FeaturePart::kHour)[0], 23);
  EXPECT_EQ(part(FeaturePart::kWeekday)[0], 1);  // a Tuesday
  EXPECT_EQ(part(FeaturePart::kYear)[1], 1969);
  EXPECT_EQ(part(FeaturePart::kDay)[1], 31);
  EXPECT_EQ(part(FeaturePart::kHour)[1], 0);
  EXPECT_EQ(part(FeaturePart::kWeekday)[1], 2);  // a Wednesday
  EXPECT_TRUE(std::isnan(part(FeaturePart::kYear)[2]));
  EXPECT_TRUE(std::isnan(part(FeaturePart::kDay)[3]));
  EXPECT_EQ(part(FeaturePart::kYearDay)[0], 31 + 29);
  EXPECT_EQ(part(FeaturePart::kYearDay)[1], 365);
  EXPECT_EQ(part(FeaturePart::kMinute)[0], 59);
  // 2024-12-31T23:59:59, 2023-03-01T00:07:00, 1969-12-31T12:30:00.
  const std::vector<double> more = {1735689599, 1677629220, -41400};
  EXPECT_THAT(calendar_part(more, FeaturePart::kYearDay), ElementsAre(366, 60, 365));
  EXPECT_THAT(calendar_part(more, FeaturePart::kMinute), ElementsAre(59, 7, 30));
}

TEST(Calendar, PutsNumbersOnACircle) {
  for (const double period : {7.0, 12.0, 24.0, 60.0, 365.25}) {
    for (double value = -period; value <= 2 * period; value += 0.25) {
      const CirclePoint point = on_circle(value, period);
      const double angle = 2 * M_PI * value / period;
      EXPECT_NEAR(point.sine, std::sin(angle), 4e-15) << value << " of " << period;
      EXPECT_NEAR(point.cosine, std::cos(angle), 4e-15) << value << " of " << period;
    }
  }
  EXPECT_EQ(on_circle(6, 24).sine, 1);
  EXPECT_EQ(on_circle(12, 24).cosine, -1);
  EXPECT_EQ(on_circle(18, 24).sine, -1);
  EXPECT_TRUE(std::isfinite(on_circle(1e308, 1e-3).sine));
}

TEST(FeatureEncoder, DensePartsStandOnACircleToo) {
  // Hours 0, 6, 12 and none: "when" itself, then the hour with its missing mark and its circle.
  const auto table = table_of({numbers("when", {0, 21600, 43200, kNaN}, ColumnType::kDatetime)});
  const FeatureEncoder encoder = fit(table);
  ASSERT_EQ(encoder.feature_count(), 2);
  const auto encoded = must(encoder.encode(table));
  EXPECT_THAT(encoded->dense_features(), ElementsAre(0, 0, 1, 1, 1, 1));
  const auto circle = [&](int64_t row) {
    const std::vector<float> cells = dense_row(*encoded, row);
    return std::vector<float>{cells[3], cells[4], cells[5]};
  };
  EXPECT_THAT(circle(0), ElementsAre(0, 0, 1));
  EXPECT_THAT(circle(1), ElementsAre(0, 1, 0));
  EXPECT_THAT(circle(2), ElementsAre(0, 0, -1));
  EXPECT_THAT(circle(3), ElementsAre(1, 0, 0));
  ModelWriter writer;
  encoder.save(writer);
  const auto loaded =
      must(FeatureEncoder::load(must(ModelReader::open(must(writer.finish()), "m.assay"))));
  const auto again = must(loaded.encode(table));
  for (int64_t row = 0; row < 4; ++row) {
    EXPECT_EQ(dense_row(*again, row), dense_row(*encoded, row));
  }
}

TEST(FeatureEncoder, PartsOfMomentsCanBeLeftOut) {
  const Cpu cpu;
  EncoderOptions options;
  options.calendar = false;
  const auto table = table_of({numbers("when", {0, 21600, 1e9}, ColumnType::kDatetime)});
  EXPECT_EQ(must(FeatureEncoder::fit(table, options, cpu.context)).feature_count(), 1);
}

Column upward(std::string name, int rows) {
  std::vector<double> values;
  for (int row = 0; row < rows; ++row) values.push_back(row + 1);
  Column column = numbers(std::move(name), std::move(values));
  column.all_integers = true;
  return column;
}

TEST(FeatureEncoder, LeavesOutDuplicatesAndRowNumbers) {
  std::vector<double> wave;
  std::vector<int32_t> codes, other_codes;
  for (int row = 0; row < 60; ++row) {
    wave.push_back(row * 7 % 13);
    codes.push_back(2 + row % 3);
    other_codes.push_back(2 + (5 - row % 3) % 3);
  }
  const auto table =
      table_of({upward("row_id", 60), numbers("x", wave), texts("size", {"l", "m", "s"}, codes),
                numbers("again", wave), texts("recoded", {"10", "20", "30"}, other_codes),
                upward("step", 60)});
  const auto names = [](const FeatureEncoder& encoder) {
    std::vector<std::string> list;
    for (const InputColumn& column : encoder.columns()) list.push_back(column.name);
    return list;
  };
  const FeatureEncoder encoder = fit(table);
  EXPECT_THAT(names(encoder), ElementsAre("x", "size", "step"));
  std::vector<std::string> reasons;
  for (const DroppedColumn& column : encoder.dropped()) {
    reasons.push_back(column.name + ": " + column.reason);
  }
  EXPECT_THAT(reasons, ElementsAre("row_id: it numbers the rows", "again: it says the same as 'x'",
                                   "recoded: it says the same as 'size'"));
  const Cpu cpu;
  EncoderOptions options;
  options.keep = {"again", "row_id"};
  EXPECT_THAT(names(must(FeatureEncoder::fit(table, options, cpu.context))),
              ElementsAre("row_id", "x", "size", "again"));
  options = {};
  options.drop_duplicates = false;
  EXPECT_THAT(names(must(FeatureEncoder::fit(table, options, cpu.context))),
              ElementsAre("x", "size", "again", "recoded", "step"));
  options.drop_row_numbers = false;
  EXPECT_EQ(must(FeatureEncoder::fit(table, options, cpu.context)).columns().size(), 6u);
  // Ids with gaps between them, in a table that is long enough.
  Column sparse = upward("customer_id", 120);
  std::vector<double> ids = sparse.numbers.view().to_vector();
  for (double& value : ids) value = 1000000 + std::fmod(value * 7919, 120) * 86413;
  sparse.numbers = ids;
  Column amount = sparse;
  amount.name = "amount";
  std::reverse(ids.begin(), ids.end());
  amount.numbers = ids;
  const auto longer = table_of({sparse, amount});
  const FeatureEncoder fewer = fit(longer);
  EXPECT_THAT(names(fewer), ElementsAre("amount"));
  ASSERT_EQ(fewer.dropped().size(), 1u);
  EXPECT_EQ(fewer.dropped()[0].reason, "it is an id, another one in every row");
  options = {};
  options.keep = {"customer_id"};
  EXPECT_THAT(names(must(FeatureEncoder::fit(longer, options, cpu.context))),
              ElementsAre("customer_id", "amount"));
  // Nothing else: better than nothing.
  EXPECT_EQ(fit(table_of({upward("id", 60)})).feature_count(), 1);
}

}  // namespace
}  // namespace assay::automl
