// Objectives of the learner "gbt" beyond the usual ones.
#include "automl/learners/objective.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "automl/learners/leaf_renewal.h"
#include "automl/learners/weighted_quantile.h"
#include "automl/models/tree_model.h"
#include "tests/automl/learner_fixture.h"
#include "tests/conformance/discrete_device.h"
#include "tests/conformance/discrete_kernels.h"

namespace assay::automl {
namespace {

double quantile_of(std::vector<WeightedValue> values, double alpha) {
  return weighted_quantile(values, alpha);
}

TEST(WeightedQuantile, TakesTheValueWhereTheWeightsReachTheShare) {
  EXPECT_EQ(quantile_of({{3, 1}, {1, 1}, {2, 1}}, 0.5), 2);
  EXPECT_EQ(quantile_of({{2, 1}, {1, 1}}, 0.5), 1.5);
  EXPECT_EQ(quantile_of({{1, 1}, {2, 1}, {3, 1}, {4, 1}}, 0.25), 1.5);
  EXPECT_EQ(quantile_of({{1, 1}, {2, 1}, {3, 1}, {4, 1}}, 0.3), 2);
  EXPECT_EQ(quantile_of({{1, 1}, {2, 1}, {3, 1}, {4, 1}}, 0.99), 4);
  EXPECT_EQ(quantile_of({{5, 3}, {1, 1}}, 0.5), 5);
  EXPECT_EQ(quantile_of({{5, 1}, {1, 1}, {9, 2}}, 0.5), 7);
}

TEST(WeightedQuantile, PassesOverValuesWithoutWeight) {
  EXPECT_EQ(quantile_of({{1, 0}, {2, 1}, {2.5, 0}, {3, 1}}, 0.5), 2.5);
  EXPECT_EQ(quantile_of({{1, 0}, {2, 1}, {2.1, 0}, {4, 1}}, 0.5), 3);
  EXPECT_EQ(quantile_of({{1, 0}}, 0.5), 0);
  EXPECT_EQ(quantile_of({}, 0.5), 0);
}

TEST(WeightedQuantile, AgreesWithSortingWhateverTheOrder) {
  Lcg lcg(3);
  for (const size_t count : {1, 2, 7, 100, 1001}) {
    std::vector<WeightedValue> values;
    for (size_t i = 0; i < count; ++i) {
      // Halves add exactly in doubles, so that sorting and adding is exact too.
      values.push_back({std::floor(lcg.next() * 20), std::floor(lcg.next() * 4) / 2});
    }
    values[0].weight = 1;
    for (const double alpha : {0.05, 0.25, 0.5, 0.9}) {
      std::vector<WeightedValue> sorted = values;
      std::sort(sorted.begin(), sorted.end(),
                [](const auto& a, const auto& b) { return a.value < b.value; });
      double total = 0;
      for (const auto& item : sorted) total += item.weight;
      double reached = 0;
      double expected = 0;
      for (size_t i = 0; i < sorted.size(); ++i) {
        reached += sorted[i].weight;
        if (sorted[i].weight == 0 || reached < alpha * total) continue;
        expected = sorted[i].value;
        const auto next = std::find_if(sorted.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                       sorted.end(), [](const auto& a) { return a.weight > 0; });
        if (reached == alpha * total && next != sorted.end()) {
          expected = (expected + next->value) / 2;
        }
        break;
      }
      EXPECT_EQ(quantile_of(values, alpha), expected) << count << " values, alpha " << alpha;
      std::reverse(values.begin(), values.end());
      EXPECT_EQ(quantile_of(values, alpha), expected) << count << " values, alpha " << alpha;
    }
  }
}

// The problem of learner_fixture.h with targets that the objective allows.
std::unique_ptr<Problem> problem_for(const std::string& objective, int64_t rows) {
  auto problem = friedman(Task::kRegression, rows);
  for (double& target : problem->targets) {
    if (objective == "poisson" || objective == "tweedie") target = std::max(target - 8, 0.0);
    if (objective == "cross_entropy") target = std::clamp(target / 30, 0.0, 1.0);
  }
  bind_problem(*problem, Task::kRegression, 0);
  return problem;
}

double loss_of(const std::string& objective, double y, double p) {
  const double d = std::abs(y - p);
  if (objective == "absolute") return d;
  if (objective == "huber") return d <= 2 ? d * d / 2 : 2 * (d - 1);
  if (objective == "quantile") return y > p ? 0.9 * d : 0.1 * d;
  if (objective == "poisson") return (y > 0 ? y * std::log(y / p) : 0) - y + p;
  if (objective == "tweedie") {
    return std::sqrt(y) / -0.25 + y / std::sqrt(p) / 0.5 + std::sqrt(p) / 0.5;
  }
  return -(y * std::log(p) + (1 - y) * std::log(1 - p));
}

double valid_loss(const std::string& objective, const Model& model, const Problem& problem,
                  const Cpu& cpu) {
  const std::vector<float> out = predictions(model, problem, problem.valid_rows, cpu);
  double sum = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    sum += loss_of(objective, problem.targets[problem.valid_rows[i]], double{out[i]});
  }
  return sum / static_cast<double>(out.size());
}

// Losses of oracle/objective_losses.py (LightGBM 4), with room for other random draws.
struct ObjectiveLoss {
  std::string objective;
  double loss;
};
class Objectives : public testing::TestWithParam<ObjectiveLoss> {
 protected:
  const std::string& objective() const { return GetParam().objective; }
  ParamMap params(int64_t rounds) const {
    return {{"objective", objective()}, {"rounds", rounds}, {"huber_delta", 2.0}};
  }
};

TEST_P(Objectives, ReachTheLossOfAnotherProgram) {
  const auto problem = problem_for(objective(), 4000);
  const Cpu cpu;
  const FitResult result = must(gbt().fit(problem->request(params(1000)), cpu.context));
  const double loss = valid_loss(objective(), *result.model, *problem, cpu);
  std::printf("%s: %.5f after %lld rounds, LightGBM %.5f\n", objective().c_str(), loss,
              static_cast<long long>(result.best_iteration), GetParam().loss);
  EXPECT_LT(loss, GetParam().loss * 1.03);
  EXPECT_GT(loss, GetParam().loss * 0.8) << "too good to be true";
}

TEST_P(Objectives, LowerTheirLossRoundByRound) {
  auto problem = problem_for(objective(), 800);
  problem->valid_rows.clear();
  const Cpu cpu;
  const FitResult result = must(gbt().fit(problem->request(params(40)), cpu.context));
  ASSERT_EQ(result.model->step_count(), 40);
  problem->valid_rows = problem->train_rows;
  double before = INFINITY;
  for (int64_t steps = 1; steps <= 40; ++steps) {
    const auto model = result.model->first_steps(steps);
    const double loss = valid_loss(objective(), *model, *problem, cpu);
    EXPECT_LT(loss, before) << "round " << steps;
    before = loss;
  }
}

TEST_P(Objectives, SayThatTheirLossIsTheirOwn) {
  const auto problem = problem_for(objective(), 200);
  const Cpu cpu;
  StopAfter observer(1'000'000);
  FitRequest request = problem->request(params(3));
  request.observer = &observer;
  must(gbt().fit(request, cpu.context));
  ASSERT_EQ(observer.seen.size(), 3u);
  for (const FitProgress& progress : observer.seen) EXPECT_FALSE(progress.common_loss);
}

TEST_P(Objectives, GiveTheSameBitsOnAnyThreadsAndThroughAFile) {
  const auto problem = problem_for(objective(), 1200);
  std::string bytes;
  std::vector<float> out;
  ParamMap settings = params(12);
  settings["row_fraction"] = 0.8;
  for (const int threads : {1, 2, 7}) {
    const Cpu cpu(threads);
    const FitResult result = must(gbt().fit(problem->request(settings), cpu.context));
    if (bytes.empty()) {
      bytes = model_bytes(*result.model);
      out = predictions(*result.model, *problem, problem->valid_rows, cpu);
    }
    EXPECT_EQ(model_bytes(*result.model), bytes) << threads << " threads";
    EXPECT_EQ(result.valid_predictions, out) << threads << " threads";
  }
  const Cpu cpu;
  const auto loaded = must(load_model(must(ModelReader::open(bytes, "test"))));
  EXPECT_EQ(predictions(*loaded, *problem, problem->valid_rows, cpu), out);
}

TEST_P(Objectives, GiveTheSameBitsOnADiscreteDevice) {
  const auto problem = problem_for(objective(), 300);
  const Cpu cpu;
  const FitResult here = must(gbt().fit(problem->request(params(6)), cpu.context));
  kernels::KernelSet kernels = device_set().kernels();
  conformance::register_discrete_kernels(kernels);
  conformance::DiscreteDevice device("discrete:0", int64_t{1} << 28);
  Cpu discrete;
  discrete.context.kernels = &kernels;
  discrete.context.device = &device;
  {
    const auto moved = problem_for(objective(), 300);
    const FitResult there = must(gbt().fit(moved->request(params(6)), discrete.context));
    EXPECT_EQ(model_bytes(*there.model), model_bytes(*here.model));
  }
  EXPECT_EQ(device.held_bytes(), 0);
}

TEST_P(Objectives, DoNotDependOnTheUnitOfTheTarget) {
  if (objective() == "cross_entropy") return;  // chances have none
  const auto problem = problem_for(objective(), 600);
  const auto scaled = problem_for(objective(), 600);
  for (double& target : scaled->targets) target *= 1024;
  bind_problem(*scaled, Task::kRegression, 0);
  const Cpu cpu;
  ParamMap settings = params(10);
  const FitResult one = must(gbt().fit(problem->request(settings), cpu.context));
  settings["huber_delta"] = 2048.0;
  const FitResult other = must(gbt().fit(scaled->request(settings), cpu.context));
  const auto expected = predictions(*one.model, *problem, problem->valid_rows, cpu);
  const auto out = predictions(*other.model, *scaled, scaled->valid_rows, cpu);
  for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], expected[i] * 1024);
}

INSTANTIATE_TEST_SUITE_P(
    All, Objectives,
    testing::Values(ObjectiveLoss{"absolute", 0.89340}, ObjectiveLoss{"huber", 0.68492},
                    ObjectiveLoss{"quantile", 0.25238}, ObjectiveLoss{"poisson", 0.23199},
                    ObjectiveLoss{"tweedie", 0.25450}, ObjectiveLoss{"cross_entropy", 0.61572}),
    [](const auto& instance) { return instance.param.objective; });

// Four rows, one split between x = 2 and x = 3.
std::unique_ptr<Problem> four_rows(std::vector<double> targets) {
  std::vector<datasets::Column> columns(1);
  columns[0].name = "x";
  columns[0].numbers = {1, 1, 2, 2};
  auto problem = encode_problem(std::move(columns));
  problem->targets = std::move(targets);
  problem->train_rows = {0, 1, 2, 3};
  bind_problem(*problem, Task::kRegression, 0);
  return problem;
}

std::vector<float> one_round(const Problem& problem, ParamMap params) {
  const Cpu cpu;
  params.insert({{"rounds", int64_t{1}},
                 {"max_leaves", int64_t{2}},
                 {"min_child_samples", int64_t{1}},
                 {"min_child_weight", 0.0},
                 {"learning_rate", 0.5}});
  const FitResult result = must(gbt().fit(problem.request(params), cpu.context));
  return predictions(*result.model, problem, problem.train_rows, cpu);
}

// The median of 0 2 10 30 is 6; residuals of the leaves -6 -4 and 4 24 have medians -5 and 14.
TEST(Objective, AbsoluteRenewsLeavesByMedians) {
  const auto problem = four_rows({0, 2, 10, 30});
  const auto out = one_round(*problem, {{"objective", std::string("absolute")}});
  EXPECT_NEAR(out[0], 6 - 2.5, 1e-5);
  EXPECT_NEAR(out[2], 6 + 7, 1e-5);
}

// The 0.2-quantile of 0 2 10 30 is 0 (0.8 of a row); those of the residuals 0 2 and 10 30 are the
// lower ones.
TEST(Objective, QuantileRenewsLeavesByItsLevel) {
  const auto problem = four_rows({0, 2, 10, 30});
  const auto out =
      one_round(*problem, {{"objective", std::string("quantile")}, {"alpha", 0.2}, {"l2", 0.0}});
  EXPECT_NEAR(out[0], 0, 1e-5);
  EXPECT_NEAR(out[2], 5, 1e-5);
}

// The mean is 4. Without penalty a leaf's step is the logarithm of its mean over 4, of which half
// is taken: 4 sqrt(1 / 4) and 4 sqrt(7 / 4). With l2 = 2 two rows of the mean are added to the
// leaves'.
TEST(Objective, PoissonStepsToTheLogOfTheMeans) {
  const auto problem = four_rows({0, 2, 6, 8});
  for (const char* name : {"poisson", "tweedie"}) {
    const auto out = one_round(*problem, {{"objective", std::string(name)}, {"l2", 0.0}});
    EXPECT_NEAR(out[0], 2, 1e-5) << name;
    EXPECT_NEAR(out[2], 4 * std::sqrt(7.0 / 4), 1e-5) << name;
    const auto steadied = one_round(*problem, {{"objective", std::string(name)}, {"l2", 2.0}});
    EXPECT_NEAR(steadied[0], 4 * std::sqrt(2.5 / 4), 1e-5) << name;
    EXPECT_NEAR(steadied[2], 4 * std::sqrt(5.5 / 4), 1e-5) << name;
  }
}

// A leaf that has nothing steps down by e^-4 at most, of which half is taken.
TEST(Objective, PoissonStepsAreBounded) {
  const auto problem = four_rows({0, 0, 6, 10});
  const auto out = one_round(*problem, {{"objective", std::string("poisson")}, {"l2", 0.0}});
  EXPECT_NEAR(out[0], 4 * std::exp(-2.0), 1e-5);
}

// Residuals from the median 6: -6 -4 4 24. Within delta = 5 they count as they are, beyond as 5.
TEST(Objective, HuberTakesTheMeanOfCutResiduals) {
  const auto problem = four_rows({0, 2, 10, 30});
  const auto out =
      one_round(*problem, {{"objective", std::string("huber")}, {"huber_delta", 5.0}, {"l2", 0.0}});
  EXPECT_NEAR(out[0], 6 - 0.5 * 4.5, 1e-4);
  EXPECT_NEAR(out[2], 6 + 0.5 * 4.5, 1e-4);
}

// p starts at the mean 0.5. Leaves: G = 2 (0.5 - 0.25), H = 2 / 4, step -1 and 1 times 0.5.
TEST(Objective, CrossEntropyPredictsChances) {
  const auto problem = four_rows({0.25, 0.25, 0.75, 0.75});
  const auto out = one_round(*problem, {{"objective", std::string("cross_entropy")}, {"l2", 0.0}});
  EXPECT_NEAR(out[0], 1 / (1 + std::exp(0.5)), 1e-6);
  EXPECT_NEAR(out[2], 1 / (1 + std::exp(-0.5)), 1e-6);
}

TEST(Objective, WeightsCountAsRows) {
  auto weighted = four_rows({0, 2, 10, 30});
  weighted->weights = {1, 3, 1, 1};
  bind_problem(*weighted, Task::kRegression, 0);
  // The median of 0 2 2 2 10 30 is 2; of the residuals -2 0 0 0 it is 0, of 8 28 it is 18.
  const auto out = one_round(*weighted, {{"objective", std::string("absolute")}});
  EXPECT_NEAR(out[0], 2, 1e-5);
  EXPECT_NEAR(out[2], 2 + 9, 1e-5);
}

TEST(Objective, RefusesTargetsOutsideItsDomain) {
  const Cpu cpu;
  const auto message = [&](const char* objective, std::vector<double> targets) -> std::string {
    const auto problem = four_rows(std::move(targets));
    const ParamMap params = {{"objective", std::string(objective)}};
    const Status checked = gbt().check(problem->data, params);
    const auto result = gbt().fit(problem->request(params), cpu.context);
    if (result) return checked ? "" : "only check() refuses";
    EXPECT_EQ(result.error().code, StatusCode::kData);
    if (!checked) {
      EXPECT_EQ(checked.error().message, result.error().message);
    }
    return result.error().message;
  };
  EXPECT_EQ(message("poisson", {0, 1, -1, 2}),
            "objective=poisson: the target of row 3 is -1 (must be >= 0)");
  EXPECT_EQ(message("tweedie", {-0.5, 1, 1, 2}),
            "objective=tweedie: the target of row 1 is -0.5 (must be >= 0)");
  EXPECT_EQ(message("cross_entropy", {0, 1, 0.5, 1.5}),
            "objective=cross_entropy: the target of row 4 is 1.5 (must be in [0, 1])");
  EXPECT_EQ(message("poisson", {0, 0, 0, 0}),
            "objective=poisson: no training row has a target above 0 (one at least must)");
  EXPECT_EQ(message("cross_entropy", {0, 0, 0, 0}), "");
  EXPECT_EQ(message("absolute", {-1, 0, 0, 0}), "");
}

TEST(Objective, RefusesObjectivesOfOtherTasks) {
  const auto binary = friedman(Task::kBinary, 100);
  const auto numbers = friedman(Task::kRegression, 100);
  const Status poisson = gbt().check(binary->data, {{"objective", std::string("poisson")}});
  ASSERT_FALSE(poisson);
  EXPECT_EQ(poisson.error().code, StatusCode::kConfig);
  EXPECT_EQ(poisson.error().message,
            "objective=poisson is not for binary tasks (must be one of auto, logistic); data.task: "
            "regression predicts the numbers");
  const Status softmax = gbt().check(numbers->data, {{"objective", std::string("softmax")}});
  ASSERT_FALSE(softmax);
  EXPECT_EQ(
      softmax.error().message,
      "objective=softmax is not for regression tasks (must be one of auto, squared, absolute, "
      "huber, quantile, poisson, tweedie, cross_entropy, lambdarank)");
  EXPECT_TRUE(gbt().check(binary->data, {{"objective", std::string("logistic")}}));
}

TEST(Objective, SurvivesConstantAndHugeTargets) {
  const Cpu cpu;
  for (const char* name : {"absolute", "huber", "quantile", "poisson", "tweedie"}) {
    for (const double value : {0.5, 1e300, 1e-300}) {
      auto problem = friedman(Task::kRegression, 200);
      problem->targets.assign(200, value);
      bind_problem(*problem, Task::kRegression, 0);
      const FitResult result = must(
          gbt().fit(problem->request({{"objective", std::string(name)}, {"rounds", int64_t{3}}}),
                    cpu.context));
      TargetScale frame = {0, value};
      std::vector<float> out(problem->valid_rows.size());
      ASSERT_TRUE(
          result.model->predict(*problem->features, problem->valid_rows, cpu.context, out, frame));
      for (const float prediction : out) ASSERT_NEAR(prediction, 1, 1e-5) << name << " " << value;
    }
  }
}

TEST(Objective, PlansMemoryForWhatItNeedsOfRows) {
  DataShape shape;
  shape.row_count = 1000;
  shape.train_count = 800;
  shape.feature_count = 3;
  const auto bytes = [&](const char* name) {
    return must(gbt().planned_bytes(shape, {{"objective", std::string(name)}}, 1)).fit;
  };
  EXPECT_EQ(bytes("quantile") - bytes("squared"), 800 * kRenewalRowBytes);
  EXPECT_EQ(bytes("lambdarank") - bytes("squared"), 1000 * 44);
}

}  // namespace
}  // namespace assay::automl
