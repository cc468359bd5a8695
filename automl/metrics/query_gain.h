// Normalised discounted cumulative gain of one query (Jarvelin and Kekalainen, "Cumulated
// Gain-Based Evaluation of IR Techniques", 2002), with the gains and discounts of
// kernels/rank_rules.h: the sum of gain * discount in order of the scores, over that in order of
// the relevances. Rows of equal scores have the mean of the discounts of their ranks each (McSherry
// and Najork, "Computing Information Retrieval Performance Measures Efficiently in the Presence of
// Tied Scores", 2008), so the order of rows does not count.
//
// Example: relevances 1 0 0 with scores 0.2 0.9 0.1 rank the relevant row second: (ln 2 / ln 3) / 1
// = 0.631. With equal scores: (1 + 0.631 + 0.5) / 3 = 0.710.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace assay::automl {

class QueryGain {
 public:
  // Ranks from `cut` on count nothing; cut > 0.
  explicit QueryGain(double cut) : cut_(cut) {}
  // In [0, 1]; nothing where no row has a relevance above 0. Both of one length; relevances >= 0,
  // all finite. O(rows log rows). Keeps its memory from call to call.
  std::optional<double> of(std::span<const double> scores, std::span<const double> relevances);

 private:
  double cut_;
  std::vector<uint32_t> order_;
  std::vector<double> sorted_;
};

// The mean over queries, each weighing the mean weight of its rows; those of which QueryGain says
// nothing do not count.
class QueryMean {
 public:
  explicit QueryMean(double cut) : gain_(cut) {}
  // A query's rows; score(row), relevance(row) and weight(row) are doubles.
  template <class Score, class Relevance, class Weight>
  void add(std::span<const uint32_t> rows, Score&& score, Relevance&& relevance, Weight&& weight) {
    scores_.clear();
    relevances_.clear();
    double weights = 0;
    for (const uint32_t row : rows) {
      scores_.push_back(score(row));
      relevances_.push_back(relevance(row));
      weights += weight(row);
    }
    const std::optional<double> own = gain_.of(scores_, relevances_);
    if (!own) return;
    weights /= static_cast<double>(rows.size());
    sum_ += weights * *own;
    weight_ += weights;
  }
  double sum() const { return sum_; }        // of weight * gain
  double weight() const { return weight_; }  // 0: nothing counts

 private:
  QueryGain gain_;
  std::vector<double> scores_;
  std::vector<double> relevances_;
  double sum_ = 0;
  double weight_ = 0;
};

}  // namespace assay::automl
