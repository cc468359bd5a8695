#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/reference/reference_ops.h"

namespace assay::kernels {
namespace {

// Arrays of a case whose expected values were computed with Python's math module.
struct Data {
  std::vector<uint32_t> rows;
  std::vector<double> scores;
  std::vector<double> targets;
  std::vector<int32_t> classes;
  std::vector<float> weights;
};

struct Gradients {
  std::vector<float> gradients;
  std::vector<float> hessians;
  std::vector<float> max_abs_gradients;
  std::vector<float> max_hessians;
};

Gradients gradients_of(const LossProblem& problem, const Data& data) {
  const auto cells = static_cast<size_t>(problem.row_count * problem.output_count);
  const auto outputs = static_cast<size_t>(problem.output_count);
  Gradients out{std::vector<float>(cells, -9), std::vector<float>(cells, -9),
                std::vector<float>(outputs, -9), std::vector<float>(outputs, -9)};
  const LossGradientsArgs args{data.rows.empty() ? nullptr : data.rows.data(),
                               data.scores.data(),
                               data.targets.data(),
                               data.classes.data(),
                               data.weights.empty() ? nullptr : data.weights.data(),
                               out.gradients.data(),
                               out.hessians.data(),
                               out.max_abs_gradients.data(),
                               out.max_hessians.data()};
  EXPECT_TRUE(reference::loss_gradients({}, problem, args).has_value());
  return out;
}

double value_of(const LossProblem& problem, const Data& data) {
  double value = -9;
  const LossValueArgs args{data.rows.empty() ? nullptr : data.rows.data(),
                           data.scores.data(),
                           data.targets.data(),
                           data.classes.data(),
                           data.weights.empty() ? nullptr : data.weights.data(),
                           &value};
  EXPECT_TRUE(reference::loss_value({}, problem, args).has_value());
  return value;
}

TEST(ReferenceLoss, SquaredGradientsAreWeightedDifferences) {
  const Data data{{}, {1, 2, 5}, {3, 2, 1}, {}, {1, 1, 0.5f}};
  const LossProblem problem{Loss::kSquared, 3, 3, 1};
  const Gradients out = gradients_of(problem, data);
  EXPECT_EQ(out.gradients, (std::vector<float>{-2, 0, 2}));
  EXPECT_EQ(out.hessians, (std::vector<float>{1, 1, 0.5f}));
  EXPECT_EQ(out.max_abs_gradients, (std::vector<float>{2}));
  EXPECT_EQ(out.max_hessians, (std::vector<float>{1}));
  // (2 + 0 + 8 / 2) / 2.5
  EXPECT_DOUBLE_EQ(value_of(problem, data), 2.4);
}

TEST(ReferenceLoss, VisitsOnlyTheGivenRows) {
  const Data data{{2}, {1, 2, 5}, {3, 2, 1}, {}, {}};
  const LossProblem problem{Loss::kSquared, 3, 1, 1};
  const Gradients out = gradients_of(problem, data);
  EXPECT_EQ(out.gradients, (std::vector<float>{-9, -9, 4}));
  EXPECT_EQ(out.hessians, (std::vector<float>{-9, -9, 1}));
  EXPECT_DOUBLE_EQ(value_of(problem, data), 8);
}

TEST(ReferenceLoss, LogisticFollowsTheFormula) {
  const Data data{{}, {2, 2, 0}, {}, {1, 0, 1}, {}};
  const LossProblem problem{Loss::kLogistic, 3, 3, 1};
  const Gradients out = gradients_of(problem, data);
  EXPECT_FLOAT_EQ(out.gradients[0], 0.8807970779778823f - 1.0f);
  EXPECT_FLOAT_EQ(out.gradients[1], 0.8807970779778823f);
  EXPECT_FLOAT_EQ(out.gradients[2], -0.5f);
  EXPECT_FLOAT_EQ(out.hessians[0], 0.10499358540350662f);
  EXPECT_FLOAT_EQ(out.hessians[2], 0.25f);
  EXPECT_FLOAT_EQ(out.max_abs_gradients[0], 0.8807970779778823f);
  EXPECT_FLOAT_EQ(out.max_hessians[0], 0.25f);
  EXPECT_NEAR(value_of(problem, data),
              (0.1269280110429726 + 2.1269280110429727 + std::log(2.0)) / 3, 1e-15);
}

TEST(ReferenceLoss, SoftmaxWritesAPlaneAnOutput) {
  const Data data{{}, {1, 2, 3, 3, 2, 1}, {}, {1, 2}, {}};
  const LossProblem problem{Loss::kSoftmax, 2, 2, 3};
  const Gradients out = gradients_of(problem, data);
  const double p[3] = {0.09003057317038046, 0.24472847105479764, 0.6652409557748218};
  const double h[3] = {0.12288760359748985, 0.27725466976496804, 0.3340431398019351};
  const double g[6] = {p[0], p[2], p[1] - 1, p[1], p[2], p[0] - 1};
  const double planes[6] = {h[0], h[2], h[1], h[1], h[2], h[0]};
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(out.gradients[i], g[i], 1e-7) << i;
    EXPECT_NEAR(out.hessians[i], planes[i], 1e-7) << i;
  }
  for (size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(out.max_abs_gradients[k],
              std::max(std::fabs(out.gradients[2 * k]), std::fabs(out.gradients[2 * k + 1])));
    EXPECT_EQ(out.max_hessians[k], std::max(out.hessians[2 * k], out.hessians[2 * k + 1]));
  }
  EXPECT_NEAR(value_of(problem, data), (1.4076059644443806 + 2.4076059644443806) / 2, 1e-15);
}

TEST(ReferenceLoss, HessiansHaveAFloorAndGradientsStayFinite) {
  const Data sure{{}, {900}, {}, {1}, {2}};
  const Gradients out = gradients_of({Loss::kLogistic, 1, 1, 1}, sure);
  EXPECT_EQ(out.hessians[0], 2e-16f);
  EXPECT_EQ(out.gradients[0], 0.0f);
  const Data far{{}, {1e308}, {-1e308}, {}, {}};
  const Gradients clamped = gradients_of({Loss::kSquared, 1, 1, 1}, far);
  EXPECT_EQ(clamped.gradients[0], 3.4028234663852886e38f);
}

TEST(ReferenceLoss, EndlessLossCountsAsTwoToTheHundred) {
  const Data far{{}, {1e300}, {0}, {}, {}};
  EXPECT_EQ(value_of({Loss::kSquared, 1, 1, 1}, far), 0x1p100);
}

TEST(ReferenceLoss, NoWeightGivesZero) {
  const LossProblem problem{Loss::kSquared, 1, 1, 1};
  EXPECT_EQ(value_of(problem, Data{{}, {3}, {1}, {}, {0}}), 0);
  EXPECT_EQ(value_of({Loss::kSquared, 0, 0, 1}, Data{}), 0);
}

TEST(ReferenceLoss, RefusesOutputCountsThatDoNotFit) {
  double value = 0;
  LossValueArgs args;
  args.value = &value;
  const Status softmax = reference::loss_value({}, {Loss::kSoftmax, 0, 0, 1}, args);
  ASSERT_FALSE(softmax.has_value());
  EXPECT_EQ(softmax.error().message, "loss: output_count=1 (must be at least 2)");
  const Status squared = reference::loss_value({}, {Loss::kSquared, 0, 0, 2}, args);
  ASSERT_FALSE(squared.has_value());
  EXPECT_EQ(squared.error().message, "loss: output_count=2 (must be 1 but for softmax)");
}

}  // namespace
}  // namespace assay::kernels
