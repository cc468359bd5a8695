// Options of a config reach the part of a sweep that they are for: what each of them changes, which
// would be the same if it were not read. What the parts do with them has tests of its own.
#include <gmock/gmock.h>

#include "automl/validation/training_set.h"
#include "kernels/base/rng.h"
#include "tests/automl/scheduler_fakes.h"

namespace assay::automl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// A wave, two lines and noise tell y.
std::shared_ptr<const datasets::Table> wave_table(int rows) {
  Rng rng(11);
  std::vector<double> a, b, c;
  std::vector<int32_t> y;
  for (int row = 0; row < rows; ++row) {
    a.push_back(rng.next_double());
    b.push_back(rng.next_double());
    c.push_back(rng.next_double());
    const double told =
        std::sin(7 * a.back()) + b.back() + c.back() + 2 * (rng.next_double() - 0.5);
    y.push_back(told > 2.1 ? 1 : 0);
  }
  return table_of({number_column("a", a), number_column("b", b), number_column("c", c),
                   level_column("y", y, {"no", "yes"})});
}

class Wiring : public testing::Test {
 protected:
  Wiring() {
    config_.data.train = "memory.csv";
    config_.data.target = "y";
    config_.data.metric = "log_loss";
    config_.run.seed = 3;
    config_.validation.method = "kfold";
    config_.validation.folds = 3;
    config_.budget.trials = 16;
    config_.learners = {{"linear", {}}, {"gbt", {{"rounds", int64_t{30}}}}, {"extra_trees", {}}};
  }

  SweepOutcome run() const {
    SweepBench bench;
    bench.request.table = wave_table(rows_);
    bench.request.config = config_;
    auto outcome = bench.run();
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? std::move(*outcome) : SweepOutcome();
  }

  static int64_t members_of(const SweepOutcome& outcome) {
    const auto& rows = outcome.leaderboard.rows;
    return std::count_if(rows.begin(), rows.end(), [](const LeaderboardRow& row) {
      return row.trial >= 0 && row.weight > 0;
    });
  }

  ExperimentConfig config_;
  int rows_ = 900;
};

TEST_F(Wiring, ShareOfGainAndMostModelsCutTheEnsemble) {
  config_.search.halving = false;
  config_.ensemble.share_of_gain = 1;
  const int64_t whole = members_of(run());
  ASSERT_GT(whole, 2) << "else nothing is tested";
  config_.ensemble.share_of_gain = 0.3;
  EXPECT_LT(members_of(run()), whole);
  config_.ensemble.share_of_gain = 1;
  config_.ensemble.max_models = 2;
  EXPECT_LE(members_of(run()), 2);
  config_.ensemble.enabled = false;
  EXPECT_EQ(run().ensemble_kind, "single");
}

TEST_F(Wiring, StackingIsCheckedWhereItIsWanted) {
  config_.ensemble.stacking = "false";
  EXPECT_FALSE(run().stack_check.has_value());
  config_.ensemble.stacking = "true";
  EXPECT_TRUE(run().stack_check.has_value());
}

// Trees that follow the noise, and rows of a rare class that weigh as much as the others together.
TEST_F(Wiring, CalibrationIsOfTheKindThatIsWanted) {
  rows_ = 4000;
  config_.features.pairs = "false";
  config_.run.class_weight = "balanced";
  config_.budget.trials = 2;
  config_.learners = {{"gbt",
                       {{"rounds", int64_t{40}},
                        {"learning_rate", 0.1},
                        {"early_stopping", false},
                        {"max_leaves", int64_t{16}}}}};
  config_.ensemble.enabled = false;
  config_.ensemble.calibration = "false";
  EXPECT_EQ(run().calibration, "");
  for (const char* kind : {"temperature", "sigmoid", "isotonic"}) {
    config_.ensemble.calibration = kind;
    EXPECT_EQ(run().calibration, kind);
  }
  config_.data.metric = "roc_auc";
  config_.ensemble.calibration = "auto";
  EXPECT_EQ(run().calibration, "");
  config_.ensemble.calibration = "true";
  EXPECT_NE(run().calibration, "");
}

TEST_F(Wiring, StratifyKeepsClassesEqualInFolds) {
  EXPECT_THAT(run().validation_method, HasSubstr("stratified"));
  config_.validation.stratify = false;
  EXPECT_THAT(run().validation_method, Not(HasSubstr("stratified")));
}

TEST_F(Wiring, EtaSaysHowManySettingsGoOn) {
  config_.budget.trials = 40;
  config_.validation.folds = 5;
  config_.learners = {{"linear", {}}};
  config_.search.eta = 2;
  const int64_t half = run().pruned;
  config_.search.eta = 8;
  EXPECT_GT(run().pruned, half);
}

// Of each wish for features of two columns what the run notes of them.
TEST_F(Wiring, FeaturesOfTwoColumnsAreOfTheKindThatIsWanted) {
  Rng rng(5);
  std::vector<int32_t> k, m, y;
  std::vector<double> a;
  for (int row = 0; row < 1500; ++row) {
    k.push_back(static_cast<int32_t>(rng.below(4)));
    m.push_back(static_cast<int32_t>(rng.below(4)));
    const double off = rng.next_double() - 0.5;
    a.push_back(10 * k.back() * k.back() + off);
    y.push_back(((k.back() + m.back()) % 2 == 0) != (off > 0.2) ? 1 : 0);
  }
  const std::vector<std::string> levels = {"p", "q", "r", "s"};
  const auto table = table_of({level_column("k", k, levels), level_column("m", m, levels),
                               number_column("a", a), level_column("y", y, {"no", "yes"})});
  config_.learners = {{"gbt", {{"rounds", int64_t{5}}}}};
  config_.budget.trials = 2;
  const auto noted = [&](const char* pairs, const char* crosses, const char* statistics) {
    config_.features.pairs = pairs;
    config_.features.crosses = crosses;
    config_.features.group_statistics = statistics;
    SweepBench bench;
    bench.request.table = table;
    bench.request.config = config_;
    const auto outcome = bench.run();
    EXPECT_TRUE(outcome) << outcome.error().message;
    std::string all;
    for (const std::string& note : outcome->notes) all += note + "\n";
    return all;
  };
  EXPECT_THAT(noted("false", "false", "false"), Not(HasSubstr("of two columns: ")));
  EXPECT_THAT(noted("false", "true", "false"), AllOf(HasSubstr(" x "), Not(HasSubstr("mean(a)"))));
  EXPECT_THAT(noted("false", "false", "true"), AllOf(HasSubstr("(a) by "), Not(HasSubstr(" x "))));
}

TEST_F(Wiring, TextIsReadAsWanted) {
  Rng rng(9);
  const std::vector<std::string> words = {"red",  "green", "blue", "house",
                                          "tree", "river", "stone"};
  std::vector<std::string> texts;
  std::vector<int32_t> rows, y;
  for (int row = 0; row < 300; ++row) {
    std::string text;
    for (int i = 0; i < 6; ++i) text += (i > 0 ? " " : "") + words[rng.below(words.size())];
    texts.push_back(text + " " + std::to_string(row));
    rows.push_back(row);
    y.push_back(row % 2);
  }
  datasets::Column column = level_column("title", rows, texts);
  column.type = datasets::ColumnType::kText;
  const auto table = table_of({std::move(column), level_column("y", y, {"no", "yes"})});
  const backends::DeviceSet devices = *backends::open_devices({});
  SerialExecutor executor;
  const StopToken stop;
  const kernels::ComputeContext context{&devices.kernels(), &devices.host(), &devices.host(),
                                        &executor, &stop};
  std::string bytes;
  const auto topics = [&] {
    const auto set = TrainingSet::make(table, config_, context);
    EXPECT_TRUE(set) << set.error().message;
    ModelWriter writer;
    (*set)->encoder()->save(writer);
    bytes = *writer.finish();
    const auto& features = (*set)->encoder()->features();
    return std::count_if(features.begin(), features.end(), [](const Feature& feature) {
      return feature.name.starts_with("title.topic");
    });
  };
  config_.features.text_topics = 3;
  config_.features.text_characters = "false";
  EXPECT_EQ(topics(), 3);
  const std::string pairs = bytes;
  config_.features.text_words = 1;
  EXPECT_EQ(topics(), 3);
  EXPECT_NE(bytes, pairs);
  const std::string single = bytes;
  config_.features.text_characters = "true";
  EXPECT_EQ(topics(), 3);
  EXPECT_NE(bytes, single);
  config_.features.text_topics = 2;
  EXPECT_EQ(topics(), 2);
}

}  // namespace
}  // namespace assay::automl
