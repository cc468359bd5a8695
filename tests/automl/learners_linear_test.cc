#include <gmock/gmock.h>

#include "automl/learners/lbfgs.h"
#include "automl/models/linear_model.h"
#include "tests/automl/learner_fixture.h"
#include "tests/automl/linear_gradient.h"

namespace assay::automl {
namespace {

const Learner& linear() { return *must(find_learner("linear")); }

// f = (x - 1)^2 + 100 (y + 2)^2.
TEST(Lbfgs, FindsTheMinimumOfAQuadratic) {
  Lbfgs optimiser({5, 5});
  const auto objective = [](std::span<const double> x, std::span<double> g) -> Result<double> {
    g[0] = 2 * (x[0] - 1);
    g[1] = 200 * (x[1] + 2);
    return (x[0] - 1) * (x[0] - 1) + 100 * (x[1] + 2) * (x[1] + 2);
  };
  int steps = 0;
  while (steps < 60 && must(optimiser.step(objective)) == Lbfgs::Outcome::kMoved) ++steps;
  EXPECT_LT(steps, 40);
  EXPECT_NEAR(optimiser.x()[0], 1, 1e-6);
  EXPECT_NEAR(optimiser.x()[1], -2, 1e-6);
  EXPECT_LT(optimiser.gradient_norm(), 1e-4);
}

// Rosenbrock's valley is not convex; its minimum is at (1, 1).
TEST(Lbfgs, FollowsACurvedValley) {
  Lbfgs optimiser({-1.2, 1});
  const auto objective = [](std::span<const double> x, std::span<double> g) -> Result<double> {
    const double a = 1 - x[0];
    const double b = x[1] - x[0] * x[0];
    g[0] = -2 * a - 400 * x[0] * b;
    g[1] = 200 * b;
    return a * a + 100 * b * b;
  };
  for (int i = 0; i < 200 && must(optimiser.step(objective)) == Lbfgs::Outcome::kMoved; ++i) {
  }
  EXPECT_NEAR(optimiser.x()[0], 1, 1e-4);
  EXPECT_NEAR(optimiser.x()[1], 1, 1e-4);
}

TEST(Lbfgs, PassesOnAFailureAndStays) {
  Lbfgs optimiser({3});
  int calls = 0;
  const auto objective = [&](std::span<const double> x, std::span<double> g) -> Result<double> {
    if (++calls == 2) return fail(StatusCode::kCancelled, "stop");
    g[0] = 2 * x[0];
    return x[0] * x[0];
  };
  const auto outcome = optimiser.step(objective);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, StatusCode::kCancelled);
  EXPECT_EQ(optimiser.x()[0], 3);
}

TEST(Lbfgs, IsDoneAtTheMinimum) {
  Lbfgs optimiser({0});
  const auto objective = [](std::span<const double> x, std::span<double> g) -> Result<double> {
    g[0] = 2 * x[0];
    return x[0] * x[0];
  };
  EXPECT_EQ(must(optimiser.step(objective)), Lbfgs::Outcome::kDone);
}

std::unique_ptr<Problem> two_columns(Task task) {
  std::vector<datasets::Column> columns(2);
  columns[0].name = "a";
  columns[1].name = "b";
  Lcg lcg(3);
  for (int row = 0; row < 500; ++row) {
    columns[0].numbers.push_back(lcg.next() * 10);
    columns[1].numbers.push_back(lcg.next() + columns[0].numbers.back() * 0.05);
  }
  auto problem = encode_problem(std::move(columns));
  for (uint32_t row = 0; row < 500; ++row) {
    const double a = problem->table->columns()[0].numbers[row];
    const double b = problem->table->columns()[1].numbers[row];
    const double y = 3 * a - 7 * b + 2 + (lcg.next() - 0.5);
    problem->targets.push_back(y);
    problem->classes.push_back(y > 12 ? 1 : 0);
    problem->train_rows.push_back(row);
  }
  bind_problem(*problem, task, task == Task::kRegression ? 0 : 2);
  if (task == Task::kRegression) problem->classes.clear();
  return problem;
}

// Ridge regression of standardised targets on the dense columns has a closed form, solved here by
// Cramer's rule: columns and targets have mean 0, so the intercept is 0.
TEST(Linear, MatchesTheClosedFormOfRidge) {
  const auto problem = two_columns(Task::kRegression);
  const Cpu cpu;
  const double l2 = 50;
  const FitResult result =
      must(linear().fit(problem->request({{"l2", l2}, {"tolerance", 1e-9}}), cpu.context));
  const auto& parts = dynamic_cast<const LinearModel&>(*result.model).parts();
  const DenseView dense = must(problem->features->dense(cpu.context));
  double aa = l2, bb = l2, ab = 0, ay = 0, by = 0;
  for (const uint32_t row : problem->train_rows) {
    const double a = dense.row(row)[0];
    const double b = dense.row(row)[1];
    const double y = (problem->targets[row] - parts.target.offset) / parts.target.scale;
    aa += a * a;
    bb += b * b;
    ab += a * b;
    ay += a * y;
    by += b * y;
  }
  const double determinant = aa * bb - ab * ab;
  EXPECT_NEAR(parts.coefficients[0], (ay * bb - by * ab) / determinant, 2e-5);
  EXPECT_NEAR(parts.coefficients[1], (by * aa - ay * ab) / determinant, 2e-5);
  EXPECT_NEAR(parts.intercepts[0], 0, 1e-5);
}

// At the minimum of the logistic loss the residuals are orthogonal to every column, up to the
// penalty, and sum to 0.
TEST(Linear, FulfilsTheConditionsOfTheLogisticMinimum) {
  const auto problem = two_columns(Task::kBinary);
  const Cpu cpu;
  const FitResult result =
      must(linear().fit(problem->request({{"l2", 5.0}, {"tolerance", 1e-8}}), cpu.context));
  const auto& parts = dynamic_cast<const LinearModel&>(*result.model).parts();
  const DenseView dense = must(problem->features->dense(cpu.context));
  std::array<double, 2> sums = {5 * parts.coefficients[0], 5 * parts.coefficients[1]};
  double bias = 0;
  for (const uint32_t row : problem->train_rows) {
    const double score = parts.intercepts[0] + parts.coefficients[0] * dense.row(row)[0] +
                         parts.coefficients[1] * dense.row(row)[1];
    const double residual = 1 / (1 + std::exp(-score)) - problem->classes[row];
    for (size_t c = 0; c < 2; ++c) sums[c] += residual * dense.row(row)[c];
    bias += residual;
  }
  EXPECT_NEAR(sums[0] / 500, 0, 2e-5);
  EXPECT_NEAR(sums[1] / 500, 0, 2e-5);
  EXPECT_NEAR(bias / 500, 0, 2e-5);
}

// Central differences of the value are an oracle for the gradient.
TEST(LinearLoss, GradientIsThatOfTheValue) {
  for (const Task task : {Task::kBinary, Task::kMulticlass, Task::kRegression}) {
    auto problem = friedman(task, 300);
    problem->weights.assign(300, 1.0f);
    for (size_t i = 0; i < 300; i += 3) problem->weights[i] = 2.5f;
    bind_problem(*problem, task, problem->data.class_count);
    const Cpu cpu;
    const FitRequest request = problem->request();
    const FitData data = must(prepare_fit(request, request.data->aim));
    const LinearLoss loss(request, data, must(problem->features->dense(cpu.context)), 3,
                          cpu.context);
    expect_gradient_of_value(loss, 1e-2, 1e-4, std::string(name_of(task)));
  }
}

TEST(Linear, StrongPenaltyPredictsTheBase) {
  const auto problem = two_columns(Task::kRegression);
  const Cpu cpu;
  const FitResult result = must(linear().fit(problem->request({{"l2", 1e12}}), cpu.context));
  const double mean = std::accumulate(problem->targets.begin(), problem->targets.end(), 0.0) / 500;
  for (const float value : predictions(*result.model, *problem, problem->train_rows, cpu)) {
    EXPECT_NEAR(value, mean, 1e-3);
  }
}

TEST(Linear, HandlesHugeTargets) {
  auto problem = two_columns(Task::kRegression);
  for (double& target : problem->targets) target = target > 12 ? 1e308 : -1e308;
  const Cpu cpu;
  const FitResult result = must(linear().fit(problem->request(), cpu.context));
  for (const float value : predictions(*result.model, *problem, problem->train_rows, cpu)) {
    EXPECT_TRUE(std::isfinite(value));
  }
}

}  // namespace
}  // namespace assay::automl
