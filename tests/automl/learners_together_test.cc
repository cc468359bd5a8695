// Fits that are trained together are those that are trained alone, bit for bit.
#include <gmock/gmock.h>

#include <optional>

#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

constexpr size_t kFolds = 5;

ParamValue text(const char* value) { return ParamValue(std::string(value)); }

// What a fit told, and the state after one of its rounds.
class Listener final : public FitObserver {
 public:
  explicit Listener(int64_t kept_round = -1, int64_t last_round = INT64_MAX)
      : kept_round_(kept_round), last_round_(last_round) {}
  bool report(const FitProgress& progress) override {
    losses.push_back(progress.valid_loss);
    step_ = progress.step;
    return step_ < last_round_;
  }
  bool wants_state(int64_t, bool) override { return step_ == kept_round_; }
  void keep_state(FitState kept) override { state = std::move(kept); }

  std::vector<double> losses;
  std::optional<FitState> state;

 private:
  int64_t kept_round_;
  int64_t last_round_;
  int64_t step_ = 0;
};

// The folds of a cross-validation over all rows of a problem.
struct Folds {
  std::unique_ptr<Problem> problem;
  std::vector<std::vector<uint32_t>> train{kFolds};
  std::vector<std::vector<uint32_t>> valid{kFolds};
  std::vector<std::unique_ptr<Listener>> listeners;

  explicit Folds(Task task, int64_t rows = 600) : problem(friedman(task, rows)) {
    for (double& target : problem->targets) target = std::max(target, 0.0);
    bind_problem(*problem, task, problem->data.class_count);
    for (uint32_t row = 0; row < rows; ++row) {
      for (size_t fold = 0; fold < kFolds; ++fold) {
        (row % kFolds == fold ? valid : train)[fold].push_back(row);
      }
    }
  }
  FitRequest request(size_t fold, const ParamMap& params) const {
    FitRequest request = problem->request(params, 7 + fold);
    request.params.try_emplace("rounds", int64_t{20});
    request.train_rows = train[fold];
    request.valid_rows = valid[fold];
    return request;
  }
  std::vector<FitRequest> requests(const ParamMap& params) {
    std::vector<FitRequest> requests;
    listeners.clear();
    for (size_t fold = 0; fold < kFolds; ++fold) {
      requests.push_back(request(fold, params));
      listeners.push_back(std::make_unique<Listener>(5));
      requests.back().observer = listeners.back().get();
    }
    return requests;
  }
};

void expect_same(const FitResult& result, const FitResult& own) {
  EXPECT_TRUE(model_bytes(*result.model) == model_bytes(*own.model));
  EXPECT_EQ(result.iterations, own.iterations);
  EXPECT_EQ(result.best_iteration, own.best_iteration);
  EXPECT_EQ(result.truncated, own.truncated);
  EXPECT_EQ(result.stopped, own.stopped);
  EXPECT_EQ(result.valid_predictions, own.valid_predictions);
  if (std::isnan(own.valid_loss)) {
    EXPECT_TRUE(std::isnan(result.valid_loss));
  } else {
    EXPECT_EQ(result.valid_loss, own.valid_loss);
  }
}

// Each of the requests alone, on one thread.
std::vector<FitResult> alone(std::vector<FitRequest> requests) {
  const Cpu cpu(1);
  std::vector<FitResult> results;
  for (FitRequest& request : requests) {
    request.observer = nullptr;
    results.push_back(must(gbt().fit(request, cpu.context)));
  }
  return results;
}

struct TogetherCase {
  const char* name;
  Task task;
  ParamMap params;
};

class FitTogether : public testing::TestWithParam<TogetherCase> {};

TEST_P(FitTogether, GivesTheBitsOfEachFitAlone) {
  Folds folds(GetParam().task);
  const std::vector<FitResult> own = alone(folds.requests(GetParam().params));
  std::vector<double> first_losses;
  for (const int threads : {1, 2, 3, 4}) {
    const Cpu cpu(threads);
    const std::vector<FitRequest> requests = folds.requests(GetParam().params);
    auto results = gbt().fit_together(requests, cpu.context);
    ASSERT_EQ(results.size(), kFolds);
    for (size_t fold = 0; fold < kFolds; ++fold) {
      SCOPED_TRACE(testing::Message() << "fold " << fold << ", threads " << threads);
      ASSERT_TRUE(results[fold]) << results[fold].error().message;
      expect_same(*results[fold], own[fold]);
      EXPECT_EQ(static_cast<int64_t>(folds.listeners[fold]->losses.size()), own[fold].iterations);
    }
    if (threads == 1) first_losses = folds.listeners[2]->losses;
    EXPECT_EQ(folds.listeners[2]->losses, first_losses);
  }
}

TEST_P(FitTogether, GoesOnFromStatesToTheSameBits) {
  Folds folds(GetParam().task);
  std::vector<FitRequest> requests = folds.requests(GetParam().params);
  const std::vector<FitResult> own = alone(requests);
  const Cpu cpu(2);
  (void)gbt().fit_together(requests, cpu.context);
  for (size_t fold = 0; fold < kFolds; ++fold) {
    ASSERT_TRUE(folds.listeners[fold]->state);
    requests[fold].observer = nullptr;
    // One begins anew: fits may be at different rounds.
    if (fold != 3) requests[fold].state = &*folds.listeners[fold]->state;
  }
  auto results = gbt().fit_together(requests, cpu.context);
  for (size_t fold = 0; fold < kFolds; ++fold)
    expect_same(must(std::move(results[fold])), own[fold]);
}

INSTANTIATE_TEST_SUITE_P(
    Options, FitTogether,
    testing::Values(
        TogetherCase{"plain", Task::kRegression, {}},
        // Folds end at different rounds.
        TogetherCase{"early_stopping",
                     Task::kRegression,
                     {{"rounds", int64_t{200}}, {"learning_rate", 0.6}, {"patience", int64_t{4}}}},
        TogetherCase{"all_rounds", Task::kBinary, {{"early_stopping", false}}},
        TogetherCase{"samples", Task::kBinary, {{"row_fraction", 0.6}, {"column_fraction", 0.7}}},
        TogetherCase{"node_columns", Task::kMulticlass, {{"node_column_fraction", 0.5}}},
        TogetherCase{"goss", Task::kBinary, {{"sampling", text("goss")}, {"learning_rate", 0.3}}},
        TogetherCase{"goss_softmax",
                     Task::kMulticlass,
                     {{"sampling", text("goss")}, {"learning_rate", 0.5}}},
        TogetherCase{"ordered", Task::kBinary, {{"categorical", text("ordered")}}},
        TogetherCase{"ordered_softmax", Task::kMulticlass, {{"categorical", text("ordered")}}},
        TogetherCase{"quantile", Task::kRegression, {{"objective", text("quantile")}}},
        TogetherCase{"poisson", Task::kRegression, {{"objective", text("poisson")}}},
        TogetherCase{"symmetric", Task::kRegression, {{"growth", text("symmetric")}}},
        TogetherCase{"depth_wise",
                     Task::kRegression,
                     {{"growth", text("depth_wise")}, {"max_depth", int64_t{4}}}},
        TogetherCase{"random_thresholds", Task::kBinary, {{"random_thresholds", true}}},
        TogetherCase{"softmax", Task::kMulticlass, {{"learning_rate", 0.9}}}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(FitTogether, FitsThatEndLeaveTheOthersAlone) {
  Folds folds(Task::kRegression);
  std::vector<FitRequest> requests = folds.requests({});
  requests[1].params["rounds"] = int64_t{3};
  requests[2].params["learning_rate"] = 0.02;
  requests[3].train_rows = {};                                // fails at once
  requests[4].params["min_child_samples"] = int64_t{100000};  // trees without a split
  folds.listeners[0] = std::make_unique<Listener>(-1, 6);     // its observer ends it
  requests[0].observer = folds.listeners[0].get();
  const Cpu cpu(3);
  auto results = gbt().fit_together(requests, cpu.context);
  ASSERT_FALSE(results[3]);
  EXPECT_EQ(results[3].error().code, StatusCode::kInvalidArgument);
  EXPECT_TRUE(results[0]->stopped);
  EXPECT_EQ(results[0]->iterations, 6);
  EXPECT_EQ(results[1]->iterations, 3);
  EXPECT_EQ(results[2]->iterations, 20);
  EXPECT_EQ(results[4]->iterations, 1);
  for (const size_t fold : {size_t{1}, size_t{2}, size_t{4}}) {
    const Cpu one(1);
    requests[fold].observer = nullptr;
    expect_same(*results[fold], must(gbt().fit(requests[fold], one.context)));
  }
}

TEST(FitTogether, OfOneTableOrOfSeveral) {
  Folds folds(Task::kRegression);
  const Folds other(Task::kRegression, 400);
  std::vector<FitRequest> requests = folds.requests({});
  for (const size_t fold : {size_t{1}, size_t{3}}) requests[fold] = other.request(fold, {});
  const std::vector<FitResult> own = alone(requests);
  const Cpu cpu(2);
  auto results = gbt().fit_together(requests, cpu.context);
  for (size_t fold = 0; fold < kFolds; ++fold)
    expect_same(must(std::move(results[fold])), own[fold]);
}

TEST(FitTogether, GoesOnFromInitialModels) {
  Folds folds(Task::kBinary);
  std::vector<FitRequest> requests = folds.requests({{"rounds", int64_t{6}}});
  std::vector<FitResult> starts = alone(requests);
  for (size_t fold = 0; fold < kFolds; ++fold) requests[fold].init_model = starts[fold].model.get();
  const std::vector<FitResult> own = alone(requests);
  const Cpu cpu(2);
  auto results = gbt().fit_together(requests, cpu.context);
  for (size_t fold = 0; fold < kFolds; ++fold)
    expect_same(must(std::move(results[fold])), own[fold]);
  EXPECT_EQ(own[0].iterations, 12);
}

TEST(FitTogether, StopCutsAllFitsAtTheSameRoundAndTheyGoOn) {
  for (const int threads : {1, 3}) {
    Folds folds(Task::kBinary);
    std::vector<FitRequest> requests = folds.requests({{"row_fraction", 0.7}});
    const std::vector<FitResult> own = alone(requests);
    const Cpu cpu(threads);
    Stopper stopper(9);
    kernels::ComputeContext context = cpu.context;
    context.stop = &stopper.stop;
    requests[2].observer = &stopper;
    for (FitRequest& request : requests) request.keep_end_state = true;
    auto cut = gbt().fit_together(requests, context);
    std::vector<FitRequest> rest = folds.requests({{"row_fraction", 0.7}});
    for (size_t fold = 0; fold < kFolds; ++fold) {
      ASSERT_TRUE(cut[fold]) << cut[fold].error().message;
      EXPECT_TRUE(cut[fold]->truncated);
      EXPECT_EQ(cut[fold]->iterations, 9);
      ASSERT_TRUE(cut[fold]->state);
      rest[fold].state = &*cut[fold]->state;
    }
    auto results = gbt().fit_together(rest, cpu.context);
    for (size_t fold = 0; fold < kFolds; ++fold) {
      expect_same(must(std::move(results[fold])), own[fold]);
    }
  }
}

TEST(FitTogether, StoppedBeforeTheFirstRoundAllAreCancelled) {
  Folds folds(Task::kRegression);
  const Cpu cpu(2);
  StopToken stop;
  stop.request();
  kernels::ComputeContext context = cpu.context;
  context.stop = &stop;
  for (const auto& result : gbt().fit_together(folds.requests({}), context)) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, StatusCode::kCancelled);
  }
  EXPECT_TRUE(gbt().fit_together({}, cpu.context).empty());
}

TEST(FitTogether, TheStateOfAFitThatIsDoneIsDone) {
  // A fit's last round is told as such, and what goes on from there makes no further round.
  class Keeper final : public FitObserver {
   public:
    bool report(const FitProgress&) override {
      ++reports;
      return true;
    }
    bool wants_state(int64_t, bool last) override { return last; }
    void keep_state(FitState kept) override { state = std::move(kept); }
    int reports = 0;
    std::optional<FitState> state;
  };
  const auto problem = friedman(Task::kRegression, 600);
  const Cpu cpu;
  for (const ParamMap& params : {ParamMap{{"learning_rate", 0.6}, {"patience", int64_t{4}}},
                                 ParamMap{{"rounds", int64_t{5}}}}) {
    Keeper keeper;
    FitRequest request = problem->request(params);
    request.observer = &keeper;
    const FitResult whole = must(gbt().fit(request, cpu.context));
    EXPECT_EQ(keeper.reports, whole.iterations);
    ASSERT_TRUE(keeper.state);
    Keeper after;
    request.observer = &after;
    request.state = &*keeper.state;
    expect_same(must(gbt().fit(request, cpu.context)), whole);
    EXPECT_EQ(after.reports, 0);
  }
}

TEST(FitTogether, OtherLearnersFitOneAfterTheOther) {
  Folds folds(Task::kRegression, 200);
  std::vector<FitRequest> requests;
  for (size_t fold = 0; fold < 2; ++fold) {
    requests.push_back(folds.request(fold, {}));
    requests.back().params.clear();
  }
  const Learner& linear = *must(find_learner("linear"));
  const Cpu cpu(2);
  EXPECT_FALSE(linear.gains_together(folds.problem->shape(), 8));
  auto results = linear.fit_together(requests, cpu.context);
  for (size_t fold = 0; fold < 2; ++fold) {
    expect_same(must(std::move(results[fold])), must(linear.fit(requests[fold], cpu.context)));
  }
}

}  // namespace
}  // namespace assay::automl
