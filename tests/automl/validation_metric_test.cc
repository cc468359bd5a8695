#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "automl/validation/metric_choice.h"

namespace assay::automl {
namespace {

ExperimentConfig gbt_config(std::vector<ParamOverride> params, std::string metric = "auto") {
  ExperimentConfig config;
  config.data.metric = std::move(metric);
  config.learners = {{"linear", {}}, {"gbt", std::move(params)}};
  return config;
}

ParamOverride objective(std::string name) { return {"objective", ParamValue(std::move(name))}; }
ParamOverride alpha(double value) { return {"alpha", ParamValue(value)}; }

std::string chosen(const ExperimentConfig& config) {
  const auto choice = choose_metric(config, Task::kRegression);
  EXPECT_TRUE(choice) << choice.error().message;
  return choice ? std::string(choice->metric.name()) : std::string();
}

std::string notes(const ExperimentConfig& config) {
  const auto choice = choose_metric(config, Task::kRegression);
  EXPECT_TRUE(choice) << choice.error().message;
  std::string text;
  if (!choice) return text;
  for (const std::string& note : choice->notes) text += note + "\n";
  return text;
}

TEST(MetricChoice, FollowsAFixedObjective) {
  EXPECT_EQ(chosen(gbt_config({objective("absolute")})), "mae");
  EXPECT_EQ(chosen(gbt_config({objective("huber")})), "mae");
  EXPECT_EQ(chosen(gbt_config({objective("poisson")})), "poisson_deviance");
  EXPECT_EQ(chosen(gbt_config({objective("tweedie")})), "poisson_deviance");
  EXPECT_EQ(chosen(gbt_config({objective("squared")})), "rmse");
  EXPECT_EQ(chosen(gbt_config({objective("cross_entropy")})), "rmse");
  EXPECT_EQ(chosen(gbt_config({objective("quantile")})), "pinball_90") << "alpha is 0.9";
  EXPECT_EQ(chosen(gbt_config({objective("quantile"), alpha(0.05)})), "pinball_05");
  EXPECT_EQ(chosen(gbt_config({objective("quantile"), alpha(0.5)})), "mae");
  EXPECT_NE(notes(gbt_config({objective("quantile"), alpha(0.05)}))
                .find("metric: pinball_05, which scores what learners.gbt: objective=quantile, "
                      "alpha=0.05 aims at"),
            std::string::npos);
}

TEST(MetricChoice, IsTheTasksOwnWhereNothingIsFixed) {
  for (const ExperimentConfig& config :
       {ExperimentConfig(), gbt_config({}), gbt_config({objective("auto")}),
        gbt_config({objective("squared")}),
        gbt_config({{"objective",
                     SearchRange{.choices = {std::string("absolute"), std::string("huber")}}}}),
        gbt_config({objective("quantile"), {"alpha", SearchRange{.low = 0.1, .high = 0.9}}})}) {
    EXPECT_EQ(chosen(config), "rmse");
    EXPECT_EQ(notes(config), "");
  }
  const auto binary = choose_metric(gbt_config({objective("logistic")}), Task::kBinary);
  ASSERT_TRUE(binary);
  EXPECT_EQ(binary->metric.name(), "roc_auc");
  EXPECT_TRUE(binary->notes.empty());
}

TEST(MetricChoice, WarnsWhereItScoresSomethingElse) {
  EXPECT_EQ(notes(gbt_config({objective("quantile")}, "rmse")),
            "warning: trials are compared by rmse, which does not score what learners.gbt: "
            "objective=quantile, alpha=0.9 aims at (pinball_90 does): the best by rmse is "
            "registered\n");
  EXPECT_NE(notes(gbt_config({objective("quantile"), alpha(0.33)}))
                .find("compared by rmse, which does not score what learners.gbt: "
                      "objective=quantile, alpha=0.33 aims at (no metric does)"),
            std::string::npos);
  EXPECT_NE(notes(gbt_config({objective("absolute")}, "mape")), "");
  for (const char* metric : {"mae", "rmse", "mse", "r2"}) {
    EXPECT_EQ(notes(gbt_config({objective("huber")}, metric)), "") << metric;
  }
  EXPECT_EQ(notes(gbt_config({objective("poisson")}, "rmse")), "") << "it predicts the mean, too";
  EXPECT_EQ(notes(gbt_config({objective("quantile"), alpha(0.1)}, "pinball_10")), "");
}

TEST(MetricChoice, IsOfNumbersIfMetricOrObjectiveIs) {
  EXPECT_TRUE(names_a_metric_of_numbers(gbt_config({objective("lambdarank")})));
  EXPECT_TRUE(names_a_metric_of_numbers(gbt_config({objective("quantile"), alpha(0.33)})));
  EXPECT_TRUE(names_a_metric_of_numbers(gbt_config({}, "ndcg_10")));
  EXPECT_FALSE(names_a_metric_of_numbers(gbt_config({})));
  EXPECT_FALSE(names_a_metric_of_numbers(gbt_config({objective("logistic")})));
  EXPECT_FALSE(names_a_metric_of_numbers(gbt_config({objective("auto")})));
  EXPECT_FALSE(names_a_metric_of_numbers(gbt_config({objective("lambdarank")}, "accuracy")));
}

TEST(MetricChoice, NamesAMetricOfAnotherTask) {
  const auto choice = choose_metric(gbt_config({}, "f1"), Task::kRegression);
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().code, StatusCode::kConfig);
  EXPECT_EQ(choice.error().message.rfind("data.metric: metric 'f1' does not apply", 0), 0u);
}

}  // namespace
}  // namespace assay::automl
