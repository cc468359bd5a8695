// Constraints on what the registered model costs: latency, file size, models that people can read.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "automl/report/run_summary.h"
#include "automl/scheduler/readable_config.h"
#include "automl/scheduler/trial_record.h"
#include "tests/automl/scheduler_fakes.h"
#include "tracking/model_registry.h"
#include "tracking/run_file.h"

namespace assay::automl {
namespace {

using testing::HasSubstr;

int64_t file_bytes_of(const SweepOutcome& outcome) {
  return static_cast<int64_t>(tracking::slurp(outcome.model_path).size());
}

bool says(const SweepOutcome& outcome, const std::string& text) {
  return std::any_of(outcome.notes.begin(), outcome.notes.end(),
                     [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

// Moves on by a microsecond whenever it is asked.
class CountingClock final : public Clock {
 public:
  int64_t now_ns() const override { return now_ns_.fetch_add(1000) + 1000; }

 private:
  mutable std::atomic<int64_t> now_ns_{0};
};

TEST(FootprintLimits, NameWhatIsBrokenAndByHowMuch) {
  EXPECT_FALSE(FootprintLimits().any());
  EXPECT_EQ(FootprintLimits().share({1e9, 1 << 30}), 0);
  EXPECT_EQ(FootprintLimits().breach({1e9, 1 << 30}), "");
  const FootprintLimits limits{500, 2048};
  EXPECT_EQ(limits.breach({500, 2048}), "");
  EXPECT_EQ(limits.share({250, 2048}), 1);
  EXPECT_EQ(limits.breach({812.25, 100}), "constraints.max_latency=500: 812.2 us for a row");
  EXPECT_EQ(limits.share({1000, 100}), 2);
  EXPECT_EQ(limits.breach({1, 4096}), "constraints.max_model_size=2KiB: a file of 4.0 KiB");
}

TEST(ModelGauge, PredictsRowsOneByOneWhateverTheirTypes) {
  std::vector<double> numbers;
  std::vector<int32_t> codes;
  for (int row = 0; row < 40; ++row) {
    numbers.push_back(row % 9 == 0 ? std::nan("") : row);
    codes.push_back(row % 3 - (row % 8 == 0 ? datasets::kFirstLevelCode + row % 3 : 0));
  }
  std::vector<datasets::Column> columns = {number_column("x", numbers),
                                           level_column("c", codes, {"a", "b", "c"})};
  std::vector<double> targets(40, 1.0);
  targets[3] = 2;
  columns.push_back(number_column("y", targets));
  SweepBench bench;
  SerialExecutor executor;
  const StopToken stop;
  const auto table = table_of(std::move(columns));
  ASSERT_NE(table, nullptr);
  EncoderOptions options;
  options.exclude = {"y"};
  auto encoder = FeatureEncoder::fit(table, options, bench.context(executor, stop));
  ASSERT_TRUE(encoder) << encoder.error().message;
  const auto gauge = ModelGauge::make(*table, *encoder);
  ASSERT_TRUE(gauge) << gauge.error().message;
  int64_t predicted = 0;
  Predictor::Parts parts;
  parts.target = "y";
  parts.encoder = std::make_shared<const FeatureEncoder>(std::move(*encoder));
  auto constant = ConstantModel::make({1.5}, parts.encoder->feature_count());
  ASSERT_TRUE(constant);
  parts.model = std::make_shared<const HeavyModel>(
      std::move(*constant), ModelWeight{.on_predict = [&predicted] { ++predicted; }});
  const auto predictor = Predictor::make(std::move(parts));
  ASSERT_TRUE(predictor) << predictor.error().message;
  const CountingClock clock;
  const auto latency = gauge->latency_us(*predictor, *bench.request.compute.kernels,
                                         *bench.request.compute.host, clock);
  ASSERT_TRUE(latency) << latency.error().message;
  // Every prediction is timed by the one step between two looks at the clock, and a few more where
  // the stop token looks too.
  EXPECT_GE(*latency, 1);
  EXPECT_GE(predicted, static_cast<int64_t>(ModelGauge::kMostSamples));
  EXPECT_EQ(*predictor->file_bytes(), static_cast<int64_t>(predictor->to_bytes()->size()));
}

TEST(Constraints, ModelsWithTooLargeFilesAreLeftOut) {
  SweepBench bench;
  bench.add(fake("constant"));
  bench.add(fake("linear")).with_gap(0.2);
  bench.add(fake("gbt")).with_model_weight({.file_bytes = 20'000});
  bench.request.config.budget.trials = 24;
  bench.request.config.search.halving = false;
  bench.request.config.constraints.max_model_size = 60'000;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_LE(file_bytes_of(*outcome), 60'000);
  EXPECT_EQ(outcome->footprint.file_bytes, file_bytes_of(*outcome));
  EXPECT_GT(outcome->over_limit, 2);
  EXPECT_EQ(outcome->finished + outcome->over_limit, 24);
  int64_t left_out = 0;
  for (const LeaderboardRow& row : outcome->leaderboard.rows) {
    EXPECT_GT(row.file_bytes, 0) << row.trial;
    EXPECT_EQ(row.status == "over_limit", row.learner == "gbt") << row.trial;
    if (row.learner != "gbt") continue;
    ++left_out;
    EXPECT_EQ(row.rank, 0);
    EXPECT_EQ(row.weight, 0);
    EXPECT_TRUE(row.score);
    EXPECT_GT(row.file_bytes, 100'000) << "of five folds";
    EXPECT_THAT(row.message, HasSubstr("constraints.max_model_size=60000B: a file of "));
    const auto record = tracking::read_run(bench.request.workspace->path() + "/" +
                                           tracking::run_file_path(row.run_id));
    ASSERT_TRUE(record) << record.error().message;
    const auto read = read_trial(*record);
    ASSERT_TRUE(read) << "a process that goes on knows it";
    EXPECT_EQ(read->result.status, TrialStatus::kOverLimit);
    EXPECT_EQ(read->result.footprint.file_bytes, row.file_bytes);
    EXPECT_EQ(read->score, row.score);
  }
  EXPECT_EQ(left_out, outcome->over_limit);
  EXPECT_TRUE(says(*outcome, "24 trials are left out; nearest to what is allowed was trial "));
  const auto json = nlohmann::json::parse(run_summary_json(*outcome));
  EXPECT_EQ(json["trials"]["over_limit"], left_out);
  EXPECT_EQ(json["model"]["file_bytes"], file_bytes_of(*outcome));
}

TEST(Constraints, AnEnsembleKeepsToTheSizeAsAWhole) {
  int64_t free_bytes = 0;
  int64_t free_members = 0;
  for (const bool limited : {false, true}) {
    SweepBench bench;
    bench.add(fake("constant"));
    bench.add(fake("gbt")).with_gap(0.5).with_model_weight({.file_bytes = 8'000});
    bench.request.config.budget.trials = 30;
    bench.request.config.search.halving = false;
    if (limited) bench.request.config.constraints.max_model_size = free_bytes - 1;
    const auto outcome = bench.run();
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(outcome->over_limit, 0) << "each alone is small enough";
    const int64_t members =
        std::count_if(outcome->leaderboard.rows.begin(), outcome->leaderboard.rows.end(),
                      [](const LeaderboardRow& row) { return row.trial >= 0 && row.weight > 0; });
    if (limited) {
      EXPECT_LT(file_bytes_of(*outcome), free_bytes);
      EXPECT_LT(members, free_members);
      // Notes are about the model that is registered, and there is no time limit to blame.
      EXPECT_FALSE(says(*outcome, "there was no time"));
      EXPECT_FALSE(says(*outcome, "is too much") && says(*outcome, "ensemble: "));
      continue;
    }
    free_bytes = file_bytes_of(*outcome);
    free_members = members;
    ASSERT_GT(free_members, 1) << "else nothing is tested";
  }
}

TEST(Constraints, SlowModelsAreLeftOutByMeasuredTime) {
  SweepBench bench;
  bench.request.threads = 1;
  bench.add(fake("constant"));
  bench.add(fake("linear"));
  // Five folds of a millisecond each.
  bench.add(fake("gbt")).with_model_weight({.on_predict = [&bench] {
    bench.clock.advance(kSecond / 1000);
  }});
  bench.request.config.budget.time = 1000;
  bench.request.config.budget.trials = 12;
  bench.request.config.search.halving = false;
  bench.request.config.constraints.max_latency = 4000;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_GT(outcome->over_limit, 0);
  for (const LeaderboardRow& row : outcome->leaderboard.rows) {
    if (row.learner != "gbt") continue;
    EXPECT_EQ(row.status, "over_limit");
    EXPECT_EQ(row.latency_us, 5000);
  }
  EXPECT_LE(outcome->footprint.latency_us, 4000);
}

TEST(Constraints, TheBaselineIsRegisteredIfNothingElseKeepsToThem) {
  SweepBench bench;
  bench.add(fake("constant"));
  bench.add(fake("gbt")).with_model_weight({.file_bytes = 20'000});
  bench.request.config.budget.trials = 6;
  bench.request.config.constraints.max_model_size = 60'000;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->leaderboard.rows[0].learner, "constant");
  EXPECT_EQ(outcome->leaderboard.rows[0].weight, 1);
  EXPECT_TRUE(says(*outcome, "only the constant baseline"));
  EXPECT_TRUE(says(*outcome, "no better trial kept to the constraints"));
}

TEST(Constraints, WhatNotEvenTheBaselineKeepsToIsAnError) {
  SweepBench bench;
  bench.add(fake("constant"));
  bench.add(fake("gbt"));
  bench.request.config.budget.trials = 6;
  bench.request.config.constraints.max_model_size = 100;
  const auto outcome = bench.run();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, StatusCode::kConfig);
  EXPECT_THAT(outcome.error().message, HasSubstr("constraints.max_model_size=100B: a file of "));
  EXPECT_THAT(outcome.error().message, HasSubstr("of the constant baseline"));
  tracking::ModelRegistry registry(bench.request.workspace);
  EXPECT_TRUE(registry.list_models()->empty());
}

TEST(Constraints, TimesAreNotForRunsThatDependOnTheirSeedAlone) {
  ExperimentConfig config;
  config.data.train = "t.csv";
  config.data.target = "y";
  config.constraints.max_latency = 100;
  EXPECT_TRUE(check_config(config));
  config.budget.trials = 5;
  const Status refused = check_config(config);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kConfig);
  EXPECT_THAT(refused.error().message, HasSubstr("constraints.max_latency: needs budget.time"));
  config.budget.time = 10;
  EXPECT_TRUE(check_config(config));
}

TEST(ReadableConfig, LeavesLearnersWhoseModelsCanBeRead) {
  ExperimentConfig config;
  ASSERT_TRUE(make_readable(config, {}));
  std::vector<std::string> names;
  for (const LearnerChoice& choice : config.learners) names.push_back(choice.name);
  EXPECT_EQ(names, (std::vector<std::string>{"constant", "linear", "gbt"}));
  ASSERT_EQ(config.learners[2].params.size(), 1u);
  EXPECT_EQ(config.learners[2].params[0].name, "max_leaves");
  EXPECT_EQ(std::get<ParamValue>(config.learners[2].params[0].setting), ParamValue(int64_t{2}));
  EXPECT_FALSE(config.ensemble.enabled);
  // As a process does that goes on with the run.
  ASSERT_TRUE(make_readable(config, {}));
  EXPECT_EQ(config.learners.size(), 3u);
  EXPECT_EQ(config.learners[2].params.size(), 1u);
}

TEST(ReadableConfig, RefusesLearnersAndSettingsThatCannot) {
  ExperimentConfig config;
  config.learners = {{"linear", {}}, {"random_forest", {}}};
  const Status forest = make_readable(config, {});
  ASSERT_FALSE(forest);
  EXPECT_EQ(forest.error().code, StatusCode::kConfig);
  EXPECT_THAT(forest.error().message,
              HasSubstr("learner 'random_forest' makes no model that a person can read (these do: "
                        "constant, linear, gbt)"));
  config.learners = {{"gbt", {{"max_leaves", ParamValue(int64_t{31})}}}};
  const Status leaves = make_readable(config, {});
  ASSERT_FALSE(leaves);
  EXPECT_THAT(leaves.error().message,
              HasSubstr("learners.gbt.max_leaves: constraints.interpretable wants 2"));
  config.learners = {{"gbt", {{"max_leaves", ParamValue(int64_t{2})}}}};
  EXPECT_TRUE(make_readable(config, {}));
  ASSERT_EQ(config.learners.size(), 1u);
}

}  // namespace
}  // namespace assay::automl
