// Features of two columns in whole sweeps: chosen before the first trial, kept in the registered
// model, the same on any threads and after a kill.
#include <gmock/gmock.h>

#include "automl/preprocess/predictor.h"
#include "automl/report/shap_sample.h"
#include "automl/scheduler/sweep_past.h"
#include "kernels/base/rng.h"
#include "tests/automl/scheduler_fakes.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// y waves over a / b.
std::shared_ptr<const datasets::Table> ratio_table(bool classes) {
  Rng rng(3);
  std::vector<double> a, b, c, y;
  std::vector<int32_t> positive;
  for (int row = 0; row < 2000; ++row) {
    a.push_back(rng.next_double());
    b.push_back(rng.next_double() + 0.5);
    c.push_back(rng.next_double());
    y.push_back(std::sin(12 * a.back() / b.back()) + 0.3 * c.back());
    positive.push_back(y.back() > 0.2 ? 1 : 0);
  }
  std::vector<datasets::Column> columns;
  columns.push_back(number_column("a", a));
  columns.push_back(number_column("b", b));
  columns.push_back(number_column("c", c));
  columns.push_back(classes ? level_column("y", positive, {"no", "yes"}) : number_column("y", y));
  return table_of(std::move(columns));
}

ExperimentConfig config_of(const std::string& pairs, const std::string& method) {
  ExperimentConfig config;
  config.data.train = "memory.csv";
  config.data.target = "y";
  config.run.seed = 5;
  config.features.pairs = pairs;
  config.validation.method = method;
  config.validation.folds = 3;
  config.budget.trials = 3;
  config.learners = {{"gbt", {}}};
  return config;
}

struct CombinedAnswer {
  double score = 0;
  std::string model;
  std::vector<std::string> notes;
};

CombinedAnswer answer_of(const Result<SweepOutcome>& outcome) {
  EXPECT_TRUE(outcome) << outcome.error().message;
  if (!outcome) return {};
  EXPECT_EQ(outcome->failed, 0);
  return {outcome->validation_score, tracking::slurp(outcome->model_path), outcome->notes};
}

CombinedAnswer sweep(const ExperimentConfig& config, bool classes = false, int64_t slots = 1,
                     int threads = 2) {
  SweepBench bench;
  bench.request.table = ratio_table(classes);
  bench.request.config = config;
  bench.request.config.run.slots = slots;
  bench.request.threads = static_cast<int>(slots) * threads;
  return answer_of(bench.run());
}

TEST(CombinedFeatures, LowerTheErrorAndAreTold) {
  const CombinedAnswer with = sweep(config_of("true", "holdout"));
  const CombinedAnswer without = sweep(config_of("false", "holdout"));
  EXPECT_LT(with.score, 0.8 * without.score);
  EXPECT_THAT(with.notes, Contains(HasSubstr("of two columns: 'a / b'")));
  EXPECT_THAT(without.notes, Not(Contains(HasSubstr("of two columns"))));
}

TEST(CombinedFeatures, GiveTheSameBitsOnAnyThreads) {
  for (const std::string method : {"kfold", "holdout"}) {
    const bool classes = method == "kfold";
    const CombinedAnswer one = sweep(config_of("true", method), classes, 1, 1);
    const CombinedAnswer other = sweep(config_of("true", method), classes, 2, 2);
    EXPECT_EQ(one.score, other.score);
    EXPECT_TRUE(one.model == other.model) << method;
    EXPECT_THAT(one.model, HasSubstr("encoder/combined/kinds"));
  }
}

TEST(CombinedFeatures, AreExplainedByTheirName) {
  const CombinedAnswer answer = sweep(config_of("true", "holdout"));
  const Predictor predictor = *Predictor::from_bytes(answer.model, "m.assay");
  const auto devices = *backends::open_devices({});
  SerialExecutor executor;
  const kernels::ComputeContext context{&devices.kernels(), &devices.host(), &devices.host(),
                                        &executor, nullptr};
  ShapRequest request;
  request.predictor = &predictor;
  request.table = ratio_table(false);
  request.rows = 200;
  const auto sample = shap_sample(request, context);
  ASSERT_TRUE(sample) << sample.error().message;
  ASSERT_GE(sample->columns.size(), 4u);
  EXPECT_EQ(sample->columns[3], "a / b");
  // It is what the target follows; its values are numbers with places among each other.
  EXPECT_EQ(std::max_element(sample->importance.begin(), sample->importance.end()) -
                sample->importance.begin(),
            3);
  EXPECT_GE(sample->places[3], 0);
  EXPECT_LE(sample->places[3], 1);
}

TEST(CombinedFeatures, KeepConstraints) {
  ExperimentConfig config = config_of("true", "holdout");
  config.data.monotone["b"] = "increasing";
  const CombinedAnswer monotone = sweep(config);
  EXPECT_THAT(monotone.notes, Not(Contains(HasSubstr("'a / b'"))));
  config.data.monotone.clear();
  config.data.interactions["a"] = "one";
  const CombinedAnswer grouped = sweep(config);
  EXPECT_THAT(grouped.notes, Not(Contains(HasSubstr("'a / b'"))));
}

// A run that is gone on with has the features that it had, and comes to what a longer one does.
TEST(CombinedFeatures, AreTheSameInARunThatGoesOn) {
  ExperimentConfig longer = config_of("true", "kfold");
  longer.budget.trials = 4;
  const CombinedAnswer whole = sweep(longer);
  SweepBench bench;
  bench.request.table = ratio_table(false);
  bench.request.config = config_of("true", "kfold");
  bench.request.config.budget.trials = 2;
  answer_of(bench.run());
  const auto runs = tracking::list_runs(*bench.request.workspace, {.kind = "sweep"});
  ASSERT_TRUE(runs);
  std::vector<OptionGroup> groups;
  for (const Learner* learner : learner_list()) groups.push_back(learner->options());
  auto past = find_past(*bench.request.workspace, runs->runs.at(0).run_id, groups);
  ASSERT_TRUE(past) << past.error().message;
  EXPECT_EQ(past->screen_rows, 2000);
  bench.request.config = past->config;
  bench.request.config.budget.trials = 4;
  bench.request.past = std::make_shared<const SweepPast>(std::move(*past));
  const CombinedAnswer extended = answer_of(bench.run());
  EXPECT_EQ(extended.score, whole.score);
  EXPECT_TRUE(extended.model == whole.model);
}

// Three rows have a weight; with some seeds none of them is in the part that chooses.
TEST(CombinedFeatures, AreLeftOutWhereTheSampleTeachesNothing) {
  const auto table = ratio_table(false);
  std::vector<datasets::Column> columns = table->columns();
  std::vector<double> weights(2000, 0.0);
  weights[100] = weights[900] = weights[1700] = 1;
  columns.push_back(number_column("w", weights));
  bool left_out = false;
  for (int64_t seed = 1; seed <= 30 && !left_out; ++seed) {
    SweepBench bench;
    bench.request.table = table_of(columns);
    bench.request.config = config_of("true", "holdout");
    bench.request.config.data.weight = "w";
    bench.request.config.run.seed = seed;
    bench.request.config.budget.trials = 1;
    const auto outcome = bench.run();
    if (!outcome) continue;  // none has a weight in the holdout's training part, or in the other
    for (const std::string& text : outcome->notes) {
      left_out |= text.starts_with("features of two columns are left out: ");
    }
  }
  EXPECT_TRUE(left_out);
}

TEST(CombinedFeatures, AreLeftOutWhereMemoryIsShort) {
  SweepBench bench;
  bench.request.table = ratio_table(false);
  bench.request.config = config_of("true", "holdout");
  bench.request.config.budget.memory = (int64_t{64} << 20) + 600'000;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->notes, Contains(HasSubstr("none for choosing features of two columns")));
}

}  // namespace
}  // namespace assay::automl
