#include "automl/config/search_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "tests/automl/config_samples.h"

namespace assay::automl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<OptionInfo>& options() { return SampleOptions::table().options(); }

SearchSpace space(std::vector<ParamOverride> overrides = {}) {
  return *SearchSpace::make(options(), overrides);
}

std::string make_error(std::vector<ParamOverride> overrides) {
  const auto made = SearchSpace::make(options(), overrides);
  return made ? "no error" : made.error().message;
}

const Dimension& dimension(const SearchSpace& space, std::string_view name) {
  for (const Dimension& d : space.dimensions()) {
    if (d.name == name) return d;
  }
  ADD_FAILURE() << "no dimension " << name;
  return space.dimensions().front();
}

TEST(SearchSpace, SearchesWhatTheTableSays) {
  const SearchSpace s = space();
  std::vector<std::string> names;
  for (const Dimension& d : s.dimensions()) names.push_back(d.name);
  EXPECT_THAT(names, ElementsAre("trees", "rate", "criterion", "bootstrap", "depth"));
  EXPECT_EQ(s.fixed().at("time"), ParamValue(90.0));
  EXPECT_EQ(s.fixed().count("columns"), 0U);
}

TEST(SearchSpace, MapsCornersToBounds) {
  const SearchSpace s = space();
  const ParamMap low = *s.at(std::vector<double>(5, 0.0));
  const ParamMap high = *s.at(std::vector<double>(5, 1.0));
  EXPECT_EQ(low.at("trees"), ParamValue(int64_t{10}));
  EXPECT_EQ(high.at("trees"), ParamValue(int64_t{1000}));
  EXPECT_EQ(low.at("rate"), ParamValue(0.01));
  EXPECT_EQ(high.at("rate"), ParamValue(0.3));
  EXPECT_EQ(low.at("criterion"), ParamValue("gini"));
  EXPECT_EQ(high.at("criterion"), ParamValue("entropy"));
  EXPECT_EQ(low.at("bootstrap"), ParamValue(false));
  EXPECT_EQ(high.at("bootstrap"), ParamValue(true));
  EXPECT_EQ(low.at("depth"), ParamValue(int64_t{3}));
  EXPECT_EQ(high.at("depth"), ParamValue(int64_t{9}));
}

TEST(SearchSpace, LogDimensionsHaveTheGeometricMeanInTheMiddle) {
  // sqrt(0.01 * 0.3) = 0.0547722557..., to 6 digits.
  EXPECT_EQ(dimension(space(), "rate").at(0.5), ParamValue(0.0547723));
}

TEST(SearchSpace, LinearIntegersAreEquallyLikely) {
  const SearchSpace s = space({{"depth", SearchRange{.low = 1, .high = 4}}});
  std::map<int64_t, int> counts;
  for (int i = 0; i < 4000; ++i) {
    ++counts[std::get<int64_t>(dimension(s, "depth").at((i + 0.5) / 4000))];
  }
  EXPECT_EQ(counts, (std::map<int64_t, int>{{1, 1000}, {2, 1000}, {3, 1000}, {4, 1000}}));
  EXPECT_EQ(dimension(s, "depth").level_count(), 4);
}

TEST(SearchSpace, UnitOfIsTheInverse) {
  const SearchSpace s = space({{"depth", SearchRange{.low = 1, .high = 64, .log = true}}});
  for (int i = 0; i <= 200; ++i) {
    const ParamMap params = *s.at(std::vector<double>(5, i / 200.0));
    const auto unit = s.unit_of(params);
    ASSERT_TRUE(unit.has_value()) << unit.error().message;
    EXPECT_EQ(*s.at(*unit), params) << i;
  }
}

TEST(SearchSpace, UnitOfRefusesWhatIsOutside) {
  const SearchSpace s = space();
  EXPECT_THAT(dimension(s, "rate").unit_of(0.5).error().message, HasSubstr("rate=0.5 is outside"));
  EXPECT_FALSE(dimension(s, "trees").unit_of(10.5).has_value());
  EXPECT_FALSE(dimension(s, "trees").unit_of("x").has_value());
  EXPECT_FALSE(dimension(s, "criterion").unit_of("other").has_value());
  EXPECT_FALSE(dimension(s, "depth").unit_of(int64_t{4}).has_value());
  EXPECT_TRUE(dimension(s, "depth").unit_of(6.0).has_value());
  EXPECT_THAT(s.unit_of({}).error().message, HasSubstr("'trees' is missing"));
}

TEST(SearchSpace, SurvivesPointsOutsideTheCube) {
  const SearchSpace s = space();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(dimension(s, "trees").at(nan), ParamValue(int64_t{10}));
  EXPECT_EQ(dimension(s, "trees").at(-5), ParamValue(int64_t{10}));
  EXPECT_EQ(dimension(s, "criterion").at(7), ParamValue("entropy"));
  EXPECT_FALSE(s.at(std::vector<double>(4, 0.5)).has_value());
}

TEST(SearchSpace, OverridesFixAndNarrow) {
  const SearchSpace s = space({{"rate", 0.05},
                               {"trees", SearchRange{.low = 200, .high = 300}},
                               {"time", SearchRange{.choices = {1.0, int64_t{2}}}},
                               {"criterion", SearchRange{.choices = {"entropy"}}}});
  EXPECT_EQ(s.fixed().at("rate"), ParamValue(0.05));
  EXPECT_EQ(s.size(), 5U);
  const ParamMap defaults = s.default_params();
  EXPECT_EQ(defaults.at("trees"), ParamValue(int64_t{200})) << "100 moved into 200..300";
  EXPECT_EQ(defaults.at("time"), ParamValue(1.0)) << "90 is no choice";
  EXPECT_EQ(defaults.at("criterion"), ParamValue("entropy"));
  EXPECT_EQ(defaults.at("depth"), ParamValue(int64_t{6}));
  EXPECT_TRUE(options_from<SampleOptions>({{"trees", defaults.at("trees")}}).has_value());
}

// bootstrap -> trees -> rate
std::vector<ParamOverride> conditional() {
  return {
      {"trees", SearchRange{.low = 10, .high = 20, .when = SearchCondition{"bootstrap", {true}}}},
      {"rate",
       SearchRange{
           .low = 0.5, .high = 0.9, .when = SearchCondition{"trees", {int64_t{10}, int64_t{20}}}}},
      {"bootstrap", SearchRange{.choices = {false, true}}}};
}

TEST(SearchSpace, ParametersMatterUnderTheirCondition) {
  const SearchSpace s = space(conditional());
  std::vector<double> unit(s.size(), 0.0);
  size_t trees = 0;
  size_t rate = 0;
  size_t bootstrap = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s.dimensions()[i].name == "trees") trees = i;
    if (s.dimensions()[i].name == "rate") rate = i;
    if (s.dimensions()[i].name == "bootstrap") bootstrap = i;
  }
  const SampleOptions plain;
  unit[trees] = 1;
  unit[rate] = 0.75;
  EXPECT_FALSE(s.active_at(unit)[trees]);
  EXPECT_FALSE(s.active_at(unit)[rate]) << "what it depends on does not matter";
  ParamMap params = *s.at(unit);
  EXPECT_EQ(params.at("trees"), ParamValue(plain.trees)) << "not moved into 10..20";
  EXPECT_EQ(params.at("rate"), ParamValue(plain.rate));
  // By default it bootstraps, and trees are moved to 20: all of them matter.
  EXPECT_EQ(s.default_params().at("trees"), ParamValue(int64_t{20}));
  EXPECT_EQ(s.default_params().at("rate"), ParamValue(0.5));
  const auto settled = s.settled(unit);
  EXPECT_EQ(*s.at(settled), params);
  std::vector<double> other = unit;
  other[rate] = 0.1;
  EXPECT_EQ(s.settled(other), settled);
  const auto back = s.unit_of(params);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*s.at(*back), params);
  params["bootstrap"] = true;
  EXPECT_FALSE(s.unit_of(params)) << "now trees matter, and are outside";

  unit[bootstrap] = 1;
  EXPECT_TRUE(s.active_at(unit)[rate]);
  params = *s.at(unit);
  EXPECT_EQ(params.at("trees"), ParamValue(int64_t{20}));
  EXPECT_EQ(params.at("rate"), ParamValue(0.8));
  unit[trees] = 0.5;
  EXPECT_TRUE(s.active_at(unit)[trees]);
  EXPECT_FALSE(s.active_at(unit)[rate]);
}

TEST(SearchSpace, AConditionOnAFixedValueIsSettled) {
  std::vector<ParamOverride> overrides = conditional();
  overrides[2].setting = ParamValue(true);
  EXPECT_EQ(space(overrides).fixed().count("trees"), 0U);
  EXPECT_EQ(dimension(space(overrides), "trees").parent, -1);
  overrides[2].setting = ParamValue(false);
  EXPECT_EQ(space(overrides).fixed().at("trees"), ParamValue(SampleOptions().trees));
  EXPECT_EQ(space(overrides).fixed().count("rate"), 1U) << "though trees has one of its values";
}

TEST(SearchSpace, RefusesBadConditions) {
  const auto on = [](std::string option, std::vector<ParamValue> values) {
    return ParamOverride{
        "rate", SearchRange{.low = 0.5, .high = 0.9, .when = SearchCondition{option, values}}};
  };
  EXPECT_THAT(make_error({on("tree", {int64_t{10}})}), HasSubstr("did you mean 'trees'?"));
  EXPECT_THAT(make_error({on("trees", {})}), HasSubstr("no values"));
  EXPECT_THAT(make_error({on("bootstrap", {0.5})}), HasSubstr("bootstrap"));
  EXPECT_THAT(make_error({on("rate", {0.5})}), HasSubstr("depends on itself"));
}

TEST(SearchSpace, RefusesBadOverrides) {
  EXPECT_THAT(make_error({{"raet", 0.1}}), HasSubstr("did you mean 'rate'?"));
  EXPECT_THAT(make_error({{"rate", 0.1}, {"rate", 0.2}}), HasSubstr("given twice"));
  EXPECT_THAT(make_error({{"rate", 2.0}}), HasSubstr("rate=2"));
  EXPECT_THAT(make_error({{"rate", SearchRange{.low = 0.2, .high = 0.1}}}),
              HasSubstr("rate has min 0.2 above max 0.1"));
  EXPECT_THAT(make_error({{"time", SearchRange{.low = 0, .high = 1, .log = true}}}),
              HasSubstr("must be > 0 with log"));
  EXPECT_THAT(make_error({{"rate", SearchRange{.low = 0.1, .high = 5}}}), HasSubstr("rate=5"));
  EXPECT_THAT(make_error({{"trees", SearchRange{.low = 1.5, .high = 5}}}), HasSubstr("trees=1.5"));
  EXPECT_THAT(make_error({{"rate", SearchRange{.low = std::nan(""), .high = 1}}}),
              HasSubstr("rate has min nan"));
  EXPECT_THAT(make_error({{"depth", SearchRange{.choices = {int64_t{3}, 3.0}}}}),
              HasSubstr("choice 3 twice"));
  EXPECT_THAT(make_error({{"criterion", SearchRange{.choices = {"x"}}}}), HasSubstr("criterion=x"));
  EXPECT_THAT(make_error({{"path", SearchRange{}}}), HasSubstr("nothing to choose from"));
  EXPECT_THAT(make_error({{"columns", SearchRange{}}}), HasSubstr("cannot be searched"));
  EXPECT_THAT(make_error({{"columns", "a"}}), HasSubstr("must be a list"));
}

}  // namespace
}  // namespace assay::automl
