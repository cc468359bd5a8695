// Powers of probabilities that rows which did not choose them speak for.
#include <gtest/gtest.h>

#include <cmath>

#include "automl/ensemble/calibration.h"
#include "automl/models/calibrated_model.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

// Rows whose labels are drawn from probabilities, and what a model says of them: these to a power.
struct Drawn {
  Drawn(int64_t rows, int64_t columns, double power) {
    Rng rng(7);
    for (int64_t row = 0; row < rows; ++row) {
      std::vector<float> truth;
      double sum = 0;
      for (int64_t k = 0; k < columns; ++k) {
        truth.push_back(static_cast<float>(0.01 + std::pow(rng.next_double(), 4)));
        sum += static_cast<double>(truth.back());
      }
      double place = rng.next_double() * sum;
      int32_t label = 0;
      while (label + 1 < columns &&
             place >= static_cast<double>(truth[static_cast<size_t>(label)])) {
        place -= static_cast<double>(truth[static_cast<size_t>(label++)]);
      }
      double total = 0;
      for (float& p : truth) total += std::pow(static_cast<double>(p), power);
      for (float& p : truth) {
        p = static_cast<float>(std::pow(static_cast<double>(p), power) / total);
      }
      said.insert(said.end(), truth.begin(), truth.end());
      labels.push_back(label);
      halves.push_back(static_cast<uint8_t>(row % 2));
    }
    problem.predictions = {said.data(), rows, columns};
    problem.labels = labels;
    problem.halves = halves;
  }
  std::vector<float> said;
  std::vector<int32_t> labels;
  std::vector<uint8_t> halves;
  CalibrationProblem problem;
};

double mean_loss(const Drawn& drawn, double power) {
  std::vector<float> sharpened = drawn.said;
  const int64_t columns = drawn.problem.predictions.columns;
  sharpen(sharpened, columns, power);
  double sum = 0;
  for (size_t row = 0; row < drawn.labels.size(); ++row) {
    const auto at = row * static_cast<size_t>(columns) + static_cast<size_t>(drawn.labels[row]);
    sum -= std::log(static_cast<double>(sharpened[at]));
  }
  return sum / static_cast<double>(drawn.labels.size());
}

TEST(Calibration, FindsThePowerThatLabelsWereDrawnBy) {
  for (const int64_t columns : {int64_t{2}, int64_t{5}}) {
    for (const double power : {0.5, 2.0}) {
      const Drawn drawn(12'000, columns, power);
      const auto found = calibrate(drawn.problem, StopToken());
      ASSERT_TRUE(found) << found.error().message;
      EXPECT_NEAR(found->power * power, 1, 0.08) << columns;
      EXPECT_LT(found->loss_held_out, found->loss_before);
      EXPECT_NEAR(found->loss_before, mean_loss(drawn, 1), 1e-5);
      // It is the least of them.
      const double least = mean_loss(drawn, found->power);
      EXPECT_LT(least, mean_loss(drawn, found->power * 1.02));
      EXPECT_LT(least, mean_loss(drawn, found->power / 1.02));
    }
  }
}

// One half is too sharp and the other too flat: what suits one harms the other.
TEST(Calibration, KeepsProbabilitiesThatTheHeldOutHalfSpeaksFor) {
  Drawn sharp(4000, 3, 2);
  const Drawn flat(4000, 3, 0.5);
  for (size_t row = 0; row < 4000; row += 2) {
    for (size_t k = 0; k < 3; ++k) sharp.said[3 * row + k] = flat.said[3 * row + k];
  }
  const auto found = calibrate(sharp.problem, StopToken());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->power, 1);
  EXPECT_GT(found->loss_held_out, found->loss_before);
}

TEST(Calibration, LooksAtAPartOfManyRows) {
  const Drawn all(300'000, 2, 0.5);
  const auto found = calibrate(all.problem, StopToken());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_NEAR(found->power, 2, 0.1);
}

TEST(Calibration, RefusesWhatSaysTooLittle) {
  const Drawn few(60, 2, 0.5);
  EXPECT_EQ(calibrate(few.problem, StopToken()).error().code, StatusCode::kData);
  Drawn torn(400, 2, 0.5);
  torn.labels.pop_back();
  torn.problem.labels = torn.labels;
  EXPECT_EQ(calibrate(torn.problem, StopToken()).error().code, StatusCode::kInvalidArgument);
  const Drawn late(400, 2, 0.5);
  StopToken stop;
  stop.request();
  EXPECT_EQ(calibrate(late.problem, stop).error().code, StatusCode::kCancelled);
}

TEST(Sharpen, TakesPowersOfRows) {
  std::vector<float> rows = {0.8f, 0.2f, 1, 0, 0, 0};
  sharpen(rows, 2, 2);
  EXPECT_FLOAT_EQ(rows[0], 0.64f / 0.68f);
  EXPECT_FLOAT_EQ(rows[1], 0.04f / 0.68f);
  EXPECT_EQ(rows[2], 1);
  EXPECT_EQ(rows[3], 0);
  EXPECT_EQ(rows[4], 0) << "nothing is known of it";
}

}  // namespace
}  // namespace assay::automl
