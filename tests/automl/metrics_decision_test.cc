#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "automl/metrics/decision.h"
#include "automl/metrics/metric.h"
#include "automl/metrics/part_score.h"

namespace assay::automl {
namespace {

struct Rows {
  std::vector<float> probabilities;  // [rows, 2]
  std::vector<int32_t> labels;

  void add(double share, int32_t label) {
    probabilities.push_back(static_cast<float>(1 - share));
    probabilities.push_back(static_cast<float>(share));
    labels.push_back(label);
  }
  PredictionView view() const {
    return {probabilities.data(), static_cast<int64_t>(labels.size()), 2};
  }
  TargetView targets() const { return {labels, {}}; }
};

Metric metric(const char* name) { return *Metric::find(name); }

double threshold_of(const char* name, const Rows& rows, std::span<const float> weights = {}) {
  const auto found = best_threshold(metric(name), rows.view(), rows.targets(), weights);
  EXPECT_TRUE(found) << found.error().message;
  return found.value_or(-1);
}

TEST(Decision, FollowsTheExampleOfItsFile) {
  Rows rows;
  rows.add(0.1, 0);
  rows.add(0.2, 1);
  rows.add(0.3, 1);
  EXPECT_NEAR(threshold_of("f1", rows), 0.15, 1e-6);
  EXPECT_EQ(*metric("f1").score(rows.view(), rows.targets()), 0) << "nothing is above 0.5";
  EXPECT_EQ(*metric("f1").at(0.15).score(rows.view(), rows.targets()), 1);
  EXPECT_NEAR(*metric("f1").at(0.25).score(rows.view(), rows.targets()), 2.0 / 3, 1e-12);
  EXPECT_NEAR(*metric("f1").at(0.05).score(rows.view(), rows.targets()), 0.8, 1e-12);
  EXPECT_NEAR(*metric("accuracy").at(0.25).score(rows.view(), rows.targets()), 2.0 / 3, 1e-12);
  EXPECT_NEAR(*metric("balanced_accuracy").at(0.25).score(rows.view(), rows.targets()), 0.75,
              1e-12);
}

// Every cut is tried one by one here, by the metric itself.
TEST(Decision, IsTheBestOfAllCuts) {
  std::mt19937 draw(7);
  for (const char* name : {"f1", "accuracy", "balanced_accuracy"}) {
    for (int trial = 0; trial < 20; ++trial) {
      Rows rows;
      std::vector<float> weights;
      for (int i = 0; i < 60; ++i) {
        const double share = static_cast<double>(draw() % 40) / 64;
        rows.add(share, draw() % 100 < 100 * share * share ? 1 : 0);
        weights.push_back(static_cast<float>(draw() % 3));
      }
      double best = 0;
      for (int cut = 0; cut < 41; ++cut) {
        const double threshold = (cut + 0.25) / 64;
        best =
            std::max(best, *metric(name).at(threshold).score(rows.view(), rows.targets(), weights));
      }
      const double threshold = threshold_of(name, rows, weights);
      EXPECT_NEAR(*metric(name).at(threshold).score(rows.view(), rows.targets(), weights), best,
                  1e-9)
          << name << " " << trial;
    }
  }
}

TEST(Decision, StaysAtAHalfWhereThatIsAsGoodAsAny) {
  Rows rows;
  for (const double share : {0.1, 0.2, 0.3}) rows.add(share, 0);
  for (const double share : {0.7, 0.8}) rows.add(share, 1);
  EXPECT_EQ(threshold_of("accuracy", rows), 0.5);
  rows.add(0.6, 0);
  EXPECT_NEAR(threshold_of("accuracy", rows), 0.65, 1e-6) << "the nearest of the best";
  Rows one_class;
  one_class.add(0.2, 0);
  one_class.add(0.9, 0);
  EXPECT_EQ(threshold_of("accuracy", one_class), 0.5);
}

TEST(Decision, MayDecideForEveryRow) {
  Rows rows;
  for (int i = 0; i < 10; ++i) rows.add(0.08, i == 3 ? 1 : 0);
  const double threshold = threshold_of("f1", rows);
  EXPECT_LT(threshold, 0.08);
  EXPECT_GT(threshold, 0);
  EXPECT_EQ(threshold_of("accuracy", rows), 0.5);
}

TEST(Decision, TakesSharesOfWhateverTheyAddUpTo) {
  EXPECT_EQ(positive_share(0, 0), 0);
  EXPECT_EQ(positive_share(1, 3), 0.75);
  EXPECT_FALSE(is_positive(0.5F, 0.5F, 0.5));
  EXPECT_TRUE(is_positive(0.5F, std::nextafter(0.5F, 1.0F), 0.5));
}

TEST(CrossDecision, ScoresNoRowByAThresholdItChose) {
  // In part 0 positives are above 0.2, in part 1 above 0.8: each part's own cut is perfect, and the
  // other's is not.
  Rows rows;
  std::vector<int32_t> parts;
  for (const double share : {0.1, 0.15, 0.3, 0.4}) {
    rows.add(share, share > 0.2 ? 1 : 0);
    parts.push_back(0);
  }
  for (const double share : {0.6, 0.7, 0.85, 0.9}) {
    rows.add(share, share > 0.8 ? 1 : 0);
    parts.push_back(1);
  }
  // Part 0 by the cut of part 1 (0.775): all negative; part 1 by that of part 0 (0.225): all
  // positive. Half of each is right.
  EXPECT_EQ(*score_parts(metric("accuracy"), rows.view(), rows.targets(), {}, parts), 0.5);
  // 2 hits, 2 alarms, 4 positives.
  EXPECT_EQ(*score_parts(metric("f1"), rows.view(), rows.targets(), {}, parts), 0.5);
}

TEST(CrossDecision, FindsNothingInNoise) {
  std::mt19937 draw(3);
  Rows rows;
  for (int i = 0; i < 400; ++i) {
    const double share = static_cast<double>(draw() % 1000) / 1000;
    rows.add(share, static_cast<int32_t>(draw() % 2));
  }
  const double threshold = threshold_of("balanced_accuracy", rows);
  const double flattered =
      *metric("balanced_accuracy").at(threshold).score(rows.view(), rows.targets());
  const double honest =
      *score_parts(metric("balanced_accuracy"), rows.view(), rows.targets(), {}, {});
  EXPECT_GT(flattered, 0.51);
  EXPECT_LT(honest, flattered);
  EXPECT_NEAR(honest, 0.5, 0.06);
}

TEST(CrossDecision, FindsRarePositives) {
  std::mt19937 draw(5);
  Rows rows;
  for (int i = 0; i < 2000; ++i) {
    const bool positive = i % 20 == 0;
    const double noise = static_cast<double>(draw() % 1000) / 5000;
    rows.add((positive ? 0.2 : 0.02) + noise, positive ? 1 : 0);
  }
  EXPECT_EQ(*metric("f1").score(rows.view(), rows.targets()), 0);
  EXPECT_GT(*score_parts(metric("f1"), rows.view(), rows.targets(), {}, {}), 0.9);
}

TEST(CrossDecision, LeavesOtherMetricsAndTasksAsTheyAre) {
  Rows rows;
  rows.add(0.1, 0);
  rows.add(0.2, 1);
  for (const char* name : {"log_loss", "roc_auc"}) {
    EXPECT_EQ(*score_parts(metric(name), rows.view(), rows.targets(), {}, {}),
              *metric(name).score(rows.view(), rows.targets()));
    EXPECT_EQ(*metric(name).at(0.15).score(rows.view(), rows.targets()),
              *metric(name).score(rows.view(), rows.targets()));
  }
  const std::vector<float> three = {0.4F, 0.3F, 0.3F, 0.2F, 0.5F, 0.3F};
  const std::vector<int32_t> labels = {0, 1};
  EXPECT_EQ(*score_parts(metric("accuracy"), {three.data(), 2, 3}, {labels, {}}, {}, {}), 1);
}

TEST(CrossDecision, ChecksAsMetricsDo) {
  Rows rows;
  rows.add(0.5, 0);
  rows.add(0.5, 1);
  const std::vector<int32_t> few = {0};
  const std::vector<int32_t> wrong = {0, 2};
  EXPECT_FALSE(cross_decided_score(metric("f1"), rows.view(), {wrong, {}}, {}, {}));
  EXPECT_FALSE(best_threshold(metric("f1"), rows.view(), {few, {}}));
  const std::vector<int32_t> parts = {0, 1, 1};
  EXPECT_FALSE(cross_decided_score(metric("f1"), rows.view(), rows.targets(), {}, parts));
}

}  // namespace
}  // namespace assay::automl
