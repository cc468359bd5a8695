#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
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
  std::vector<int64_t> group_ends = {};
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
                               out.max_hessians.data(),
                               data.group_ends.data()};
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
                           &value,
                           data.group_ends.data()};
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

TEST(ReferenceLoss, AbsoluteTakesTheSideAndTheDistance) {
  const Data data{{}, {1, 2, 5}, {3, 2, 1}, {}, {1, 1, 0.5f}};
  const LossProblem problem{Loss::kAbsolute, 3, 3, 1};
  const Gradients out = gradients_of(problem, data);
  EXPECT_EQ(out.gradients, (std::vector<float>{-1, 0, 0.5f}));
  EXPECT_EQ(out.hessians, (std::vector<float>{1, 1, 0.5f}));
  EXPECT_DOUBLE_EQ(value_of(problem, data), (2 + 0 + 4 * 0.5) / 2.5);
}

TEST(ReferenceLoss, HuberIsSquaredWithinDeltaAndStraightBeyond) {
  const Data data{{}, {1, 2, 5, 3}, {3, 1, 1, 1.5}, {}, {}};
  const LossProblem problem{Loss::kHuber, 4, 4, 1, 1.5};
  const Gradients out = gradients_of(problem, data);
  EXPECT_EQ(out.gradients, (std::vector<float>{-1.5f, 1, 1.5f, 1.5f}));
  EXPECT_EQ(out.hessians, (std::vector<float>{1, 1, 1, 1}));
  // 1.5 (2 - 0.75), 1 / 2, 1.5 (4 - 0.75), and both forms agree at delta: 1.5^2 / 2.
  EXPECT_DOUBLE_EQ(value_of(problem, data), (1.875 + 0.5 + 4.875 + 1.125) / 4);
}

TEST(ReferenceLoss, QuantileWeighsTheSides) {
  const Data data{{}, {1, 2, 5}, {3, 2, 1}, {}, {}};
  const LossProblem problem{Loss::kQuantile, 3, 3, 1, 0.75};
  const Gradients out = gradients_of(problem, data);
  EXPECT_EQ(out.gradients, (std::vector<float>{-0.75f, 0, 0.25f}));
  EXPECT_EQ(out.hessians, (std::vector<float>{1, 1, 1}));
  EXPECT_DOUBLE_EQ(value_of(problem, data), (2 * 0.75 + 4 * 0.25) / 3);
}

TEST(ReferenceLoss, PoissonAndTweedieAreHalfDeviances) {
  const Data data{{}, {0.5, 0.5, -1}, {2, 0, 3}, {}, {}};
  const LossProblem poisson{Loss::kPoisson, 3, 3, 1};
  Gradients out = gradients_of(poisson, data);
  EXPECT_FLOAT_EQ(out.gradients[0], -0.3512787292998718f);
  EXPECT_FLOAT_EQ(out.gradients[1], 1.6487212707001282f);
  EXPECT_FLOAT_EQ(out.gradients[2], -2.6321205588285577f);
  EXPECT_FLOAT_EQ(out.hessians[0], 1.6487212707001282f);
  EXPECT_FLOAT_EQ(out.hessians[2], 0.36787944117144233f);
  EXPECT_NEAR(value_of(poisson, data),
              (0.03501563182001877 + 1.6487212707001282 + 3.6637163071757715) / 3, 1e-14);
  const LossProblem tweedie{Loss::kTweedie, 3, 3, 1, 1.5};
  out = gradients_of(tweedie, data);
  EXPECT_FLOAT_EQ(out.gradients[0], -0.27357614945506836f);
  EXPECT_FLOAT_EQ(out.gradients[1], 1.2840254166877414f);
  EXPECT_FLOAT_EQ(out.gradients[2], -4.339633152387751f);
  EXPECT_FLOAT_EQ(out.hessians[0], 1.4208134914152756f);
  EXPECT_FLOAT_EQ(out.hessians[1], 0.6420127083438707f);
  EXPECT_FLOAT_EQ(out.hessians[2], 2.776347235906509f);
  EXPECT_NEAR(value_of(tweedie, data),
              (0.026399716168721277 + 2.568050833375483 + 4.177185713350527) / 3, 1e-14);
}

TEST(ReferenceLoss, CrossEntropyTakesSoftLabels) {
  const Data data{{}, {2, -1, 0}, {0.25, 1, 0.5}, {}, {}};
  const LossProblem problem{Loss::kCrossEntropy, 3, 3, 1};
  const Gradients out = gradients_of(problem, data);
  EXPECT_FLOAT_EQ(out.gradients[0], 0.6307970779778823f);
  EXPECT_FLOAT_EQ(out.gradients[1], -0.7310585786300049f);
  EXPECT_EQ(out.gradients[2], 0.0f);
  EXPECT_FLOAT_EQ(out.hessians[0], 0.10499358540350662f);
  EXPECT_NEAR(value_of(problem, data),
              (1.6269280110429725 + 1.3132616875182228 + 0.6931471805599453) / 3, 1e-14);
}

TEST(ReferenceLoss, ExponentsStopAtThreeHundred) {
  const Data far{{}, {1e6}, {0}, {}, {}};
  const Gradients out = gradients_of({Loss::kPoisson, 1, 1, 1}, far);
  EXPECT_EQ(out.gradients[0], 3.4028234663852886e38f);
  EXPECT_EQ(value_of({Loss::kPoisson, 1, 1, 1}, far), 0x1p100);
}

// Central differences of the loss against the gradient, and of the gradient against the hessian
// where the loss has one (Huber's and the distances' are bounds, not derivatives).
TEST(ReferenceLoss, GradientsAreTheLossesDifferences) {
  struct Case {
    LossProblem problem;
    std::vector<double> targets;
    bool has_hessian;
  };
  const std::vector<Case> cases = {{{Loss::kSquared, 1, 1, 1}, {-2, 0.3, 7}, true},
                                   {{Loss::kAbsolute, 1, 1, 1}, {-2, 0.3, 7}, false},
                                   {{Loss::kHuber, 1, 1, 1, 0.8}, {-2, 0.3, 7}, false},
                                   {{Loss::kQuantile, 1, 1, 1, 0.2}, {-2, 0.3, 7}, false},
                                   {{Loss::kPoisson, 1, 1, 1}, {0, 0.3, 7}, true},
                                   {{Loss::kTweedie, 1, 1, 1, 1.2}, {0, 0.3, 7}, true},
                                   {{Loss::kTweedie, 1, 1, 1, 1.8}, {0, 0.3, 7}, true},
                                   {{Loss::kCrossEntropy, 1, 1, 1}, {0, 0.3, 1}, true}};
  constexpr double kStep = 1e-5;
  for (const Case& item : cases) {
    for (const double target : item.targets) {
      for (const double score : {-1.7, -0.4, 0.1, 0.9, 2.2}) {
        const auto value = [&](double s) {
          return value_of(item.problem, Data{{}, {s}, {target}, {}, {}});
        };
        const auto gradients = [&](double s) {
          return gradients_of(item.problem, Data{{}, {s}, {target}, {}, {}});
        };
        const Gradients here = gradients(score);
        const double slope = (value(score + kStep) - value(score - kStep)) / (2 * kStep);
        const double size = std::max(1.0, std::fabs(slope));
        EXPECT_NEAR(here.gradients[0], slope, 2e-6 * size)
            << "loss " << int(item.problem.loss) << ", target " << target << ", score " << score;
        if (!item.has_hessian) continue;
        // Gradients are f32: a wider step keeps their rounding small.
        const double bend =
            (double{gradients(score + 0.01).gradients[0]} - gradients(score - 0.01).gradients[0]) /
            0.02;
        EXPECT_NEAR(here.hessians[0], bend, 3e-4 * std::max(1.0, std::fabs(bend)))
            << "loss " << int(item.problem.loss) << ", target " << target << ", score " << score;
      }
    }
  }
}

TEST(ReferenceLoss, ClassGradientsAreTheLossesDifferences) {
  constexpr double kStep = 1e-5;
  for (const Loss loss : {Loss::kLogistic, Loss::kSoftmax}) {
    const int32_t outputs = loss == Loss::kSoftmax ? 3 : 1;
    const LossProblem problem{loss, 1, 1, outputs};
    // Friedman's factor K / (K - 1) of the softmax's hessians.
    const double factor = loss == Loss::kSoftmax ? 1.5 : 1;
    for (int32_t label = 0; label < std::max(2, outputs); ++label) {
      std::vector<double> scores = {0.3, -1.2, 0.9};
      scores.resize(static_cast<size_t>(outputs));
      const Gradients here = gradients_of(problem, Data{{}, scores, {}, {label}, {}});
      for (size_t k = 0; k < scores.size(); ++k) {
        const auto moved = [&](double step) {
          std::vector<double> other = scores;
          other[k] += step;
          return Data{{}, other, {}, {label}, {}};
        };
        const double slope =
            (value_of(problem, moved(kStep)) - value_of(problem, moved(-kStep))) / (2 * kStep);
        EXPECT_NEAR(here.gradients[k], slope, 2e-6) << "class " << label << ", output " << k;
        const double bend = (double{gradients_of(problem, moved(0.01)).gradients[k]} -
                             gradients_of(problem, moved(-0.01)).gradients[k]) /
                            0.02;
        EXPECT_NEAR(here.hessians[k], factor * bend, 3e-4);
      }
    }
  }
}

// Two groups. In the first, of relevances 0, 2, 1 with scores 1, 0, -1, the rows rank 0, 1, 2;
// gains are 0, 3, 1, discounts 1, 1 / log2(3), 1 / 2, best is 3 + 1 / log2(3). The second has equal
// relevances: nothing to learn.
TEST(ReferenceLoss, LambdaRankWeighsPairsByWhatSwappingThemChanges) {
  LossProblem problem{Loss::kLambdaRank, 5, 5, 1, 10};
  problem.group_count = 2;
  const Data data{{}, {1, 0, -1, 5, 6}, {0, 2, 1, 1, 1}, {}, {}, {3, 5}};
  const double d1 = 1 / std::log2(3.0);
  const double best = 3 + d1;
  const double with_0 = 3 * (1 - d1) / best;    // of rows 1 and 0
  const double with_2 = 2 * (d1 - 0.5) / best;  // of rows 1 and 2
  const double apart = 1 * (1 - 0.5) / best;    // of rows 2 and 0
  const auto p = [](double ahead) { return 1 / (1 + std::exp(ahead)); };
  const Gradients out = gradients_of(problem, data);
  EXPECT_NEAR(out.gradients[0], with_0 * p(-1) + apart * p(-2), 1e-6);
  EXPECT_NEAR(out.gradients[1], -with_0 * p(-1) - with_2 * p(1), 1e-6);
  EXPECT_NEAR(out.gradients[2], with_2 * p(1) - apart * p(-2), 1e-6);
  EXPECT_NEAR(out.hessians[2], with_2 * p(1) * p(-1) + apart * p(-2) * p(2), 1e-6);
  EXPECT_EQ(out.gradients[3], 0);
  EXPECT_EQ(out.gradients[4], 0);
  EXPECT_FLOAT_EQ(out.hessians[3], 1e-16f);
  const double loss = with_0 * std::log(1 + std::exp(1.0)) + with_2 * std::log(1 + std::exp(-1.0)) +
                      apart * std::log(1 + std::exp(2.0));
  EXPECT_NEAR(value_of(problem, data), loss / 5, 1e-9);
  // Discounts stop at the cut: the last two rows may be swapped for nothing.
  problem.parameter = 1;
  const Gradients cut = gradients_of(problem, data);
  EXPECT_NEAR(cut.gradients[1], -3 * p(-1) / 3, 1e-6);
  EXPECT_NEAR(cut.gradients[2], -1 * p(-2) / 3, 1e-6);
}

// The order of the rows stands still under small steps, and so do the weights of pairs.
TEST(ReferenceLoss, LambdaRankGradientsAreTheLossesDifferences) {
  LossProblem problem{Loss::kLambdaRank, 6, 6, 1, 3};
  problem.group_count = 2;
  const Data data{{}, {0.2, -0.7, 1.1, 0.5, 0.1, 2}, {1, 3, 0, 2, 0, 1}, {}, {}, {4, 6}};
  const Gradients here = gradients_of(problem, data);
  constexpr double kStep = 1e-5;
  for (size_t i = 0; i < 6; ++i) {
    const auto moved = [&](double step) {
      Data other = data;
      other.scores[i] += step;
      return other;
    };
    // The value is a mean over six rows.
    const double slope =
        6 * (value_of(problem, moved(kStep)) - value_of(problem, moved(-kStep))) / (2 * kStep);
    EXPECT_NEAR(here.gradients[i], slope, 1e-5) << i;
    const double bend = (double{gradients_of(problem, moved(0.01)).gradients[i]} -
                         gradients_of(problem, moved(-0.01)).gradients[i]) /
                        0.02;
    EXPECT_NEAR(here.hessians[i], bend, 3e-4) << i;
  }
}

TEST(ReferenceLoss, RefusesParametersOutOfRange) {
  double value = 0;
  LossValueArgs args;
  args.value = &value;
  const auto message = [&](Loss loss, double parameter) {
    const Status status = reference::loss_value({}, {loss, 0, 0, 1, parameter}, args);
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(message(Loss::kQuantile, 1), "loss: alpha=1 (must be above 0 and below 1)");
  EXPECT_EQ(message(Loss::kHuber, 0), "loss: delta=0 (must be above 0 and below inf)");
  EXPECT_EQ(message(Loss::kTweedie, 2), "loss: power=2 (must be above 1 and below 2)");
  EXPECT_EQ(message(Loss::kTweedie, NAN), "loss: power=nan (must be above 1 and below 2)");
  EXPECT_EQ(message(Loss::kTweedie, 1.5), "");
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
