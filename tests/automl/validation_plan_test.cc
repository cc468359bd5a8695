#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "automl/validation/validation_plan.h"

namespace assay::automl {
namespace {

datasets::Target classes(std::vector<int32_t> codes, int32_t count) {
  datasets::Target target;
  target.name = "y";
  target.task = count == 2 ? datasets::Task::kBinary : datasets::Task::kMulticlass;
  for (uint32_t row = 0; row < codes.size(); ++row) target.rows.push_back(row);
  target.counts.assign(static_cast<size_t>(count), 0);
  for (const int32_t code : codes) ++target.counts[static_cast<size_t>(code)];
  for (int32_t label = 0; label < count; ++label) target.labels.push_back(std::to_string(label));
  target.codes = std::move(codes);
  return target;
}

datasets::Target numbers(size_t rows) {
  datasets::Target target;
  target.name = "y";
  for (uint32_t row = 0; row < rows; ++row) {
    target.rows.push_back(row);
    target.values.push_back(row * 0.5);
  }
  return target;
}

// Every fold's sides are disjoint, and places point at the fold's rows.
void check_plan(const ValidationPlan& plan) {
  for (size_t f = 0; f < plan.folds.size(); ++f) {
    const std::set<uint32_t> train(plan.folds[f].train.begin(), plan.folds[f].train.end());
    ASSERT_FALSE(train.empty());
    ASSERT_FALSE(plan.folds[f].valid.empty());
    for (size_t i = 0; i < plan.folds[f].valid.size(); ++i) {
      EXPECT_EQ(train.count(plan.folds[f].valid[i]), 0u);
      EXPECT_EQ(plan.rows[plan.places[f][i]], plan.folds[f].valid[i]);
    }
  }
  EXPECT_TRUE(std::is_sorted(plan.rows.begin(), plan.rows.end()));
}

ValidationPlan plan_of(const ValidationRequest& request) {
  auto plan = plan_validation(request);
  EXPECT_TRUE(plan) << plan.error().message;
  if (!plan) return {};
  check_plan(*plan);
  return *plan;
}

TEST(ValidationPlan, FoldsSmallDataAndHoldsOutLarge) {
  const auto target = numbers(1000);
  ValidationRequest request;
  request.target = &target;
  request.feature_count = 10;
  ValidationPlan plan = plan_of(request);
  EXPECT_EQ(plan.fold_count, 5u);
  EXPECT_EQ(plan.rows.size(), 1000u);
  request.feature_count = 30'000;
  plan = plan_of(request);
  EXPECT_TRUE(plan.is_holdout());
  EXPECT_EQ(plan.rows.size(), 200u);
}

TEST(ValidationPlan, MakesOtherPartitionsIntoFolds) {
  const auto target = numbers(100);
  ValidationRequest request;
  request.target = &target;
  request.options.method = "kfold";
  request.options.repeats = 3;
  const ValidationPlan plan = plan_of(request);
  EXPECT_EQ(plan.fold_count, 5u);
  ASSERT_EQ(plan.partition_count(), 3u);
  request.options.repeats = 1;
  const ValidationPlan one = plan_of(request);
  for (size_t partition = 0; partition < 3; ++partition) {
    std::set<uint32_t> rows;
    for (size_t fold = 0; fold < 5; ++fold) {
      const auto& valid = plan.folds[5 * partition + fold].valid;
      EXPECT_EQ(valid.size(), 20u);
      rows.insert(valid.begin(), valid.end());
      EXPECT_EQ(valid == one.folds[fold].valid, partition == 0) << "the first is as it was";
    }
    EXPECT_EQ(rows.size(), 100u) << "each row once";
  }
  request.options.repeats = 3;
  request.options.method = "holdout";
  EXPECT_EQ(plan_of(request).folds.size(), 1u);
  std::vector<double> times(100);
  for (size_t row = 0; row < 100; ++row) times[row] = static_cast<double>(row);
  request.times = times;
  request.options.method = "time";
  EXPECT_EQ(plan_of(request).partition_count(), 1u) << "there is one order of time";
  std::vector<int32_t> groups(100);
  for (size_t row = 0; row < 100; ++row) groups[row] = static_cast<int32_t>(row % 20);
  request.times = {};
  request.groups = groups;
  request.options.method = "group";
  const ValidationPlan grouped = plan_of(request);
  ASSERT_EQ(grouped.partition_count(), 3u);
  for (const datasets::Split& fold : grouped.folds) {
    std::set<int32_t> trained;
    for (const uint32_t row : fold.train) trained.insert(groups[row]);
    for (const uint32_t row : fold.valid) EXPECT_EQ(trained.count(groups[row]), 0u);
  }
}

TEST(ValidationPlan, FoldsOnlyWhatTheTimeAllows) {
  const auto target = numbers(1000);
  ValidationRequest request;
  request.target = &target;
  request.fit_seconds = 0.1;
  request.seconds_left = 7 * 5 * 0.1 + 0.01;
  EXPECT_EQ(plan_of(request).folds.size(), 5u);
  request.seconds_left = 7 * 5 * 0.1 - 0.01;
  EXPECT_TRUE(plan_of(request).is_holdout());
  request.options.method = "kfold";
  EXPECT_EQ(plan_of(request).folds.size(), 5u) << "what the user says is done";
}

TEST(ValidationPlan, ChoosesWhatTheModelHasThatIsGoneOnWith) {
  const auto target = numbers(1000);
  ValidationRequest request;
  request.target = &target;
  request.fit_seconds = 0.1;
  request.seconds_left = 1;
  request.holdout = false;
  EXPECT_EQ(plan_of(request).folds.size(), 5u) << "though there is no time for it";
  request.seconds_left = 1000;
  request.holdout = true;
  EXPECT_TRUE(plan_of(request).is_holdout());
  request.options.method = "kfold";
  EXPECT_EQ(plan_of(request).folds.size(), 5u) << "what the user says is done";
}

TEST(ValidationPlan, KeepsAnAutomaticHoldoutFromGrowingWithoutEnd) {
  const auto target = numbers(1'000'000);
  ValidationRequest request;
  request.target = &target;
  request.feature_count = 100;
  EXPECT_NEAR(static_cast<double>(plan_of(request).rows.size()), 100'000.0, 10.0);
  request.options.method = "holdout";
  EXPECT_NEAR(static_cast<double>(plan_of(request).rows.size()), 200'000.0, 10.0);
}

TEST(ValidationPlan, SurvivesClassesWithFewerRowsThanFolds) {
  std::vector<int32_t> codes(50, 0);
  for (size_t i = 0; i < 20; ++i) codes[i] = 1;
  codes[49] = 2;  // one row only
  codes[48] = 3;
  codes[47] = 3;
  const auto target = classes(codes, 4);
  ValidationRequest request;
  request.target = &target;
  const ValidationPlan plan = plan_of(request);
  EXPECT_EQ(plan.folds.size(), 5u);
  EXPECT_EQ(plan.rows.size(), 50u);
  for (const datasets::Split& fold : plan.folds) {
    const auto ones = std::count_if(fold.valid.begin(), fold.valid.end(),
                                    [&](uint32_t row) { return codes[row] == 1; });
    EXPECT_EQ(ones, 4);
  }
}

TEST(ValidationPlan, LowersTheFoldsToTheRows) {
  const auto target = numbers(3);
  ValidationRequest request;
  request.target = &target;
  EXPECT_EQ(plan_of(request).folds.size(), 3u);
  const auto two = numbers(2);
  request.target = &two;
  EXPECT_EQ(plan_of(request).folds.size(), 2u);
  const auto one = numbers(1);
  request.target = &one;
  const auto plan = plan_validation(request);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, StatusCode::kData);
}

TEST(ValidationPlan, KeepsGroupsTogether) {
  const auto target = numbers(90);
  std::vector<int32_t> groups;
  for (int32_t row = 0; row < 90; ++row) groups.push_back(row % 9);
  ValidationRequest request;
  request.target = &target;
  request.groups = groups;
  const ValidationPlan plan = plan_of(request);
  EXPECT_EQ(plan.folds.size(), 5u);
  EXPECT_EQ(plan.reason, "a group column is given");
  for (const datasets::Split& fold : plan.folds) {
    std::set<int32_t> train;
    for (const uint32_t row : fold.train) train.insert(groups[row]);
    for (const uint32_t row : fold.valid) EXPECT_EQ(train.count(groups[row]), 0u);
  }
  const std::vector<int32_t> two(90, 1);
  request.groups = two;
  EXPECT_EQ(plan_validation(request).error().code, StatusCode::kData);
}

TEST(ValidationPlan, ValidatesOnLaterTimesOnlyAndCoversPartOfTheRows) {
  const auto target = numbers(60);
  std::vector<double> times;
  for (int row = 0; row < 60; ++row) times.push_back((row * 37) % 60);
  ValidationRequest request;
  request.target = &target;
  request.times = times;
  const ValidationPlan plan = plan_of(request);
  EXPECT_EQ(plan.folds.size(), 5u);
  EXPECT_EQ(plan.rows.size(), 50u) << "the first sixth never validates";
  for (const datasets::Split& fold : plan.folds) {
    double last = 0;
    for (const uint32_t row : fold.train) last = std::max(last, times[row]);
    for (const uint32_t row : fold.valid) EXPECT_GT(times[row], last);
  }
}

TEST(ValidationPlan, KeepsGroupsAndTimeWhateverTheMethod) {
  const auto target = numbers(60);
  std::vector<int32_t> groups;
  std::vector<double> times;
  for (int row = 0; row < 60; ++row) {
    groups.push_back(row % 10);
    times.push_back(row * 7 % 60);
  }
  for (const char* method : {"kfold", "holdout"}) {
    ValidationRequest request;
    request.target = &target;
    request.options.method = method;
    request.groups = groups;
    const ValidationPlan grouped = plan_of(request);
    EXPECT_EQ(grouped.is_holdout(), std::string_view(method) == "holdout");
    for (const datasets::Split& fold : grouped.folds) {
      for (const uint32_t valid : fold.valid) {
        for (const uint32_t train : fold.train) EXPECT_NE(groups[valid], groups[train]);
      }
    }
    request.groups = {};
    request.times = times;
    const ValidationPlan timed = plan_of(request);
    EXPECT_EQ(timed.is_holdout(), std::string_view(method) == "holdout");
    for (const datasets::Split& fold : timed.folds) {
      double last = 0;
      for (const uint32_t row : fold.train) last = std::max(last, times[row]);
      for (const uint32_t row : fold.valid) EXPECT_GT(times[row], last);
    }
  }
}

TEST(ValidationPlan, NeedsTheColumnOfItsMethod) {
  const auto target = numbers(60);
  ValidationRequest request;
  request.target = &target;
  request.options.method = "group";
  EXPECT_EQ(plan_validation(request).error().code, StatusCode::kConfig);
  request.options.method = "time";
  EXPECT_EQ(plan_validation(request).error().code, StatusCode::kConfig);
}

}  // namespace
}  // namespace assay::automl
