#include "datasets/splits.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace assay::datasets {
namespace {

using ::testing::HasSubstr;
using Rows = std::vector<uint32_t>;

// Both sides ascending, disjoint, and together all rows below `row_count`.
void expect_parts(const Split& split, size_t row_count) {
  EXPECT_TRUE(std::is_sorted(split.train.begin(), split.train.end()));
  EXPECT_TRUE(std::is_sorted(split.valid.begin(), split.valid.end()));
  std::set<uint32_t> all(split.train.begin(), split.train.end());
  all.insert(split.valid.begin(), split.valid.end());
  EXPECT_EQ(all.size(), split.train.size() + split.valid.size());
  EXPECT_EQ(all.size(), row_count);
  EXPECT_FALSE(split.train.empty());
  EXPECT_FALSE(split.valid.empty());
}

// Every row validates once.
void expect_folds(const SplitPlan& plan, size_t row_count) {
  std::vector<int> times(row_count, 0);
  for (const Split& split : plan.folds) {
    expect_parts(split, row_count);
    for (const uint32_t row : split.valid) ++times[row];
  }
  EXPECT_THAT(times, ::testing::Each(1));
}

template <class Code>
std::map<Code, int> tally(const Rows& rows, const std::vector<Code>& codes) {
  std::map<Code, int> counts;
  for (const uint32_t row : rows) ++counts[codes[row]];
  return counts;
}

std::string error_of(const Result<SplitPlan>& plan) {
  return plan ? "no error" : std::string(name_of(plan.error().code)) + ": " + plan.error().message;
}

TEST(RandomSplit, FoldsCoverAllRowsEvenly) {
  const auto plan = random_split(103, {5, 0, 1});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->method, "5-fold");
  ASSERT_EQ(plan->folds.size(), 5u);
  expect_folds(*plan, 103);
  for (const Split& split : plan->folds) EXPECT_NEAR(split.valid.size(), 20.6, 0.7);
}

TEST(RandomSplit, HoldoutTakesTheFraction) {
  const auto plan = random_split(10, {1, 0.25, 1});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->method, "holdout 0.25");
  ASSERT_EQ(plan->folds.size(), 1u);
  expect_parts(plan->folds[0], 10);
  EXPECT_EQ(plan->folds[0].valid.size(), 3u);
  EXPECT_EQ(random_split(2, {1, 0.001, 1})->folds[0].valid.size(), 1u);
  EXPECT_EQ(random_split(2, {1, 0.999, 1})->folds[0].valid.size(), 1u);
}

TEST(RandomSplit, SeedDecides) {
  EXPECT_EQ(random_split(50, {5, 0, 7})->folds[2].valid,
            random_split(50, {5, 0, 7})->folds[2].valid);
  EXPECT_NE(random_split(50, {5, 0, 7})->folds[2].valid,
            random_split(50, {5, 0, 8})->folds[2].valid);
}

TEST(RandomSplit, BadShapes) {
  EXPECT_EQ(error_of(random_split(10, {0, 0.2, 1})),
            "invalid_argument: folds=0 (must be at least 1)");
  EXPECT_THAT(error_of(random_split(10, {1, 0.0, 1})), HasSubstr("validation fraction 0 (must be"));
  EXPECT_THAT(error_of(random_split(10, {1, 1.0, 1})), HasSubstr("validation fraction 1"));
  EXPECT_THAT(error_of(random_split(10, {1, std::nan(""), 1})), HasSubstr("validation fraction"));
  EXPECT_EQ(error_of(random_split(4, {5, 0, 1})),
            "data: 4 rows cannot be split into 5 folds (at most 4)");
  EXPECT_EQ(error_of(random_split(1, {1, 0.2, 1})),
            "data: 1 row cannot be split (must be at least 2)");
  EXPECT_THAT(error_of(random_split(0, {1, 0.2, 1})), HasSubstr("0 rows"));
}

TEST(StratifiedSplit, SpreadsEveryClassOverTheFolds) {
  std::vector<int32_t> codes;
  for (int i = 0; i < 200; ++i) codes.push_back(i % 40 == 0 ? 2 : i % 3 == 0 ? 7 : 0);
  const auto plan = stratified_split(codes, {5, 0, 3});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->method, "stratified 5-fold");
  expect_folds(*plan, codes.size());
  std::map<int32_t, int> all;
  for (const int32_t code : codes) ++all[code];
  for (const Split& split : plan->folds) {
    EXPECT_EQ(split.valid.size(), 40u);
    for (const auto& [code, count] : tally(split.valid, codes)) {
      EXPECT_NEAR(count, all.at(code) / 5.0, 0.99) << code;
    }
    EXPECT_EQ(tally(split.train, codes).size(), 3u);
  }
}

TEST(StratifiedSplit, HoldoutKeepsEveryClassInTraining) {
  std::vector<int32_t> codes(100, 0);
  codes[10] = 1;              // a single one must train
  codes[20] = codes[30] = 2;  // of two, one may validate
  for (int i = 50; i < 70; ++i) codes[static_cast<size_t>(i)] = 3;
  for (const uint64_t seed : {1, 2, 3, 4, 5}) {
    for (const double fraction : {0.01, 0.2, 0.5, 0.95}) {
      const auto plan = stratified_split(codes, {1, fraction, seed});
      ASSERT_TRUE(plan);
      expect_parts(plan->folds[0], 100);
      EXPECT_EQ(tally(plan->folds[0].train, codes).size(), 4u) << fraction;
      EXPECT_NEAR(plan->folds[0].valid.size(), 100 * fraction, 3.5);
      EXPECT_EQ(tally(plan->folds[0].valid, codes).count(1), 0u);
    }
  }
  EXPECT_EQ(tally(stratified_split(codes, {1, 0.2, 1})->folds[0].valid, codes)[3], 4);
}

TEST(StratifiedSplit, RefusesNegativeCodes) {
  const std::vector<int32_t> codes = {0, -1, 1};
  EXPECT_EQ(error_of(stratified_split(codes, {2, 0, 1})),
            "invalid_argument: stratum -1 (must be 0 or more)");
  EXPECT_THAT(error_of(stratified_split({}, {2, 0, 1})), HasSubstr("0 rows"));
}

TEST(QuantileStrata, CutsTheTargetIntoEqualParts) {
  const std::vector<double> target = {5, 1, 4, 1, 9, 7};
  EXPECT_EQ(quantile_strata(target, 3), (std::vector<int32_t>{1, 0, 1, 0, 2, 2}));
  EXPECT_EQ(quantile_strata(target, 1), (std::vector<int32_t>(6, 0)));
  EXPECT_EQ(quantile_strata(std::vector<double>{2, 1}, 10), (std::vector<int32_t>{1, 0}));
  EXPECT_TRUE(quantile_strata({}, 3).empty());
}

TEST(GroupSplit, GroupsNeverPart) {
  std::vector<int32_t> groups;
  for (int i = 0; i < 300; ++i) groups.push_back(i * i % 23 - 5);
  const auto check = [&](const Split& split) {
    const auto train = tally(split.train, groups);
    for (const auto& [group, count] : tally(split.valid, groups)) {
      EXPECT_EQ(train.count(group), 0u) << group << " (" << count << " rows)";
    }
  };
  const auto plan = group_split(groups, {4, 0, 1});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->method, "group 4-fold");
  expect_folds(*plan, groups.size());
  for (const Split& split : plan->folds) check(split);
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    const auto holdout = group_split(groups, {1, 0.3, seed});
    ASSERT_TRUE(holdout);
    expect_parts(holdout->folds[0], groups.size());
    check(holdout->folds[0]);
    EXPECT_NEAR(holdout->folds[0].valid.size(), 90, 25);
  }
}

TEST(GroupSplit, LargeGroupsStayBalanced) {
  std::vector<int32_t> groups(60, 0);
  for (int i = 0; i < 60; ++i) groups.push_back(1 + i % 12);
  const auto plan = group_split(groups, {3, 0, 1});
  std::vector<size_t> sizes;
  for (const Split& split : plan->folds) sizes.push_back(split.valid.size());
  EXPECT_THAT(sizes, ::testing::UnorderedElementsAre(60, 30, 30));
  // One group of nearly everything still leaves a training side.
  std::vector<int32_t> lopsided(99, 4);
  lopsided.push_back(5);
  for (const uint64_t seed : {1, 2, 3, 4}) {
    EXPECT_EQ(group_split(lopsided, {1, 0.2, seed})->folds[0].valid, (Rows{99}));
  }
}

TEST(GroupSplit, NeedsEnoughGroups) {
  EXPECT_EQ(error_of(group_split(std::vector<int32_t>(9, 3), {1, 0.2, 1})),
            "data: 1 group cannot be split (must be at least 2)");
  EXPECT_EQ(error_of(group_split(std::vector<int32_t>{1, 1, 2, 2, 1}, {3, 0, 1})),
            "data: 2 groups cannot be split (must be at least 3)");
}

TEST(TimeSplit, HoldoutIsTheLastPart) {
  const std::vector<double> times = {5, 3, 9, 1, 7, 2, 8, 4, 6, 0};
  const auto plan = time_split(times, {1, 0.2, 1});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->method, "time-ordered holdout 0.2");
  EXPECT_EQ(plan->folds[0].valid, (Rows{2, 6}));
  expect_parts(plan->folds[0], 10);
}

TEST(TimeSplit, FoldsAreAnExpandingWindow) {
  std::vector<double> times;
  for (int i = 0; i < 40; ++i) times.push_back(i * 17 % 40);
  const auto plan = time_split(times, {3, 0, 1});
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->folds.size(), 3u);
  for (size_t f = 0; f < 3; ++f) {
    EXPECT_EQ(plan->folds[f].train.size(), 10 * (f + 1));
    EXPECT_EQ(plan->folds[f].valid.size(), 10u);
    double last = -1;
    for (const uint32_t row : plan->folds[f].train) last = std::max(last, times[row]);
    for (const uint32_t row : plan->folds[f].valid) EXPECT_GT(times[row], last);
  }
}

TEST(TimeSplit, EqualTimesStayTogether) {
  const std::vector<double> times = {1, 1, 1, 1, 1, 1, 1, 2, 2, 2};
  EXPECT_EQ(time_split(times, {1, 0.5, 1})->folds[0].valid, (Rows{7, 8, 9}));
  EXPECT_EQ(error_of(time_split(times, {2, 0, 1})),
            "data: 2 distinct times cannot be split into 2 folds (must be at least 3)");
  EXPECT_THAT(error_of(time_split(std::vector<double>{4, 4, 4}, {1, 0.5, 1})),
              HasSubstr("1 distinct time cannot be split into 1 fold (must be at least 2)"));
  const double nothing = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(error_of(time_split(std::vector<double>{4, nothing, 5}, {1, 0.5, 1})),
              HasSubstr("row 1 has no time"));
}

TEST(GroupParts, AreTheFoldsOfASplit) {
  std::vector<int32_t> groups;
  for (int32_t row = 0; row < 300; ++row) groups.push_back(1000 - row % 23);
  const std::vector<int32_t> parts = group_parts(groups, 5, 7);
  const auto plan = group_split(groups, {5, 0.2, 7});
  ASSERT_TRUE(plan);
  for (size_t f = 0; f < 5; ++f) {
    for (const uint32_t row : plan->folds[f].valid) {
      EXPECT_EQ(parts[row], static_cast<int32_t>(f)) << row;
    }
  }
  // Of two groups there are two parts, however many are asked for.
  EXPECT_EQ(group_parts(std::vector<int32_t>{4, 9, 4, 4}, 10, 1),
            (std::vector<int32_t>{0, 1, 0, 0}));
  EXPECT_TRUE(group_parts({}, 10, 1).empty());
}

TEST(TimeParts, AscendInTimeAndKeepEqualTimesTogether) {
  EXPECT_EQ(time_parts(std::vector<double>{5, 1, 4, 2, 3, 0}, 3),
            (std::vector<int32_t>{2, 0, 2, 1, 1, 0}));
  EXPECT_EQ(time_parts(std::vector<double>{7, 7, 7, 8}, 2), (std::vector<int32_t>{0, 0, 0, 1}));
  EXPECT_EQ(time_parts(std::vector<double>{8, 7, 7, 8}, 10), (std::vector<int32_t>{1, 0, 0, 1}));
  EXPECT_EQ(time_parts(std::vector<double>{3, 3}, 10), (std::vector<int32_t>{0, 0}));
  EXPECT_TRUE(time_parts({}, 10).empty());
}

}  // namespace
}  // namespace assay::datasets
