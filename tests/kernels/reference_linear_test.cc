// linear_scores and linear_gradient by hand, and their range checks.
#include <gmock/gmock.h>

#include "kernels/reference/reference_ops.h"

namespace assay::kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kFeatures[6] = {1, 2, -1, 0.5f, 4, 0};  // three rows of two columns
constexpr uint32_t kRows[2] = {0, 2};

TEST(ReferenceLinear, ScoresAreInterceptsAndProducts) {
  const double parameters[6] = {10, 1, 100, -1, 3, 0.5};
  double scores[6] = {};
  ASSERT_TRUE(reference::linear_scores({}, {3, 3, 2, 2}, {kFeatures, nullptr, parameters, scores}));
  // 3 + 1 * 10 + 2 * 100, 0.5 + 1 - 2, ...
  EXPECT_THAT(scores, ElementsAre(213, -0.5, 43, -1, 43, 4.5));
}

TEST(ReferenceLinear, OtherRowsKeepWhatTheyHad) {
  const double parameters[3] = {1, 1, 0};
  double scores[3] = {7, 7, 7};
  ASSERT_TRUE(reference::linear_scores({}, {3, 2, 2, 1}, {kFeatures, kRows, parameters, scores}));
  EXPECT_THAT(scores, ElementsAre(3, 7, 4));
}

// The first product, 1 + 2^-52 times 1 + 2^-23, is rounded before it is added to -1.
TEST(ReferenceLinear, ProductsOfScoresAreRounded) {
  const float x[1] = {1 + 0x1p-23f};
  const double parameters[2] = {1 + 0x1p-52, -1};
  double score = 0;
  ASSERT_TRUE(reference::linear_scores({}, {1, 1, 1, 1}, {x, nullptr, parameters, &score}));
  EXPECT_EQ(score, 0x1p-23 + 0x1p-52);
}

TEST(ReferenceLinear, GradientSumsRowsAndTheirDerivatives) {
  const float gradients[6] = {1, 10, 100, -1, -10, 2};  // a plane an output
  double sums[6] = {};
  ASSERT_TRUE(reference::linear_gradient({}, {3, 2, 2, 2}, {kFeatures, kRows, gradients, sums}));
  EXPECT_THAT(sums, ElementsAre(401, 7, 2, -2, 101, 1));
}

TEST(ReferenceLinear, NoRowsSumToNothing) {
  double sums[2] = {5, 5};
  ASSERT_TRUE(reference::linear_gradient({}, {0, 0, 1, 1}, {nullptr, nullptr, nullptr, sums}));
  EXPECT_THAT(sums, ElementsAre(0, 0));
}

// After 2^53 ones are lost one by one, but not those of the next chunk together.
TEST(ReferenceLinear, ChunksAreSummedApart) {
  std::vector<float> gradients(4096, 1.0f);
  gradients[0] = 0x1p53f;
  double sum = 0;
  ASSERT_TRUE(reference::linear_gradient({}, {4096, 4096, 0, 1},
                                         {nullptr, nullptr, gradients.data(), &sum}));
  EXPECT_EQ(sum, 0x1p53 + 2048);
}

std::string scores_problem(const LinearProblem& problem, const LinearScoresArgs& args) {
  const Status status = reference::linear_scores({}, problem, args);
  return status ? "" : status.error().message;
}

TEST(ReferenceLinear, RefusesBadArguments) {
  const double parameters[3] = {};
  double out[3] = {};
  const LinearScoresArgs args{kFeatures, nullptr, parameters, out};
  EXPECT_EQ(scores_problem({3, 4, 2, 1}, args), "linear_scores: sample_count=4 (must be 0..3)");
  EXPECT_THAT(scores_problem({3, 3, 2, 0}, args), HasSubstr("output_count=0"));
  EXPECT_THAT(scores_problem({3, 3, -1, 1}, args), HasSubstr("column_count=-1"));
  EXPECT_THAT(scores_problem({-1, 0, 2, 1}, args), HasSubstr("row_count=-1"));
  EXPECT_EQ(scores_problem({3, 3, 2, 1}, {nullptr, nullptr, parameters, out}),
            "linear_scores: features is null");
  EXPECT_EQ(scores_problem({3, 3, 2, 1}, {kFeatures, nullptr, nullptr, out}),
            "linear_scores: parameters is null");
  EXPECT_EQ(scores_problem({3, 3, 2, 1}, {kFeatures, nullptr, parameters, nullptr}),
            "linear_scores: scores is null");
  const Status no_sums = reference::linear_gradient({}, {0, 0, 2, 1}, {});
  ASSERT_FALSE(no_sums);
  EXPECT_EQ(no_sums.error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(no_sums.error().message, "linear_gradient: sums is null");
  const Status no_gradients =
      reference::linear_gradient({}, {3, 3, 2, 1}, {kFeatures, nullptr, nullptr, out});
  ASSERT_FALSE(no_gradients);
  EXPECT_EQ(no_gradients.error().message, "linear_gradient: gradients is null");
}

}  // namespace
}  // namespace assay::kernels
