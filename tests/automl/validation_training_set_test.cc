#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "automl/ensemble/cross_selection.h"
#include "automl/metrics/part_score.h"
#include "automl/scheduler/sweep_lead_internal.h"
#include "automl/validation/training_set.h"
#include "kernels/base/rng.h"
#include "tests/automl/scheduler_fakes.h"

namespace assay::automl {
namespace {

class TrainingSetTest : public testing::Test {
 protected:
  TrainingSetTest() : devices_(*backends::open_devices({})) {
    config_.data.train = "memory.csv";
    config_.data.target = "y";
  }

  Result<std::unique_ptr<TrainingSet>> make(const std::shared_ptr<const datasets::Table>& table) {
    return TrainingSet::make(
        table, config_,
        {&devices_.kernels(), &devices_.host(), &devices_.host(), &executor_, &stop_});
  }
  std::string error_of(const std::shared_ptr<const datasets::Table>& table) {
    const auto set = make(table);
    EXPECT_FALSE(set);
    return set ? std::string() : set.error().message;
  }

  ExperimentConfig config_;

 private:
  backends::DeviceSet devices_;
  SerialExecutor executor_;
  StopToken stop_;
};

std::vector<double> counting(int64_t rows) {
  std::vector<double> numbers(static_cast<size_t>(rows));
  std::iota(numbers.begin(), numbers.end(), 0.0);
  return numbers;
}

TEST_F(TrainingSetTest, LeavesOutRowsWithoutATarget) {
  std::vector<double> y = counting(20);
  for (double& value : y) value += 0.5;
  y[3] = NAN;
  y[7] = NAN;
  const auto set = make(table_of({number_column("x", counting(20)), number_column("y", y)}));
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_TRUE((*set)->plan(config_, 0, std::nullopt));
  EXPECT_EQ((*set)->scored_rows().size(), 18u);
  EXPECT_EQ((*set)->folds().size(), 5u);
  for (const Fold& fold : (*set)->folds()) {
    EXPECT_EQ(fold.train_rows.size() + fold.valid_rows.size(), 18u);
    for (size_t i = 0; i < fold.valid_rows.size(); ++i) {
      const uint32_t row = fold.valid_rows[i];
      EXPECT_TRUE(row != 3 && row != 7);
      EXPECT_EQ((*set)->scored_rows()[fold.places[i]], row);
      EXPECT_EQ((*set)->scored_targets().values[fold.places[i]], y[row]);
    }
  }
}

TEST_F(TrainingSetTest, ReadsConstraintsAsFeatures) {
  auto table = table_of({number_column("a", counting(40)), number_column("b", counting(40)),
                         number_column("c", counting(40)), number_column("y", counting(40)),
                         number_column("same", std::vector<double>(40, 1.0))});
  auto set = make(table);
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_TRUE((*set)->data().monotone.empty());
  EXPECT_TRUE((*set)->data().interactions.empty());
  config_.data.monotone = {{"a", "increasing"}, {"c", "decreasing"}, {"same", "increasing"}};
  config_.data.interactions = {{"a", "one"}, {"b", "two"}};
  set = make(table);
  ASSERT_TRUE(set) << set.error().message;
  const auto monotone = (*set)->data().monotone;
  const auto groups = (*set)->data().interactions;
  ASSERT_EQ((*set)->encoder()->features()[2].name, "c");
  EXPECT_EQ(std::vector<int8_t>(monotone.begin(), monotone.end()), (std::vector<int8_t>{1, 0, -1}));
  // Three groups: those that are named, and the rest.
  EXPECT_EQ(std::vector<uint64_t>(groups.begin(), groups.end()), (std::vector<uint64_t>{1, 2, 4}));
  const auto& notes = (*set)->notes();
  EXPECT_TRUE(std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
    return note.find("data.monotone: column 'same' is not used") != std::string::npos;
  }));
}

TEST_F(TrainingSetTest, RefusesConstraintsThatHaveNoMeaning) {
  const auto table = small_table(30, false);
  config_.data.monotone = {{"y", "increasing"}};
  EXPECT_EQ(error_of(table), "data.monotone: column 'y' is not a feature");
  config_.data.monotone = {{"nothing", "increasing"}};
  EXPECT_NE(error_of(table).find("data.monotone: no column 'nothing'"), std::string::npos);
  config_.data.monotone = {};
  for (int i = 0; i < 64; ++i)
    config_.data.interactions["c" + std::to_string(i)] = std::to_string(i);
  EXPECT_EQ(error_of(table), "data.interactions: 64 groups (must be at most 63)");
}

TEST_F(TrainingSetTest, MakesThePositiveClassTheSecond) {
  const auto table = small_table(30, true);
  auto set = make(table);
  ASSERT_TRUE(set);
  EXPECT_EQ((*set)->labels(), (std::vector<std::string>{"no", "yes"}));
  const std::vector<int32_t> before((*set)->data().classes.begin(), (*set)->data().classes.end());
  config_.data.positive_class = "no";
  set = make(table);
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ((*set)->labels(), (std::vector<std::string>{"yes", "no"}));
  for (size_t row = 0; row < before.size(); ++row) {
    EXPECT_EQ((*set)->data().classes[row], 1 - before[row]);
  }
  config_.data.positive_class = "yess";
  EXPECT_NE(error_of(table).find("did you mean 'yes'"), std::string::npos);
  EXPECT_NE(error_of(small_table(30, false)).find("needs a binary task"), std::string::npos);
}

TEST_F(TrainingSetTest, BalancesClasses) {
  std::vector<int32_t> codes(40, 0);
  for (size_t row = 0; row < 10; ++row) codes[row] = 1;
  const auto table =
      table_of({number_column("x", counting(40)), level_column("y", codes, {"common", "rare"})});
  config_.run.class_weight = "balanced";
  auto set = make(table);
  ASSERT_TRUE(set);
  // 40 / (2 * 10) and 40 / (2 * 30).
  EXPECT_FLOAT_EQ((*set)->data().weights[0], 2.0f);
  EXPECT_FLOAT_EQ((*set)->data().weights[39], 2.0f / 3.0f);
  ASSERT_TRUE((*set)->plan(config_, 0, std::nullopt));
  EXPECT_TRUE((*set)->scored_weights().empty()) << "scores do not change";
}

TEST_F(TrainingSetTest, WeighsClassesByLabel) {
  std::vector<int32_t> codes(40, 0);
  for (size_t row = 0; row < 10; ++row) codes[row] = 1;
  std::vector<double> twos(40, 2.0);
  const auto table = table_of({number_column("x", counting(40)), number_column("w", twos),
                               level_column("y", codes, {"good", "bad"})});
  config_.run.class_weight = "bad=5";
  auto set = make(table);
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ((*set)->data().weights[0], 5.0f);
  EXPECT_EQ((*set)->data().weights[39], 1.0f) << "not named";
  ASSERT_TRUE((*set)->plan(config_, 0, std::nullopt));
  EXPECT_TRUE((*set)->scored_weights().empty()) << "scores do not change";
  config_.data.weight = "w";
  set = make(table);
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ((*set)->data().weights[0], 10.0f) << "times the row's own";
  config_.run.class_weight = "bda=5";
  EXPECT_NE(
      error_of(table).find("class_weight: column 'y' has no label 'bda' (did you mean 'bad'?)"),
      std::string::npos)
      << error_of(table);
  config_.data.weight.clear();
  EXPECT_NE(error_of(small_table(30, false)).find("need a classification task"), std::string::npos);
  config_.run.class_weight = "1=2,1.0=5";
  EXPECT_NE(
      error_of(table_of({number_column("x", counting(40)), level_column("y", codes, {"0", "1"})}))
          .find("class_weight: '1' and '1.0' are both label '1'"),
      std::string::npos);
}

TEST_F(TrainingSetTest, TakesWeightsFromAColumn) {
  std::vector<double> weights = counting(30);
  config_.data.weight = "w";
  const auto table = [&] {
    return table_of({number_column("x", counting(30)), number_column("w", weights),
                     number_column("y", counting(30))});
  };
  auto set = make(table());
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ((*set)->encoder()->feature_count(), 1) << "the weight is no feature";
  EXPECT_EQ((*set)->data().weights[7], 7.0f);
  ASSERT_TRUE((*set)->plan(config_, 0, std::nullopt));
  EXPECT_EQ((*set)->scored_weights()[7], 7.0f);
  weights[4] = -1;
  EXPECT_NE(error_of(table()).find("row 5: -1"), std::string::npos);
  weights[4] = NAN;
  EXPECT_NE(error_of(table()).find("row 5: missing"), std::string::npos);
  weights.assign(30, 0.0);
  EXPECT_NE(error_of(table()).find("all weights are 0"), std::string::npos);
  config_.data.weight = "ww";
  EXPECT_NE(error_of(table()).find("did you mean 'w'"), std::string::npos);
}

TEST_F(TrainingSetTest, SplitsByGroupAndTime) {
  std::vector<int32_t> groups;
  for (int32_t row = 0; row < 40; ++row) groups.push_back(row % 8);
  std::vector<double> times = counting(40);
  const auto table = [&] {
    return table_of({number_column("x", counting(40)), number_column("t", times),
                     level_column("g", groups, {"a", "b", "c", "d", "e", "f", "g", "h"}),
                     number_column("y", counting(40))});
  };
  config_.data.group = "g";
  auto set = make(table());
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_TRUE((*set)->plan(config_, 0, std::nullopt));
  for (const Fold& fold : (*set)->folds()) {
    for (const uint32_t valid : fold.valid_rows) {
      for (const uint32_t train : fold.train_rows) EXPECT_NE(groups[valid], groups[train]);
    }
  }
  config_.data.group.clear();
  config_.data.time_column = "t";
  set = make(table());
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_TRUE((*set)->plan(config_, 0, std::nullopt));
  EXPECT_LT((*set)->scored_rows().size(), 40u);
  times[11] = NAN;
  EXPECT_NE(error_of(table()).find("row 12: missing"), std::string::npos);
  config_.data.time_column = "g";
  EXPECT_NE(error_of(table()).find("must be datetime or numeric"), std::string::npos);
}

// 60 groups of 20 rows, one after the other, with one answer a group.
struct GroupRows {
  GroupRows() {
    Rng rng(11);
    std::vector<int32_t> answers;
    for (int32_t g = 0; g < 60; ++g) {
      answers.push_back(rng.below(2) == 0 ? 0 : 1);
      names.push_back(fmt::format("{:02}", g));
    }
    for (int32_t row = 0; row < 1200; ++row) {
      groups.push_back(row / 20);
      labels.push_back(answers[static_cast<size_t>(row / 20)]);
    }
  }
  std::shared_ptr<const datasets::Table> table() const {
    return table_of({number_column("x", counting(1200)), level_column("g", groups, names),
                     number_column("t", counting(1200)), level_column("y", labels, {"no", "yes"})});
  }
  // [scored rows, 2]: a model that is noise by group.
  std::vector<float> noise(std::span<const uint32_t> scored, Rng& rng) const {
    std::vector<float> by_group, predictions;
    for (size_t g = 0; g < names.size(); ++g) {
      by_group.push_back(static_cast<float>(rng.next_double()));
    }
    for (const uint32_t row : scored) {
      const float p = by_group[static_cast<size_t>(groups[row])];
      predictions.push_back(1 - p);
      predictions.push_back(p);
    }
    return predictions;
  }
  std::vector<int32_t> groups;
  std::vector<int32_t> labels;
  std::vector<std::string> names;
};

// Models of noise, each with a number of its own for a group: whatever is chosen of them on some
// groups says nothing of others.
TEST_F(TrainingSetTest, KeepsGroupsTogetherInsideAHoldout) {
  const GroupRows rows;
  config_.data.group = "g";
  config_.validation.method = "holdout";
  config_.validation.holdout_fraction = 0.5;
  config_.data.metric = "roc_auc";
  const auto made = make(rows.table());
  ASSERT_TRUE(made) << made.error().message;
  TrainingSet& set = **made;
  ASSERT_TRUE(set.plan(config_, 0, std::nullopt));
  ASSERT_TRUE(set.is_holdout());
  EXPECT_FALSE(set.in_time());
  EXPECT_TRUE(set.scored_parts().empty()) << "one model has predicted all rows";
  ASSERT_EQ(set.scored_blocks().size(), set.scored_rows().size());
  std::vector<std::vector<float>> predictions(60);
  std::vector<PredictionView> views;
  for (size_t m = 0; m < predictions.size(); ++m) {
    Rng rng(derive_seed(1, "model", m));
    predictions[m] = rows.noise(set.scored_rows(), rng);
    views.push_back({predictions[m].data(), std::ssize(set.scored_rows()), 2});
  }
  const SelectionProblem problem = selection_problem(set, views);
  const std::vector<uint8_t> halves = selection_halves(problem, 3);
  std::map<int32_t, std::set<uint8_t>> of_group;
  for (size_t i = 0; i < halves.size(); ++i) {
    of_group[rows.groups[set.scored_rows()[i]]].insert(halves[i]);
  }
  size_t late = 0;
  for (const auto& [group, seen] : of_group) {
    EXPECT_EQ(seen.size(), 1u) << group;
    late += *seen.begin();
  }
  EXPECT_GT(late, of_group.size() / 3);
  EXPECT_LT(late, of_group.size() - of_group.size() / 3);
  SerialExecutor executor;
  const auto scores = cross_selected_scores(problem, {}, executor, StopToken());
  ASSERT_TRUE(scores) << scores.error().message;
  const auto flattered = select_ensemble(problem, {}, executor, StopToken());
  ASSERT_TRUE(flattered);
  EXPECT_GT(flattered->score, 0.85);
  EXPECT_GT(scores->blend, 0.25);
  EXPECT_LT(scores->blend, 0.75);
}

TEST_F(TrainingSetTest, TakesThresholdsFromOtherGroupsOfAHoldout) {
  const GroupRows rows;
  config_.data.group = "g";
  config_.validation.method = "holdout";
  config_.validation.holdout_fraction = 0.5;
  config_.data.metric = "balanced_accuracy";
  const auto made = make(rows.table());
  ASSERT_TRUE(made) << made.error().message;
  TrainingSet& set = **made;
  ASSERT_TRUE(set.plan(config_, 0, std::nullopt));
  Rng rng(2);
  double by_rows = 0;
  double scores = 0;
  constexpr int kModels = 20;
  for (int model = 0; model < kModels; ++model) {
    const std::vector<float> predictions = rows.noise(set.scored_rows(), rng);
    const PredictionView view{predictions.data(), std::ssize(set.scored_rows()), 2};
    const auto by_row = score_parts(set.metric(), view, set.scored_targets(), {}, {});
    const auto by_block =
        score_parts(set.metric(), view, set.scored_targets(), {}, set.scored_blocks());
    const auto score = set.score(predictions);
    ASSERT_TRUE(by_row && by_block && score);
    EXPECT_EQ(*score, *by_block);
    by_rows += *by_row / kModels;
    scores += *score / kModels;
  }
  EXPECT_GT(by_rows, 0.55) << "a group's rows choose for its others";
  EXPECT_LT(scores, 0.52);
}

TEST_F(TrainingSetTest, KeepsTimesInOrderInsideAHoldout) {
  const GroupRows rows;
  config_.data.time_column = "t";
  config_.validation.method = "holdout";
  const auto made = make(rows.table());
  ASSERT_TRUE(made) << made.error().message;
  TrainingSet& set = **made;
  ASSERT_TRUE(set.plan(config_, 0, std::nullopt));
  EXPECT_TRUE(set.in_time());
  const auto blocks = set.scored_blocks();
  ASSERT_EQ(blocks.size(), 240u);
  EXPECT_TRUE(std::is_sorted(blocks.begin(), blocks.end()));
  EXPECT_EQ(blocks.back(), 9);
  const std::vector<float> none(480, 0.5F);
  const std::vector<PredictionView> views = {{none.data(), 240, 2}};
  const auto halves = selection_halves(selection_problem(set, views), 1);
  EXPECT_EQ(std::count(halves.begin(), halves.begin() + 120, 0), 120);
  EXPECT_EQ(std::count(halves.begin() + 120, halves.end(), 1), 120);
}

TEST_F(TrainingSetTest, CountsNothingOverLaterRowsWhereRowsHaveATime) {
  // Level k has 1 + k % 5 rows.
  std::vector<std::string> levels;
  std::vector<int32_t> codes;
  for (int32_t k = 0; k < 300; ++k) {
    levels.push_back(fmt::format("{:03}", k));
    codes.insert(codes.end(), static_cast<size_t>(1 + k % 5), k);
  }
  const auto rows = static_cast<int64_t>(codes.size());
  const auto table = table_of({level_column("k", codes, levels), number_column("t", counting(rows)),
                               number_column("y", counting(rows))});
  const auto counts = [&] {
    const auto set = make(table);
    EXPECT_TRUE(set) << set.error().message;
    const auto& features = (*set)->encoder()->features();
    return std::count_if(features.begin(), features.end(),
                         [](const Feature& feature) { return feature.name == "k.count"; });
  };
  config_.features.pairs = config_.features.crosses = "false";
  EXPECT_EQ(counts(), 1);
  EXPECT_TRUE(TrainingSet::wants_combinations(config_));
  config_.data.time_column = "t";
  EXPECT_EQ(counts(), 0);
  EXPECT_FALSE(TrainingSet::wants_combinations(config_));
  config_.features.level_counts = config_.features.group_statistics = "true";
  EXPECT_EQ(counts(), 1);
  EXPECT_TRUE(TrainingSet::wants_combinations(config_));
}

TEST_F(TrainingSetTest, SaysWhatItChose) {
  const auto set = make(small_table(30, true));
  ASSERT_TRUE(set);
  ASSERT_TRUE((*set)->plan(config_, 0, std::nullopt));
  std::string notes;
  for (const std::string& note : (*set)->notes()) notes += note + "\n";
  EXPECT_NE(notes.find("target 'y': binary"), std::string::npos);
  EXPECT_NE(notes.find("positive class 'yes'"), std::string::npos);
  EXPECT_EQ((*set)->metric().name(), "roc_auc");
  EXPECT_EQ((*set)->output_count(), 2);
  const DataShape shape = (*set)->shape();
  EXPECT_EQ(shape.row_count, 30);
  EXPECT_EQ(shape.train_count, 24);
  EXPECT_EQ(shape.valid_count, 6);
}

TEST_F(TrainingSetTest, NamesColumnsThatTeachNothingOrTooMuch) {
  const auto small = small_table(200, true);
  std::vector<datasets::Column> columns = small->columns();
  datasets::Column id = number_column("customer_id", counting(200));
  id.all_integers = true;
  datasets::Column step = id;
  step.name = "step";
  std::vector<double> steps = counting(200);
  std::rotate(steps.begin(), steps.begin() + 50, steps.end());
  step.numbers = steps;
  datasets::Column answer = columns[2];
  answer.name = "answer";
  answer.levels = {"a", "b"};
  datasets::Column again = columns[0];
  again.name = "again";
  columns.insert(columns.end(), {id, step, answer, again});
  const auto table = table_of(columns);
  const auto notes_of = [&] {
    const auto set = make(table);
    EXPECT_TRUE(set);
    return set ? (*set)->notes() : std::vector<std::string>();
  };
  const auto has = [](const std::vector<std::string>& notes, std::string_view text) {
    return std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
      return note.find(text) != std::string::npos;
    });
  };
  const std::vector<std::string> notes = notes_of();
  EXPECT_TRUE(has(notes, "warning: column 'customer_id' is not used: it numbers the rows"));
  EXPECT_TRUE(has(notes, "warning: column 'again' is not used: it says the same as 'x1'"));
  EXPECT_TRUE(has(notes, "column 'step' numbers the rows: if it is an id"));
  EXPECT_TRUE(has(notes, "warning: column 'answer' alone tells the target (100 % of the rows"));
  EXPECT_FALSE(has(notes, "'x2'"));
  config_.data.column_types = {{"customer_id", "numeric"}};
  EXPECT_FALSE(has(notes_of(), "'customer_id' is not used")) << "it is said to be a number";
  config_.data.column_types.clear();
  config_.features.drop_row_numbers = false;
  config_.features.drop_duplicates = false;
  config_.data.time_column = "step";
  config_.data.drop = {"answer"};
  const std::vector<std::string> fewer = notes_of();
  EXPECT_FALSE(has(fewer, "is not used"));
  EXPECT_FALSE(has(fewer, "'step' numbers")) << "it is the time";
  EXPECT_FALSE(has(fewer, "'answer'"));
}

}  // namespace
}  // namespace assay::automl
