#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "automl/models/constant_model.h"
#include "automl/models/tree_model.h"
#include "automl/preprocess/level_target_fit.h"
#include "automl/preprocess/predictor.h"
#include "automl/preprocess/shuffled_table.h"
#include "tests/automl/preprocess_tables.h"

namespace assay::automl {
namespace {

using datasets::ColumnType;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kDay = 86400;

// Rows of 300 levels, row r of level r % 300, and a number.
std::shared_ptr<const datasets::Table> many_levels(int rows) {
  std::vector<std::string> levels;
  for (int k = 0; k < 300; ++k) levels.push_back(fmt::format("{:03}", k));
  std::vector<int32_t> codes;
  std::vector<double> x;
  for (int row = 0; row < rows; ++row) {
    codes.push_back(row % 300 + datasets::kFirstLevelCode);
    x.push_back(row % 7);
  }
  return table_of({texts("c", levels, codes), numbers("x", x)});
}

FeatureEncoder fit_with_parts(const std::shared_ptr<const datasets::Table>& table, int32_t parts,
                              LevelKeyOptions keys = {}) {
  const Cpu cpu;
  EncoderOptions options;
  options.level_keys = std::move(keys);
  options.level_keys.parts = parts;
  return must(FeatureEncoder::fit(table, options, cpu.context));
}

std::vector<std::string> names_of(const FeatureEncoder& encoder) {
  std::vector<std::string> names;
  for (const Feature& feature : encoder.features()) names.push_back(feature.name);
  return names;
}

std::vector<uint32_t> all_rows(size_t count) {
  std::vector<uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0u);
  return rows;
}

TEST(LevelKeys, AreCategoriesOfMoreLevelsThanBinsAndDaysThatComeAgain) {
  EXPECT_THAT(names_of(fit_with_parts(many_levels(900), 1)), ElementsAre("c", "c.target", "x"));
  EXPECT_THAT(names_of(fit_with_parts(many_levels(900), 2)),
              ElementsAre("c", "c.target", "c.target2", "x"));
  EXPECT_THAT(names_of(fit_with_parts(many_levels(900), 0)), ElementsAre("c", "x"));
  // One row a level says nothing of the next.
  EXPECT_THAT(names_of(fit_with_parts(many_levels(400), 1)), ElementsAre("c", "c.count", "x"));
  // 20 levels are told apart by their bins; it takes a word to have them all the same.
  std::vector<int32_t> codes;
  std::vector<std::string> levels;
  for (int k = 0; k < 20; ++k) levels.push_back(fmt::format("{:02}", k));
  for (int row = 0; row < 100; ++row) codes.push_back(row % 20 + datasets::kFirstLevelCode);
  const auto few = table_of({texts("c", levels, codes)});
  EXPECT_THAT(names_of(fit_with_parts(few, 1)), ElementsAre("c"));
  LevelKeyOptions wanted;
  wanted.more_levels_than = 10;
  EXPECT_THAT(names_of(fit_with_parts(few, 1, wanted)), ElementsAre("c", "c.target"));
  // Twelve days of six rows; noon and midnight are of one day.
  std::vector<double> moments;
  for (int row = 0; row < 72; ++row) moments.push_back(kDay * (row % 12) + kDay / 2 * (row % 2));
  const auto days = table_of({numbers("when", moments, ColumnType::kDatetime)});
  EXPECT_EQ(names_of(fit_with_parts(days, 1)).back(), "when.target");
  LevelKeyOptions ordered;
  ordered.except = {"when"};
  EXPECT_NE(names_of(fit_with_parts(days, 1, ordered)).back(), "when.target");
}

TEST(LevelKeys, ReadDaysAndLevelsOfOtherTables) {
  std::vector<double> moments;
  for (int row = 0; row < 72; ++row) moments.push_back(kDay * (row % 12) * 2);
  const auto table = table_of({numbers("when", moments, ColumnType::kDatetime)});
  const FeatureEncoder encoder = fit_with_parts(table, 1);
  ModelWriter writer;
  encoder.save(writer);
  const std::string bytes = must(writer.finish());
  const FeatureEncoder loaded =
      must(FeatureEncoder::load(must(ModelReader::open(bytes, "m.assay"))));
  EXPECT_EQ(loaded.level_keys(), encoder.level_keys());
  EXPECT_EQ(names_of(loaded), names_of(encoder));
  // The second day that training had, late; the day between; missing; long before.
  const auto other = table_of(
      {numbers("when", {2.9 * kDay, 3.5 * kDay, kNaN, -kDay, 0.5 * kDay}, ColumnType::kDatetime)});
  const auto encoded = must(loaded.encode(other));
  ASSERT_EQ(encoded->level_keys().size(), 1u);
  EXPECT_THAT(encoded->level_keys()[0].codes,
              ElementsAre(3, datasets::kUnseenCode, datasets::kMissingCode, datasets::kUnseenCode,
                          datasets::kFirstLevelCode));
  EXPECT_EQ(encoded->level_keys()[0].code_count, 14);
  // The place itself is empty, and of the dense form it is no part that matters.
  const int32_t place = loaded.feature_count() - 1;
  EXPECT_THAT(bin_column(*encoded, place), ElementsAre(0, 0, 0, 0, 0));
  EXPECT_EQ(dense_row(*encoded, 0).back(), 0);
  // The keys outlive the table.
  encoded->release();
  EXPECT_EQ(encoded->level_keys()[0].codes[0], 3);
}

// Rows that are fitted on and what they are to predict.
struct LevelProblem {
  std::shared_ptr<const datasets::Table> table;
  FeatureEncoder encoder;
  std::unique_ptr<EncodedTable> features;
  std::vector<double> targets;
  std::vector<uint32_t> rows;
  std::vector<LevelTargetPlace> places = {{1, 0, 0}};

  LevelTargetRequest request() const {
    LevelTargetRequest request;
    request.features = features.get();
    request.places = places;
    request.targets = targets;
    request.train_rows = rows;
    request.seed = 5;
    return request;
  }
};

LevelProblem problem_of(int rows) {
  const auto table = many_levels(rows);
  FeatureEncoder encoder = fit_with_parts(table, 1);
  auto features = must(encoder.encode(table));
  LevelProblem problem{table, std::move(encoder), std::move(features), {}, {}};
  for (int row = 0; row < rows; ++row) problem.targets.push_back(row % 300 + 0.25 * (row / 300));
  problem.rows = all_rows(static_cast<size_t>(rows));
  return problem;
}

TEST(LevelTargets, AreMeansDrawnTowardsThatOfAllRows) {
  LevelProblem problem = problem_of(900);
  // Only three rows are fitted on: 1, 2 and 6 of two levels, so the mean is 3.
  problem.rows = {0, 300, 301};
  problem.targets[0] = 1;
  problem.targets[300] = 2;
  problem.targets[301] = 6;
  const LevelNumbers numbers = level_numbers(problem.request(), problem.places[0]);
  EXPECT_DOUBLE_EQ(numbers.by_code[datasets::kFirstLevelCode], (1 + 2 + 10 * 3.0) / (2 + 10));
  EXPECT_DOUBLE_EQ(numbers.by_code[datasets::kFirstLevelCode + 1], (6 + 10 * 3.0) / (1 + 10));
  EXPECT_DOUBLE_EQ(numbers.by_code[datasets::kUnseenCode], 3);
  EXPECT_DOUBLE_EQ(numbers.by_code[datasets::kFirstLevelCode + 2], 3);
  // A row of weight 3 counts as three.
  std::vector<float> weights(900, 1.0f);
  weights[301] = 3;
  LevelTargetRequest weighted = problem.request();
  weighted.weights = weights;
  EXPECT_DOUBLE_EQ(level_numbers(weighted, problem.places[0]).by_code[3],
                   (18 + 10 * 4.2) / (3 + 10));
}

TEST(LevelTargets, OfARowDoNotKnowItsOwnTarget) {
  LevelProblem problem = problem_of(900);
  const LevelNumbers before = level_numbers(problem.request(), problem.places[0]);
  int changed = 0;
  for (const uint32_t row : {0u, 17u, 450u, 899u}) {
    const double old = std::exchange(problem.targets[row], 1e6);
    const LevelNumbers after = level_numbers(problem.request(), problem.places[0]);
    EXPECT_EQ(after.by_row[row], before.by_row[row]);
    for (size_t i = 0; i < after.by_row.size(); ++i) {
      changed += after.by_row[i] != before.by_row[i] ? 1 : 0;
    }
    problem.targets[row] = old;
  }
  EXPECT_GT(changed, 1000) << "other rows know it";
}

// Ten levels a group, 30 groups: another row of the group would tell as much as the row itself.
TEST(LevelTargets, OfARowDoNotKnowThoseOfItsGroup) {
  LevelProblem problem = problem_of(900);
  std::vector<int32_t> groups;
  for (int32_t row = 0; row < 900; ++row) groups.push_back(row % 300 / 10);
  const auto numbers = [&] {
    LevelTargetRequest request = problem.request();
    request.groups = groups;
    return level_numbers(request, problem.places[0]);
  };
  // No other group has any of the levels, so rows are told the mean of all, and nothing of whose
  // group's targets are high.
  const LevelNumbers before = numbers();
  problem.targets[17] = 1e6;
  const LevelNumbers after = numbers();
  for (const LevelNumbers* told : {&before, &after}) {
    for (const double number : told->by_row) EXPECT_EQ(number, told->by_row[0]);
  }
  const double mean = std::accumulate(problem.targets.begin(), problem.targets.end(), 0.0) / 900;
  EXPECT_DOUBLE_EQ(after.by_row[0], mean);
  EXPECT_NE(after.by_code, before.by_code);
  EXPECT_GT(after.by_code[datasets::kFirstLevelCode + 17],
            before.by_code[datasets::kFirstLevelCode + 17] + 1000);
}

TEST(LevelTargets, OfClassesAreShares) {
  LevelProblem problem = problem_of(900);
  std::vector<int32_t> classes;
  for (int row = 0; row < 900; ++row) classes.push_back(row / 300);
  LevelTargetRequest request = problem.request();
  request.targets = {};
  request.classes = classes;
  // Each level has one row of each of three classes.
  for (const int32_t part : {0, 1}) {
    EXPECT_DOUBLE_EQ(level_numbers(request, {1, 0, part}).by_code[100], 1.0 / 3);
  }
}

// A tree that predicts -1 where the feature's bin is 1..threshold, 1 above, and -1 where it is
// missing.
std::shared_ptr<const Model> stump(int32_t feature, uint8_t threshold) {
  kernels::Tree tree;
  tree.nodes.resize(3);
  tree.nodes[0] = {.feature = feature, .left = 1, .threshold = threshold, .missing_left = 1};
  tree.nodes[1] = {.feature = -1, .left = 0};
  tree.nodes[2] = {.feature = -1, .left = 1};
  tree.leaf_values = {-1, 1};
  tree.gains = {1, 0, 0};
  tree.covers = {2, 1, 1};
  TreeModel::Parts parts;
  parts.forest = kernels::Forest(1, 1);
  parts.forest.append(tree);
  parts.base_scores = {0};
  parts.feature_count = 3;
  return must(TreeModel::make(std::move(parts)));
}

TEST(LevelTargets, GoWithTheModelToOtherTables) {
  const LevelProblem problem = problem_of(900);
  const Cpu cpu;
  const FittedLevelTargets fitted = must(fit_level_targets(problem.request(), cpu.context));
  // 300 numbers of as many rows each: level k has about the bin k * 254 / 300.
  const std::vector<uint8_t>& bins = fitted.targets->columns()[0].bins;
  ASSERT_EQ(bins.size(), 302u);
  EXPECT_TRUE(std::is_sorted(bins.begin() + datasets::kFirstLevelCode, bins.end()));
  const uint8_t middle = bins[datasets::kUnseenCode];
  EXPECT_NEAR(middle, 127, 20);
  const auto model = must(LevelTargetModel::wrap(stump(1, middle), fitted.targets));
  EXPECT_EQ(model->kind(), "level_targets");
  EXPECT_THAT(model->feature_importance(), ElementsAre(0, 1, 0));

  Predictor::Parts parts;
  parts.target = "y";
  parts.encoder = std::make_shared<const FeatureEncoder>(problem.encoder);
  parts.model = model;
  const Predictor made = must(Predictor::make(std::move(parts)));
  const std::string bytes = must(made.to_bytes());
  const Predictor loaded = must(Predictor::from_bytes(bytes, "m.assay"));
  EXPECT_EQ(must(loaded.to_bytes()), bytes);
  // A low level, a high one, one that training did not have.
  const auto other =
      table_of({texts("c", {"001", "290", "new"}, {2, 3, 4}), numbers("x", {0, 0, 0})});
  for (const Predictor* each : {&made, &loaded}) {
    EXPECT_THAT(must(each->predict(other, cpu.context)), ElementsAre(-1, 1, -1));
  }
  // The column that the place belongs to explains the rest: no other feature is read.
  const auto encoded = must(made.encoder().encode(other));
  std::vector<double> shares(3 * 4);
  ASSERT_TRUE(model->explain(*encoded, all_rows(3), cpu.context, ExplainedScale::kScores, shares));
  EXPECT_THAT(std::vector<double>(shares.begin(), shares.begin() + 4), ElementsAre(0, -1, 0, 0));
}

TEST(LevelTargets, StayWithModelsThatReadThem) {
  const LevelProblem problem = problem_of(900);
  const Cpu cpu;
  const FittedLevelTargets fitted = must(fit_level_targets(problem.request(), cpu.context));
  const auto other = stump(2, 3);
  EXPECT_EQ(must(LevelTargetModel::wrap(other, fitted.targets)), other);
  const std::shared_ptr<const Model> constant = must(ConstantModel::make({1}, 3));
  EXPECT_EQ(must(LevelTargetModel::wrap(constant, fitted.targets)), constant);
  const std::shared_ptr<const Model> narrow = must(ConstantModel::make({1}, 1));
  EXPECT_FALSE(LevelTargetModel::wrap(narrow, fitted.targets));
  // A view of other keys is not read past its end.
  const auto model = must(LevelTargetModel::wrap(stump(1, 9), fitted.targets));
  const auto three =
      table_of({numbers("a", {1, 2, 3}), numbers("b", {1, 3, 2}), numbers("c", {3, 1, 1})});
  const auto encoded = must(fit_with_parts(three, 1).encode(three));
  std::vector<float> out(3);
  const Status predicted = model->predict_all(*encoded, cpu.context, out);
  ASSERT_FALSE(predicted);
  EXPECT_THAT(predicted.error().message, HasSubstr("codes"));
}

// What trees are grown on: a training row has its own number's bin, others that of their level.
TEST(LevelTargets, FillTheirPlacesInAView) {
  LevelProblem problem = problem_of(900);
  problem.rows.resize(600);
  const Cpu cpu;
  FittedLevelTargets fitted = must(fit_level_targets(problem.request(), cpu.context));
  const std::vector<std::vector<uint8_t>> row_bins = fitted.row_bins;
  const LevelTargetView view(*problem.features, fitted.targets, std::move(fitted.row_bins));
  const auto table = must(problem.features->bins(*cpu.context.host, cpu.context));
  const auto bins = must(view.growth_bins(*cpu.context.host, cpu.context));
  ASSERT_EQ(bins.feature_count, 3);
  EXPECT_GT(bins.bin_counts[1], 200);
  for (int64_t row = 0; row < 900; ++row) {
    ASSERT_EQ(bins.bins[bins.cell_offset(row, 0)], table.bins[table.cell_offset(row, 0)]);
    ASSERT_EQ(bins.bins[bins.cell_offset(row, 2)], table.bins[table.cell_offset(row, 2)]);
    const uint8_t bin = bins.bins[bins.cell_offset(row, 1)];
    ASSERT_EQ(bin, row_bins[0][static_cast<size_t>(row)]);
    const auto code = static_cast<size_t>(problem.features->level_keys()[0].codes[row]);
    if (row < 600) continue;
    ASSERT_EQ(bin, fitted.targets->columns()[0].bins[code]);
  }
}

TEST(ShuffledTable, MovesLevelsWithTheirColumn) {
  const LevelProblem problem = problem_of(900);
  const Cpu cpu;
  ShuffledTable table(false);
  ASSERT_TRUE(table.append(*problem.features, all_rows(900), cpu.context));
  table.settle();
  std::vector<uint32_t> order = all_rows(900);
  std::reverse(order.begin(), order.end());
  const auto code = [&] { return table.level_keys()[0].codes[1]; };
  EXPECT_EQ(code(), 3);
  const std::vector<int32_t> others = {2};
  table.shuffle(others, order);
  EXPECT_EQ(code(), 3);
  table.restore();
  const std::vector<int32_t> own = {0, 1};
  table.shuffle(own, order);
  EXPECT_EQ(code(), 898 % 300 + datasets::kFirstLevelCode);
  table.restore();
  EXPECT_EQ(code(), 3);
}

}  // namespace
}  // namespace assay::automl
