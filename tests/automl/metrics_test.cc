#include "automl/metrics/metric.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <tuple>

#include "automl/metrics/metric_internal.h"
#include "automl/metrics/part_score.h"
#include "tests/automl/metric_samples.h"

namespace assay::automl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Metric metric(std::string_view name) { return *Metric::find(name); }

Result<double> score_binary(std::string_view name, const std::vector<float>& positive,
                            const std::vector<int32_t>& labels,
                            const std::vector<float>& weights = {}) {
  std::vector<float> predictions;
  for (const float p : positive) {
    predictions.push_back(1.0F - p);
    predictions.push_back(p);
  }
  return metric(name).score({predictions.data(), static_cast<int64_t>(positive.size()), 2},
                            {labels, {}}, weights);
}

Result<double> score_values(std::string_view name, const std::vector<float>& predictions,
                            const std::vector<double>& values,
                            const std::vector<float>& weights = {}) {
  return metric(name).score({predictions.data(), static_cast<int64_t>(predictions.size()), 1},
                            {{}, values}, weights);
}

struct Expected {
  const char* name;
  double plain;
  double weighted;
};

void expect_scores(const MetricSample& sample, const std::vector<Expected>& expected) {
  for (const Expected& row : expected) {
    const auto plain = metric(row.name).score(sample.view(), sample.targets());
    const auto weighted = metric(row.name).score(sample.view(), sample.targets(), sample.weights);
    ASSERT_TRUE(plain.has_value() && weighted.has_value()) << row.name;
    EXPECT_NEAR(*plain, row.plain, 1e-12 * std::abs(row.plain)) << row.name;
    EXPECT_NEAR(*weighted, row.weighted, 1e-12 * std::abs(row.weighted)) << row.name;
  }
}

TEST(MetricScores, AgreeWithScikitLearnOnTwoClasses) {
  expect_scores(binary_sample(), {{"roc_auc", 0.6255304158460233, 0.6294857921757826},
                                  {"average_precision", 0.5902408293202089, 0.5999659163766073},
                                  {"log_loss", 0.8003148008525177, 0.7924949507194584},
                                  {"accuracy", 0.596, 0.5996666666666667},
                                  {"balanced_accuracy", 0.5959632351763783, 0.5996446043344579},
                                  {"f1", 0.5885947046843177, 0.5949409780775716}});
}

TEST(MetricScores, AgreeWithScikitLearnOnFourClasses) {
  expect_scores(multiclass_sample(), {{"roc_auc", 0.8886355109643131, 0.8920439546158989},
                                      {"average_precision", 0.7819991225902811, 0.785460200087868},
                                      {"log_loss", 0.9641203364115374, 0.9529721776862832},
                                      {"accuracy", 0.734, 0.7363333333333333},
                                      {"balanced_accuracy", 0.7352646262949735, 0.7322081986120136},
                                      {"f1", 0.7212818312012664, 0.719692874407537}});
}

TEST(MetricScores, AgreeWithScikitLearnOnNumbers) {
  expect_scores(regression_sample(), {{"rmse", 6.788079616791781, 6.776327710853374},
                                      {"mse", 46.07802488390406, 45.91861724487933},
                                      {"mae", 5.87044446852617, 5.865259266206622},
                                      {"r2", 0.9461455579409752, 0.945986703883886},
                                      {"mape", 0.950898619400896, 0.8846047196616594}});
}

TEST(MetricScores, AreWhatHandComputationGives) {
  // Pairs (positive, negative): .4>.1 .4<.5 .9>.1 .9>.5: 3 of 4.
  EXPECT_DOUBLE_EQ(*score_binary("roc_auc", {0.1F, 0.4F, 0.5F, 0.9F}, {0, 1, 0, 1}), 0.75);
  // Best first: .9 hit (1/1), .5 miss, .4 hit (2/3): (1 + 2/3) / 2.
  EXPECT_DOUBLE_EQ(*score_binary("average_precision", {0.1F, 0.4F, 0.5F, 0.9F}, {0, 1, 0, 1}),
                   (1 + 2.0 / 3) / 2);
  // TP 1, FP 1, FN 1.
  EXPECT_DOUBLE_EQ(*score_binary("f1", {0.1F, 0.4F, 0.6F, 0.9F}, {0, 1, 0, 1}), 0.5);
  EXPECT_DOUBLE_EQ(*score_binary("log_loss", {0.5F, 0.5F}, {0, 1}), std::log(2.0));
  EXPECT_DOUBLE_EQ(*score_values("rmse", {1, 2, 3}, {1, 4, 1}), std::sqrt(8.0 / 3));
  EXPECT_DOUBLE_EQ(*score_values("mae", {1, 2, 3}, {1, 4, 1}), 4.0 / 3);
  EXPECT_DOUBLE_EQ(*score_values("mape", {1, 2, 3}, {1, 4, 1}), (0 + 0.5 + 2) / 3);
  // Errors 0, -2 and 2: above costs 0.9 each, below 0.1.
  EXPECT_DOUBLE_EQ(*score_values("pinball_90", {1, 4, 1}, {1, 2, 3}), (0 + 0.1 * 2 + 0.9 * 2) / 3);
  EXPECT_DOUBLE_EQ(*score_values("pinball_05", {1, 4, 1}, {1, 2, 3}),
                   (0 + 0.95 * 2 + 0.05 * 2) / 3);
  EXPECT_DOUBLE_EQ(*score_values("pinball_25", {1, 4, 1}, {1, 2, 3}), (0.75 * 2 + 0.25 * 2) / 3);
  // 2 (2 ln 2 - 2 + 1), 2 * 3 where nothing was there, 0 where they agree.
  EXPECT_NEAR(*score_values("poisson_deviance", {1, 3, 5}, {2, 0, 5}),
              (2 * (2 * std::log(2.0) - 1) + 6) / 3, 1e-15);
  EXPECT_NEAR(*score_values("poisson_deviance", {-1}, {1}), 2 * (15 * std::log(10.0) - 1), 1e-12);
  // Squared error 8 against 6 around the mean 2.
  EXPECT_DOUBLE_EQ(*score_values("r2", {1, 2, 3}, {1, 4, 1}), 1 - 8.0 / 6);
}

TEST(MetricScores, CountTiesAsHalf) {
  EXPECT_DOUBLE_EQ(*score_binary("roc_auc", {0.5F, 0.5F, 0.5F}, {0, 1, 1}), 0.5);
  // -0 and 0 are one score.
  EXPECT_DOUBLE_EQ(*score_binary("roc_auc", {-0.0F, 0.0F}, {0, 1}), 0.5);
  EXPECT_DOUBLE_EQ(*score_binary("average_precision", {0.5F, 0.5F, 0.5F, 0.5F}, {0, 1, 0, 0}),
                   0.25);
}

TEST(MetricScores, BreakEqualProbabilitiesByTheLowestClass) {
  EXPECT_DOUBLE_EQ(*score_binary("accuracy", {0.5F, 0.5F}, {0, 1}), 0.5);
  EXPECT_DOUBLE_EQ(*score_binary("accuracy", {0.5F, 0.5F}, {0, 0}), 1.0);
}

TEST(MetricScores, WeightIsAsGoodAsRepetition) {
  const std::vector<float> twice = {0.2F, 0.7F, 0.7F, 0.6F, 0.6F, 0.6F, 0.1F};
  const std::vector<int32_t> twice_labels = {0, 1, 1, 0, 0, 0, 1};
  for (const char* name :
       {"roc_auc", "average_precision", "log_loss", "accuracy", "balanced_accuracy", "f1"}) {
    EXPECT_DOUBLE_EQ(*score_binary(name, {0.2F, 0.7F, 0.6F, 0.1F}, {0, 1, 0, 1}, {1, 2, 3, 1}),
                     *score_binary(name, twice, twice_labels))
        << name;
  }
}

TEST(MetricScores, IgnoreRowsOfWeightZero) {
  EXPECT_DOUBLE_EQ(*score_binary("roc_auc", {0.1F, 0.9F, 0.95F}, {0, 1, 0}, {1, 1, 0}), 1.0);
  EXPECT_DOUBLE_EQ(*score_values("mae", {1, 100}, {2, 0}, {2, 0}), 1.0);
  const auto constant = score_values("r2", {1, 100}, {2, 0}, {2, 0});
  ASSERT_FALSE(constant.has_value());
  EXPECT_EQ(constant.error().code, StatusCode::kData);
}

TEST(MetricScores, KeepLogLossOfAnImpossibleEventFinite) {
  EXPECT_NEAR(*score_binary("log_loss", {0.0F}, {1}), -std::log(1e-15), 1e-12);
  EXPECT_DOUBLE_EQ(*score_binary("log_loss", {1.0F}, {1}), 0.0);
}

TEST(MetricScores, LeaveOutClassesThatAreAbsent) {
  // Class 2 does not occur: the mean is over classes 0 and 1, both ranked perfectly.
  const std::vector<float> predictions = {0.8F, 0.1F, 0.1F, 0.1F, 0.8F, 0.1F};
  const std::vector<int32_t> labels = {0, 1};
  EXPECT_DOUBLE_EQ(*metric("roc_auc").score({predictions.data(), 2, 3}, {labels, {}}), 1.0);
  EXPECT_DOUBLE_EQ(*metric("balanced_accuracy").score({predictions.data(), 2, 3}, {labels, {}}),
                   1.0);
}

void expect_fails(const Result<double>& score, StatusCode code, const std::string& part) {
  ASSERT_FALSE(score.has_value());
  EXPECT_EQ(score.error().code, code);
  EXPECT_THAT(score.error().message, HasSubstr(part));
}

TEST(MetricScores, UndefinedIsADataErrorAndNeverNan) {
  expect_fails(score_binary("roc_auc", {0.1F, 0.9F}, {1, 1}), StatusCode::kData, "one class");
  expect_fails(score_binary("average_precision", {0.1F, 0.9F}, {0, 0}), StatusCode::kData,
               "one class");
  expect_fails(score_binary("f1", {0.1F, 0.2F}, {0, 0}), StatusCode::kData, "undefined");
  expect_fails(score_values("r2", {1, 2}, {3, 3}), StatusCode::kData, "every target is 3");
  expect_fails(score_values("mape", {1, 2}, {3, 0}), StatusCode::kData, "row 1 is 0");
  expect_fails(score_values("poisson_deviance", {1, 2}, {3, -1}), StatusCode::kData, "row 1 is -1");
  expect_fails(score_values("mse", {0, 0}, {1e308, 1}), StatusCode::kData, "overflows");
  expect_fails(score_values("mae", {}, {}), StatusCode::kData, "no row");
}

TEST(MetricScores, RefuseWhatIsNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  expect_fails(score_binary("log_loss", {nan}, {1}), StatusCode::kData, "probability nan");
  expect_fails(score_binary("log_loss", {1.5F}, {1}), StatusCode::kData, "must be in [0, 1]");
  expect_fails(score_values("mae", {nan}, {1}), StatusCode::kData, "must be finite");
  expect_fails(score_values("mae", {1}, {static_cast<double>(infinity)}), StatusCode::kData,
               "must be finite");
  expect_fails(score_values("mae", {1, 2}, {1, 2}, {1, -1}), StatusCode::kData, "weight -1");
  expect_fails(score_values("mae", {1, 2}, {1, 2}, {1, nan}), StatusCode::kData, "weight nan");
  expect_fails(score_values("mae", {1, 2}, {1, 2}, {0, 0}), StatusCode::kData, "weights are 0");
}

TEST(MetricScores, RefuseShapesThatDoNotFit) {
  expect_fails(score_values("mae", {1, 2}, {1}), StatusCode::kInvalidArgument, "2 predictions");
  expect_fails(score_values("mae", {1, 2}, {1, 2}, {1}), StatusCode::kInvalidArgument, "1 weights");
  expect_fails(score_binary("roc_auc", {0.1F, 0.2F}, {0, 2}), StatusCode::kInvalidArgument,
               "label 2 of row 1");
  expect_fails(score_binary("roc_auc", {0.1F, 0.2F}, {0, -1}), StatusCode::kInvalidArgument,
               "label -1");
  expect_fails(score_values("roc_auc", {1, 2}, {1, 2}), StatusCode::kInvalidArgument,
               "wants labels");
  expect_fails(score_binary("rmse", {0.1F}, {0}), StatusCode::kInvalidArgument, "wants values");
  const std::vector<float> single = {0.5F};
  const std::vector<int32_t> label = {0};
  expect_fails(metric("accuracy").score({single.data(), 1, 1}, {label, {}}),
               StatusCode::kInvalidArgument, "at least 2");
}

TEST(MetricScores, AreOfTheValuesThatNumbersOfAFrameStandFor) {
  // Predicted 1700000001, 1700000004; f32 knows neither.
  const std::vector<float> predictions = {-1, 2};
  const std::vector<double> values = {1.7e9 + 1, 1.7e9 + 2};
  const TargetScale frame = {1.7e9 + 2, 1};
  const auto score = [&](std::string_view name) {
    return *metric(name).in(frame).score({predictions.data(), 2, 1}, {{}, values});
  };
  EXPECT_EQ(score("rmse"), std::sqrt(2.0));
  EXPECT_EQ(score("mse"), 2.0);
  EXPECT_EQ(score("mae"), 1.0);
  EXPECT_EQ(score("r2"), -7.0);
  EXPECT_EQ(score("mape"), 2 / (1.7e9 + 2) / 2);
  const std::vector<double> huge = {1e200, 3e200};
  const std::vector<float> shares = {1, 2};
  EXPECT_DOUBLE_EQ(*metric("mae").in({0, 1e200}).score({shares.data(), 2, 1}, {{}, huge}), 0.5e200);
}

TEST(TargetFrame, IsPlainForOrdinaryTargets) {
  const auto plain = [](std::vector<double> values) { return frame_of(values) == TargetScale{}; };
  EXPECT_TRUE(plain({}));
  EXPECT_TRUE(plain({1, 2, 3, 4, 5}));
  EXPECT_TRUE(plain({-1e6, 0, 5e6, 2e6}));
  EXPECT_TRUE(plain({1e-20, 2e-20, 7e-20}));
  // One far value does not move the others.
  EXPECT_TRUE(plain({1, 2, 3, 4, 5, 6, 7, 1e15}));
}

TEST(TargetFrame, MovesFarTargetsToTheirMedian) {
  std::vector<double> stamps;
  for (int i = 0; i < 500; ++i) stamps.push_back(1.7e9 + 2 * ((i * 7) % 500));
  EXPECT_EQ(frame_of(stamps), (TargetScale{1.7e9 + 2 * 249, 1}));
  EXPECT_EQ(frame_of(std::vector<double>{1e8, 1e8, 1e8, 1e8, 2e8}), (TargetScale{1e8, 1}));
}

TEST(TargetFrame, ScalesWhatF32DoesNotReach) {
  const TargetScale small = frame_of(std::vector<double>{1e-60, 3e-60, 2e-60});
  EXPECT_EQ(small.offset, 0);
  EXPECT_EQ(small.scale, std::exp2(std::ilogb(3e-60)));
  const TargetScale large = frame_of(std::vector<double>{-1.7e308, 1e3, 1.7e308});
  EXPECT_EQ(large.offset, 0);
  EXPECT_TRUE(std::isfinite(1.7e308 / large.scale));
  const TargetScale both = frame_of(std::vector<double>{1.2e308, 1.2e308, 1.2e308, -1.2e308});
  EXPECT_EQ(both.offset, 0);
  EXPECT_LT(1.2e308 / both.scale, 1e38);
}

TEST(MetricNames, FindAliasesInAnyCase) {
  EXPECT_EQ(metric("AUC").name(), "roc_auc");
  EXPECT_EQ(metric("logloss").name(), "log_loss");
  EXPECT_EQ(metric("acc").name(), "accuracy");
  EXPECT_EQ(metric("Mse").name(), "mse");
}

Result<double> score_queries(std::string_view name, const std::vector<float>& predictions,
                             const std::vector<double>& relevances,
                             const std::vector<int32_t>& queries,
                             const std::vector<float>& weights = {}) {
  return metric(name).score({predictions.data(), static_cast<int64_t>(predictions.size()), 1},
                            {{}, relevances, queries}, weights);
}

TEST(MetricRankings, AreWhatHandComputationGives) {
  const double second = 1 / std::log2(3.0);
  // The relevant row is second.
  EXPECT_NEAR(*score_queries("ndcg", {0.2F, 0.9F, 0.1F}, {1, 0, 0}, {0, 0, 0}), second, 1e-12);
  // Ties share their ranks, whatever the order of the rows.
  for (const std::vector<double>& relevances : {std::vector<double>{1, 0, 0}, {0, 0, 1}}) {
    EXPECT_NEAR(*score_queries("ndcg", {5, 5, 5}, relevances, {0, 0, 0}), (1 + second + 0.5) / 3,
                1e-12);
  }
  // Gains 3 and 1: (1 + 3 second) / (3 + second).
  EXPECT_NEAR(*score_queries("ndcg", {2, 1}, {1, 2}, {0, 0}), (1 + 3 * second) / (3 + second),
              1e-12);
  // Queries apart, their rows mixed; the third has nothing relevant.
  EXPECT_NEAR(*score_queries("ndcg", {2, 1, 1, 2, 7, 8}, {1, 1, 0, 0, 0, 0}, {4, 0, 4, 0, 2, 2}),
              (1 + second) / 2, 1e-12);
  // The mean weights of the queries' rows are 3 and 1.
  EXPECT_NEAR(*score_queries("ndcg", {2, 1, 1, 2}, {1, 1, 0, 0}, {4, 0, 4, 0}, {4, 1, 2, 1}),
              (3 * 1 + second) / 4, 1e-12);
  // The sixth rank.
  const std::vector<float> falling = {6, 5, 4, 3, 2, 1};
  const std::vector<double> last = {0, 0, 0, 0, 0, 1};
  EXPECT_EQ(*score_queries("ndcg_5", falling, last, {0, 0, 0, 0, 0, 0}), 0);
  EXPECT_NEAR(*score_queries("ndcg@10", falling, last, {0, 0, 0, 0, 0, 0}), 1 / std::log2(7.0),
              1e-12);
  // Five of six tied rows are among the first five ranks.
  EXPECT_NEAR(*score_queries("ndcg_5", {1, 1, 1, 1, 1, 1}, last, {0, 0, 0, 0, 0, 0}),
              (1 + second + 0.5 + 1 / std::log2(5.0) + 1 / std::log2(6.0)) / 6, 1e-12);
}

TEST(MetricRankings, FailWithoutQueriesOrRelevance) {
  EXPECT_EQ(score_values("ndcg", {1, 2}, {0, 1}).error().message,
            "ndcg wants the query of each row: 0 of 2 are known");
  EXPECT_EQ(score_queries("ndcg", {1, 2}, {0, 0}, {0, 0}).error().code, StatusCode::kData);
  EXPECT_EQ(score_queries("ndcg", {1, 2}, {0, -1}, {0, 0}).error().message,
            "row 1 has relevance -1 (must be >= 0)");
}

TEST(MetricNames, UnknownSuggestsTheNearest) {
  const auto unknown = Metric::find("roc_acu");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().message, "unknown metric 'roc_acu' (did you mean 'roc_auc'?)");
}

TEST(MetricNames, MustFitTheTask) {
  EXPECT_EQ(Metric::find("auto", Task::kBinary)->name(), "roc_auc");
  EXPECT_EQ(Metric::find("auto", Task::kMulticlass)->name(), "log_loss");
  EXPECT_EQ(Metric::find("auto", Task::kRegression)->name(), "rmse");
  const auto wrong = Metric::find("auc", Task::kRegression);
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().message,
            "metric 'auc' does not apply to regression (must be one of rmse, mse, mae, r2, "
            "mape, poisson_deviance, pinball_05, pinball_10, pinball_25, pinball_75, pinball_90, "
            "pinball_95, ndcg, ndcg_5, ndcg_10)");
  EXPECT_THAT(metric_names(Task::kRegression),
              ElementsAre("rmse", "mse", "mae", "r2", "mape", "poisson_deviance", "pinball_05",
                          "pinball_10", "pinball_25", "pinball_75", "pinball_90", "pinball_95",
                          "ndcg", "ndcg_5", "ndcg_10"));
}

TEST(MetricNames, LossesAreLowerForBetter) {
  for (const std::string_view name : metric_names()) {
    const Metric m = metric(name);
    const double better = m.maximise() ? 0.9 : 0.1;
    const double worse = m.maximise() ? 0.4 : 0.6;
    EXPECT_TRUE(m.is_better(better, worse)) << name;
    EXPECT_LT(m.loss_of(better), m.loss_of(worse)) << name;
    EXPECT_FALSE(m.is_better(worse, worse)) << name;
    EXPECT_FALSE(m.help().empty()) << name;
  }
}

TEST(Tasks, AreParsedByName) {
  EXPECT_EQ(*parse_task("Multiclass"), Task::kMulticlass);
  EXPECT_EQ(name_of(Task::kRegression), "regression");
  const auto unknown = parse_task("regresion");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_THAT(unknown.error().message, HasSubstr("did you mean 'regression'?"));
}

TEST(PortableLog, IsWithinTwoUlpOfTheLibrary) {
  for (int i = 1; i < 200000; ++i) {
    const double x = std::exp(-35.0 + i * (70.0 / 200000));
    const double expected = std::log(x);
    const double ulp = std::abs(std::nextafter(expected, 100.0) - expected);
    ASSERT_LE(std::abs(metrics::portable_log(x) - expected), 3 * ulp) << x;
  }
  EXPECT_EQ(metrics::portable_log(1.0), 0.0);
  EXPECT_DOUBLE_EQ(metrics::portable_log(1 + 1e-10), std::log1p((1 + 1e-10) - 1));
}

TEST(PartScore, FollowsTheExampleOfItsHeader) {
  const std::vector<float> p = {0.6f, 0.4f, 0.7f, 0.3f, 0.8f, 0.2f, 0.9f, 0.1f};
  const std::vector<int32_t> labels = {1, 0, 1, 0};
  const std::vector<int32_t> parts = {0, 0, 1, 1};
  const PredictionView view{p.data(), 4, 2};
  const Metric auc = *Metric::find("roc_auc");
  EXPECT_EQ(*score_parts(auc, view, {labels, {}}, {}, {}), 0.75);
  EXPECT_EQ(*score_parts(auc, view, {labels, {}}, {}, parts), 1);
  const std::vector<float> weights = {1, 1, 3, 3};
  const std::vector<int32_t> second_wrong = {1, 0, 0, 1};
  EXPECT_EQ(*score_parts(auc, view, {second_wrong, {}}, weights, parts), 0.25)
      << "1 and 0, the second with three times the weight";
}

// Each fold's constant is the share of positives in the other rows: the more there are in the fold,
// the lower it is.
TEST(PartScore, GivesAConstantOfEachFoldAHalf) {
  std::vector<float> p;
  std::vector<int32_t> labels;
  std::vector<int32_t> parts;
  for (int32_t part = 0; part < 2; ++part) {
    for (int32_t row = 0; row < 10; ++row) {
      const float positive = part == 0 ? 0.3f : 0.6f;
      p.push_back(1 - positive);
      p.push_back(positive);
      labels.push_back(row < (part == 0 ? 6 : 3) ? 1 : 0);
      parts.push_back(part);
    }
  }
  const PredictionView view{p.data(), 20, 2};
  for (const char* name : {"roc_auc", "average_precision"}) {
    const Metric metric = *Metric::find(name);
    EXPECT_TRUE(metric.ranks());
    const double together = *metric.score(view, {labels, {}});
    const double apart = *score_parts(metric, view, {labels, {}}, {}, parts);
    EXPECT_GT(apart, together) << name;
  }
  EXPECT_EQ(*score_parts(*Metric::find("roc_auc"), view, {labels, {}}, {}, parts), 0.5);
}

TEST(PartScore, LeavesOutPartsOfOneClassAndTakesAllRowsIfThereIsNoOther) {
  const std::vector<float> p = {0.6f, 0.4f, 0.7f, 0.3f, 0.1f, 0.9f};
  const std::vector<int32_t> labels = {1, 0, 1};
  const PredictionView view{p.data(), 3, 2};
  const Metric auc = *Metric::find("roc_auc");
  const std::vector<int32_t> last_alone = {0, 0, 4};
  EXPECT_EQ(*score_parts(auc, view, {labels, {}}, {}, last_alone), 1);
  const std::vector<int32_t> all_alone = {0, 1, 2};
  EXPECT_EQ(*score_parts(auc, view, {labels, {}}, {}, all_alone), 1);
  const std::vector<int32_t> one_class = {1, 1, 1};
  EXPECT_FALSE(score_parts(auc, view, {one_class, {}}, {}, all_alone));
  EXPECT_EQ(score_parts(auc, view, {labels, {}}, {}, std::vector<int32_t>{0}).error().code,
            StatusCode::kInvalidArgument);
}

TEST(PartScore, TakesOtherMetricsOverAllRows) {
  const std::vector<float> p = {1, 1, 5};
  const std::vector<double> values = {0, 0, 3};
  const std::vector<int32_t> parts = {0, 0, 1};
  const Metric rmse = *Metric::find("rmse");
  EXPECT_FALSE(rmse.ranks());
  EXPECT_EQ(*score_parts(rmse, {p.data(), 3, 1}, {{}, values}, {}, parts),
            *rmse.score({p.data(), 3, 1}, {{}, values}));
}

}  // namespace
}  // namespace assay::automl
