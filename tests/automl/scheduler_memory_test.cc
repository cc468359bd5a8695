#include <gmock/gmock.h>

#include "automl/config/search_space.h"
#include "automl/scheduler/memory_plan.h"
#include "automl/scheduler/time_plan.h"
#include "tests/automl/scheduler_fakes.h"

namespace assay::automl {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMiB = int64_t{1} << 20;

MemoryShape shape_of(int64_t limit) {
  MemoryShape shape;
  shape.limit_bytes = limit;
  shape.base_bytes = 100 * kMiB;
  shape.fold_count = 5;
  shape.prediction_bytes = 2 * kMiB;
  return shape;
}

TEST(MemoryPlan, TellsSizesRoundedUpInUnitsThatCanBeRead) {
  EXPECT_EQ(mib_text(0), "0 MiB");
  EXPECT_EQ(mib_text(kMiB + 1), "2 MiB");
  EXPECT_EQ(mib_text(10240 * kMiB), "10240 MiB");
  EXPECT_EQ(mib_text(10240 * kMiB + 1), "10.1 GiB");
  EXPECT_EQ(mib_text(20 * 1024 * 1024 * kMiB), "20.0 TiB");
}

TEST(MemoryPlan, SharesTheRoomOut) {
  const MemoryPlan plan(shape_of(300 * kMiB));
  EXPECT_EQ(plan.kept_prediction_bytes(), 20 * kMiB);
  EXPECT_EQ(plan.kept_model_bytes(), 50 * kMiB);
  EXPECT_EQ(plan.trial_bytes(), 130 * kMiB);
  EXPECT_EQ(MemoryPlan(shape_of(50 * kMiB)).trial_bytes(), 0);
}

TEST(MemoryPlan, CountsModelsOfFoldsThatAreDoneAndPredictions) {
  FakeLearner learner("gbt");
  learner.with_bytes(10 * kMiB);  // a model of half of that
  const MemoryPlan plan(shape_of(300 * kMiB));
  EXPECT_EQ(*plan.planned_bytes(learner, {}), (10 + 4 * 5 + 3 * 2) * kMiB);
  // Five models of 5 MiB must fit a quarter of the room.
  EXPECT_EQ(*plan.needed_limit(learner, {}), (100 + 4 * 25) * kMiB + 16);
  ParamMap params;
  EXPECT_TRUE(MemoryPlan(shape_of(201 * kMiB)).fit(learner, {}, params));
  const auto refused = MemoryPlan(shape_of(199 * kMiB)).fit(learner, {}, params);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.error().message,
              HasSubstr("a memory limit of 201 MiB (budget.memory is 199 MiB)"));
}

TEST(MemoryPlan, MakesSettingsSmallerButNotWhatIsFixed) {
  FakeLearner learner("gbt");
  learner.with_bias_bytes(1000 * kMiB);
  const MemoryPlan plan(shape_of(300 * kMiB));
  ParamMap params = {{"bias", 0.8}, {"other", 1.0}};
  const auto planned = plan.fit(learner, {}, params);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(params, (ParamMap{{"bias", 0.1}, {"other", 1.0}}));
  EXPECT_LE(*planned, plan.trial_bytes());
  EXPECT_EQ(*planned, *plan.planned_bytes(learner, params));
  params = {{"bias", 0.8}};
  const std::vector<std::string> fixed = {"bias"};
  EXPECT_FALSE(plan.fit(learner, fixed, params));
  EXPECT_EQ(params, (ParamMap{{"bias", 0.8}}));
}

TimeShape wide_shape() {
  TimeShape shape;
  shape.data.task = Task::kBinary;
  shape.data.class_count = 2;
  shape.data.row_count = 2000;
  shape.data.train_count = 1600;
  shape.data.valid_count = 400;
  shape.data.feature_count = 10'000;
  shape.data.bin_count = 2'540'000;
  shape.threads = 2;
  shape.seconds_left = 27;
  return shape;
}

TEST(TimePlan, MakesTrialsCheaperThatWouldEatTheBudget) {
  const TimePlan plan(wide_shape());
  for (const char* name : {"gbt", "extra_trees", "random_forest"}) {
    const Learner& learner = **find_learner(name);
    const ParamMap wanted = SearchSpace::make(learner.options().options)->default_params();
    ASSERT_GT(*plan.seconds(learner, wanted), kMostTrialShare * 27) << name;
    ParamMap params = wanted;
    ASSERT_TRUE(plan.shorten(learner, {}, params));
    const double seconds = *plan.seconds(learner, params);
    EXPECT_LT(seconds, 10) << params_to_json(params);
    EXPECT_TRUE(seconds <= kMostTrialShare * 27 ||
                learner.cheaper(wide_shape().data, params).empty());
    const std::vector<std::string> fixed = {"column_fraction", "node_column_fraction"};
    params = wanted;
    ASSERT_TRUE(plan.shorten(learner, fixed, params));
    for (const std::string& column : fixed) {
      EXPECT_EQ(params.count(column), wanted.count(column));
      if (params.count(column) == 0) continue;
      EXPECT_EQ(params[column], wanted.at(column));
    }
  }
}

TEST(TimePlan, CountsTheBinsThatThereAre) {
  // Word counts have a few bins a column: a fit costs a small part of what 255 bins cost.
  TimeShape shape = wide_shape();
  const Learner& gbt = **find_learner("gbt");
  const double full = *TimePlan(shape).seconds(gbt, {});
  shape.data.bin_count = 40'000;
  EXPECT_LT(*TimePlan(shape).seconds(gbt, {}), full / 4);
  shape.data.feature_count = 14;
  shape.data.bin_count = 1200;
  ParamMap params;
  ASSERT_TRUE(TimePlan(shape).shorten(gbt, {}, params));
  EXPECT_TRUE(params.empty()) << "what is short stays as it is";
}

// Without a time limit the cost model alone decides: for thousands of classes boosting makes fewer
// and longer steps and forests have fewer trees, and small tables stay as they are.
TEST(TimePlan, BoundsATrialWithoutATimeLimit) {
  TimeShape shape;
  shape.seconds_left.reset();
  shape.fold_count = 5;
  shape.data = {Task::kMulticlass, 4000, 50'000, 40'000, 10'000, 20, 5100, 20};
  const TimePlan plan(shape);
  for (const char* name : {"gbt", "extra_trees", "random_forest"}) {
    const Learner& learner = **find_learner(name);
    const ParamMap wanted = SearchSpace::make(learner.options().options)->default_params();
    ParamMap params = wanted;
    ASSERT_TRUE(plan.shorten(learner, {}, params));
    EXPECT_NE(params, wanted) << name;
    EXPECT_TRUE(*plan.seconds(learner, params) <= kMostUntimedSeconds ||
                (learner.cheaper(shape.data, params).empty() &&
                 learner.smaller(shape.data, params).empty()))
        << params_to_json(params);
  }
  shape.data = {Task::kMulticlass, 26, 20'000, 16'000, 4000, 16, 272, 16};
  for (const char* name : {"gbt", "extra_trees", "random_forest", "linear"}) {
    ParamMap params;
    ASSERT_TRUE(TimePlan(shape).shorten(**find_learner(name), {}, params));
    EXPECT_TRUE(params.empty()) << name << " " << params_to_json(params);
  }
}

TEST(TimePlan, GivesBoostingLongerStepsWhereTimeIsShort) {
  TimeShape shape;
  shape.seconds_left = 3;
  shape.threads = 2;
  shape.data = {Task::kMulticlass, 7, 465'000, 372'000, 93'000, 54, 2900, 54};
  const Learner& gbt = **find_learner("gbt");
  ParamMap params;
  ASSERT_TRUE(TimePlan(shape).shorten(gbt, {}, params));
  EXPECT_EQ(std::get<double>(params.at("learning_rate")), 0.4);
  EXPECT_EQ(std::get<int64_t>(params.at("rounds")), 250);
  ParamMap fixed = {{"learning_rate", 0.1}};
  ASSERT_TRUE(TimePlan(shape).shorten(gbt, std::vector<std::string>{"learning_rate"}, fixed));
  EXPECT_EQ(fixed.size(), 1u) << "what the user fixed stays, and rounds with it";
}

TEST(ParamChanges, ListWhatDiffers) {
  const ParamMap before = {{"a", int64_t{1}}, {"b", 0.5}, {"c", std::string("x")}};
  ParamMap after = before;
  EXPECT_EQ(param_changes(before, after), "");
  after["b"] = 0.25;
  after["d"] = true;
  EXPECT_EQ(param_changes(before, after), "b=0.25, d=true");
  EXPECT_TRUE(keeps_fixed(before, after, std::vector<std::string>{"a", "c", "e"}));
  EXPECT_FALSE(keeps_fixed(before, after, std::vector<std::string>{"b"}));
}

}  // namespace
}  // namespace assay::automl
