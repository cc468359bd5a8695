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

}  // namespace assay::automl
