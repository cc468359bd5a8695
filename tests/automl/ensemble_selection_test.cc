#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "automl/ensemble/candidate_pool.h"
#include "automl/ensemble/greedy_selection.h"
#include "automl/models/constant_model.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

// Runs chunks on threads of its own, so that order and thread numbers vary.
class ThreadedExecutor final : public Executor {
 public:
  explicit ThreadedExecutor(int threads) : threads_(threads) {}
  int thread_count() const override { return threads_; }
  Status parallel_for(int64_t count, FunctionRef<void(int64_t, int)> body) override {
    std::atomic<int64_t> next{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < threads_; ++t) {
      threads.emplace_back([&, t] {
        for (int64_t i = next++; i < count; i = next++) body(count - 1 - i, t);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return {};
  }

 private:
  int threads_;
};

struct Predictions {
  std::vector<std::vector<float>> values;
  std::vector<PredictionView> views(int64_t columns = 1) const {
    std::vector<PredictionView> all;
    for (const auto& one : values) {
      all.push_back({one.data(), static_cast<int64_t>(one.size()) / columns, columns});
    }
    return all;
  }
};

Selection select(const Predictions& predictions, const std::vector<double>& targets,
                 SelectionOptions options = {}, std::span<const Allowance> allowances = {}) {
  const Metric metric = *Metric::find("rmse");
  const auto views = predictions.views();
  SelectionProblem problem;
  problem.candidates = views;
  problem.targets = {{}, targets};
  problem.metric = &metric;
  problem.allowances = allowances;
  SerialExecutor executor;
  const StopToken stop;
  auto selection = select_ensemble(problem, options, executor, stop);
  EXPECT_TRUE(selection) << selection.error().message;
  return *selection;
}

TEST(GreedySelection, FollowsTheHandComputedExample) {
  const Predictions predictions{{{0.0f, 0.6f}, {0.4f, 1.0f}, {0.9f, 0.1f}}};
  const Selection selection = select(predictions, {0, 1});
  EXPECT_EQ(selection.weights, (std::vector<double>{0.5, 0.5, 0}));
  EXPECT_EQ(selection.iterations, 2);
  EXPECT_NEAR(selection.score, 0.2, 1e-7);
  ASSERT_EQ(selection.steps.size(), 2u);
  EXPECT_EQ(selection.steps[0].candidate, 0u);
  EXPECT_NEAR(selection.steps[0].loss, std::sqrt(0.08), 1e-7);
  EXPECT_EQ(selection.steps[1].candidate, 1u);
  EXPECT_NEAR(selection.steps[1].loss, 0.2, 1e-7);
}

TEST(GreedySelection, ChoosesAModelAgainWhereThatIsBetter) {
  // Errors 1 and -3: the best average is 3/4 of the first and 1/4 of the second, which is exact.
  const Predictions predictions{{{1.0f, 2.0f}, {-3.0f, -2.0f}}};
  const Selection selection = select(predictions, {0, 1});
  EXPECT_EQ(selection.weights, (std::vector<double>{0.75, 0.25}));
  EXPECT_EQ(selection.score, 0);
}

TEST(GreedySelection, KeepsOneModelIfNoneHelps) {
  const Predictions predictions{{{5.0f, 5.0f}, {0.0f, 1.0f}, {0.0f, 1.0f}}};
  const Selection selection = select(predictions, {0, 1});
  EXPECT_EQ(selection.weights, (std::vector<double>{0, 1, 0}));
  EXPECT_EQ(selection.iterations, 1);
}

// The prefixes have the losses .4301 .0791 .0943 .0791 .0316 .0717 .0416 .0364 .0157 .0447 .0064.
TEST(GreedySelection, KeepsTheShortestPrefixWithTheWantedShareOfTheGain) {
  const Predictions predictions{{{0.5f, 1.5f}, {-0.7f, 0.7f}, {0.2f, 0.2f}, {-0.1f, 1.6f}}};
  const auto length = [&](double share) {
    SelectionOptions options;
    options.iterations = 11;
    options.share_of_gain = share;
    return select(predictions, {0, 1}, options).iterations;
  };
  EXPECT_EQ(length(1), 11);
  EXPECT_EQ(length(0.99), 11);
  EXPECT_EQ(length(0.95), 9);
  EXPECT_EQ(length(0.9), 5);
  EXPECT_EQ(length(0.8), 2);
  EXPECT_EQ(length(0), 1);
}

// Errors -0.4, 0.4 and 0.6: the first two cancel each other, the first and third nearly.
TEST(GreedySelection, KeepsToWhatTheChosenMayCostTogether) {
  const Predictions predictions{{{0.6f, 0.6f}, {1.4f, 1.4f}, {1.6f, 1.6f}}};
  const auto weights = [&](std::vector<Allowance> allowances) {
    return select(predictions, {1, 1}, {}, allowances).weights;
  };
  EXPECT_EQ(weights({}), (std::vector<double>{0.5, 0.5, 0}));
  EXPECT_EQ(weights({{{1, 2, 1}, 3}}), (std::vector<double>{0.5, 0.5, 0}));
  // The third is as good as can be had: 0.6 of the first and 0.4 of it.
  EXPECT_EQ(weights({{{1, 2, 1}, 2.5}}), (std::vector<double>{0.6, 0, 0.4}));
  EXPECT_EQ(weights({{{1, 2, 1}, 3}, {{1, 1, 1}, 1.5}}), (std::vector<double>{1, 0, 0}));
  // One alone may always be.
  EXPECT_EQ(weights({{{5, 5, 5}, 3}}), (std::vector<double>{1, 0, 0}));
}

TEST(GreedySelection, MeasuresSmallTargetsInTheirOwnUnits) {
  const Predictions predictions{{{4e-7f, 0.0f}, {0.0f, 4.1e-7f}}};
  const Selection selection = select(predictions, {2e-7, 2e-7});
  EXPECT_EQ(selection.weights, (std::vector<double>{0.5, 0.5}));
}

TEST(GreedySelection, NeverScoresWorseThanItsBestMember) {
  Rng rng(17);
  for (int round = 0; round < 20; ++round) {
    Predictions predictions;
    std::vector<int32_t> labels(200);
    for (auto& label : labels) label = static_cast<int32_t>(rng.below(3));
    for (int model = 0; model < 6; ++model) {
      std::vector<float>& values = predictions.values.emplace_back();
      for (const int32_t label : labels) {
        double raw[3];
        double sum = 0;
        for (int c = 0; c < 3; ++c) {
          raw[c] = rng.next_double() + (c == label ? 0.1 * model : 0);
          sum += raw[c];
        }
        for (const double value : raw) values.push_back(static_cast<float>(value / sum));
      }
    }
    for (const char* name : {"log_loss", "accuracy", "balanced_accuracy", "roc_auc"}) {
      const Metric metric = *Metric::find(name);
      const auto views = predictions.views(3);
      SelectionProblem problem;
      problem.candidates = views;
      problem.targets = {labels, {}};
      problem.metric = &metric;
      SelectionOptions options;
      options.max_rows = round % 2 == 0 ? 1000 : 50;  // odd rounds select on a sample
      SerialExecutor executor;
      const StopToken stop;
      const auto selection = select_ensemble(problem, options, executor, stop);
      ASSERT_TRUE(selection) << selection.error().message;
      double sum = 0;
      for (size_t i = 0; i < views.size(); ++i) {
        sum += selection->weights[i];
        if (selection->weights[i] == 0 && round % 2 != 0) continue;
        const double alone = *metric.score(views[i], problem.targets);
        EXPECT_FALSE(metric.is_better(alone, selection->score)) << name << " model " << i;
      }
      EXPECT_NEAR(sum, 1, 1e-12);
    }
  }
}

TEST(GreedySelection, SamplesWholeQueries) {
  // Two answers a query, whose numbers lie apart. The first candidate ranks none of them, the
  // second all; of a query with one row it cannot be told.
  constexpr int kQueries = 40;
  Predictions predictions;
  predictions.values.resize(2);
  std::vector<double> relevances;
  std::vector<int32_t> queries;
  for (int row = 0; row < 2 * kQueries; ++row) {
    const bool good = row < kQueries;
    relevances.push_back(good ? 1 : 0);
    queries.push_back(row % kQueries);
    predictions.values[0].push_back(good ? 0.0f : 1.0f);
    predictions.values[1].push_back(good ? 1.0f : 0.0f);
  }
  const Metric metric = *Metric::find("ndcg_10");
  const auto views = predictions.views();
  SelectionProblem problem;
  problem.candidates = views;
  problem.targets = {{}, relevances, queries};
  problem.metric = &metric;
  SerialExecutor executor;
  const StopToken stop;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    for (const int64_t max_rows : {1, 2, 3, 9}) {
      SelectionOptions options;
      options.max_rows = max_rows;
      options.seed = seed;
      const auto selection = select_ensemble(problem, options, executor, stop);
      ASSERT_TRUE(selection) << selection.error().message;
      EXPECT_EQ(selection->weights, (std::vector<double>{0, 1}));
      EXPECT_EQ(selection->best_alone, 1u);
      EXPECT_EQ(selection->steps[0].loss, 0);
    }
  }
}

TEST(GreedySelection, GivesTheSameBitsOnAnyExecutor) {
  Rng rng(3);
  Predictions predictions;
  std::vector<double> targets(500);
  for (auto& target : targets) target = rng.next_double();
  for (int model = 0; model < 12; ++model) {
    auto& values = predictions.values.emplace_back();
    for (const double target : targets) {
      values.push_back(static_cast<float>(target + rng.next_double() - 0.5));
    }
  }
  const Metric metric = *Metric::find("rmse");
  const auto views = predictions.views();
  SelectionProblem problem;
  problem.candidates = views;
  problem.targets = {{}, targets};
  problem.metric = &metric;
  const Selection serial = select(predictions, targets);
  EXPECT_GT(serial.iterations, 3);
  for (const int threads : {1, 2, 7}) {
    ThreadedExecutor executor(threads);
    const StopToken stop;
    const auto selection = select_ensemble(problem, {}, executor, stop);
    ASSERT_TRUE(selection);
    EXPECT_EQ(selection->weights, serial.weights);
    EXPECT_EQ(selection->score, serial.score);
  }
}

TEST(GreedySelection, LeavesOutCandidatesThatCannotBeScored) {
  const Predictions predictions{{{0.0f, NAN}, {0.4f, 1.0f}}};
  EXPECT_EQ(select(predictions, {0, 1}).weights, (std::vector<double>{0, 1}));
}

TEST(GreedySelection, RefusesCostsThatAreNotOneACandidate) {
  const Predictions predictions{{{1.0f}, {2.0f}}};
  const Metric metric = *Metric::find("rmse");
  const auto views = predictions.views();
  const std::vector<double> targets = {1};
  const std::vector<Allowance> allowances = {{{1}, 3}};
  SelectionProblem problem;
  problem.candidates = views;
  problem.targets = {{}, targets};
  problem.metric = &metric;
  problem.allowances = allowances;
  SerialExecutor executor;
  const StopToken stop;
  const auto selection = select_ensemble(problem, {}, executor, stop);
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().code, StatusCode::kInvalidArgument);
}

TEST(GreedySelection, RefusesWhatMakesNoSense) {
  const Metric metric = *Metric::find("rmse");
  SelectionProblem problem;
  problem.metric = &metric;
  SerialExecutor executor;
  StopToken stop;
  EXPECT_EQ(select_ensemble(problem, {}, executor, stop).error().code,
            StatusCode::kInvalidArgument);
  const Predictions predictions{{{0.0f, 1.0f}, {0.0f}}};
  const auto views = predictions.views();
  problem.candidates = views;
  EXPECT_EQ(select_ensemble(problem, {}, executor, stop).error().code,
            StatusCode::kInvalidArgument);
  const std::vector<double> targets = {0, 1};
  problem.candidates = std::span(views).subspan(0, 1);
  problem.targets = {{}, targets};
  stop.request();
  EXPECT_EQ(select_ensemble(problem, {}, executor, stop).error().code, StatusCode::kCancelled);
}

Candidate candidate(int64_t trial, const std::string& learner, double loss,
                    size_t predictions = 10) {
  Candidate made;
  made.trial = trial;
  made.learner = learner;
  made.loss = loss;
  made.model = *ConstantModel::make({0.0}, 1);
  made.predictions = std::make_shared<const std::vector<float>>(predictions, 0.0f);
  return made;
}

std::vector<int64_t> trials_of(const CandidatePool& pool) {
  std::vector<int64_t> trials;
  for (const Candidate& held : pool.candidates()) trials.push_back(held.trial);
  return trials;
}

TEST(CandidatePool, KeepsTheBestInOrder) {
  CandidatePool pool({.max_models = 3});
  pool.add(candidate(0, "gbt", 0.5));
  pool.add(candidate(1, "gbt", 0.3));
  pool.add(candidate(2, "gbt", 0.5));
  EXPECT_EQ(trials_of(pool), (std::vector<int64_t>{1, 0, 2}));
  pool.add(candidate(3, "gbt", 0.4));
  EXPECT_EQ(trials_of(pool), (std::vector<int64_t>{1, 3, 0}));
}

TEST(CandidatePool, KeepsTheBestOfEachLearnerLongest) {
  CandidatePool pool({.max_models = 3});
  pool.add(candidate(0, "linear", 0.9));
  for (int64_t trial = 1; trial < 5; ++trial) {
    pool.add(candidate(trial, "gbt", 0.1 * static_cast<double>(trial)));
  }
  EXPECT_EQ(trials_of(pool), (std::vector<int64_t>{1, 2, 0}));
}

TEST(CandidatePool, StaysWithinItsBytesButKeepsOne) {
  CandidatePool pool({.max_models = 50, .prediction_bytes = 100});
  pool.add(candidate(0, "gbt", 0.5, 1000));
  EXPECT_EQ(trials_of(pool), (std::vector<int64_t>{0}));
  pool.add(candidate(1, "gbt", 0.4, 20));
  EXPECT_EQ(trials_of(pool), (std::vector<int64_t>{1}));
  pool.add(candidate(2, "linear", 0.6, 5));
  EXPECT_EQ(trials_of(pool), (std::vector<int64_t>{1, 2}));
}

}  // namespace
}  // namespace assay::automl
