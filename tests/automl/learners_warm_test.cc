// Going on with the training of a boosted model.
#include <gmock/gmock.h>

#include "automl/models/tree_model.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

struct WarmCase {
  Task task;
  ParamMap params;
  bool validates = true;
};

// N rounds and then M are N + M rounds in one go, bit for bit, whatever draws there are.
TEST(WarmStart, GoesOnAsOneFitOfAllRoundsWould) {
  const std::vector<WarmCase> cases = {
      {Task::kRegression, {}},
      {Task::kBinary, {{"row_fraction", 0.6}, {"column_fraction", 0.7}}},
      {Task::kMulticlass, {{"node_column_fraction", 0.5}, {"random_thresholds", true}}},
      {Task::kRegression, {{"objective", std::string("quantile")}}},
      {Task::kRegression, {{"objective", std::string("poisson")}}, false},
      {Task::kBinary, {{"sampling", std::string("goss")}, {"learning_rate", 0.2}}},
      {Task::kRegression, {{"growth", std::string("symmetric")}}, false},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    auto problem = friedman(cases[i].task, 800);
    for (double& target : problem->targets) target = std::max(target, 0.0);
    bind_problem(*problem, cases[i].task, problem->data.class_count);
    if (!cases[i].validates) problem->valid_rows.clear();
    const Cpu cpu;
    const auto fit = [&](int64_t rounds, const Model* init) {
      ParamMap params = cases[i].params;
      params["rounds"] = rounds;
      params["early_stopping"] = false;
      FitRequest request = problem->request(params, 5);
      request.init_model = init;
      return must(gbt().fit(request, cpu.context));
    };
    const FitResult whole = fit(17, nullptr);
    const FitResult first = fit(10, nullptr);
    // As a user has it: through a file.
    const auto loaded =
        must(load_model(must(ModelReader::open(model_bytes(*first.model), "test"))));
    const FitResult second = fit(7, loaded.get());
    EXPECT_TRUE(model_bytes(*second.model) == model_bytes(*whole.model)) << i;
    EXPECT_EQ(second.iterations, 17);
    EXPECT_EQ(second.best_iteration, 17);
    EXPECT_EQ(second.valid_predictions, whole.valid_predictions) << i;
    if (cases[i].validates) {
      EXPECT_EQ(second.valid_loss, whole.valid_loss) << i;
    }
  }
}

TEST(WarmStart, KeepsTheInitialModelWhereNothingIsGained) {
  const auto problem = friedman(Task::kRegression, 400);
  const Cpu cpu;
  ParamMap params = {{"rounds", int64_t{400}}, {"learning_rate", 0.5}, {"patience", int64_t{10}}};
  const FitResult first = must(gbt().fit(problem->request(params), cpu.context));
  FitRequest request = problem->request(params, 99);
  request.params["learning_rate"] = 1.0;
  request.params["max_leaves"] = int64_t{200};
  request.params["min_child_samples"] = int64_t{1};
  request.init_model = first.model.get();
  const FitResult second = must(gbt().fit(request, cpu.context));
  EXPECT_EQ(second.valid_loss, first.valid_loss);
  EXPECT_EQ(second.best_iteration, first.best_iteration);
  EXPECT_TRUE(model_bytes(*second.model) == model_bytes(*first.model));
  EXPECT_EQ(second.iterations, first.best_iteration + 10);
}

// On other rows the targets' mean and deviation are others; leaves are of the initial model's.
TEST(WarmStart, GoesOnInTheInitialModelsScaleOnOtherRows) {
  auto problem = friedman(Task::kRegression, 2000);
  const Cpu cpu;
  const std::vector<uint32_t> all = problem->train_rows;
  problem->train_rows.assign(all.begin(), all.begin() + 200);
  const ParamMap params = {{"rounds", int64_t{40}}, {"early_stopping", false}};
  const FitResult first = must(gbt().fit(problem->request(params), cpu.context));
  problem->train_rows = all;
  FitRequest request = problem->request(params);
  request.init_model = first.model.get();
  const FitResult second = must(gbt().fit(request, cpu.context));
  const auto& before = dynamic_cast<const TreeModel&>(*first.model).parts();
  const auto& after = dynamic_cast<const TreeModel&>(*second.model).parts();
  EXPECT_EQ(after.target, before.target);
  EXPECT_EQ(after.base_scores, before.base_scores);
  EXPECT_EQ(after.forest.tree_count(), 80);
  EXPECT_LT(valid_score(*second.model, *problem, cpu),
            0.9 * valid_score(*first.model, *problem, cpu));
}

TEST(WarmStart, RefusesModelsThatDoNotFit) {
  auto problem = friedman(Task::kRegression, 200);
  for (double& target : problem->targets) target = std::max(target, 0.0);
  const auto classes = friedman(Task::kBinary, 200);
  const Cpu cpu;
  const auto message = [&](const Problem& on, const Model* init, ParamMap params) {
    FitRequest request = on.request(std::move(params));
    request.init_model = init;
    const auto result = gbt().fit(request, cpu.context);
    EXPECT_FALSE(result);
    if (result) return std::string();
    EXPECT_EQ(result.error().code, StatusCode::kConfig);
    return result.error().message;
  };
  const ParamMap few = {{"rounds", int64_t{3}}};
  const FitResult trees = must(gbt().fit(problem->request(few), cpu.context));
  const FitResult forest = must((*must(find_learner("random_forest")))
                                    .fit(problem->request({{"trees", int64_t{2}}}), cpu.context));
  const FitResult linear =
      must((*must(find_learner("linear"))).fit(problem->request(), cpu.context));
  EXPECT_THAT(message(*classes, trees.model.get(), few), testing::HasSubstr("link 'identity'"));
  EXPECT_THAT(message(*problem, forest.model.get(), few), testing::HasSubstr("averaged trees"));
  EXPECT_THAT(message(*problem, linear.model.get(), few), testing::HasSubstr("'linear'"));
  EXPECT_THAT(message(*problem, trees.model.get(), {{"categorical", std::string("ordered")}}),
              testing::HasSubstr("categorical=ordered"));
  EXPECT_THAT(message(*problem, trees.model.get(), {{"objective", std::string("poisson")}}),
              testing::HasSubstr("link"));
}

}  // namespace
}  // namespace assay::automl
