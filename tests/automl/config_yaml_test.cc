#include "automl/config/yaml_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/automl/config_samples.h"

namespace assay::automl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

Result<ExperimentConfig> parse(std::string_view text, const std::string& folder = "") {
  static const std::vector<OptionGroup> learners = sample_learners();
  return parse_config(text, {"c.yaml", folder}, learners);
}

// The message for `text` put after a good data section of three lines, or "no error".
std::string mistake(const std::string& text) {
  const auto config = parse("data:\n  train: t.csv\n  target: y\n" + text);
  if (config) return "no error";
  EXPECT_EQ(config.error().code, StatusCode::kConfig);
  return config.error().message;
}

TEST(YamlConfig, ReadsWeightsByLabel) {
  const std::string data = "data: {train: t.csv, target: y}\n";
  const auto config = parse(data + "class_weight: {good: 1, bad: 5, \"<=50K, no\": 0.25}\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->run.class_weight, "<=50K\\, no=0.25,bad=5,good=1");
  RunOptions run;
  ASSERT_TRUE(parse_option(run, "class_weight", " good = 1, <=50K\\, no=0.25 ,bad=5"));
  EXPECT_EQ(run.class_weight, config->run.class_weight) << "the flag";
  EXPECT_EQ(mistake("class_weight: {good: 1,\n  bad: -5}"),
            "c.yaml:5: class_weight.bad=-5 (must be a weight, 1e-9..1e9)");
  EXPECT_THAT(mistake("class_weight: balancd"), HasSubstr("did you mean 'balanced'"));
  EXPECT_THAT(mistake("class_weight: {good: [1]}"), HasSubstr("class_weight.good is a list"));
  EXPECT_THAT(mistake("class_weight: {}"), HasSubstr("empty map"));
  for (const char* text :
       {"good=0", "good=nan", "good=inf", "good", "=5", "good=", "a=1,a=2", "a=1,,b=2", "a=1e10"}) {
    EXPECT_FALSE(parse_option(run, "class_weight", text)) << text;
  }
}

TEST(YamlConfig, ReadsEverySection) {
  const auto config = parse(R"(# a comment
experiment: churn
seed: 7
device: cpu
class_weight: balanced
data:
  train: churn.csv
  target: Churn
  task: binary
  metric: auc
  drop: [id, "row number"]
  group: household
  column_types: {zip: categorical, "a:b": text}
  missing_tokens: []
  header: true
  positive_class: 1
budget:
  time: 1h30m
  trials: 100
  memory: 4GiB
validation: {method: group, folds: 8}
search: {halving: false}
ensemble:
  iterations: 25
model: {name: churn-v2}
learners:
  gbt:
    rate: {min: 0.01, max: 0.2, log: true}
    trees: 200
    criterion: {choices: [gini]}
  linear:
)");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->run.experiment, "churn");
  EXPECT_EQ(config->run.seed, 7);
  EXPECT_EQ(config->data.train, "churn.csv");
  EXPECT_EQ(config->data.metric, "auc");
  EXPECT_EQ(config->data.header, "true");
  EXPECT_EQ(config->data.positive_class, "1");
  EXPECT_THAT(config->data.drop, ElementsAre("id", "row number"));
  EXPECT_THAT(config->data.missing_tokens, ElementsAre());
  EXPECT_THAT(config->data.column_types,
              ElementsAre(Pair("a:b", "text"), Pair("zip", "categorical")));
  EXPECT_EQ(config->budget.time, 5400);
  EXPECT_EQ(config->budget.trials, 100);
  EXPECT_EQ(config->budget.memory, int64_t{4} << 30);
  EXPECT_EQ(config->validation.folds, 8);
  EXPECT_FALSE(config->search.halving);
  EXPECT_EQ(config->ensemble.iterations, 25);
  EXPECT_EQ(config->model.name, "churn-v2");
  ASSERT_EQ(config->learners.size(), 2U);
  const LearnerChoice& gbt = config->learners[0];
  EXPECT_EQ(gbt.name, "gbt");
  ASSERT_EQ(gbt.params.size(), 3U);
  EXPECT_EQ(std::get<SearchRange>(gbt.params[0].setting).high, 0.2);
  EXPECT_TRUE(std::get<SearchRange>(gbt.params[0].setting).log);
  EXPECT_EQ(std::get<ParamValue>(gbt.params[1].setting), ParamValue(int64_t{200}));
  EXPECT_TRUE(config->learners[1].params.empty());
}

TEST(YamlConfig, KeepsDefaultsForWhatIsNotGiven) {
  const auto config = parse("data: {train: t.csv, target: y}\nbudget:\nlearners:\n");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->run.experiment, "");
  EXPECT_EQ(config->budget.time_limit(), 60.0);
  EXPECT_EQ(config->validation.folds, 5);
  EXPECT_TRUE(config->learners.empty());
  EXPECT_THAT(config->data.missing_tokens, ::testing::Contains("NA"));
}

TEST(YamlConfig, TakesAListOfLearners) {
  const auto config = parse("data: {train: t.csv, target: y}\nlearners: [linear, gbt]\n");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  ASSERT_EQ(config->learners.size(), 2U);
  EXPECT_EQ(config->learners[0].name, "linear");
}

TEST(YamlConfig, PathsAreRelativeToTheFile) {
  EXPECT_EQ(parse("data: {train: ../t.csv, target: y}", "/a/b")->data.train, "/a/t.csv");
  EXPECT_EQ(parse("data: {train: t.csv, target: y}", "conf")->data.train, "conf/t.csv");
  EXPECT_EQ(parse("data: {train: /x/t.csv, target: y}", "/a/b")->data.train, "/x/t.csv");
  EXPECT_EQ(parse("data: {train: t.csv, target: y}\nfpga_xclbin: a.xclbin", "/c")->run.fpga_xclbin,
            "/c/a.xclbin");
  EXPECT_EQ(parse("data: {train: t.csv, target: y}", "/c")->run.fpga_xclbin, "");
}

TEST(YamlConfig, UnknownKeysAreNamedWithLineAndNearest) {
  EXPECT_EQ(mistake("budgt:\n  time: 5\n"),
            "c.yaml:4: unknown option 'budgt' (did you mean 'budget'?)");
  EXPECT_EQ(mistake("budget:\n\n  tiem: 5\n"),
            "c.yaml:6: budget: unknown option 'tiem' (did you mean 'time'?)");
  EXPECT_EQ(mistake("column_types: {}\n"),
            "c.yaml:4: unknown option 'column_types' (belongs under 'data:')");
  EXPECT_EQ(mistake("learners: [gtb]\n"), "c.yaml:4: unknown learner 'gtb' (did you mean 'gbt'?)");
  EXPECT_EQ(mistake("learners:\n  gbt:\n    rat: 1\n"),
            "c.yaml:6: learners.gbt: unknown option 'rat' (did you mean 'rate'?)");
  EXPECT_EQ(mistake("learners:\n  gbt:\n    rate: {mim: 1, max: 1}\n"),
            "c.yaml:6: learners.gbt.rate: unknown key 'mim' (did you mean 'min'?)\n"
            "c.yaml:6: learners.gbt.rate is a map (must be a value, {min: .., max: .., log: true} "
            "or {choices: [...]})");
}

TEST(YamlConfig, UnknownChoicesAreNamedWithTheNearest) {
  EXPECT_EQ(parse("data: {train: t.csv, target: y}\nsearch: {fidelity: both}")->search.fidelity,
            "both");
  EXPECT_THAT(mistake("search:\n  fidelity: row\n"), HasSubstr("did you mean 'rows'"));
  EXPECT_THAT(mistake("search:\n  fidelty: rows\n"), HasSubstr("did you mean 'fidelity'"));
}

TEST(YamlConfig, WrongKindsAreNamed) {
  EXPECT_EQ(mistake("budget: 5\n"), "c.yaml:4: budget is a scalar (must be a map of options)");
  EXPECT_EQ(mistake("budget: [time]\n"), "c.yaml:4: budget is a list (must be a map of options)");
  EXPECT_EQ(mistake("budget:\n  time: [5]\n"),
            "c.yaml:5: budget.time is a list (must be a number or text with a unit)");
  EXPECT_EQ(mistake("seed: {a: 1}\n"), "c.yaml:4: seed is a map (must be a number)");
  EXPECT_EQ(mistake("seed:\n"), "c.yaml:4: seed is nothing (must be a number)");
  EXPECT_EQ(mistake("  drop: id\n"),
            "c.yaml:4: data.drop is a scalar (must be a list, like [a, b])");
  EXPECT_EQ(mistake("  drop: [[id]]\n"), "c.yaml:4: data.drop holds a list (must be text)");
  EXPECT_EQ(mistake("  interactions: {g1: [a, b]}\n"),
            "c.yaml:4: data.interactions holds a list (must be text: COLUMN: GROUP, here {a: g1, "
            "b: g1})");
  EXPECT_THAT(mistake("  missing_tokens: [NA, null]\n"), HasSubstr("quote \"null\""));
  EXPECT_EQ(mistake("  column_types: [a]\n"),
            "c.yaml:4: data.column_types is a list (must be a map, like {a: b})");
  EXPECT_EQ(mistake("seed: \"5\"\n"), "c.yaml:4: seed is quoted text '5' (must be a number)");
  EXPECT_EQ(mistake("learners: gbt\n"),
            "c.yaml:4: learners must be a list of names, or a map of names to parameters");
  EXPECT_EQ(mistake("learners: [{gbt: 1}]\n"), "c.yaml:4: learners holds a map (must be names)");
  EXPECT_THAT(mistake("learners: {gbt: [rate]}\n"), HasSubstr("learners.gbt is a list"));
  EXPECT_THAT(mistake("learners: {gbt: {rate: [1]}}\n"),
              HasSubstr("learners.gbt.rate is a list (must be a number)"));
  EXPECT_THAT(mistake("learners: {gbt: {columns: [a]}}\n"), HasSubstr("cannot be set here"));
}

TEST(YamlConfig, NamesAndBooleansAreReadInAnyCase) {
  const auto config = parse_config(
      "data:\n  train: t.csv\n  target: Y\n  metric: ROC_AUC\n  task: Binary\n  header: TRUE\n"
      "  column_types: {Zip: Categorical}\nkeep_predictions: True\nensemble: {enabled: FALSE}\n"
      "validation: {method: KFold}\nlearners: {GBT: {criterion: Entropy}}\n",
      {"c.yaml", ""}, sample_learners());
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->data.metric, "roc_auc");
  EXPECT_EQ(config->data.task, "binary");
  EXPECT_EQ(config->data.header, "true");
  EXPECT_EQ(config->data.target, "Y");  // columns are as the table spells them
  EXPECT_EQ(config->data.column_types, (TextMap{{"Zip", "categorical"}}));
  EXPECT_TRUE(config->run.keep_predictions);
  EXPECT_FALSE(config->ensemble.enabled);
  EXPECT_EQ(config->validation.method, "kfold");
  ASSERT_EQ(config->learners.size(), 1U);
  EXPECT_EQ(config->learners[0].name, "gbt");
  EXPECT_EQ(std::get<ParamValue>(config->learners[0].params[0].setting), ParamValue("entropy"));
}

TEST(YamlConfig, DevicesAreTextOrAList) {
  const auto device = [](const std::string& text) {
    const auto config = parse("data: {train: t.csv, target: y}\ndevice: " + text + "\n");
    return config ? config->run.device : config.error().message;
  };
  EXPECT_EQ(device("cpu, fpga:emu0"), "cpu, fpga:emu0");
  EXPECT_EQ(device("[cpu, \"fpga:emu0\"]"), "cpu,fpga:emu0");
  EXPECT_EQ(device("\n  - cuda:0\n  - cpu"), "cuda:0,cpu");
  EXPECT_EQ(device("[fpga]"), "fpga");
  EXPECT_EQ(device("[]"), "c.yaml:2: device: device= (must be text that is not empty)");
  EXPECT_EQ(device("[cpu, [fpga]]"), "c.yaml:2: device holds a list (must be text)");
  EXPECT_EQ(device("{cpu: 1}"), "c.yaml:2: device is a map (must be text, or a list like [a, b])");
  // Other texts are no lists.
  EXPECT_EQ(mistake("experiment: [a, b]\n"), "c.yaml:4: experiment is a list (must be text)");
}

TEST(YamlConfig, HugeValuesAreCutInMessages) {
  const std::string huge(100'000, 'x');
  for (const std::string& text :
       {"experiment: " + huge + "\n", "seed: " + huge + "\n", huge + ": 1\n",
        "experiment: [" + huge + "]\n", "learners: [" + huge + "]\n",
        "  drop: [" + huge + ", y]\n" + "  weight: " + huge + "\n", "seed: \"" + huge + "\"\n",
        "  metric: " + huge + "\n"}) {
    EXPECT_LT(mistake(text).size(), 600U) << text.substr(0, 20);
    EXPECT_NE(mistake(text), "no error") << text.substr(0, 20);
  }
}

TEST(YamlConfig, ValuesAreCheckedByTheTables) {
  EXPECT_EQ(mistake("keep_predictions: yes\n"),
            "c.yaml:4: keep_predictions=yes (must be true or false)");
  EXPECT_EQ(mistake("seed: 18446744073709551615\n"),
            "c.yaml:4: seed=18446744073709551615 (must be a whole number, 0..9223372036854775807)");
  EXPECT_EQ(mistake("seed: 9223372036854775807\n"), "no error");
  EXPECT_EQ(mistake("threads: 1e400\n"),
            "c.yaml:4: threads=1e400 (must be a whole number, 0..4096)");
  EXPECT_EQ(mistake("threads: 0x10\n"), "c.yaml:4: threads=0x10 (must be a whole number, 0..4096)");
  EXPECT_EQ(mistake("threads: 010\n"), "no error");
  EXPECT_EQ(mistake("budget:\n  time: 5 parsecs\n"),
            "c.yaml:5: budget.time=5 parsecs (must be a duration like 30s or 1h30m, >= 0)");
  EXPECT_EQ(mistake("  metric: roc_acu\n").substr(0, 53),
            "c.yaml:4: data.metric=roc_acu (did you mean 'roc_auc'");
  EXPECT_EQ(mistake("model: {name: a b}\n").substr(0, 21), "c.yaml:4: model.name ");
  EXPECT_THAT(mistake("learners: {gbt: {rate: 2}}\n"), HasSubstr("learners.gbt.rate=2 (must be"));
  EXPECT_THAT(mistake("learners: {gbt: {rate: {min: 0.2, max: 0.1}}}\n"),
              HasSubstr("min 0.2 above max 0.1"));
  EXPECT_THAT(mistake("learners: {gbt: {criterion: {min: 0, max: 1}}}\n"),
              HasSubstr("must be a value, {choices: [...]}"));
  EXPECT_THAT(mistake("learners: {gbt: {depth: {choices: []}}}\n"), HasSubstr("no choices"));
  EXPECT_THAT(mistake("learners: {gbt: {rate: {min: 0.1, max: 0.2, log: 1}}}\n"),
              HasSubstr("true or false"));
}

TEST(YamlConfig, AnchorsAliasesTagsAndDuplicatesAreErrorsWithLines) {
  EXPECT_THAT(mistake("a: &x 5\n"), HasSubstr("c.yaml:4: anchor &x"));
  EXPECT_THAT(mistake("a: &x [1]\nb: *x\n"), HasSubstr("c.yaml:5: alias"));
  EXPECT_THAT(mistake("a: &x\n  b: *x\n"), HasSubstr("c.yaml:5: alias"));
  EXPECT_THAT(mistake("seed: !!int 5\n"), HasSubstr("c.yaml:4: tag"));
  EXPECT_EQ(mistake("seed: 5\nthreads: 1\nseed: 6\n"),
            "c.yaml:6: key 'seed' is there twice (first on line 4)");
  EXPECT_THAT(mistake("data:\n  train: b.csv\n"),
              HasSubstr("c.yaml:4: key 'data' is there twice (first on line 1)"));
  EXPECT_THAT(mistake("[1]: 5\n"), HasSubstr("c.yaml:4: a key is a list"));
  EXPECT_THAT(mistake("~: 5\n"), HasSubstr("c.yaml:4: a key is nothing"));
  EXPECT_THAT(mistake("---\na: 5\n"), HasSubstr("c.yaml:4: a second document"));
}

TEST(YamlConfig, ReportsAllMistakesInLineOrder) {
  const auto config = parse(
      "dta: 1\n"
      "budget: {time: 5x, trials: -1}\n"
      "data:\n"
      "  train:\n"
      "  drop: [y]\n"
      "seed: 1.5\n");
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().message,
            "c.yaml:1: unknown option 'dta' (did you mean 'data'?)\n"
            "c.yaml:2: budget.time=5x (must be a duration like 30s or 1h30m, >= 0)\n"
            "c.yaml:2: budget.trials=-1 (must be a whole number, 0..1000000000)\n"
            "c.yaml:3: data.target: must be given\n"
            "c.yaml:4: data.train is nothing (must be text)\n"
            "c.yaml:6: seed=1.5 (must be a whole number, 0..9223372036854775807)");
}

TEST(YamlConfig, RulesOverSeveralOptionsHaveLines) {
  EXPECT_EQ(mistake("validation:\n  method: time\n"),
            "c.yaml:5: validation.method: time wants data.time_column");
  EXPECT_EQ(mistake("  weight: y\n"), "c.yaml:4: data.weight: column 'y' is already data.target");
  EXPECT_EQ(mistake("  group: g\n  time_column: t\n"),
            "c.yaml:5: data.time_column: cannot be given together with data.group");
  EXPECT_EQ(parse("seed: 1\n").error().message,
            "c.yaml: data.train: must be given\nc.yaml: data.target: must be given");
}

TEST(YamlConfig, ListsAtMostAHundredMistakes) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += fmt::format("unknown_{}: 1\n", i);
  const std::string message = mistake(text);
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 100);
  EXPECT_THAT(message, HasSubstr("and 50 more"));
}

TEST(YamlConfig, HostileTextEndsInAMessage) {
  EXPECT_THAT(parse("").error().message, HasSubstr("the config is nothing"));
  EXPECT_THAT(parse("# only a comment\n").error().message, HasSubstr("the config is nothing"));
  EXPECT_THAT(parse("just text").error().message, HasSubstr("the config is a scalar"));
  EXPECT_THAT(parse("- a\n").error().message, HasSubstr("the config is a list"));
  EXPECT_THAT(parse("a: [1\n").error().message, HasSubstr("not YAML"));
  EXPECT_THAT(parse("a:\n\tb: 1\n").error().message, HasSubstr("c.yaml:2: not YAML"));
  EXPECT_THAT(parse(std::string("a: \0", 4)).error().message, HasSubstr(":1: a NUL byte"));
  EXPECT_THAT(parse("a: 1\nb: \xff\n").error().message, HasSubstr("c.yaml:2: a byte"));
  EXPECT_THAT(parse("a: \xed\xa0\x80\n").error().message, HasSubstr("not UTF-8"));
  EXPECT_THAT(parse(std::string(200, '[')).error().message, HasSubstr("64 levels deep"));
  EXPECT_THAT(parse(std::string(500000, '[')).error().message, HasSubstr("levels deep"));
  EXPECT_THAT(parse(std::string(500000, '{')).error().message, HasSubstr("c.yaml"));
  std::string steps;
  for (int i = 0; i < 300; ++i) steps += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_THAT(parse(steps).error().message, HasSubstr("64 levels deep"));
  EXPECT_THAT(parse(std::string((1 << 20) + 1, '#')).error().message, HasSubstr("at most 1048576"));
}

TEST(YamlConfig, LoadsFilesAndNamesThem) {
  const std::string folder = ::testing::TempDir() + "assay_config_test";
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/c.yaml";
  std::ofstream(path) << "data: {train: t.csv, target: y}\n";
  const auto config = load_config(path, {});
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->data.train, folder + "/t.csv");
  std::ofstream(path) << "dat: 1\n";
  EXPECT_THAT(load_config(path, {}).error().message, HasSubstr(path + ":1: unknown option"));
  std::ofstream(path) << std::string((1 << 20) + 1, '#');
  EXPECT_EQ(load_config(path, {}).error().code, StatusCode::kConfig);
  std::filesystem::remove_all(folder);
  EXPECT_FALSE(load_config(path, {}).has_value());
}

}  // namespace
}  // namespace assay::automl
