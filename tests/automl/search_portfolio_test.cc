#include "automl/search/portfolio.h"

#include <gmock/gmock.h>

#include "automl/learners/learner.h"

namespace assay::automl {
namespace {

using testing::HasSubstr;

std::vector<OptionGroup> all_learners() {
  std::vector<OptionGroup> groups;
  for (const Learner* learner : learner_list()) groups.push_back(learner->options());
  return groups;
}

std::vector<WantedSetting> settings_of(std::string_view text) {
  const auto settings = read_portfolio(text, "p.txt", all_learners());
  EXPECT_TRUE(settings) << settings.error().message;
  return settings ? *settings : std::vector<WantedSetting>();
}

std::string error_of(std::string_view text) {
  const auto settings = read_portfolio(text, "p.txt", all_learners());
  EXPECT_FALSE(settings) << text;
  if (settings) return {};
  EXPECT_EQ(settings.error().code, StatusCode::kData);
  return settings.error().message;
}

// The space of one of the shipped learners.
SearchLearner portfolio_learner(std::string_view name, std::vector<ParamOverride> overrides = {}) {
  const auto found = find_learner(name);
  EXPECT_TRUE(found) << name;
  auto space = SearchSpace::make((*found)->options().options, overrides);
  EXPECT_TRUE(space) << space.error().message;
  return {std::string(name), *space};
}

size_t count_within(std::string_view text, std::vector<ParamOverride> overrides) {
  const std::vector<SearchLearner> learners = {portfolio_learner("gbt", std::move(overrides))};
  return settings_within(settings_of(text), learners).size();
}

TEST(Portfolio, IsALineASetting) {
  const auto settings = settings_of(
      "# what it is\n"
      "gbt learning_rate=0.05 max_leaves=12\n"
      "\n"
      "  random_forest\tbootstrap=false  min_child_samples=3 \r\n"
      "   # more\n"
      "gbt growth=symmetric");
  ASSERT_EQ(settings.size(), 3U);
  EXPECT_EQ(settings[0].learner, "gbt");
  EXPECT_EQ(settings[0].params, (ParamMap{{"learning_rate", 0.05}, {"max_leaves", int64_t{12}}}));
  EXPECT_EQ(settings[0].origin, TrialOrigin::kPortfolio);
  EXPECT_EQ(settings[1].learner, "random_forest");
  EXPECT_EQ(settings[1].params,
            (ParamMap{{"bootstrap", false}, {"min_child_samples", int64_t{3}}}));
  EXPECT_EQ(settings[2].params, (ParamMap{{"growth", std::string("symmetric")}}));
  EXPECT_TRUE(settings_of("").empty());
}

TEST(Portfolio, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(error_of("gbt l2=1\n\ngtb l2=2\n"),
            "p.txt, line 3: unknown learner 'gtb' (did you mean 'gbt'?)");
  EXPECT_EQ(error_of("gbt learning_rte=0.1"),
            "p.txt, line 1: gbt: unknown option 'learning_rte' (did you mean 'learning_rate'?)");
  EXPECT_THAT(error_of("gbt max_leaves=1"),
              HasSubstr("line 1: gbt: max_leaves=1 (must be a whole number, 2.."));
  EXPECT_THAT(error_of("gbt max_leaves=many"), HasSubstr("max_leaves"));
  EXPECT_THAT(error_of("gbt learning_rate=nan"), HasSubstr("learning_rate"));
  EXPECT_THAT(error_of("gbt growth=sideways"), HasSubstr("growth"));
  EXPECT_EQ(error_of("gbt max_leaves"), "p.txt, line 1: gbt: 'max_leaves' (must be name=value)");
  EXPECT_EQ(error_of("gbt l2=1 l2=2"), "p.txt, line 1: gbt: l2 is given twice");
  EXPECT_THAT(error_of("gbt"), HasSubstr("line 1: gbt without a parameter is its default"));
  EXPECT_EQ(error_of("gbt l1=1 l2=2\ngbt l2=2 l1=1"),
            "p.txt, line 2: the setting stands above already");
}

TEST(Portfolio, WithinASpaceHasAllItsParameters) {
  const std::vector<SearchLearner> learners = {portfolio_learner("linear"),
                                               portfolio_learner("gbt")};
  const auto within = settings_within(
      settings_of("gbt learning_rate=0.05 max_leaves=12\nextra_trees min_child_samples=2\n"
                  "linear l2=0.5"),
      learners);
  ASSERT_EQ(within.size(), 2U) << "extra_trees does not take part";
  ParamMap expected = learners[1].space.default_params();
  expected["learning_rate"] = 0.05;
  expected["max_leaves"] = int64_t{12};
  EXPECT_EQ(within[0].params, expected);
  EXPECT_EQ(within[0].origin, TrialOrigin::kPortfolio);
  EXPECT_EQ(within[1].learner, "linear");
}

TEST(Portfolio, LeavesOutWhatTheUsersSpaceDoesNotHold) {
  const std::string text = "gbt learning_rate=0.05 max_leaves=12";
  EXPECT_EQ(count_within(text, {}), 1U);
  EXPECT_EQ(count_within(text, {{"rounds", ParamValue(int64_t{50})}}), 1U) << "it does not name it";
  EXPECT_EQ(count_within(text, {{"learning_rate", ParamValue(0.05)}}), 1U) << "it is fixed there";
  EXPECT_EQ(count_within(text, {{"learning_rate", ParamValue(0.06)}}), 0U);
  EXPECT_EQ(count_within(text, {{"max_leaves", SearchRange{.low = 8, .high = 12}}}), 1U);
  EXPECT_EQ(count_within(text, {{"max_leaves", SearchRange{.low = 13, .high = 20}}}), 0U);
  EXPECT_EQ(count_within("gbt growth=symmetric", {}), 0U) << "it is not searched";
  const SearchRange growths{.choices = {std::string("symmetric"), std::string("leaf_wise")}};
  EXPECT_EQ(count_within("gbt growth=symmetric", {{"growth", growths}}), 1U);
}

TEST(Portfolio, TheOneThatShipsLiesInTheSpacesOfTheLearners) {
  const auto settings = settings_of(shipped_portfolio());
  ASSERT_GE(settings.size(), 4U);
  std::vector<SearchLearner> learners;
  for (const Learner* one : learner_list()) learners.push_back(portfolio_learner(one->name()));
  const auto within = settings_within(settings, learners);
  ASSERT_EQ(within.size(), settings.size());
  for (size_t i = 0; i < within.size(); ++i) {
    for (const auto& [name, value] : settings[i].params) {
      EXPECT_EQ(within[i].params.at(name), value) << within[i].learner << " " << name;
    }
    const auto found = find_learner(within[i].learner);
    const SearchSpace defaults = portfolio_learner(within[i].learner).space;
    EXPECT_NE(within[i].params, defaults.default_params()) << "which is tried anyway";
  }
}

}  // namespace
}  // namespace assay::automl
