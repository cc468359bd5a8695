#include "automl/config/option_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "automl/config/experiment_config.h"
#include "datasets/column_types.h"
#include "tests/automl/config_samples.h"

namespace assay::automl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string parse_error(std::string_view name, std::string_view text) {
  SampleOptions options;
  const Status status = parse_option(options, name, text);
  if (status) return "no error";
  EXPECT_EQ(status.error().code, StatusCode::kInvalidArgument);
  return status.error().message;
}

TEST(OptionTable, ParsesEachKind) {
  SampleOptions options;
  ASSERT_TRUE(parse_option(options, "trees", "250"));
  ASSERT_TRUE(parse_option(options, "rate", "5e-2"));
  ASSERT_TRUE(parse_option(options, "criterion", "entropy"));
  ASSERT_TRUE(parse_option(options, "bootstrap", "false"));
  ASSERT_TRUE(parse_option(options, "time", "1h30m"));
  ASSERT_TRUE(parse_option(options, "memory", "4GiB"));
  ASSERT_TRUE(parse_option(options, "columns", "x, y z ,w"));
  ASSERT_TRUE(parse_option(options, "types", "age=numeric, zip = text"));
  EXPECT_EQ(options.trees, 250);
  EXPECT_EQ(options.rate, 0.05);
  EXPECT_EQ(options.criterion, "entropy");
  EXPECT_FALSE(options.bootstrap);
  EXPECT_EQ(options.time, 5400);
  EXPECT_EQ(options.memory, int64_t{4} << 30);
  EXPECT_THAT(options.columns, ElementsAre("x", "y z", "w"));
  EXPECT_THAT(options.types, ElementsAre(Pair("age", "numeric"), Pair("zip", "text")));
}

TEST(OptionTable, ReadsNumbersAsDecimal) {
  SampleOptions options;
  ASSERT_TRUE(parse_option(options, "trees", "012"));
  EXPECT_EQ(options.trees, 12);
  ASSERT_TRUE(parse_option(options, "trees", "1e3"));
  EXPECT_EQ(options.trees, 1000);
  ASSERT_TRUE(parse_option(options, "trees", "+7"));
  EXPECT_EQ(options.trees, 7);
  for (const char* text : {"", " 5", "5 ", "0x10", "1_000", "5.5", "+-5", "--5", "1e400", "nan",
                           "99999999999999999999", "five"}) {
    EXPECT_THAT(parse_error("trees", text), HasSubstr("must be a whole number, 1..10000")) << text;
  }
  for (const char* text : {"inf", "nan", "1e400", ".", "0.1x", "-"}) {
    EXPECT_THAT(parse_error("rate", text), HasSubstr("must be > 0 and <= 1")) << text;
  }
}

TEST(OptionTable, SaysFiniteWhereTheRangeHasNoEnd) {
  OptionInfo info;
  info.name = "l1";
  info.range.low = 0;
  const auto message = [&](const char* text) {
    const auto value = parse_value(info, text);
    return value ? std::string() : value.error().message;
  };
  EXPECT_EQ(message(".inf"), "l1=.inf (must be finite and >= 0)");
  for (const char* text : {"inf", "-Inf", "+.inf", ".NaN", "nan", "infinity", "1e400", "-1E999"}) {
    EXPECT_THAT(message(text), HasSubstr("(must be finite and >= 0)")) << text;
  }
  for (const char* text : {"-1", "-", "", "in", "1e-400", "1E-400", "x1e400"}) {
    EXPECT_THAT(message(text), HasSubstr("(must be >= 0)")) << text;
  }
  const auto value = check_value(info, OptionValue(std::numeric_limits<double>::infinity()));
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "l1=inf (must be finite and >= 0)");
}

TEST(OptionTable, SaysValueAndWhatIsAllowed) {
  EXPECT_EQ(parse_error("trees", "0"), "trees=0 (must be a whole number, 1..10000)");
  EXPECT_EQ(parse_error("rate", "0"), "rate=0 (must be > 0 and <= 1)");
  EXPECT_EQ(parse_error("rate", "1.5"), "rate=1.5 (must be > 0 and <= 1)");
  EXPECT_EQ(parse_error("bootstrap", "yes"), "bootstrap=yes (must be true or false)");
  EXPECT_THAT(parse_error("bootstrap", std::string(5000, 't')), HasSubstr("ttt... (must be true"));
  EXPECT_EQ(parse_error("criterion", "ginny"),
            "criterion=ginny (did you mean 'gini'? must be one of gini, entropy)");
  EXPECT_EQ(parse_error("criterion", "quadratic"),
            "criterion=quadratic (must be one of gini, entropy)");
  EXPECT_EQ(parse_error("time", "5x"), "time=5x (must be a duration like 30s or 1h30m, >= 0)");
  EXPECT_EQ(parse_error("memory", "4X"), "memory=4X (must be a size like 4GiB, >= 0)");
  EXPECT_EQ(parse_error("path", ""), "path= (must be text that is not empty)");
  EXPECT_EQ(parse_error("tree", "5"), "unknown option 'tree' (did you mean 'trees'?)");
  EXPECT_THAT(parse_error("types", "age=number"), HasSubstr("one of numeric, text"));
  EXPECT_THAT(parse_error("types", "age"), HasSubstr("name=value"));
  EXPECT_THAT(parse_error("types", "a=text,a=text"), HasSubstr("'a' is given twice"));
  EXPECT_THAT(parse_error("name", "no blanks"), HasSubstr("no blanks"));
  EXPECT_THAT(parse_error("path", std::string("a\0b", 3)), HasSubstr("NUL"));
}

TEST(OptionTable, LeavesTheObjectAloneOnError) {
  SampleOptions options;
  EXPECT_FALSE(parse_option(options, "trees", "0"));
  EXPECT_EQ(options.trees, 100);
}

TEST(OptionTable, SetConvertsBetweenNumbersAlone) {
  SampleOptions options;
  ASSERT_TRUE(set_option(options, "rate", 1));
  EXPECT_EQ(options.rate, 1.0);
  ASSERT_TRUE(set_option(options, "trees", 5.0));
  EXPECT_EQ(options.trees, 5);
  ASSERT_TRUE(set_option(options, "time", "2m"));
  EXPECT_EQ(options.time, 120);
  EXPECT_FALSE(set_option(options, "trees", 5.5));
  EXPECT_FALSE(set_option(options, "trees", 1e300));
  EXPECT_FALSE(set_option(options, "trees", true));
  EXPECT_FALSE(set_option(options, "trees", "5"));
  EXPECT_FALSE(set_option(options, "bootstrap", 1));
  EXPECT_FALSE(set_option(options, "rate", std::numeric_limits<double>::quiet_NaN()));
}

TEST(OptionTable, GetsWhatWasSet) {
  SampleOptions options;
  ASSERT_TRUE(set_option(options, "trees", 7));
  EXPECT_EQ(*get_option(options, "trees"), OptionValue(int64_t{7}));
  EXPECT_FALSE(get_option(options, "nothing").has_value());
}

TEST(OptionTable, TakesDefaultsFromTheStruct) {
  const auto& options = SampleOptions::table().options();
  EXPECT_EQ(find_option(options, "trees")->default_value, OptionValue(int64_t{100}));
  const OptionInfo* time = find_option(options, "time");
  EXPECT_EQ(value_text(*time, time->default_value), "1m30s");
  const OptionInfo* columns = find_option(options, "columns");
  EXPECT_EQ(value_text(*columns, columns->default_value), "[a, b]");
}

TEST(OptionTable, ParamsMakeTheRoundTrip) {
  SampleOptions options;
  options.trees = 33;
  options.rate = 0.123456789012345678;
  options.criterion = "entropy";
  options.bootstrap = false;
  options.path = "x";
  const auto back = params_from_json(params_to_json(params_of(options)));
  ASSERT_TRUE(back.has_value());
  const auto copy = options_from<SampleOptions>(*back);
  ASSERT_TRUE(copy.has_value()) << copy.error().message;
  EXPECT_EQ(copy->trees, 33);
  EXPECT_EQ(copy->rate, options.rate);
  EXPECT_EQ(copy->criterion, "entropy");
  EXPECT_FALSE(copy->bootstrap);
  EXPECT_FALSE(options_from<SampleOptions>({{"tree", int64_t{5}}}).has_value());
}

TEST(ParamMap, JsonKeepsTypesAndOrder) {
  const ParamMap params = {{"b", 1.0}, {"a", int64_t{1}}, {"c", true}, {"d", "x\"y"}};
  EXPECT_EQ(params_to_json(params), R"({"a":1,"b":1.0,"c":true,"d":"x\"y"})");
  EXPECT_EQ(*params_from_json(params_to_json(params)), params);
  EXPECT_EQ(params_to_json({}), "{}");
}

TEST(ParamMap, BadJsonIsADataError) {
  for (const char* text : {"", "{", "[1]", "5", R"({"a":[1]})", R"({"a":null})",
                           R"({"a":18446744073709551615})", "{\"a\":1}x"}) {
    const auto params = params_from_json(text);
    ASSERT_FALSE(params.has_value()) << text;
    EXPECT_EQ(params.error().code, StatusCode::kData) << text;
  }
  EXPECT_FALSE(params_from_json(std::string(100000, '[')).has_value());
}

TEST(CheckGroup, AcceptsOurTables) {
  EXPECT_TRUE(check_group(SampleOptions::table().group()));
  const ExperimentConfig config;
  for_each_section(config, [](const auto& section) {
    const Status status = check_group(section.table().group());
    EXPECT_TRUE(status) << status.error().message;
  });
}

TEST(CheckGroup, FindsWrongTables) {
  const OptionInfo good = SampleOptions::table().options()[0];
  const auto mistake = [&](auto change) {
    OptionGroup group{"group", "", {good}};
    change(group);
    const Status status = check_group(group);
    return status ? std::string("no error") : status.error().message;
  };
  EXPECT_THAT(mistake([](OptionGroup& g) { g.options[0].name = "Trees"; }),
              HasSubstr("bad option"));
  EXPECT_THAT(mistake([&](OptionGroup& g) { g.options.push_back(good); }), HasSubstr("twice"));
  EXPECT_THAT(mistake([](OptionGroup& g) { g.options[0].help = ""; }), HasSubstr("no help"));
  EXPECT_THAT(mistake([](OptionGroup& g) { g.options[0].range.low = 500; }),
              HasSubstr("default of 'trees' is not allowed: 100"));
  EXPECT_THAT(mistake([](OptionGroup& g) { g.options[0].search->high = 1e6; }),
              HasSubstr("trees=1000000"));
  EXPECT_THAT(mistake([](OptionGroup& g) { g.options[0].search->low = 200; }),
              HasSubstr("outside its search range"));
}

TEST(DataOptions, MissingTokensAreThoseOfTheReader) {
  const auto tokens = datasets::MissingTokens::defaults();
  EXPECT_EQ(DataOptions().missing_tokens, TextList(tokens.begin(), tokens.end()));
}

TEST(BudgetOptions, WithoutTimeAndTrialsAreAMinute) {
  BudgetOptions budget;
  EXPECT_EQ(budget.time_limit(), 60.0);
  budget.trials = 5;
  EXPECT_EQ(budget.time_limit(), std::nullopt);
  budget.time = 7;
  EXPECT_EQ(budget.time_limit(), 7.0);
}

TEST(CheckConfig, NamesEveryMistake) {
  ExperimentConfig config;
  config.data.task = "regression";
  config.data.metric = "auc";
  config.data.weight = "w";
  config.data.drop = {"w"};
  config.validation.method = "group";
  config.run.class_weight = "balanced";
  const Status status = check_config(config);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, StatusCode::kConfig);
  EXPECT_EQ(status.error().message,
            "data.train: must be given\n"
            "data.target: must be given\n"
            "data.drop: column 'w' is already data.weight\n"
            "validation.method: group wants data.group\n"
            "data.metric: metric 'auc' does not apply to regression (must be one of rmse, mse, "
            "mae, r2, mape, poisson_deviance, pinball_05, pinball_10, pinball_25, pinball_75, "
            "pinball_90, pinball_95, ndcg, ndcg_5, ndcg_10)\n"
            "class_weight: balanced needs a classification task");
}

}  // namespace
}  // namespace assay::automl
