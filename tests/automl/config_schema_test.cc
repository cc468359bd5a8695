#include "automl/config/config_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "automl/config/config_reference.h"
#include "automl/config/config_template.h"
#include "automl/config/yaml_config.h"
#include "tests/automl/config_samples.h"

namespace assay::automl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kCases = ASSAY_SOURCE_DIR "/tests/automl/config_cases.txt";

struct Case {
  std::string verdict;
  std::string title;
  std::string text;
};

std::vector<Case> read_cases() {
  std::ifstream file(kCases);
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("=== ", 0) == 0) {
      std::istringstream words(line.substr(4));
      cases.push_back({"", line.substr(4), ""});
      words >> cases.back().verdict;
    } else if (!cases.empty()) {
      cases.back().text += line + "\n";
    }
  }
  return cases;
}

TEST(ConfigCases, AreJudgedByTheParser) {
  const std::vector<Case> cases = read_cases();
  ASSERT_GT(cases.size(), 60U);
  const auto learners = sample_learners();
  for (const Case& c : cases) {
    const auto config = parse_config(c.text, {"case", ""}, learners);
    EXPECT_EQ(config.has_value(), c.verdict == "good" || c.verdict == "loose")
        << c.title << ": " << (config ? "accepted" : config.error().message);
  }
}

TEST(ConfigCases, AreJudgedAlikeByTheSchema) {
  const std::string schema = ::testing::TempDir() + "assay_config_schema.json";
  std::ofstream(schema) << config_schema(sample_learners());
  const std::string command =
      "python3 " ASSAY_SOURCE_DIR "/tests/automl/config_schema_check.py '" + schema + "' " + kCases;
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127) {
    GTEST_SKIP() << "needs python3 with python3-jsonschema and python3-yaml";
  }
  EXPECT_EQ(WEXITSTATUS(status), 0) << "see the cases above";
}

TEST(ConfigSchema, DescribesEveryOption) {
  const auto schema = nlohmann::json::parse(config_schema(sample_learners()));
  const ExperimentConfig config;
  for_each_section(config, [&](const auto& section) {
    const OptionGroup& group = section.table().group();
    const auto& object = group.name.empty() ? schema : schema["properties"][group.name];
    EXPECT_EQ(object["additionalProperties"], false);
    for (const OptionInfo& info : group.options) {
      const auto& option = object["properties"][info.name];
      EXPECT_EQ(option["description"], info.help);
      EXPECT_TRUE(option.contains("default")) << info.name;
    }
  });
  EXPECT_EQ(schema["properties"]["validation"]["properties"]["folds"]["minimum"], 2);
  EXPECT_EQ(schema["required"], nlohmann::json({"data"}));
}

ExperimentConfig sample_config() {
  ExperimentConfig config;
  config.run.seed = 9;
  config.run.class_weight = "\\ a\\,b=0.5,<=50K=1000,good=1";
  config.data.train = "my data.csv";
  config.data.target = "y";
  config.data.task = "binary";
  config.data.header = "true";
  config.data.positive_class = "1";
  config.data.drop = {"id", "no", "a, b", "say \"x\"", "tab\there", "\xc3\xa9", "# x", "5"};
  config.data.column_types = {{"a: b", "text"}};
  config.budget.time = 5400;
  config.budget.memory = int64_t{3} << 30;
  config.ensemble.enabled = false;
  config.learners = {{"gbt",
                      {{"rate", SearchRange{.low = 0.1, .high = 0.2, .log = true}},
                       {"criterion", SearchRange{.choices = {"gini"}}},
                       {"trees", int64_t{20}}}},
                     {"linear", {}}};
  return config;
}

void expect_same(const ExperimentConfig& a, const ExperimentConfig& b) {
  std::vector<OptionValue> values_a;
  std::vector<OptionValue> values_b;
  for_each_section(a, [&](const auto& section) {
    for (size_t i = 0; i < section.table().options().size(); ++i) {
      values_a.push_back(section.table().at(section, i));
    }
  });
  for_each_section(b, [&](const auto& section) {
    for (size_t i = 0; i < section.table().options().size(); ++i) {
      values_b.push_back(section.table().at(section, i));
    }
  });
  EXPECT_EQ(values_a, values_b);
}

TEST(ConfigTemplate, ReadsBackToTheSameConfig) {
  const auto learners = sample_learners();
  const ExperimentConfig config = sample_config();
  const std::string text = config_template(config, learners);
  const auto back = parse_config(text, {"t.yaml", ""}, learners);
  ASSERT_TRUE(back.has_value()) << back.error().message << "\n" << text;
  expect_same(config, *back);
  ASSERT_EQ(back->learners.size(), 2U);
  EXPECT_EQ(config_template(*back, learners), text) << "parameters too";
}

TEST(ConfigTemplate, IsValidWithEveryCommentedLineTakenIn) {
  const auto learners = sample_learners();
  ExperimentConfig config;
  config.data.train = "t.csv";
  config.data.target = "y";
  const std::string text = config_template(config, learners);
  std::istringstream lines(text);
  std::string full;
  for (std::string line; std::getline(lines, line);) {
    const bool prose = line.rfind("# ", 0) == 0 && line.rfind("#  ", 0) != 0;
    full += (!prose && line.rfind('#', 0) == 0 ? line.substr(1) : line) + "\n";
  }
  EXPECT_THAT(full, HasSubstr("\n  metric: auto\n"));
  // The samples have a required path and texts without choices; real learners do not.
  const auto back = parse_config(full, {"t.yaml", ""}, learners);
  ASSERT_FALSE(back.has_value());
  EXPECT_THAT(back.error().message, Not(HasSubstr("\n"))) << full;
  EXPECT_THAT(back.error().message, HasSubstr("learners.gbt.path="));
}

TEST(ConfigTemplate, ShowsNotesHelpAndDefaults) {
  ExperimentConfig config;
  config.data.train = "t.csv";
  config.data.target = "y";
  config.data.task = "binary";
  const std::vector<ConfigNote> notes = {
      {"data.task", "found in the data"},
      {"data.drop",
       "suggested: id numbers the rows, c is constant, and this goes on beyond what fits in a line",
       OptionValue(TextList{"id", "row c"})},
      {"budget.trials", "not offered: it has a value", OptionValue(int64_t{9})}};
  config.budget.trials = 5;
  const std::string text = config_template(config, sample_learners(), notes);
  EXPECT_THAT(text, HasSubstr("\n  task: binary  # found in the data\n"));
  EXPECT_THAT(text, HasSubstr("\n#  metric: auto\n"));
  EXPECT_THAT(text, HasSubstr("\n#seed: 1\n"));
  EXPECT_THAT(text, HasSubstr("\n  # suggested: id numbers the rows, c is constant"));
  EXPECT_THAT(text, HasSubstr("\n#  drop: [id, \"row c\"]\n"));
  EXPECT_THAT(text, HasSubstr("\n  trials: 5  # not offered: it has a value\n"));
  EXPECT_THAT(text, HasSubstr("\n  target: y\n"));
  EXPECT_THAT(text, HasSubstr("#    rate: {min: 0.01, max: 0.3, log: true}\n"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 120U) << line;
}

TEST(ConfigReference, ListsOptionsLearnersAndMetrics) {
  const std::string text = config_reference(sample_learners());
  EXPECT_THAT(text, HasSubstr("| `folds` | integer 2..100 | `5` |"));
  EXPECT_THAT(text, HasSubstr("| `train` | path | (must be given) |"));
  EXPECT_THAT(text, HasSubstr("### gbt"));
  EXPECT_THAT(text, HasSubstr("| `rate` | number > 0 and <= 1 | `0.1` | 0.01..0.3, log |"));
  EXPECT_THAT(text, HasSubstr("| `depth` | integer 1..64 | `6` | 3, 6, 9 |"));
  EXPECT_THAT(text, HasSubstr("| `rmse` | lower | regression (default) |"));
}

}  // namespace
}  // namespace assay::automl
