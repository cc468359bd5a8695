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
      EXPECT_NEAR(found->calibrator.power * power, 1, 0.08) << columns;
      EXPECT_LT(found->loss_held_out, found->loss_before);
      EXPECT_NEAR(found->loss_before, mean_loss(drawn, 1), 1e-5);
      // It is the least of them.
      const double least = mean_loss(drawn, found->calibrator.power);
      EXPECT_LT(least, mean_loss(drawn, found->calibrator.power * 1.02));
      EXPECT_LT(least, mean_loss(drawn, found->calibrator.power / 1.02));
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
  EXPECT_EQ(found->calibrator.power, 1);
  EXPECT_GT(found->loss_held_out, found->loss_before);
}

// The early half is too sharp and the late one much more so: what is chosen early serves the late.
// The other way round it would not, and is not asked.
TEST(Calibration, AsksOnlyLaterRowsInTime) {
  Drawn drawn(4000, 3, 4);
  const Drawn early(4000, 3, 1.3);
  for (size_t row = 0; row < 4000; row += 2) {
    for (size_t k = 0; k < 3; ++k) drawn.said[3 * row + k] = early.said[3 * row + k];
  }
  const auto both = calibrate(drawn.problem, StopToken());
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_FALSE(both->calibrator.changes());
  drawn.problem.in_time = true;
  const auto found = calibrate(drawn.problem, StopToken());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_LT(found->calibrator.power, 0.8);
  EXPECT_NEAR(found->by_half[0].power * 1.3, 1, 0.1);
  EXPECT_FALSE(found->by_half[1].changes());
  EXPECT_GT(found->loss_before, both->loss_before) << "of late rows alone";
  EXPECT_LT(found->loss_held_out, found->loss_before);
}

TEST(Calibration, LooksAtAPartOfManyRows) {
  const Drawn all(300'000, 2, 0.5);
  const auto found = calibrate(all.problem, StopToken());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_NEAR(found->calibrator.power, 2, 0.1);
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

using Kind = Calibrator::Kind;

// The log-odds that labels were drawn by, less 1.5: a power does not mend that.
TEST(Calibration, FindsTheShiftThatLabelsWereDrawnBy) {
  Drawn drawn(12'000, 2, 1);
  for (size_t row = 0; row < drawn.labels.size(); ++row) {
    const double p = static_cast<double>(drawn.said[2 * row + 1]);
    const double odds = p / (1 - p) * std::exp(-1.5);
    drawn.said[2 * row + 1] = static_cast<float>(odds / (1 + odds));
    drawn.said[2 * row] = static_cast<float>(1 / (1 + odds));
  }
  drawn.problem.kinds = {Kind::kPower, Kind::kSigmoid};
  const auto found = calibrate(drawn.problem, StopToken());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->calibrator.kind, Kind::kSigmoid);
  EXPECT_NEAR(found->calibrator.power, 1, 0.08);
  EXPECT_NEAR(found->calibrator.shifts[1] - found->calibrator.shifts[0], 1.5, 0.1);
  // Each half found about the same.
  for (const Calibrator& half : found->by_half) EXPECT_NEAR(half.shifts[1], 1.5, 0.2);
}

// Five classes of which one was held for e times as likely as it is.
TEST(Calibration, FindsTheShiftOfOneOfManyClasses) {
  Drawn drawn(20'000, 5, 1);
  for (size_t row = 0; row < drawn.labels.size(); ++row) {
    double sum = 0;
    for (size_t k = 0; k < 5; ++k) {
      if (k == 3) drawn.said[5 * row + k] *= static_cast<float>(std::exp(1.0));
      sum += static_cast<double>(drawn.said[5 * row + k]);
    }
    for (size_t k = 0; k < 5; ++k) drawn.said[5 * row + k] /= static_cast<float>(sum);
  }
  drawn.problem.kinds = {Kind::kSigmoid};
  const auto found = calibrate(drawn.problem, StopToken());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_NEAR(found->calibrator.shifts[3], -1, 0.12);
  EXPECT_NEAR(found->calibrator.shifts[2], 0, 0.12);
}

// Probabilities that a curve bent which is no sigmoid of the log-odds: neither power nor shift.
TEST(Calibration, FindsACurve) {
  Drawn drawn(12'000, 2, 1);
  for (size_t row = 0; row < drawn.labels.size(); ++row) {
    const double p = static_cast<double>(drawn.said[2 * row + 1]);
    const double bent = p < 0.3 ? p / 30 : 0.01 + (p - 0.3) * 0.98 / 0.7;
    drawn.said[2 * row + 1] = static_cast<float>(bent);
    drawn.said[2 * row] = static_cast<float>(1 - bent);
  }
  drawn.problem.kinds = {Kind::kPower, Kind::kSigmoid, Kind::kIsotonic};
  const auto found = calibrate(drawn.problem, StopToken());
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->calibrator.kind, Kind::kIsotonic);
  EXPECT_TRUE(found->calibrator.check(2));
  EXPECT_NEAR(found->calibrator.curves[0].at(0.005), 0.15, 0.05);
  EXPECT_NEAR(found->calibrator.curves[0].at(0.71), 0.8, 0.05);
}

TEST(Calibration, LeavesOutWhatRowsDoNotSufficeFor) {
  Drawn few(160, 2, 0.5);
  few.problem.kinds = {Kind::kSigmoid, Kind::kIsotonic};
  EXPECT_EQ(calibrate(few.problem, StopToken()).error().code, StatusCode::kData);
  few.problem.kinds.push_back(Kind::kPower);
  const auto found = calibrate(few.problem, StopToken());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->by_half[0].kind, Kind::kPower);
}

// By hand: 1, 0 at 0.2 and 0.3 violate the order and are pooled to 1/2 at 0.25.
TEST(RisingCurve, PoolsWhatViolatesTheOrder) {
  const auto curve = rising_curve(std::vector<double>{0.4, 0.1, 0.3, 0.2},
                                  std::vector<double>{1, 0, 0, 1}, std::vector<double>{1, 1, 1, 1});
  ASSERT_EQ(curve.from.size(), 3u);
  EXPECT_DOUBLE_EQ(curve.from[0], 0.1);
  EXPECT_DOUBLE_EQ(curve.from[1], 0.25);
  EXPECT_DOUBLE_EQ(curve.from[2], 0.4);
  // Half a row of the two that there are then is held off each end.
  EXPECT_DOUBLE_EQ(curve.to[0], 0.25);
  EXPECT_DOUBLE_EQ(curve.to[1], 0.5);
  EXPECT_DOUBLE_EQ(curve.to[2], 0.75);
  EXPECT_DOUBLE_EQ(curve.at(0.175), 0.375);
  EXPECT_DOUBLE_EQ(curve.at(0), 0.25);
  EXPECT_DOUBLE_EQ(curve.at(1), 0.75);
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
