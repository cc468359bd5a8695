// A boosting fit that goes on from the state of an earlier one.
#include <gmock/gmock.h>

#include "automl/models/tree_model.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

// Keeps every state there is.
class StateKeeper final : public FitObserver {
 public:
  bool report(const FitProgress& progress) override {
    losses.push_back(progress.valid_loss);
    return true;
  }
  bool wants_state(int64_t bytes, bool) override {
    EXPECT_GT(bytes, 0);
    return true;
  }
  void keep_state(FitState state) override { states.push_back(std::move(state)); }

  std::vector<double> losses;
  std::vector<FitState> states;
};

struct StateCase {
  Task task;
  ParamMap params;
  bool validates = true;
  bool has_start = false;
};

TEST(FitState, GoesOnToTheSameBits) {
  const auto text = [](const char* value) { return ParamValue(std::string(value)); };
  const std::vector<StateCase> cases = {
      {Task::kRegression, {{"learning_rate", 0.6}, {"patience", int64_t{4}}}},
      {Task::kBinary, {{"row_fraction", 0.6}, {"column_fraction", 0.7}}},
      {Task::kMulticlass, {{"node_column_fraction", 0.5}, {"learning_rate", 0.9}}},
      {Task::kRegression, {{"objective", text("quantile")}}},
      {Task::kRegression, {{"objective", text("poisson")}}, false},
      {Task::kBinary, {{"sampling", text("goss")}, {"learning_rate", 0.3}}},
      {Task::kBinary, {{"categorical", text("ordered")}}},
      {Task::kRegression, {{"growth", text("symmetric")}}, true, true},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    auto problem = friedman(cases[i].task, 600);
    for (double& target : problem->targets) target = std::max(target, 0.0);
    bind_problem(*problem, cases[i].task, problem->data.class_count);
    if (!cases[i].validates) problem->valid_rows.clear();
    const Cpu cpu;
    FitRequest request = problem->request(cases[i].params, 5);
    request.params["rounds"] = int64_t{24};
    request.keep_all_steps = i % 2 == 1;
    std::unique_ptr<Model> start;
    if (cases[i].has_start) {
      start = must(gbt().fit(request, cpu.context)).model;
      request.init_model = start.get();
    }
    StateKeeper whole_keeper;
    request.observer = &whole_keeper;
    const FitResult whole = must(gbt().fit(request, cpu.context));
    // After the last round there is nothing to go on to.
    ASSERT_GE(whole_keeper.states.size(), 5u) << i;
    for (const size_t at : {size_t{0}, size_t{3}, whole_keeper.states.size() - 1}) {
      FitState state = whole_keeper.states[at];
      const auto loaded = must(load_model(must(ModelReader::open(model_bytes(*state.model), "t"))));
      state.model = std::shared_ptr<const Model>(loaded.get(), [](const Model*) {});
      StateKeeper keeper;
      request.state = &state;
      request.observer = &keeper;
      const FitResult rest = must(gbt().fit(request, cpu.context));
      request.state = nullptr;
      EXPECT_TRUE(model_bytes(*rest.model) == model_bytes(*whole.model)) << i << " at " << at;
      EXPECT_EQ(rest.iterations, whole.iterations) << i;
      EXPECT_EQ(rest.best_iteration, whole.best_iteration) << i;
      EXPECT_EQ(rest.valid_predictions, whole.valid_predictions) << i << " at " << at;
      if (cases[i].validates) {
        EXPECT_EQ(rest.valid_loss, whole.valid_loss) << i;
        // It made the rounds that were left, and no others.
        EXPECT_EQ(keeper.losses,
                  std::vector<double>(whole_keeper.losses.begin() + static_cast<long>(at) + 1,
                                      whole_keeper.losses.end()));
      }
      EXPECT_EQ(keeper.losses.size(), whole_keeper.losses.size() - at - 1) << i;
    }
  }
}

TEST(FitState, OfAFitThatWasCutShortGoesOnToTheSameBits) {
  const ParamMap ordered = {{"categorical", std::string("ordered")}};
  for (const ParamMap& params : {ParamMap{}, ordered, ParamMap{{"row_fraction", 0.7}}}) {
    const auto problem = friedman(Task::kBinary, 600);
    const Cpu cpu;
    FitRequest request = problem->request(params, 5);
    request.params["rounds"] = int64_t{24};
    request.keep_end_state = true;
    const FitResult whole = must(gbt().fit(request, cpu.context));
    EXPECT_FALSE(whole.state) << "it came to its end";
    Stopper stopper(9);
    kernels::ComputeContext context = cpu.context;
    context.stop = &stopper.stop;
    request.observer = &stopper;
    const FitResult cut = must(gbt().fit(request, context));
    EXPECT_TRUE(cut.truncated);
    ASSERT_TRUE(cut.state);
    EXPECT_EQ(cut.state->model->step_count(), 9);
    request.observer = nullptr;
    request.state = &*cut.state;
    const FitResult rest = must(gbt().fit(request, cpu.context));
    EXPECT_TRUE(model_bytes(*rest.model) == model_bytes(*whole.model));
    EXPECT_EQ(rest.iterations, whole.iterations);
    EXPECT_EQ(rest.valid_predictions, whole.valid_predictions);
    // Nobody asked for it.
    Stopper again(9);
    context.stop = &again.stop;
    request.state = nullptr;
    request.observer = &again;
    request.keep_end_state = false;
    EXPECT_FALSE(must(gbt().fit(request, context)).state);
  }
}

TEST(FitState, OfAnotherFitIsRefused) {
  const auto problem = friedman(Task::kRegression, 200);
  const auto classes = friedman(Task::kMulticlass, 200);
  const Cpu cpu;
  StateKeeper keeper;
  FitRequest request = problem->request({{"rounds", int64_t{4}}});
  request.observer = &keeper;
  (void)must(gbt().fit(request, cpu.context));
  ASSERT_FALSE(keeper.states.empty());
  FitRequest other = classes->request({{"rounds", int64_t{4}}});
  other.state = &keeper.states[0];
  const auto result = gbt().fit(other, cpu.context);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, StatusCode::kData);
}

}  // namespace
}  // namespace assay::automl
