// What all learners have in common.
#include "automl/config/search_space.h"
#include "automl/learners/learner.h"

#include <gmock/gmock.h>

#include "automl/config/option_table.h"
#include "tests/automl/learner_fixture.h"
#include "tests/conformance/discrete_device.h"
#include "tests/conformance/discrete_kernels.h"

namespace assay::automl {
namespace {

constexpr std::array<Task, 3> kTasks = {Task::kBinary, Task::kMulticlass, Task::kRegression};

// Few steps, so that tests are fast.
ParamMap quick(const Learner& learner) {
  if (learner.name() == "gbt") return {{"rounds", int64_t{8}}, {"row_fraction", 0.8}};
  if (learner.step_option() == "trees") return {{"trees", int64_t{5}}};
  if (learner.name() == "linear") return {{"max_iterations", int64_t{6}}};
  if (learner.name() == "mlp") return {{"epochs", int64_t{4}}};
  return {};
}

// Scores of oracle/learner_scores.py (LightGBM 4.7, scikit-learn 1.9), with room for other random
// draws.
struct Expectation {
  std::string learner;
  Task task;
  double score;
};
class LearnerScore : public testing::TestWithParam<Expectation> {};

TEST_P(LearnerScore, IsNearThatOfOtherPrograms) {
  const Expectation& expected = GetParam();
  const auto problem = friedman(expected.task, 4000);
  const Cpu cpu;
  const Learner* learner = must(find_learner(expected.learner));
  const FitResult result = must(learner->fit(problem->request(), cpu.context));
  const double score = valid_score(*result.model, *problem, cpu);
  std::printf("%s %s: %.4f after %lld steps, others %.4f\n", expected.learner.c_str(),
              std::string(name_of(expected.task)).c_str(), score,
              static_cast<long long>(result.best_iteration), expected.score);
  EXPECT_LT(score, expected.score * 1.06);
  // Networks of scikit-learn know no waves and no dropout.
  const double least = expected.learner == "mlp" ? 0.65 : 0.8;
  EXPECT_GT(score, expected.score * least) << "too good to be true";
}

INSTANTIATE_TEST_SUITE_P(All, LearnerScore,
                         testing::Values(Expectation{"linear", Task::kBinary, 0.2919},
                                         Expectation{"gbt", Task::kBinary, 0.1413},
                                         Expectation{"random_forest", Task::kBinary, 0.3004},
                                         Expectation{"extra_trees", Task::kBinary, 0.2971},
                                         Expectation{"mlp", Task::kBinary, 0.1448},
                                         Expectation{"linear", Task::kMulticlass, 0.5641},
                                         Expectation{"gbt", Task::kMulticlass, 0.3719},
                                         Expectation{"random_forest", Task::kMulticlass, 0.5729},
                                         Expectation{"extra_trees", Task::kMulticlass, 0.5666},
                                         Expectation{"mlp", Task::kMulticlass, 0.3038},
                                         Expectation{"linear", Task::kRegression, 2.5188},
                                         Expectation{"gbt", Task::kRegression, 1.2170},
                                         Expectation{"random_forest", Task::kRegression, 2.1360},
                                         Expectation{"extra_trees", Task::kRegression, 2.1359},
                                         Expectation{"mlp", Task::kRegression, 1.0679}),
                         [](const auto& instance) {
                           return instance.param.learner + "_" +
                                  std::string(name_of(instance.param.task));
                         });

class EveryLearner : public testing::TestWithParam<std::tuple<const Learner*, Task>> {
 protected:
  const Learner& learner() const { return *std::get<0>(GetParam()); }
  Task task() const { return std::get<1>(GetParam()); }
};

TEST_P(EveryLearner, GivesSameBitsOnAnyNumberOfThreads) {
  const auto problem = friedman(task(), 1200);
  std::string first_bytes;
  std::vector<float> first;
  for (const int threads : {1, 2, 33}) {
    const Cpu cpu(threads);
    const FitResult result = must(learner().fit(problem->request(quick(learner())), cpu.context));
    const std::string bytes = model_bytes(*result.model);
    const std::vector<float> out = predictions(*result.model, *problem, problem->valid_rows, cpu);
    if (first_bytes.empty()) {
      first_bytes = bytes;
      first = out;
    }
    EXPECT_EQ(bytes, first_bytes) << threads << " threads";
    EXPECT_EQ(out, first) << threads << " threads";
  }
}

TEST_P(EveryLearner, KeepsBitsThroughAModelFile) {
  const auto problem = friedman(task(), 600);
  const Cpu cpu;
  const FitResult result = must(learner().fit(problem->request(quick(learner())), cpu.context));
  const std::string bytes = model_bytes(*result.model);
  const auto loaded = must(load_model(must(ModelReader::open(bytes, "test"))));
  EXPECT_EQ(predictions(*loaded, *problem, problem->valid_rows, cpu),
            predictions(*result.model, *problem, problem->valid_rows, cpu));
  EXPECT_EQ(model_bytes(*loaded), bytes);
  EXPECT_EQ(loaded->feature_importance(), result.model->feature_importance());
}

TEST_P(EveryLearner, PredictsProbabilitiesOrValues) {
  const auto problem = friedman(task(), 600);
  const Cpu cpu;
  const FitResult result = must(learner().fit(problem->request(quick(learner())), cpu.context));
  const auto width = static_cast<size_t>(result.model->output_count());
  EXPECT_EQ(width, task() == Task::kRegression ? 1u : (task() == Task::kBinary ? 2u : 3u));
  const std::vector<float> out = predictions(*result.model, *problem, problem->valid_rows, cpu);
  for (size_t i = 0; i < out.size(); i += width) {
    double sum = 0;
    for (size_t k = 0; k < width; ++k) {
      ASSERT_TRUE(std::isfinite(out[i + k]));
      ASSERT_TRUE(task() == Task::kRegression || out[i + k] >= 0);
      sum += double{out[i + k]};
    }
    EXPECT_NEAR(task() == Task::kRegression ? 1 : sum, 1, 1e-6);
  }
}

TEST_P(EveryLearner, ImportanceSumsToOneOrIsZero) {
  const auto problem = friedman(task(), 600);
  const Cpu cpu;
  const FitResult result = must(learner().fit(problem->request(quick(learner())), cpu.context));
  const std::vector<double> importance = result.model->feature_importance();
  ASSERT_EQ(importance.size(), 7u);
  const double sum = std::accumulate(importance.begin(), importance.end(), 0.0);
  EXPECT_NEAR(sum, learner().name() == "constant" ? 0 : 1, 1e-9);
  if (learner().name() == "gbt" || learner().name() == "mlp") {
    EXPECT_GT(importance[3], importance[5]) << "noise";
  }
}

template <class Op>
void declare(const kernels::KernelSet& from, kernels::KernelSet& to) {
  for (const auto& item : from.table<Op>().items()) to.table<Op>().add(item);
}

// The CPU's kernels, and those of a discrete device that declares all ops, only those of trees (as
// an FPGA does), or all others.
std::vector<kernels::KernelSet> discrete_sets() {
  kernels::KernelSet discrete;
  conformance::register_discrete_kernels(discrete);
  std::vector<kernels::KernelSet> sets(3, device_set().kernels());
  for (const size_t i : {0, 1}) {
    declare<kernels::GrowTree>(discrete, sets[i]);
    declare<kernels::PredictTrees>(discrete, sets[i]);
  }
  declare<kernels::GrowTrees>(discrete, sets[0]);  // elsewhere a round's trees come one by one
  for (const size_t i : {0, 2}) {
    declare<kernels::QuantileEdges>(discrete, sets[i]);
    declare<kernels::BinColumns>(discrete, sets[i]);
    declare<kernels::LossGradients>(discrete, sets[i]);
    declare<kernels::LossValue>(discrete, sets[i]);
    declare<kernels::LinearScores>(discrete, sets[i]);
    declare<kernels::LinearGradient>(discrete, sets[i]);
    declare<kernels::Gemm>(discrete, sets[i]);
  }
  return sets;
}

// A device whose memory the host cannot touch, its ops the references: everything that an op reads
// must have been moved there, and back.
TEST_P(EveryLearner, GivesTheBitsOfTheCpuOnADiscreteDevice) {
  const Cpu cpu;
  const auto problem = friedman(task(), 300);
  const FitResult here = must(learner().fit(problem->request(quick(learner())), cpu.context));
  for (const kernels::KernelSet& kernels : discrete_sets()) {
    conformance::DiscreteDevice device("discrete:0", int64_t{1} << 28);
    Cpu discrete;
    discrete.context.kernels = &kernels;
    discrete.context.device = &device;
    {
      const auto moved = friedman(task(), 300);  // its bins die before the device
      const FitResult there =
          must(learner().fit(moved->request(quick(learner())), discrete.context));
      if (learner().name() == "linear") {
        // The host has products of matrices in f32, devices sums in doubles.
        EXPECT_NEAR(valid_score(*there.model, *moved, discrete),
                    valid_score(*here.model, *problem, cpu), 1e-3);
      } else {
        EXPECT_EQ(model_bytes(*there.model), model_bytes(*here.model));
        EXPECT_EQ(predictions(*there.model, *moved, moved->valid_rows, discrete),
                  predictions(*here.model, *problem, problem->valid_rows, cpu));
      }
    }
    EXPECT_EQ(device.held_bytes(), 0);
  }
}

TEST_P(EveryLearner, IsCancelledBeforeTheFirstStep) {
  if (learner().name() == "constant") return;  // it has no step to stop before
  const auto problem = friedman(task(), 300);
  Cpu cpu;
  StopToken stop;
  stop.request();
  cpu.context.stop = &stop;
  const auto result = learner().fit(problem->request(quick(learner())), cpu.context);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, StatusCode::kCancelled) << result.error().message;
}

TEST_P(EveryLearner, KeepsWhatItHasWhenStopped) {
  if (learner().name() == "constant") return;
  const auto problem = friedman(task(), 600);
  Cpu cpu;
  StopToken stop;
  cpu.context.stop = &stop;
  StopAfter observer(1, &stop);
  FitRequest request = problem->request();
  request.observer = &observer;
  const FitResult result = must(learner().fit(request, cpu.context));
  EXPECT_TRUE(result.truncated);
  EXPECT_GE(result.iterations, 1);
  const Cpu fresh;
  EXPECT_EQ(predictions(*result.model, *problem, problem->valid_rows, fresh).size(),
            problem->valid_rows.size() * static_cast<size_t>(result.model->output_count()));
}

TEST_P(EveryLearner, EndsWhenTheObserverSaysSo) {
  const auto problem = friedman(task(), 600);
  const Cpu cpu;
  StopAfter observer(1);
  FitRequest request = problem->request();
  request.observer = &observer;
  const FitResult result = must(learner().fit(request, cpu.context));
  EXPECT_TRUE(result.stopped);
  EXPECT_FALSE(result.truncated);
  ASSERT_EQ(observer.seen.size(), 1u);
  EXPECT_TRUE(std::isfinite(observer.seen[0].valid_loss));
}

TEST_P(EveryLearner, ReportsTheLossOfItsPredictions) {
  const auto problem = friedman(task(), 600);
  const Cpu cpu;
  StopAfter observer(1'000'000);
  FitRequest request = problem->request(quick(learner()));
  request.observer = &observer;
  const FitResult result = must(learner().fit(request, cpu.context));
  double loss = valid_score(*result.model, *problem, cpu);
  if (task() == Task::kRegression) {
    double sum = 0, squares = 0;
    for (const uint32_t row : problem->train_rows) sum += problem->targets[row];
    const double mean = sum / static_cast<double>(problem->train_rows.size());
    for (const uint32_t row : problem->train_rows) {
      squares += (problem->targets[row] - mean) * (problem->targets[row] - mean);
    }
    loss = loss * loss / (squares / static_cast<double>(problem->train_rows.size())) / 2;
  }
  EXPECT_NEAR(result.valid_loss, loss, 1e-5 * (1 + loss));
}

TEST_P(EveryLearner, KnowsThePredictionsOfItsModel) {
  const auto problem = friedman(task(), 600);
  const Cpu cpu;
  for (const int64_t steps : {1, 1'000'000}) {
    StopAfter observer(steps);
    FitRequest request = problem->request(quick(learner()));
    request.observer = &observer;
    if (learner().name() == "gbt") {  // the best round is not the last one
      request.params = {{"rounds", int64_t{60}}, {"learning_rate", 1.0}};
    }
    const FitResult result = must(learner().fit(request, cpu.context));
    const bool has_trees = learner().name() == "gbt" || learner().step_option() == "trees";
    EXPECT_EQ(result.valid_predictions.empty(), !has_trees);
    if (!has_trees) continue;
    EXPECT_EQ(result.valid_predictions,
              predictions(*result.model, *problem, problem->valid_rows, cpu));
  }
}

TEST_P(EveryLearner, FitsFarTargetsAsNearOnes) {
  if (task() != Task::kRegression) return;  // classes are never far
  auto near_problem = friedman(task(), 600);
  auto far_problem = friedman(task(), 600);
  constexpr double kFar = 1 << 30;  // where neighbours in f32 are 128 apart
  for (size_t i = 0; i < 600; ++i) {
    near_problem->targets[i] = std::round(near_problem->targets[i] * 1024) / 1024;
    far_problem->targets[i] = near_problem->targets[i] + kFar;
  }
  bind_problem(*near_problem, task(), 0);
  bind_problem(*far_problem, task(), 0);
  far_problem->data.frame = {kFar, 1};
  const Cpu cpu;
  const auto near_fit = must(learner().fit(near_problem->request(quick(learner())), cpu.context));
  const auto far_fit = must(learner().fit(far_problem->request(quick(learner())), cpu.context));
  const auto expected = predictions(*near_fit.model, *near_problem, near_problem->valid_rows, cpu);
  std::vector<float> out(expected.size());
  ASSERT_TRUE(far_fit.model->predict(*far_problem->features, far_problem->valid_rows, cpu.context,
                                     out, far_problem->data.frame));
  for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], expected[i], 1e-5);
  if (far_fit.valid_predictions.empty()) return;
  EXPECT_EQ(far_fit.valid_predictions, out);
}

TEST_P(EveryLearner, SurvivesOneTrainingRow) {
  auto problem = friedman(task(), 100);
  problem->train_rows.resize(1);
  const Cpu cpu;
  const FitResult result = must(learner().fit(problem->request(quick(learner())), cpu.context));
  for (const float value : predictions(*result.model, *problem, problem->valid_rows, cpu)) {
    EXPECT_TRUE(std::isfinite(value));
  }
}

TEST_P(EveryLearner, IgnoresRowsOfWeightZero) {
  auto problem = friedman(task(), 800);
  const Cpu cpu;
  problem->weights.assign(800, 3.0f);
  for (size_t i = 0; i < 400; ++i) {
    problem->weights[i] = 0;
    // What has no weight must not matter.
    if (task() == Task::kRegression) problem->targets[i] = 1e6;
  }
  bind_problem(*problem, task(), problem->data.class_count);
  const FitResult result = must(learner().fit(problem->request(), cpu.context));
  const double score = valid_score(*result.model, *problem, cpu);
  EXPECT_LT(score, task() == Task::kRegression ? 6 : 1.2);
}

TEST_P(EveryLearner, RefusesWeightsThatSumToZero) {
  auto problem = friedman(task(), 100);
  problem->weights.assign(100, 0.0f);
  bind_problem(*problem, task(), problem->data.class_count);
  const Cpu cpu;
  const auto result = learner().fit(problem->request(), cpu.context);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, StatusCode::kData);
}

TEST_P(EveryLearner, RefusesBadRequests) {
  auto problem = friedman(task(), 100);
  const Cpu cpu;
  const auto code_of = [&](const FitRequest& request) {
    const auto result = learner().fit(request, cpu.context);
    return result ? std::string("fitted") : std::string(name_of(result.error().code));
  };
  EXPECT_EQ(code_of(problem->request({{"no_such_option", 1.0}})), "invalid_argument");
  FitRequest request = problem->request();
  const std::vector<uint32_t> descending = {3, 2};
  request.train_rows = descending;
  EXPECT_EQ(code_of(request), "invalid_argument");
  request.train_rows = {};
  EXPECT_EQ(code_of(request), "invalid_argument");
  const std::vector<uint32_t> beyond = {100};
  request.train_rows = beyond;
  EXPECT_EQ(code_of(request), "invalid_argument");
  // Row 74 is the last to train on.
  const std::vector<uint32_t> twice = {74, 75};
  request = problem->request();
  request.valid_rows = twice;
  EXPECT_EQ(code_of(request), "invalid_argument");
  problem->weights.assign(100, 1.0f);
  problem->weights[5] = -1;
  bind_problem(*problem, task(), problem->data.class_count);
  EXPECT_EQ(code_of(problem->request()), "invalid_argument");
}

TEST_P(EveryLearner, PlansMoreForMore) {
  const auto problem = friedman(task(), 100);
  DataShape shape = problem->shape();
  const int64_t bytes = must(learner().planned_bytes(shape, {}, 1)).fit;
  const double cost = must(learner().logical_cost(shape, {}));
  EXPECT_GT(bytes, 0);
  EXPECT_GT(cost, 0);
  shape.row_count *= 1000;
  shape.train_count *= 1000;
  EXPECT_GT(must(learner().planned_bytes(shape, {}, 1)).fit, bytes);
  EXPECT_GT(must(learner().logical_cost(shape, {})), cost);
  EXPECT_FALSE(learner().planned_bytes(shape, {{"no_such_option", 1.0}}, 1));
}

TEST_P(EveryLearner, SmallerSettingsTakeLessMemoryAndComeToAnEnd) {
  const auto problem = friedman(task(), 100);
  DataShape shape = problem->shape();
  shape.row_count = 1'000'000;
  shape.train_count = 800'000;
  shape.valid_count = 200'000;
  shape.bin_count = 200'000;
  ParamMap params = must(SearchSpace::make(learner().options().options)).default_params();
  int64_t before = must(learner().planned_bytes(shape, params, 2)).fit;
  int steps = 0;
  for (; steps < 100; ++steps) {
    const auto settings = learner().smaller(shape, params);
    if (settings.empty()) break;
    for (const ParamMap& setting : settings) {
      EXPECT_LT(must(learner().planned_bytes(shape, setting, 2)).fit, before)
          << params_to_json(setting);
    }
    params = settings.front();
    before = must(learner().planned_bytes(shape, params, 2)).fit;
  }
  EXPECT_LT(steps, 100);
}

TEST_P(EveryLearner, ModelsAreWithinTheirPlan) {
  const auto problem = friedman(task(), 400);
  const Cpu cpu;
  FitRequest request = problem->request({});
  request.keep_all_steps = true;
  const FitResult result = must(learner().fit(request, cpu.context));
  const PlannedBytes planned = must(learner().planned_bytes(problem->shape(), {}, 1));
  EXPECT_LE(result.model->byte_count(), planned.model + 4096);
  EXPECT_LE(planned.model, planned.fit);
}

std::vector<std::tuple<const Learner*, Task>> all_cases() {
  std::vector<std::tuple<const Learner*, Task>> cases;
  for (const Learner* learner : learner_list()) {
    for (const Task task : kTasks) cases.emplace_back(learner, task);
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, EveryLearner, testing::ValuesIn(all_cases()),
                         [](const auto& instance) {
                           return std::string(std::get<0>(instance.param)->name()) + "_" +
                                  std::string(name_of(std::get<1>(instance.param)));
                         });

TEST(LearnerList, HasSoundTables) {
  for (const Learner* learner : learner_list()) {
    const Status status = check_group(learner->options());
    EXPECT_TRUE(status) << learner->name() << ": " << status.error().message;
    EXPECT_EQ(learner->options().name, learner->name());
    if (!learner->step_option().empty()) {
      EXPECT_NE(find_option(learner->options().options, learner->step_option()), nullptr);
    }
  }
}

TEST(LearnerList, FindsByNameWithAHint) {
  EXPECT_EQ(must(find_learner("gbt"))->name(), "gbt");
  const auto missing = find_learner("random_forrest");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, testing::HasSubstr("did you mean 'random_forest'?"));
}

}  // namespace
}  // namespace assay::automl
