// The learner "mlp" and its network.
#include <gmock/gmock.h>

#include "automl/learners/mlp_fit.h"
#include "automl/models/mlp_model.h"
#include "kernels/base/rng.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

const Learner& mlp() { return *must(find_learner("mlp")); }

MlpShape small_shape() {
  MlpShape shape;
  shape.columns = 3;
  shape.wave_columns = {0, 2};
  shape.widths = {5, 4};
  shape.scores = 2;
  return shape;
}

std::vector<float> drawn(size_t count, double spread) {
  Rng rng(7);
  std::vector<float> values;
  for (size_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(spread * (2 * rng.next_double() - 1)));
  }
  return values;
}

// A sum of scores with weights of its own, so that every score's derivative is another.
double weighted(const MlpPass& pass) {
  double sum = 0;
  for (size_t i = 0; i < pass.scores.size(); ++i) {
    sum += double{pass.scores[i]} * (0.5 + 0.25 * static_cast<double>(i % 5));
  }
  return sum;
}

// Central differences are an oracle for the way back.
TEST(MlpNetwork, DerivativesAreThoseOfItsScores) {
  const Cpu cpu;
  SerialExecutor serial;
  const MlpShape shape = small_shape();
  const MlpLayout layout(shape);
  std::vector<float> parameters = drawn(layout.size, 0.7);
  MlpPass pass;
  pass.rows = 6;
  pass.dense = drawn(pass.rows * 3, 2);
  const auto value = [&](const std::vector<float>& at, const std::vector<float>& dense) {
    MlpPass other;
    other.rows = 6;
    other.dense = dense;
    const MlpNetwork network(shape, layout, at);
    EXPECT_TRUE(network.forward(cpu.context, serial, other));
    return weighted(other);
  };
  const MlpNetwork network(shape, layout, parameters);
  ASSERT_TRUE(network.forward(cpu.context, serial, pass));
  const std::vector<float> dense = pass.dense;
  for (size_t i = 0; i < pass.scores.size(); ++i) {
    pass.upstream.push_back(0.5F + 0.25F * static_cast<float>(i % 5));
  }
  std::vector<float> gradient(layout.size, -1);
  std::vector<float> by_dense(dense.size(), -1);
  std::vector<float> turned;
  ASSERT_TRUE(network.turn(serial, turned));
  ASSERT_TRUE(network.backward(cpu.context, serial, turned, pass, gradient, by_dense));
  constexpr float kStep = 1e-2F;
  for (size_t i = 0; i < layout.size; ++i) {
    std::vector<float> at = parameters;
    const float before = at[i];
    at[i] = before + kStep;
    const double high = value(at, dense);
    at[i] = before - kStep;
    const double low = value(at, dense);
    EXPECT_NEAR(gradient[i], (high - low) / (2 * double{kStep}),
                2e-2 + 2e-2 * std::abs(gradient[i]))
        << "parameter " << i;
  }
  for (size_t i = 0; i < dense.size(); ++i) {
    std::vector<float> rows = dense;
    rows[i] = dense[i] + kStep;
    const double high = value(parameters, rows);
    rows[i] = dense[i] - kStep;
    const double low = value(parameters, rows);
    EXPECT_NEAR(by_dense[i], (high - low) / (2 * double{kStep}),
                2e-2 + 2e-2 * std::abs(by_dense[i]))
        << "cell " << i;
  }
}

TEST(MlpNetwork, APassHoldsNoMoreThanIsPlanned) {
  const Cpu cpu;
  for (const int32_t scores : {1, 40}) {
    MlpShape shape = small_shape();
    shape.scores = scores;
    const MlpLayout layout(shape);
    const std::vector<float> parameters = drawn(layout.size, 1);
    MlpPass pass;
    pass.rows = 64;
    pass.dense = drawn(pass.rows * 3, 1);
    const MlpNetwork network(shape, layout, parameters);
    ASSERT_TRUE(network.forward(cpu.context, *cpu.context.executor, pass));
    pass.upstream.assign(pass.rows * static_cast<size_t>(scores), 1.0F);
    std::vector<float> gradient(layout.size);
    std::vector<float> turned;
    ASSERT_TRUE(network.turn(*cpu.context.executor, turned));
    ASSERT_TRUE(network.backward(cpu.context, *cpu.context.executor, turned, pass, gradient, {}));
    size_t held = pass.dense.size() + pass.cosines.size() + pass.sines.size() +
                  pass.unscaled.size() + pass.scores.size() + pass.upstream.size() +
                  pass.downstream.size();
    for (const auto& each : pass.inputs) held += each.size();
    for (const auto& each : pass.slopes) held += each.size();
    EXPECT_LE(held, pass.rows * static_cast<size_t>(MlpNetwork::floats_of_row(shape)));
    EXPECT_LE(turned.size(), layout.size);
  }
}

TEST(MlpNetwork, ARowsScoresDoNotDependOnItsBatch) {
  const Cpu cpu;
  const MlpShape shape = small_shape();
  const MlpLayout layout(shape);
  const std::vector<float> parameters = drawn(layout.size, 1);
  const std::vector<float> rows = drawn(200 * 3, 3);
  const DenseView dense{rows.data(), 200, 3};
  const MlpNetwork network(shape, layout, parameters);
  std::vector<uint32_t> all(200);
  std::iota(all.begin(), all.end(), 0U);
  MlpPass together;
  MlpNetwork::gather(dense, all, together);
  ASSERT_TRUE(network.forward(cpu.context, *cpu.context.executor, together));
  for (const uint32_t row : {0U, 7U, 63U, 64U, 199U}) {
    MlpPass alone;
    MlpNetwork::gather(dense, std::span(&row, 1), alone);
    ASSERT_TRUE(network.forward(cpu.context, *cpu.context.executor, alone));
    for (size_t k = 0; k < 2; ++k) EXPECT_EQ(alone.scores[k], together.scores[row * 2 + k]);
  }
}

TEST(MlpNetwork, ScoresAloneAreThoseOfTheWayForward) {
  const Cpu cpu;
  const MlpShape shape = small_shape();
  const MlpLayout layout(shape);
  for (const double size : {1.0, double{kMostParameter}}) {
    const std::vector<float> parameters = drawn(layout.size, size);
    const MlpNetwork network(shape, layout, parameters);
    MlpPass reused;
    for (const size_t count : {1, 15, 16, 17, 100, 2}) {
      MlpPass pass;
      pass.rows = count;
      pass.dense = drawn(count * 3, 3);
      reused.rows = count;
      reused.dense = pass.dense;
      ASSERT_TRUE(network.forward(cpu.context, *cpu.context.executor, pass));
      ASSERT_TRUE(network.score(cpu.context, *cpu.context.executor, reused));
      EXPECT_EQ(reused.scores, pass.scores) << count;
      EXPECT_TRUE(reused.slopes.empty() && reused.sines.empty());
    }
  }
}

TEST(MlpNetwork, ScoresOfTheGreatestParametersAreFinite) {
  const Cpu cpu;
  const MlpShape shape = small_shape();
  const MlpLayout layout(shape);
  const std::vector<float> parameters = drawn(layout.size, double{kMostParameter});
  const std::vector<float> rows = drawn(50 * 3, 1e38);
  const std::vector<uint32_t> all = {0, 9, 49};
  MlpPass pass;
  MlpNetwork::gather({rows.data(), 50, 3}, all, pass);
  const MlpNetwork network(shape, layout, parameters);
  ASSERT_TRUE(network.forward(cpu.context, *cpu.context.executor, pass));
  for (const float score : pass.scores) EXPECT_TRUE(std::isfinite(score));
}

TEST(MlpModel, RefusesPartsThatDoNotFit) {
  MlpModel::Parts sound;
  sound.shape = small_shape();
  sound.parameters = drawn(MlpLayout(sound.shape).size, 1);
  sound.features = {0, 0, 1};
  sound.feature_count = 2;
  sound.importance = {0.25, 0.75};
  sound.link = Link::kSoftmax;
  EXPECT_TRUE(MlpModel::make(sound));
  const auto refused = [&](const auto& spoil) {
    MlpModel::Parts parts = sound;
    spoil(parts);
    return !MlpModel::make(std::move(parts));
  };
  EXPECT_TRUE(refused([](auto& p) { p.parameters.pop_back(); }));
  EXPECT_TRUE(refused([](auto& p) { p.parameters[3] = std::nanf(""); }));
  EXPECT_TRUE(refused([](auto& p) { p.parameters[3] = 2e6F; }));
  EXPECT_TRUE(refused([](auto& p) { p.features[2] = 2; }));
  EXPECT_TRUE(refused([](auto& p) { p.link = Link::kLogistic; }));
  EXPECT_TRUE(refused([](auto& p) { p.shape.wave_columns = {2, 0}; }));
  EXPECT_TRUE(refused([](auto& p) { p.shape.wave_columns = {0, 3}; }));
  EXPECT_TRUE(refused([](auto& p) { p.shape.widths[0] = 0; }));
  EXPECT_TRUE(refused([](auto& p) { p.target.scale = INFINITY; }));
  EXPECT_TRUE(refused([](auto& p) { p.importance.pop_back(); }));
  EXPECT_TRUE(refused([](auto& p) { p.importance[0] = std::nan(""); }));
  EXPECT_TRUE(refused([](auto& p) { p.epochs = 0; }));
}

TEST(MlpModel, IntegratedGradientsAreCoefficientsOfALine) {
  const auto problem = friedman(Task::kRegression, 400);
  const Cpu cpu;
  // Hidden units so small that they are straight lines: z / 2.
  const FitResult fit = must(mlp().fit(
      problem->request({{"epochs", int64_t{2}}, {"wave_scale", 0.0}, {"layers", int64_t{1}}}),
      cpu.context));
  const auto& trained = dynamic_cast<const MlpModel&>(*fit.model).parts();
  MlpModel::Parts parts = trained;
  const MlpLayout layout(parts.shape);
  const MlpLayout::Layer& first = layout.layers[0];
  for (size_t i = first.weights; i < layout.layers[1].weights; ++i) parts.parameters[i] *= 1e-3F;
  const auto line = must(MlpModel::make(parts));
  const size_t stride = static_cast<size_t>(line->feature_count()) + 1;
  std::vector<double> out(problem->valid_rows.size() * stride);
  ASSERT_TRUE(line->explain(*problem->features, problem->valid_rows, cpu.context,
                            ExplainedScale::kPredictions, out));
  const DenseView dense = must(problem->features->dense(cpu.context));
  const auto width = static_cast<size_t>(first.outputs);
  for (size_t i = 0; i < problem->valid_rows.size(); i += 10) {
    std::vector<double> expected(stride, 0.0);
    const auto row = dense.row(problem->valid_rows[i]);
    for (size_t c = 0; c < row.size(); ++c) {
      double coefficient = 0;
      for (size_t j = 0; j < width; ++j) {
        coefficient += 0.5 * double{parts.parameters[first.weights + c * width + j]} *
                       double{parts.parameters[layout.layers[1].weights + j]};
      }
      expected[static_cast<size_t>(parts.features[c])] +=
          double{row[c]} * double{parts.parameters[layout.scales + c]} * coefficient *
          parts.target.scale;
    }
    for (size_t f = 0; f + 1 < stride; ++f) {
      EXPECT_NEAR(out[i * stride + f], expected[f], 1e-6 + 0.02 * std::abs(expected[f])) << f;
    }
  }
}

TEST(Mlp, WavesHelpWhereTheTargetIsOne) {
  Lcg lcg(11);
  std::vector<datasets::Column> columns(1);
  columns[0].name = "x";
  std::vector<double> targets;
  for (int row = 0; row < 2000; ++row) {
    const double x = lcg.next();
    columns[0].numbers.push_back(x);
    targets.push_back(std::sin(40 * x) + 0.1 * (lcg.next() - 0.5));
  }
  auto problem = encode_problem(std::move(columns));
  problem->targets = targets;
  for (uint32_t row = 0; row < 2000; ++row) {
    (row < 1500 ? problem->train_rows : problem->valid_rows).push_back(row);
  }
  bind_problem(*problem, Task::kRegression, 0);
  const Cpu cpu;
  const auto score = [&](double scale) {
    const FitResult fit = must(mlp().fit(
        problem->request({{"wave_scale", scale}, {"epochs", int64_t{40}}, {"dropout", 0.0}}),
        cpu.context));
    return valid_score(*fit.model, *problem, cpu);
  };
  EXPECT_LT(score(1), 0.2);
  EXPECT_GT(score(0), 0.4) << "without waves it sees a line or two";
}

TEST(Mlp, KeepsTheBestEpoch) {
  auto problem = friedman(Task::kBinary, 300);
  const Cpu cpu;
  StopAfter observer(1'000'000);
  // A few rows and no restraint: later epochs fit noise.
  FitRequest request = problem->request({{"dropout", 0.0},
                                         {"weight_decay", 0.0},
                                         {"learning_rate", 0.2},
                                         {"epochs", int64_t{60}},
                                         {"patience", int64_t{0}}});
  request.observer = &observer;
  const FitResult fit = must(mlp().fit(request, cpu.context));
  ASSERT_EQ(observer.seen.size(), 60U);
  EXPECT_LT(fit.best_iteration, 60);
  for (const FitProgress& progress : observer.seen) {
    EXPECT_GE(progress.valid_loss, fit.valid_loss);
  }
  EXPECT_EQ(observer.seen[static_cast<size_t>(fit.best_iteration) - 1].valid_loss, fit.valid_loss);
  request.params["patience"] = int64_t{5};
  const FitResult ended = must(mlp().fit(request, cpu.context));
  EXPECT_EQ(ended.iterations, ended.best_iteration + 5);
  EXPECT_LT(ended.iterations, 60);
}

TEST(Mlp, GivesAModelWhateverTheRate) {
  const auto problem = friedman(Task::kRegression, 300);
  const Cpu cpu;
  const FitResult fit = must(
      mlp().fit(problem->request({{"learning_rate", 10.0}, {"epochs", int64_t{10}}}), cpu.context));
  for (const float value : predictions(*fit.model, *problem, problem->valid_rows, cpu)) {
    EXPECT_TRUE(std::isfinite(value));
  }
}

TEST(Mlp, ARefitMakesTheEpochsOfTheBestOne) {
  const auto problem = friedman(Task::kBinary, 400);
  const Cpu cpu;
  const FitResult fit = must(mlp().fit(problem->request(), cpu.context));
  EXPECT_EQ(fit.model->step_count(), 0);
  EXPECT_EQ(fit.model->refit_steps(), fit.best_iteration);
}

TEST(Mlp, WithoutValidWeightsTheLastEpochIsKept) {
  auto problem = friedman(Task::kBinary, 400);
  problem->weights.assign(400, 1.0F);
  for (const uint32_t row : problem->valid_rows) problem->weights[row] = 0;
  bind_problem(*problem, Task::kBinary, 2);
  const Cpu cpu;
  const FitResult fit = must(mlp().fit(problem->request({{"epochs", int64_t{40}}}), cpu.context));
  EXPECT_EQ(fit.best_iteration, 40);
  EXPECT_TRUE(std::isnan(fit.valid_loss));
}

TEST(Mlp, GoesByWeights) {
  auto problem = friedman(Task::kRegression, 1200);
  const Cpu cpu;
  // Half of the rows say the opposite, and hardly count.
  problem->weights.assign(1200, 1.0F);
  for (size_t i = 0; i < 1200; i += 2) {
    problem->weights[i] = 1e-4F;
    if (i < 900) problem->targets[i] = -problem->targets[i];
  }
  bind_problem(*problem, Task::kRegression, 0);
  const FitResult fit = must(mlp().fit(problem->request(), cpu.context));
  EXPECT_LT(valid_score(*fit.model, *problem, cpu), 2.5);
}

}  // namespace
}  // namespace assay::automl
