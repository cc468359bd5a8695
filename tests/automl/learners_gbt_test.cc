#include <gmock/gmock.h>

#include "automl/learners/gbt_options.h"
#include "automl/models/tree_model.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

TEST(Gbt, StopsEarlyAndKeepsTheBestRound) {
  const auto problem = friedman(Task::kBinary, 600);
  const Cpu cpu;
  StopAfter observer(1'000'000);
  FitRequest request = problem->request(
      {{"rounds", int64_t{500}}, {"learning_rate", 0.3}, {"patience", int64_t{15}}});
  request.observer = &observer;
  const FitResult result = must(gbt().fit(request, cpu.context));
  ASSERT_LT(result.iterations, 500);
  EXPECT_EQ(result.iterations, result.best_iteration + 15);
  const auto best = std::min_element(
      observer.seen.begin(), observer.seen.end(),
      [](const FitProgress& a, const FitProgress& b) { return a.valid_loss < b.valid_loss; });
  EXPECT_EQ(best->step, result.best_iteration);
  EXPECT_EQ(best->valid_loss, result.valid_loss);
  const auto& model = dynamic_cast<const TreeModel&>(*result.model);
  EXPECT_EQ(model.parts().forest.tree_count(), result.best_iteration);
  EXPECT_NEAR(valid_score(*result.model, *problem, cpu), result.valid_loss, 1e-6);
}

TEST(Gbt, KeepsAllRoundsIfAskedAndIsCutToTheSameModel) {
  for (const Task task : {Task::kBinary, Task::kMulticlass, Task::kRegression}) {
    const auto problem = friedman(task, 600);
    const Cpu cpu;
    FitRequest request = problem->request(
        {{"rounds", int64_t{60}}, {"learning_rate", 0.3}, {"patience", int64_t{10}}});
    const FitResult usual = must(gbt().fit(request, cpu.context));
    request.keep_all_steps = true;
    const FitResult whole = must(gbt().fit(request, cpu.context));
    EXPECT_EQ(whole.best_iteration, usual.best_iteration);
    EXPECT_EQ(whole.valid_predictions, usual.valid_predictions);
    EXPECT_EQ(whole.model->step_count(), whole.iterations);
    EXPECT_EQ(usual.model->step_count(), usual.best_iteration);
    const auto cut = whole.model->first_steps(whole.best_iteration);
    ASSERT_NE(cut, nullptr);
    EXPECT_EQ(model_bytes(*cut), model_bytes(*usual.model));
    EXPECT_EQ(cut->byte_count(), usual.model->byte_count());
  }
}

TEST(Gbt, MakesAllRoundsWithoutValidationRows) {
  auto problem = friedman(Task::kMulticlass, 300);
  problem->valid_rows.clear();
  const Cpu cpu;
  const FitResult result =
      must(gbt().fit(problem->request({{"rounds", int64_t{30}}}), cpu.context));
  EXPECT_EQ(result.iterations, 30);
  EXPECT_EQ(result.best_iteration, 30);
  EXPECT_TRUE(std::isnan(result.valid_loss));
}

TEST(Gbt, RefitWithTheBestNumberOfRoundsHasTheSameBits) {
  auto problem = friedman(Task::kRegression, 500);
  const Cpu cpu;
  const FitResult first = must(
      gbt().fit(problem->request({{"rounds", int64_t{200}}, {"learning_rate", 0.3}}), cpu.context));
  problem->valid_rows.clear();
  const FitResult second = must(gbt().fit(
      problem->request({{"rounds", first.best_iteration}, {"learning_rate", 0.3}}), cpu.context));
  EXPECT_EQ(model_bytes(*first.model), model_bytes(*second.model));
}

TEST(Gbt, SeedMattersOnlyThroughDraws) {
  const auto problem = friedman(Task::kRegression, 500);
  const Cpu cpu;
  const ParamMap params = {{"rounds", int64_t{5}}, {"row_fraction", 0.5}};
  const auto bytes = [&](uint64_t seed) {
    return model_bytes(*must(gbt().fit(problem->request(params, seed), cpu.context)).model);
  };
  EXPECT_EQ(bytes(7), bytes(7));
  EXPECT_NE(bytes(7), bytes(8));
}

// One round, one split, by hand: targets 0 0 8 8 (mean 4, deviation 4: standardised -1 -1 1 1).
// Leaves are sums of residuals over rows + l2: -2 / (2 + 1) and 2 / 3, times the learning rate 0.5
// and the deviation 4.
TEST(Gbt, TakesTheNewtonStepOfOneSplit) {
  std::vector<datasets::Column> columns(1);
  columns[0].name = "x";
  columns[0].numbers = {1, 2, 3, 4};
  auto problem = encode_problem(std::move(columns));
  problem->targets = {0, 0, 8, 8};
  problem->train_rows = {0, 1, 2, 3};
  bind_problem(*problem, Task::kRegression, 0);
  const Cpu cpu;
  const FitResult result = must(gbt().fit(problem->request({{"rounds", int64_t{1}},
                                                            {"learning_rate", 0.5},
                                                            {"max_leaves", int64_t{2}},
                                                            {"min_child_samples", int64_t{1}},
                                                            {"l2", 1.0}}),
                                          cpu.context));
  const std::vector<float> out = predictions(*result.model, *problem, problem->train_rows, cpu);
  EXPECT_NEAR(out[0], 4 - 4.0 / 3, 1e-5);
  EXPECT_NEAR(out[1], 4 - 4.0 / 3, 1e-5);
  EXPECT_NEAR(out[2], 4 + 4.0 / 3, 1e-5);
  EXPECT_NEAR(out[3], 4 + 4.0 / 3, 1e-5);
}

TEST(Gbt, StartsAtTheLogOddsOfTheClasses) {
  std::vector<datasets::Column> columns(1);
  columns[0].name = "x";
  columns[0].numbers = {1, 2, 1, 2};
  auto problem = encode_problem(std::move(columns));
  problem->classes = {1, 1, 1, 0};
  problem->train_rows = {0, 1, 2, 3};
  bind_problem(*problem, Task::kBinary, 2);
  const Cpu cpu;
  const FitResult result = must(gbt().fit(
      problem->request({{"rounds", int64_t{1}}, {"min_child_samples", int64_t{4}}}), cpu.context));
  for (size_t i = 1; i < 8; i += 2) {
    EXPECT_NEAR(predictions(*result.model, *problem, problem->train_rows, cpu)[i], 0.75, 1e-6);
  }
}

TEST(Gbt, HandlesHugeTargets) {
  auto problem = friedman(Task::kRegression, 400);
  for (double& target : problem->targets) target = target > 14 ? 1e308 : -1e308;
  bind_problem(*problem, Task::kRegression, 0);
  const Cpu cpu;
  const FitResult result =
      must(gbt().fit(problem->request({{"rounds", int64_t{20}}}), cpu.context));
  for (const float value : predictions(*result.model, *problem, problem->valid_rows, cpu)) {
    EXPECT_TRUE(std::isfinite(value));
  }
}

TEST(Gbt, EndsWhenNothingIsLeftToSplit) {
  auto problem = friedman(Task::kRegression, 200);
  problem->targets.assign(200, 5.0);
  bind_problem(*problem, Task::kRegression, 0);
  const Cpu cpu;
  const FitResult result = must(gbt().fit(problem->request(), cpu.context));
  EXPECT_LT(result.iterations, 5);
  for (const float value : predictions(*result.model, *problem, problem->valid_rows, cpu)) {
    EXPECT_EQ(value, 5.0f);
  }
}

TEST(Gbt, DropsARoundThatWasNotFinished) {
  // The token asks after the first class's tree of some later round: rounds are whole or not there.
  const auto problem = friedman(Task::kMulticlass, 400);
  Cpu cpu;
  StopToken stop;
  cpu.context.stop = &stop;
  StopAfter observer(3, &stop);
  FitRequest request = problem->request();
  request.observer = &observer;
  const FitResult result = must(gbt().fit(request, cpu.context));
  const auto& model = dynamic_cast<const TreeModel&>(*result.model);
  EXPECT_EQ(model.parts().forest.tree_count() % 3, 0);
  EXPECT_EQ(result.iterations, 3);
}

}  // namespace
}  // namespace assay::automl
