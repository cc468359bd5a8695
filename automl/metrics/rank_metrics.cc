// Metrics of the order of scores. Rows are put in ascending order of the f32 score by a radix
// sort of three passes, stable, so that equal scores keep row order; then one scan over groups of
// equal scores:
//   roc_auc            sum over groups of  positives x (negatives below + negatives in it / 2),
//                      over positives x negatives (Fawcett: "An introduction to ROC analysis",
//                      Pattern Recognition Letters 27, 2006)
//   average_precision  sum over groups, best first, of  (recall gained) x (precision so far)
// Without weights all sums but the last division are of integers and halves, exact below 2^52.
// O(rows) time a class and 16 bytes a row.
#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <vector>

#include "automl/metrics/metric_internal.h"

namespace assay::automl::metrics {
namespace {

struct ScoredRow {
  uint32_t key = 0;  // orders like the score
  uint32_t row = 0;
};

uint32_t key_of(float score) {
  // Adding 0 makes -0 equal to 0. Then: flip all bits of negative numbers, the sign of others.
  const auto bits = std::bit_cast<uint32_t>(score + 0.0F);
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

void sort_rows(std::vector<ScoredRow>& rows) {
  constexpr int kDigitBits = 11;
  constexpr uint32_t kDigits = 1U << kDigitBits;
  std::vector<ScoredRow> sorted(rows.size());
  for (int shift = 0; shift < 32; shift += kDigitBits) {
    std::array<uint32_t, kDigits + 1> starts{};
    for (const ScoredRow& row : rows) ++starts[((row.key >> shift) & (kDigits - 1)) + 1];
    for (size_t digit = 1; digit < starts.size(); ++digit) starts[digit] += starts[digit - 1];
    for (const ScoredRow& row : rows) sorted[starts[(row.key >> shift) & (kDigits - 1)]++] = row;
    rows.swap(sorted);
  }
}

// Rows in ascending order of the probability of class `positive`.
std::vector<ScoredRow> ranked_rows(const Sample& sample, int64_t positive) {
  std::vector<ScoredRow> rows(static_cast<size_t>(sample.predictions.rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = {key_of(sample.predicted(static_cast<int64_t>(i), positive)),
               static_cast<uint32_t>(i)};
  }
  sort_rows(rows);
  return rows;
}

struct GroupWeight {
  double positive = 0;
  double negative = 0;
};

// Calls visit(GroupWeight) for each run of equal keys in [begin, end).
template <class Iterator, class Visit>
void for_each_group(const Sample& sample, int64_t positive, Iterator begin, Iterator end,
                    Visit&& visit) {
  while (begin != end) {
    const uint32_t key = begin->key;
    GroupWeight group;
    for (; begin != end && begin->key == key; ++begin) {
      const bool is_positive = sample.label(begin->row) == positive;
      (is_positive ? group.positive : group.negative) += sample.weight(begin->row);
    }
    visit(group);
  }
}

double auc_of_class(const Sample& sample, int64_t positive, const GroupWeight& all) {
  const std::vector<ScoredRow> rows = ranked_rows(sample, positive);
  double area = 0;
  double negatives_below = 0;
  for_each_group(sample, positive, rows.begin(), rows.end(), [&](const GroupWeight& group) {
    area += group.positive * (negatives_below + 0.5 * group.negative);
    negatives_below += group.negative;
  });
  return area / (all.positive * all.negative);
}

double precision_of_class(const Sample& sample, int64_t positive, const GroupWeight& all) {
  const std::vector<ScoredRow> rows = ranked_rows(sample, positive);
  double area = 0;
  double found = 0;
  double flagged = 0;
  for_each_group(sample, positive, rows.rbegin(), rows.rend(), [&](const GroupWeight& group) {
    found += group.positive;
    flagged += group.positive + group.negative;
    if (group.positive > 0) area += group.positive * (found / flagged);
  });
  return area / all.positive;
}

// The mean of `score` over the classes that are present: class 1 of two, else each against the
// rest.
Result<double> mean_over_classes(const Sample& sample, std::string_view name,
                                 double (*score)(const Sample&, int64_t, const GroupWeight&)) {
  if (sample.predictions.rows > std::numeric_limits<uint32_t>::max()) {
    return fail(StatusCode::kInvalidArgument, "{} of {} rows (must be below 2^32)", name,
                sample.predictions.rows);
  }
  std::vector<double> truth(static_cast<size_t>(sample.predictions.columns));
  for (int64_t row = 0; row < sample.predictions.rows; ++row) {
    truth[static_cast<size_t>(sample.label(row))] += sample.weight(row);
  }
  const auto present = std::count_if(truth.begin(), truth.end(), [](double w) { return w > 0; });
  if (present < 2) {
    return fail(StatusCode::kData, "{} is undefined: all rows are of one class", name);
  }
  double sum = 0;
  int64_t used = 0;
  for (size_t c = truth.size() == 2 ? 1 : 0; c < truth.size(); ++c) {
    if (truth[c] <= 0) continue;
    double others = 0;
    for (size_t other = 0; other < truth.size(); ++other) {
      if (other != c) others += truth[other];
    }
    sum += score(sample, static_cast<int64_t>(c), {truth[c], others});
    ++used;
  }
  return sum / static_cast<double>(used);
}

}  // namespace

Result<double> roc_auc(const Sample& sample) {
  return mean_over_classes(sample, "roc_auc", auc_of_class);
}

Result<double> average_precision(const Sample& sample) {
  return mean_over_classes(sample, "average_precision", precision_of_class);
}

}  // namespace assay::automl::metrics
