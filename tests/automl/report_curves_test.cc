// Curves and tables of predictions. Expected values were computed by hand.
#include <gtest/gtest.h>

#include "automl/report/class_charts.h"
#include "automl/report/class_curves.h"
#include "automl/report/value_charts.h"

namespace assay::automl {
namespace {

ClassScores scores() {
  // By falling probability: + - (+ -) -: one tie.
  return {{0.9f, 0.8f, 0.5f, 0.5f, 0.1f}, {1, 0, 1, 0, 0}};
}

TEST(RocCurve, CountsTiesHalf) {
  const RateCurve curve = roc_curve(scores());
  ASSERT_EQ(curve.points.size(), 5u);
  EXPECT_DOUBLE_EQ(curve.points[1].x, 0);
  EXPECT_DOUBLE_EQ(curve.points[1].y, 0.5);
  EXPECT_DOUBLE_EQ(curve.points[3].x, 2.0 / 3);
  EXPECT_DOUBLE_EQ(curve.points[3].y, 1);
  // Pairs: the first + beats three; the second loses to one, ties with one, beats one.
  EXPECT_DOUBLE_EQ(curve.area, (3 + 1.5) / 6);
  EXPECT_TRUE(roc_curve({{0.5f, 0.6f}, {1, 1}}).points.empty());
  EXPECT_TRUE(roc_curve({}).points.empty());
}

TEST(PrecisionCurve, SumsPrecisionTimesGainInRecall) {
  const RateCurve curve = precision_curve(scores());
  ASSERT_EQ(curve.points.size(), 4u);
  EXPECT_DOUBLE_EQ(curve.points[1].y, 0.5);
  EXPECT_DOUBLE_EQ(curve.area, 0.5 * 1 + 0.5 * 0.5);
  EXPECT_TRUE(precision_curve({{0.5f}, {0}}).points.empty());
}

TEST(Thinned, KeepsEndsAndWhatMoves) {
  std::vector<SvgPoint> points;
  for (int i = 0; i <= 10000; ++i) points.push_back({i / 10000.0, i / 10000.0});
  const auto kept = thinned(points, 100);
  EXPECT_LE(kept.size(), 103u);
  EXPECT_GE(kept.size(), 99u);
  EXPECT_EQ(kept.front().x, 0);
  EXPECT_EQ(kept.back().x, 1);
}

TEST(CalibrationBins, HoldEqualProbabilitiesTogether) {
  const auto bins = calibration_bins(scores(), 2);
  // The lowest 3 by halves of 2.5 rows: 0.1, 0.5, 0.5; then 0.8, 0.9.
  ASSERT_EQ(bins.size(), 2u);
  EXPECT_EQ(bins[0].rows, 3);
  EXPECT_NEAR(bins[0].mean, 1.1 / 3, 1e-7);
  EXPECT_DOUBLE_EQ(bins[0].rate, 1.0 / 3);
  EXPECT_EQ(bins[1].rows, 2);
  EXPECT_NEAR(bins[1].mean, 0.85, 1e-7);
  EXPECT_DOUBLE_EQ(bins[1].rate, 0.5);
  EXPECT_NEAR(calibration_error(bins), (3 * (0.1 / 3) + 2 * 0.35) / 5, 1e-7);
  EXPECT_EQ(calibration_bins({{0.5f, 0.5f, 0.5f}, {1, 0, 1}}, 10).size(), 1u);
}

TEST(Confusion, PutsSmallClassesTogether) {
  // Classes a, b, c with 3, 1, 2 rows.
  const std::vector<float> probabilities = {.8f, .1f, .1f, .1f, .1f, .8f, .4f, .4f, .2f,
                                            .1f, .8f, .1f, .1f, .1f, .8f, .2f, .5f, .3f};
  const std::vector<int32_t> labels = {0, 0, 0, 1, 2, 2};
  const std::vector<std::string> names = {"a", "b", "c"};
  const Confusion all = confusion_of(probabilities, labels, names, 10);
  EXPECT_FALSE(all.has_others);
  EXPECT_EQ(all.counts, (std::vector<std::vector<int64_t>>{{2, 0, 1}, {0, 1, 0}, {0, 1, 1}}));
  EXPECT_DOUBLE_EQ(all.accuracy, 4.0 / 6);
  const Confusion two = confusion_of(probabilities, labels, names, 2);
  EXPECT_EQ(two.labels, (std::vector<std::string>{"a", "c", "others"}));
  EXPECT_EQ(two.counts, (std::vector<std::vector<int64_t>>{{2, 1, 0}, {0, 1, 1}, {0, 0, 1}}));
  EXPECT_DOUBLE_EQ(two.accuracy, 4.0 / 6);
  const HtmlTable table = confusion_table(two);
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0].back().text, "66.7 %");
  EXPECT_EQ(table.rows[2].back().text, "-");
  EXPECT_NEAR(table.rows[0][2].shade, 1.0 / 3, 1e-12);
}

TEST(Confusion, DecidesBetweenTwoClassesAsTheModelDoes) {
  const std::vector<float> probabilities = {.9f, .1f, .75f, .25f, .6f, .4f, .3f, .7f};
  const std::vector<int32_t> labels = {0, 1, 1, 1};
  const std::vector<std::string> names = {"no", "yes"};
  using Counts = std::vector<std::vector<int64_t>>;
  EXPECT_EQ(confusion_of(probabilities, labels, names, 10).counts, (Counts{{1, 0}, {2, 1}}));
  const Confusion low = confusion_of(probabilities, labels, names, 10, 0.2);
  EXPECT_EQ(low.counts, (Counts{{1, 0}, {0, 3}}));
  EXPECT_EQ(low.accuracy, 1);
  EXPECT_NE(confusion_table(low).caption.find("above 0.2"), std::string::npos);
}

TEST(ClassCharts, NameEachClassWithItsArea) {
  const std::vector<NamedScores> classes = {{"yes <", scores()}, {"none", {{0.1f}, {0}}}};
  const Figure roc = roc_figure(classes);
  ASSERT_EQ(roc.legend.size(), 1u);
  EXPECT_EQ(roc.legend[0].label, "yes <: AUC 0.7500");
  EXPECT_NE(roc.svg.find("yes &lt;"), std::string::npos);
  EXPECT_EQ(precision_figure(classes).legend[0].label, "yes <: average precision 0.7500");
  EXPECT_EQ(calibration_figure(classes).legend.size(), 2u);
  const std::vector<NamedScores> one = {{"none", {{0.1f}, {0}}}};
  EXPECT_EQ(roc_figure(one).svg, "");
  EXPECT_FALSE(roc_figure(one).note.empty());
}

TEST(ValueCharts, DrawAPointARowUntilThereAreMany) {
  std::vector<double> truth;
  std::vector<double> predicted;
  for (int i = 0; i < 100; ++i) {
    truth.push_back(i);
    predicted.push_back(i + (i % 2 == 0 ? 1.0 : -1.0));
  }
  const auto dots = [](const std::string& svg) {
    size_t count = 0;
    for (size_t at = svg.find("h.01"); at != std::string::npos; at = svg.find("h.01", at + 1)) {
      ++count;
    }
    return count;
  };
  EXPECT_EQ(dots(predicted_figure({truth, predicted}).svg), 100u);
  EXPECT_EQ(dots(residual_figure({truth, predicted}).svg), 100u);
  const std::string bars = residual_histogram({truth, predicted}).svg;
  EXPECT_NE(bars.find("<rect"), std::string::npos);
  std::vector<double> many(kScatterRows + 1, 1.0);
  const Figure cells = predicted_figure({many, many});
  EXPECT_EQ(dots(cells.svg), 0u);
  EXPECT_NE(cells.svg.find("cells q7"), std::string::npos);
  EXPECT_NE(cells.note.find("2001 rows"), std::string::npos);
  EXPECT_EQ(predicted_figure({}).svg, "");
}

TEST(ValueCharts, LeaveFarValuesOnTheEdge) {
  std::vector<double> truth(1500, 1.0);
  for (size_t i = 0; i < truth.size(); ++i) truth[i] = static_cast<double>(i % 10);
  truth[7] = 1e9;
  const std::vector<double> predicted(truth.size(), 5.0);
  const Figure figure = predicted_figure({truth, predicted});
  EXPECT_NE(figure.note.find("on the edge"), std::string::npos);
  EXPECT_EQ(figure.svg.find("e9"), std::string::npos);
  EXPECT_EQ(figure.svg.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace assay::automl
