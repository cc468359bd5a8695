// Features that two columns make together: their values, and how they go with an encoder.
#include <gmock/gmock.h>

#include "automl/models/model_file.h"
#include "automl/preprocess/combination.h"
#include "tests/automl/preprocess_tables.h"

namespace assay::automl {
namespace {

using datasets::FeatureColumn;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsNan;
using testing::NanSensitiveDoubleEq;
using Kind = CombinationKind;

FeatureColumn number_cells(const std::vector<double>& numbers) {
  FeatureColumn column;
  column.numbers = numbers;
  return column;
}

FeatureColumn level_cells(const std::vector<int32_t>& codes, int32_t code_count) {
  FeatureColumn column;
  column.kind = kernels::FeatureKind::kCategorical;
  column.codes = codes;
  column.code_count = code_count;
  return column;
}

std::vector<double> numbers_of(Kind kind, const FeatureColumn& left, const FeatureColumn& right) {
  const auto made = must(Combination::fit({kind, 0, 1}, left, right));
  return must(made->apply(left, right, nullptr)).numbers;
}

TEST(Combination, DoesArithmeticAndLeavesOutWhatIsNoNumber) {
  const std::vector<double> a = {6, -3, 0, kNaN, 1e300};
  const std::vector<double> b = {2, 4, 0, 1, 1e-300};
  const FeatureColumn left = number_cells(a);
  const FeatureColumn right = number_cells(b);
  EXPECT_THAT(numbers_of(Kind::kDifference, left, right), ElementsAre(4, -7, 0, IsNan(), 1e300));
  EXPECT_THAT(numbers_of(Kind::kSum, left, right), ElementsAre(8, 1, 0, IsNan(), 1e300));
  EXPECT_THAT(numbers_of(Kind::kProduct, left, right), ElementsAre(12, -12, 0, IsNan(), 1));
  EXPECT_THAT(numbers_of(Kind::kRatio, left, right),
              ElementsAre(3, -0.75, IsNan(), IsNan(), IsNan()));
}

TEST(Combination, HasMeansAndSpreadsOfTheRowsOfALevel) {
  // Rows of the first level, 1 and 5, and of the second; missing; a number that is missing; a row
  // of a level that has too few.
  std::vector<double> a = {1, 5, 4, 9, kNaN, 6};
  std::vector<int32_t> b = {2, 2, 3, 0, 3, 5};
  for (int64_t more = 1; more < kLeastGroupRows; ++more) {
    a.insert(a.end(), {1, 5, 4, 9, kNaN});
    b.insert(b.end(), {2, 2, 3, 0, 3});
  }
  a.insert(a.end(), static_cast<size_t>(kLeastGroupRows) - 2, 6);
  b.insert(b.end(), static_cast<size_t>(kLeastGroupRows) - 2, 5);
  const FeatureColumn left = number_cells(a);
  const FeatureColumn right = level_cells(b, 6);
  const auto of_first = [&](Kind kind) {
    std::vector<double> numbers = numbers_of(kind, left, right);
    numbers.resize(6);
    return numbers;
  };
  EXPECT_THAT(of_first(Kind::kMean), ElementsAre(3, 3, 4, IsNan(), 4, IsNan()));
  EXPECT_THAT(of_first(Kind::kSpread), ElementsAre(2, 2, 0, IsNan(), 0, IsNan()));
  EXPECT_THAT(of_first(Kind::kDeviation), ElementsAre(-2, 2, 0, IsNan(), IsNan(), IsNan()));
  a.push_back(6);
  b.push_back(5);
  EXPECT_EQ(numbers_of(Kind::kMean, number_cells(a), level_cells(b, 6))[5], 6);
  // Of a level that training did not have, and of one without rows, nothing is known.
  const auto mean = must(Combination::fit({Kind::kMean, 0, 1}, left, right));
  const std::vector<double> others = {7, 7};
  const std::vector<int32_t> codes = {datasets::kUnseenCode, 4};
  EXPECT_THAT(must(mean->apply(number_cells(others), level_cells(codes, 6), nullptr)).numbers,
              ElementsAre(IsNan(), IsNan()));
}

TEST(Combination, CrossesLevelsThatOccurTogether) {
  const std::vector<int32_t> a = {2, 3, 2, 0, 0};
  const std::vector<int32_t> b = {2, 2, 3, 2, 0};
  const auto cross =
      must(Combination::fit({Kind::kCross, 0, 1}, level_cells(a, 4), level_cells(b, 4)));
  const auto codes = must(cross->apply(level_cells(a, 4), level_cells(b, 4), nullptr)).codes;
  EXPECT_EQ(cross->feature_kind(), kernels::FeatureKind::kCategorical);
  // Four pairs and "both are missing", which is missing.
  EXPECT_EQ(codes[4], datasets::kMissingCode);
  EXPECT_EQ(cross->code_count(), 5 + datasets::kFirstLevelCode);
  EXPECT_EQ(std::set<int32_t>(codes.begin(), codes.end()).size(), 5u);
  EXPECT_GE(*std::min_element(codes.begin(), codes.begin() + 4), datasets::kFirstLevelCode);
  // A pair that training did not have.
  const std::vector<int32_t> other_a = {3, 3};
  const std::vector<int32_t> other_b = {3, datasets::kUnseenCode};
  EXPECT_THAT(must(cross->apply(level_cells(other_a, 4), level_cells(other_b, 4), nullptr)).codes,
              ElementsAre(datasets::kUnseenCode, datasets::kUnseenCode));
}

TEST(Combination, RefusesColumnsThatItIsNotFor) {
  const std::vector<double> a = {1, 2};
  const std::vector<int32_t> b = {2, 3};
  EXPECT_FALSE(Combination::fit({Kind::kRatio, 0, 1}, number_cells(a), level_cells(b, 4)));
  EXPECT_FALSE(Combination::fit({Kind::kCross, 0, 1}, number_cells(a), level_cells(b, 4)));
  EXPECT_FALSE(Combination::fit({Kind::kMean, 0, 1}, level_cells(b, 4), number_cells(a)));
  const auto wide =
      Combination::fit({Kind::kCross, 0, 1}, level_cells(b, 100'000), level_cells(b, 100'000));
  ASSERT_FALSE(wide);
  EXPECT_THAT(wide.error().message, HasSubstr("10000000000 pairs"));
}

template <class T>
std::vector<T> repeated(const std::vector<T>& values, int64_t times) {
  std::vector<T> all;
  for (int64_t i = 0; i < times; ++i) all.insert(all.end(), values.begin(), values.end());
  return all;
}

// a, b, city, size, and y: four rows, again and again, that their levels may have statistics.
std::shared_ptr<const datasets::Table> house_table() {
  const int64_t times = kLeastGroupRows;
  return table_of({numbers("a", repeated<double>({6, 3, 8, kNaN}, times)),
                   numbers("b", repeated<double>({2, 0, 4, 1}, times)),
                   texts("city", {"Bern", "Rome"}, repeated<int32_t>({2, 3, 2, 0}, times)),
                   texts("size", {"big", "small"}, repeated<int32_t>({2, 2, 3, 3}, times)),
                   numbers("y", repeated<double>({1, 2, 3, 4}, times))});
}

// Its encoder, with every kind of combination.
struct Combined {
  std::unique_ptr<FeatureEncoder> encoder;
  std::unique_ptr<EncodedTable> features;
};

Combined combined_house() {
  const Cpu cpu;
  EncoderOptions options;
  options.exclude = {"y"};
  const auto table = house_table();
  EncodedTable::Source source;
  const FeatureEncoder own = must(FeatureEncoder::fit(table, options, cpu.context, &source));
  std::vector<std::shared_ptr<const Combination>> combinations;
  for (const CombinationSpec& spec :
       {CombinationSpec{Kind::kRatio, 0, 1}, CombinationSpec{Kind::kCross, 2, 3},
        CombinationSpec{Kind::kMean, 0, 2}, CombinationSpec{Kind::kSpread, 1, 3},
        CombinationSpec{Kind::kDeviation, 0, 3}}) {
    combinations.push_back(
        must(Combination::fit(spec, source.columns[static_cast<size_t>(spec.left)],
                              source.columns[static_cast<size_t>(spec.right)])));
  }
  Combined made;
  made.encoder = std::make_unique<FeatureEncoder>(
      must(own.with_combinations(std::move(combinations), options, cpu.context, source)));
  made.features = made.encoder->encode(std::move(source));
  return made;
}

TEST(CombinedFeatures, StandBehindThoseOfColumnsAndAreNamedReadably) {
  const Combined made = combined_house();
  std::vector<std::string> names;
  for (const Feature& feature : made.encoder->features()) names.push_back(feature.name);
  EXPECT_THAT(names, ElementsAre("a", "b", "city", "size", "a / b", "city x size",
                                 "mean(a) by city", "spread(b) by size", "a - mean(a) by size"));
  EXPECT_EQ(made.features->feature_count(), 9);
  // What people are told of: four columns and five combinations.
  ASSERT_EQ(made.encoder->part_count(), 9u);
  EXPECT_EQ(made.encoder->part_name(1), "b");
  EXPECT_EQ(made.encoder->part_name(4), "a / b");
  EXPECT_EQ(made.encoder->part_of(made.encoder->features()[4]), 4u);
  EXPECT_EQ(made.encoder->part_of(made.encoder->features()[0]), 0u);
  EXPECT_EQ(made.encoder->category_count(), 3);
  // 3, none, 2, none: bins in order, 0 where it is missing; pairs in the order of city, then size.
  const auto first_bins = [&](int32_t feature) {
    auto bins = bin_column(*made.features, feature);
    bins.resize(4);
    return bins;
  };
  EXPECT_THAT(first_bins(4), ElementsAre(2, 0, 1, 0));
  EXPECT_THAT(first_bins(5), ElementsAre(3, 5, 4, 2));
  EXPECT_GT(made.encoder->binned_bytes(4), fit(house_table(), {"y"}).binned_bytes(4));
}

TEST(CombinedFeatures, GoWithTheModelToOtherTables) {
  const Combined made = combined_house();
  ModelWriter writer;
  made.encoder->save(writer);
  const std::string bytes = must(writer.finish());
  const FeatureEncoder loaded =
      must(FeatureEncoder::load(must(ModelReader::open(bytes, "m.assay"))));
  ModelWriter again;
  loaded.save(again);
  EXPECT_EQ(must(again.finish()), bytes);
  const auto same = must(loaded.encode(house_table()));
  for (int32_t f = 0; f < 9; ++f) {
    EXPECT_EQ(bin_column(*same, f), bin_column(*made.features, f)) << f;
  }
  for (int64_t row = 0; row < 4; ++row) {
    EXPECT_EQ(dense_row(*same, row), dense_row(*made.features, row)) << row;
  }
  // Other levels in another order of columns.
  const auto other = table_of({texts("size", {"huge", "small"}, {2, 3}), numbers("b", {2, 3}),
                               texts("city", {"Rome"}, {2, 2}), numbers("a", {6, 30})});
  const auto encoded = must(loaded.encode(other));
  EXPECT_THAT(encoded->source().columns[4].numbers, ElementsAre(3, 10));
  EXPECT_THAT(encoded->source().columns[5].codes,
              ElementsAre(datasets::kUnseenCode, datasets::kUnseenCode));
  EXPECT_THAT(encoded->source().columns[6].numbers, ElementsAre(3, 3));
  EXPECT_THAT(encoded->source().columns[8].numbers, ElementsAre(IsNan(), 22));
}

TEST(CombinedFeatures, AreCheckedWhenTheyAreRead) {
  const std::vector<int32_t> code_counts = {0, 0, 4, -1};
  const auto read = [&](uint8_t kind, int32_t left, int32_t right,
                        const std::vector<int64_t>& pairs, const std::vector<double>& of_levels) {
    ModelWriter writer;
    const std::vector<uint8_t> kinds = {kind};
    const std::vector<int32_t> sides = {left, right};
    const std::vector<int64_t> pair_ends = {static_cast<int64_t>(pairs.size())};
    const std::vector<int64_t> number_ends = {static_cast<int64_t>(of_levels.size())};
    writer.put_integer("format", 1);
    writer.put_tensor("kinds", std::span<const uint8_t>(kinds));
    writer.put_tensor("sides", std::span<const int32_t>(sides), {1, 2});
    writer.put_tensor("pairs", std::span<const int64_t>(pairs));
    writer.put_tensor("pair_ends", std::span<const int64_t>(pair_ends));
    writer.put_tensor("numbers", std::span<const double>(of_levels));
    writer.put_tensor("number_ends", std::span<const int64_t>(number_ends));
    const std::string bytes = must(writer.finish());
    return load_combinations(must(ModelReader::open(bytes, "m.assay")), code_counts).has_value();
  };
  EXPECT_TRUE(read(3, 0, 1, {}, {}));
  EXPECT_TRUE(read(4, 2, 2, {0, 5, 15}, {}));
  EXPECT_TRUE(read(5, 0, 2, {}, {kNaN, kNaN, 1, 2}));
  EXPECT_FALSE(read(8, 0, 1, {}, {})) << "no such kind";
  EXPECT_FALSE(read(3, 0, 4, {}, {})) << "no such feature";
  EXPECT_FALSE(read(3, -1, 1, {}, {}));
  EXPECT_FALSE(read(3, 0, 2, {}, {})) << "a category";
  EXPECT_FALSE(read(3, 0, 3, {}, {})) << "no column's own";
  EXPECT_FALSE(read(3, 0, 1, {1}, {})) << "pairs of a ratio";
  EXPECT_FALSE(read(4, 2, 2, {5, 5}, {})) << "not ascending";
  EXPECT_FALSE(read(4, 2, 2, {16}, {})) << "beyond the levels";
  EXPECT_FALSE(read(4, 2, 2, {-1}, {}));
  EXPECT_FALSE(read(5, 0, 2, {}, {1, 2})) << "fewer than levels";
  EXPECT_FALSE(read(5, 0, 2, {}, {1, 2, 3, HUGE_VAL}));
}

}  // namespace
}  // namespace assay::automl
