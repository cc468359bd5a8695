// Settings whose models keep to limits of latency and size, and what tells how large they may be.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "automl/learners/tree_counts.h"
#include "automl/search/allowed_units.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

constexpr double kAny = std::numeric_limits<double>::infinity();

DataShape shape_of() {
  DataShape shape;
  shape.row_count = shape.train_count = 20'000;
  shape.feature_count = 30;
  shape.dense_column_count = 30;
  return shape;
}

ParamMap defaults_of(const Learner& learner) {
  return must(SearchSpace::make(learner.options().options)).default_params();
}

// As many steps as the setting allows.
int64_t steps_of(const Learner& learner, const ParamMap& params) {
  return std::get<int64_t>(params.at(std::string(learner.step_option())));
}

class Within : public testing::TestWithParam<const char*> {
 protected:
  const Learner& learner_ = *must(find_learner(GetParam()));
  const DataShape shape_ = shape_of();
  const ParamMap defaults_ = defaults_of(learner_);
  const ModelUnits whole_ = learner_.model_units(shape_, defaults_, steps_of(learner_, defaults_));
};

TEST_P(Within, SettingsHaveAtMostSoManyUnits) {
  ASSERT_GT(whole_.latency, 0);
  ASSERT_GT(whole_.size, 0);
  for (const double share : {0.7, 0.3, 0.1}) {
    for (const ModelUnits& most :
         {ModelUnits{share * whole_.latency, kAny}, ModelUnits{kAny, share * whole_.size},
          ModelUnits{share * whole_.latency, 0.8 * share * whole_.size}}) {
      const auto settings = learner_.within(shape_, defaults_, most);
      ASSERT_FALSE(settings.empty()) << share;
      for (const ParamMap& setting : settings) {
        EXPECT_NE(setting, defaults_);
        const ModelUnits units = learner_.model_units(shape_, setting, steps_of(learner_, setting));
        EXPECT_LE(units.latency, most.latency) << params_to_json(setting);
        EXPECT_LE(units.size, most.size) << params_to_json(setting);
        EXPECT_TRUE(learner_.planned_bytes(shape_, setting, 1)) << "its values are allowed";
      }
    }
  }
}

TEST_P(Within, WhatKeepsToItStaysAndNothingIsLeftOfNone) {
  const auto same = learner_.within(shape_, defaults_, {kAny, kAny});
  ASSERT_FALSE(same.empty());
  EXPECT_EQ(same.front(), defaults_);
  EXPECT_TRUE(learner_.within(shape_, defaults_, {0, 0}).empty());
}

INSTANTIATE_TEST_SUITE_P(Learners, Within,
                         testing::Values("gbt", "random_forest", "extra_trees", "mlp"));

TEST(Within, RoundsThatAreFewMakeLargerSteps) {
  const Learner& gbt = *must(find_learner("gbt"));
  const auto settings = gbt.within(shape_of(), defaults_of(gbt), {10, kAny});
  EXPECT_EQ(settings.front().at("rounds"), ParamValue(int64_t{10}));
  EXPECT_GE(std::get<double>(settings.front().at("learning_rate")) * 10, 2.9);
  // Where the user fixed the step there is one without that.
  ASSERT_EQ(settings.size(), 2u);
  EXPECT_EQ(settings[1].at("learning_rate"), defaults_of(gbt).at("learning_rate"));
}

// Where the user fixed the number of trees there is a setting that keeps it.
TEST(Within, FewerLeavesServeWhereTreesAreFixed) {
  for (const auto& [name, trees] : {std::pair{"gbt", "rounds"}, {"random_forest", "trees"}}) {
    const Learner& learner = *must(find_learner(name));
    const ParamMap defaults = defaults_of(learner);
    const ModelUnits whole = learner.model_units(shape_of(), defaults, steps_of(learner, defaults));
    const auto settings = learner.within(shape_of(), defaults, {whole.latency, whole.size / 3});
    EXPECT_TRUE(std::any_of(settings.begin(), settings.end(), [&](const ParamMap& setting) {
      return setting.at(trees) == defaults.at(trees);
    })) << name;
  }
}

TEST(Within, ANarrowNetworkStaysAsItIs) {
  const Learner& mlp = *must(find_learner("mlp"));
  ParamMap narrow = defaults_of(mlp);
  narrow["width"] = int64_t{4};
  const auto settings = mlp.within(shape_of(), narrow, {kAny, kAny});
  ASSERT_EQ(settings.size(), 1u);
  EXPECT_EQ(settings[0], narrow);
}

TEST(TreeCounts, AreFewerOrSmallerTreesOrBoth) {
  const auto within = [](double trees, double size) {
    return tree_counts_within({100, 32}, {trees, size}, {20, 4});
  };
  using testing::ElementsAre;
  EXPECT_THAT(within(kAny, kAny), ElementsAre(TreeCounts{100, 32}));
  EXPECT_THAT(within(50, kAny), ElementsAre(TreeCounts{50, 32}));
  // 1600 leaves are 50 trees of 32, or 100 of 16.
  EXPECT_THAT(within(kAny, 1600), ElementsAre(TreeCounts{50, 32}, TreeCounts{100, 16}));
  // 320 would be 10 trees of 32: rather 20 of 16.
  EXPECT_THAT(within(kAny, 320), ElementsAre(TreeCounts{20, 16}, TreeCounts{10, 32}));
  EXPECT_THAT(within(15, 320), ElementsAre(TreeCounts{15, 16}, TreeCounts{10, 32}));
  EXPECT_THAT(tree_counts_within({100, 2}, {kAny, 100}, {20, 4}), ElementsAre(TreeCounts{50, 2}));
  EXPECT_THAT(within(kAny, 12), ElementsAre(TreeCounts{3, 4}));
  EXPECT_THAT(within(kAny, 3), ElementsAre());
  EXPECT_THAT(within(0.5, kAny), ElementsAre());
}

// Units are n, and n * width.
SearchLearner measured_learner() {
  SearchLearner learner;
  learner.name = "gbt";
  learner.units = [](const ParamMap& params, int64_t steps) {
    const auto n = static_cast<double>(steps);
    return ModelUnits{n, n * static_cast<double>(std::get<int64_t>(params.at("width")))};
  };
  return learner;
}

TEST(AllowedUnits, AreWhatTheLimitLeavesBesideTheBaseline) {
  History history;
  const auto add = [&](std::string name, int64_t width, int64_t steps, ModelFootprint footprint,
                       TrialStatus status) {
    TrialResult result;
    result.spec = {history.size(), std::move(name), {{"width", width}}};
    result.status = status;
    result.footprint = footprint;
    result.steps = steps;
    history.start(result.spec);
    history.finish(result);
  };
  const SearchLearner learner = measured_learner();
  const FootprintLimits limits{20, 1000};
  EXPECT_EQ(allowed_units(learner, limits, history.all()).latency, kAny);
  add("constant", 1, 1, {10, 200}, TrialStatus::kFinished);
  add("gbt", 8, 50, {15, 900}, TrialStatus::kFinished);
  add("mlp", 1, 1, {90, 90000}, TrialStatus::kOverLimit);
  EXPECT_EQ(allowed_units(learner, limits, history.all()).size, kAny);
  // 40 beside the baseline's 10, where 10 are left: a quarter of 100 steps, with some care.
  add("gbt", 8, 100, {50, 900}, TrialStatus::kOverLimit);
  EXPECT_DOUBLE_EQ(allowed_units(learner, limits, history.all()).latency, 22.5);
  EXPECT_EQ(allowed_units(learner, limits, history.all()).size, kAny);
  // 1600 bytes beside 200, where 800 are left: half of 80 x 10.
  add("gbt", 10, 80, {20, 1800}, TrialStatus::kOverLimit);
  EXPECT_DOUBLE_EQ(allowed_units(learner, limits, history.all()).latency, 22.5);
  EXPECT_DOUBLE_EQ(allowed_units(learner, limits, history.all()).size, 360);
  EXPECT_EQ(allowed_units(learner, {}, history.all()).size, kAny) << "nothing is limited";
}

}  // namespace
}  // namespace assay::automl
