// Second levels: what they find, and that rows which did not choose them decide about them.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "automl/ensemble/log_linear.h"
#include "automl/ensemble/stacking.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

double normal(Rng& rng) {
  const double radius = std::sqrt(-2 * std::log(1 - rng.next_double()));
  return radius * std::cos(2 * 3.14159265358979323846 * rng.next_double());
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Two models that each see one of two signals: the truth is drawn with the log-odds
// sum of weight * signal, and each says the log-odds of its own signal.
struct Signals {
  Signals(size_t rows, double first, double second) : labels(rows), parts(rows), said(2) {
    Rng rng(5);
    for (size_t row = 0; row < rows; ++row) {
      const double a = 1.5 * normal(rng);
      const double b = 1.5 * normal(rng);
      labels[row] = rng.next_double() < sigmoid(first * a + second * b) ? 1 : 0;
      parts[row] = static_cast<int32_t>(row % 5);
      for (const auto& [model, x] : {std::pair(0, a), std::pair(1, b)}) {
        said[static_cast<size_t>(model)].push_back(static_cast<float>(1 - sigmoid(x)));
        said[static_cast<size_t>(model)].push_back(static_cast<float>(sigmoid(x)));
      }
    }
    for (const auto& one : said) views.push_back({one.data(), static_cast<int64_t>(rows), 2});
    problem.candidates = views;
    problem.targets = {labels, {}};
    problem.metric = &metric;
    problem.parts = parts;
  }
  std::vector<int32_t> labels;
  std::vector<int32_t> parts;
  std::vector<std::vector<float>> said;
  std::vector<PredictionView> views;
  Metric metric = *Metric::find("log_loss");
  SelectionProblem problem;
};

StackCheck check(const SelectionProblem& problem) {
  SerialExecutor executor;
  const auto cross = cross_selected_scores(problem, {}, executor, StopToken());
  EXPECT_TRUE(cross) << cross.error().message;
  const auto found = check_stack(problem, *cross, StopToken());
  EXPECT_TRUE(found) << found.error().message;
  return *found;
}

TEST(LogLinear, TheLeastOfAParabolaKeepsToItsBounds) {
  const double none = -std::numeric_limits<double>::infinity();
  // 2x + y = 1 and x + 2y = -1, by hand: (1, -1); with y >= 0 it is x = 1/2.
  const std::vector<double> hessian = {2, 1, 1, 2};
  const auto free = least_of_parabola({-1, 1}, hessian, {none, none});
  EXPECT_NEAR(free[0], 1, 1e-6);
  EXPECT_NEAR(free[1], -1, 1e-6);
  const auto bound = least_of_parabola({-1, 1}, hessian, {none, 0});
  EXPECT_NEAR(bound[0], 0.5, 1e-9);
  EXPECT_EQ(bound[1], 0);
}

TEST(Stacking, FindsTheWeightsOfTheLogOdds) {
  const Signals signals(20'000, 1.3, 0.6);
  const auto stack = fit_stack(signals.problem, std::vector<double>{0.5, 0.5}, StopToken());
  ASSERT_TRUE(stack) << stack.error().message;
  EXPECT_NEAR(stack->weights[0], 1.3, 0.08);
  EXPECT_NEAR(stack->weights[1], 0.6, 0.05);
  EXPECT_EQ(stack->bias, 0);
  // A row by hand.
  std::vector<float> out(signals.said[0].size());
  stack_predictions(signals.views, *stack, out);
  const auto odds = [](float p) { return std::log(static_cast<double>(p) / (1 - double{p})); };
  const double z =
      stack->weights[0] * odds(signals.said[0][1]) + stack->weights[1] * odds(signals.said[1][1]);
  EXPECT_NEAR(out[1], sigmoid(z), 1e-4);
  EXPECT_NEAR(out[0] + out[1], 1, 1e-6);
}

TEST(Stacking, IsDrawnToTheAverageWhereRowsAreFew) {
  const Signals few(60, 1.3, 0.6);
  const Signals many(20'000, 1.3, 0.6);
  const std::vector<double> average = {0.5, 0.5};
  const auto near = fit_stack(few.problem, average, StopToken());
  const auto far = fit_stack(many.problem, average, StopToken());
  ASSERT_TRUE(near && far);
  EXPECT_LT(std::abs(near->weights[0] - 0.5), std::abs(far->weights[0] - 0.5));
}

// No member may count against another one.
TEST(Stacking, LeavesOutWhoSaysTheContrary) {
  const Signals contrary(4000, 1.5, -1);
  const auto stack = fit_stack(contrary.problem, std::vector<double>{0.8, 0.2}, StopToken());
  ASSERT_TRUE(stack) << stack.error().message;
  EXPECT_GT(stack->weights[0], 0.8);
  EXPECT_EQ(stack->weights[1], 0);
  EXPECT_EQ(stack->member_count(), 1u);
}

struct Numbers {
  explicit Numbers(const TargetScale& frame, size_t rows = 3000) : said(2) {
    Rng rng(6);
    for (size_t row = 0; row < rows; ++row) {
      const double a = normal(rng);
      const double b = normal(rng);
      values.push_back(frame.value(0.5 + 1.2 * a + 0.7 * b + 0.1 * normal(rng)));
      said[0].push_back(static_cast<float>(a));
      said[1].push_back(static_cast<float>(b));
    }
    for (const auto& one : said) views.push_back({one.data(), static_cast<int64_t>(rows), 1});
    metric = Metric::find("rmse")->in(frame);
    problem.candidates = views;
    problem.targets = {{}, values};
    problem.metric = &metric;
  }
  std::vector<double> values;
  std::vector<std::vector<float>> said;
  std::vector<PredictionView> views;
  Metric metric = *Metric::find("rmse");
  SelectionProblem problem;
};

TEST(Stacking, FindsTheWeightsAndTheConstantOfNumbers) {
  for (const TargetScale frame : {TargetScale{}, TargetScale{1e9, 1}, TargetScale{0, 0x1p-100}}) {
    const Numbers numbers(frame);
    const auto stack = fit_stack(numbers.problem, std::vector<double>{0.6, 0.4}, StopToken());
    ASSERT_TRUE(stack) << stack.error().message;
    EXPECT_NEAR(stack->weights[0], 1.2, 0.02);
    EXPECT_NEAR(stack->weights[1], 0.7, 0.02);
    EXPECT_NEAR(stack->bias, 0.5, 0.02);
    const StackCheck found = check(numbers.problem);
    EXPECT_TRUE(found.approves());
    EXPECT_NEAR(found.stacked, frame.scale * 0.1, frame.scale * 0.02);
  }
}

TEST(StackCheck, ApprovesWhatIsBetterOnRowsThatDidNotFitIt) {
  // An average of two such models is far too flat.
  const StackCheck better = check(Signals(3000, 1.2, 1.0).problem);
  EXPECT_TRUE(better.approves());
  EXPECT_LT(better.stacked, better.average);
  EXPECT_GT(better.gain, 2 * better.noise);
  EXPECT_TRUE(better.both_halves);
  EXPECT_EQ(better.blocks, 20);
}

// The truth is drawn from the very average of what models say: nothing is better on other rows.
TEST(StackCheck, DoesNotApproveWhereTheAverageIsRight) {
  int approved = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Signals signals(600, 1, 1);
    Rng rng(100 + seed);
    for (size_t row = 0; row < signals.labels.size(); ++row) {
      const double p = (static_cast<double>(signals.said[0][2 * row + 1]) +
                        static_cast<double>(signals.said[1][2 * row + 1])) /
                       2;
      signals.labels[row] = rng.next_double() < p ? 1 : 0;
    }
    const StackCheck found = check(signals.problem);
    approved += found.approves() ? 1 : 0;
  }
  EXPECT_LE(approved, 1);
}

// Late rows are not as early ones: what they would choose is asked of none.
TEST(StackCheck, AsksOnlyLaterRowsInTime) {
  Signals signals(3000, 1.2, 1.0);
  for (size_t row = 0; row < 3000; ++row) signals.parts[row] = static_cast<int32_t>(row / 600);
  signals.problem.in_time = true;
  const StackCheck before = check(signals.problem);
  EXPECT_TRUE(before.approves());
  EXPECT_EQ(before.blocks, 20) << "ten of each of two folds";
  // The first signal alone, at half of what is said of it.
  Rng rng(6);
  for (size_t row = 0; row < 1800; ++row) {
    const double p = double{signals.said[0][2 * row + 1]};
    const double drawn = sigmoid(0.5 * std::log(p / (1 - p)));
    signals.labels[row] = rng.next_double() < drawn ? 1 : 0;
  }
  const StackCheck after = check(signals.problem);
  EXPECT_FALSE(after.approves()) << "early rows choose";
  EXPECT_EQ(after.blocks, 20);
}

TEST(StackCheck, ComparesRanksWithinFoldsOnly) {
  Signals signals(2000, 1.2, 0.3);
  signals.metric = *Metric::find("roc_auc");
  const StackCheck found = check(signals.problem);
  EXPECT_GT(found.average, 0.5);
  EXPECT_EQ(found.blocks, 20) << "four of each fold";
}

TEST(Stacking, RefusesWhatSaysTooLittle) {
  const std::vector<double> average = {0.5, 0.5};
  const Signals few(40, 1, 1);
  EXPECT_EQ(fit_stack(few.problem, average, StopToken()).error().code, StatusCode::kData);
  const Signals late(400, 1, 1);
  StopToken stop;
  stop.request();
  EXPECT_EQ(fit_stack(late.problem, average, stop).error().code, StatusCode::kCancelled);
  EXPECT_EQ(fit_stack({}, {}, StopToken()).error().code, StatusCode::kInvalidArgument);
  // The average makes no mistake.
  Numbers exact{TargetScale{}};
  for (size_t row = 0; row < exact.values.size(); ++row) {
    exact.values[row] = (double{exact.said[0][row]} + double{exact.said[1][row]}) / 2;
  }
  exact.problem.targets = {{}, exact.values};
  EXPECT_EQ(fit_stack(exact.problem, average, StopToken()).error().code, StatusCode::kData);
}

}  // namespace
}  // namespace assay::automl
