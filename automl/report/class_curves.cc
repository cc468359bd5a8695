#include "automl/report/class_curves.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace assay::automl {
namespace {

// Rows by falling probability.
std::vector<size_t> falling_order(const ClassScores& scores) {
  std::vector<size_t> order(scores.probabilities.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return scores.probabilities[a] > scores.probabilities[b];
  });
  return order;
}

// Calls visit(positives so far, negatives so far) after each group of equal probabilities.
template <class Visit>
void for_each_threshold(const ClassScores& scores, Visit&& visit) {
  const std::vector<size_t> order = falling_order(scores);
  double positives = 0;
  double negatives = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    (scores.is_class[order[i]] != 0 ? positives : negatives) += 1;
    const bool group_ends = i + 1 == order.size() ||
                            scores.probabilities[order[i + 1]] != scores.probabilities[order[i]];
    if (group_ends) visit(positives, negatives);
  }
}

}  // namespace

int64_t ClassScores::positives() const {
  return std::count(is_class.begin(), is_class.end(), uint8_t{1});
}

ClassScores scores_of_class(std::span<const float> probabilities, std::span<const int32_t> labels,
                            size_t classes, size_t k) {
  ClassScores scores;
  for (size_t row = 0; row < labels.size(); ++row) {
    scores.probabilities.push_back(probabilities[row * classes + k]);
    scores.is_class.push_back(labels[row] == static_cast<int32_t>(k) ? 1 : 0);
  }
  return scores;
}

RateCurve roc_curve(const ClassScores& scores) {
  RateCurve curve;
  const auto positives = static_cast<double>(scores.positives());
  const double negatives = static_cast<double>(scores.is_class.size()) - positives;
  if (!(positives > 0) || !(negatives > 0)) return curve;
  curve.points.push_back({0, 0});
  for_each_threshold(scores, [&](double up, double along) {
    const SvgPoint next{along / negatives, up / positives};
    const SvgPoint& last = curve.points.back();
    curve.area += (next.x - last.x) * (next.y + last.y) / 2;
    curve.points.push_back(next);
  });
  return curve;
}

RateCurve precision_curve(const ClassScores& scores) {
  RateCurve curve;
  const auto positives = static_cast<double>(scores.positives());
  if (!(positives > 0)) return curve;
  double recall = 0;
  for_each_threshold(scores, [&](double up, double along) {
    const SvgPoint next{up / positives, up / (up + along)};
    curve.area += (next.x - recall) * next.y;
    recall = next.x;
    curve.points.push_back(next);
  });
  return curve;
}

std::vector<SvgPoint> thinned(std::span<const SvgPoint> points, size_t limit) {
  std::vector<SvgPoint> kept;
  const double least = 1.0 / static_cast<double>(limit);
  for (size_t i = 0; i < points.size(); ++i) {
    const bool end = i == 0 || i + 1 == points.size();
    if (!end && std::abs(points[i].x - kept.back().x) < least &&
        std::abs(points[i].y - kept.back().y) < least) {
      continue;
    }
    kept.push_back(points[i]);
  }
  return kept;
}

std::vector<CalibrationBin> calibration_bins(const ClassScores& scores, size_t bins) {
  std::vector<size_t> order = falling_order(scores);
  std::reverse(order.begin(), order.end());
  std::vector<CalibrationBin> result;
  const double each = static_cast<double>(order.size()) / static_cast<double>(bins);
  CalibrationBin bin;
  double mean_sum = 0;
  double rate_sum = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    mean_sum += scores.probabilities[order[i]];
    rate_sum += scores.is_class[order[i]];
    ++bin.rows;
    const bool last = i + 1 == order.size();
    if (!last && scores.probabilities[order[i + 1]] == scores.probabilities[order[i]]) continue;
    const double until = each * static_cast<double>(result.size() + 1);
    if (!last && static_cast<double>(i + 1) < until - 0.5) continue;
    bin.mean = mean_sum / static_cast<double>(bin.rows);
    bin.rate = rate_sum / static_cast<double>(bin.rows);
    result.push_back(bin);
    bin = {};
    mean_sum = rate_sum = 0;
  }
  return result;
}

double calibration_error(std::span<const CalibrationBin> bins) {
  double sum = 0;
  double rows = 0;
  for (const CalibrationBin& bin : bins) {
    sum += std::abs(bin.mean - bin.rate) * static_cast<double>(bin.rows);
    rows += static_cast<double>(bin.rows);
  }
  return rows > 0 ? sum / rows : 0;
}

Confusion confusion_of(std::span<const float> probabilities, std::span<const int32_t> labels,
                       std::span<const std::string> names, size_t limit, double threshold) {
  Confusion confusion;
  confusion.threshold = threshold;
  const size_t classes = names.size();
  std::vector<int64_t> rows(classes, 0);
  for (const int32_t label : labels) ++rows[static_cast<size_t>(label)];
  std::vector<size_t> order(classes);
  std::iota(order.begin(), order.end(), size_t{0});
  confusion.has_others = classes > limit;
  if (confusion.has_others) {
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return rows[a] > rows[b]; });
    order.resize(limit);
    std::sort(order.begin(), order.end());
  }
  std::vector<size_t> place(classes, order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    place[order[i]] = i;
    confusion.labels.push_back(names[order[i]]);
  }
  if (confusion.has_others) confusion.labels.emplace_back("others");
  const size_t size = confusion.labels.size();
  confusion.counts.assign(size, std::vector<int64_t>(size, 0));
  int64_t right = 0;
  for (size_t row = 0; row < labels.size(); ++row) {
    const size_t predicted = decide_class(probabilities.subspan(row * classes, classes), threshold);
    const auto label = static_cast<size_t>(labels[row]);
    right += predicted == label ? 1 : 0;
    ++confusion.counts[place[label]][place[predicted]];
  }
  if (!labels.empty()) {
    confusion.accuracy = static_cast<double>(right) / static_cast<double>(labels.size());
  }
  return confusion;
}

}  // namespace assay::automl
