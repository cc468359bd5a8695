// How good an ensemble really is. Its weights are those that score best on the validation rows, so
// its score there flatters it, and the more so the fewer rows and the more candidates there are: of
// a hundred models of noise some blend ranks twelve rows without a mistake. So selection is done
// twice more, each time on a half of the rows, and each blend predicts the other half: no row is
// scored by weights that were chosen on it. (Cross-fitting; Stone 1974. The registered ensemble is
// the one that was selected on all rows, so the estimate errs on the careful side.) Where rows have
// a time only the earlier half chooses, and only the later one is scored.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "automl/ensemble/greedy_selection.h"

namespace assay::automl {

// Scores on rows that did not choose. `single` is of the best candidate alone, chosen in the same
// way: the best of many trials is flattered by its rank, too, so these two compare like with like.
struct CrossScores {
  double blend = 0;
  double single = 0;
  // What it was measured with: the half of each row, the weights that each half chose, one a
  // candidate, and the predictions of all rows by the weights of the other half. In time: the
  // weights of half 0, and the predictions of half 1; the others are empty and 0.
  std::vector<uint8_t> halves;
  std::array<std::vector<double>, 2> weights;
  std::vector<float> blends;
};

// The scores of what each half of the rows chooses, on the other half (selection_halves). Costs
// about as much as one selection. Fails: as select_ensemble; cancelled if the stop token cut it
// short; data if there are less than two rows, or blocks, or if the metric is not defined on the
// rows of a half.
Result<CrossScores> cross_selected_scores(const SelectionProblem& problem,
                                          const SelectionOptions& options, Executor& executor,
                                          const StopToken& stop);

// The metric over the rows that are asked, of which each half was predicted by another choice:
// these are not to be ranked together. `predictions` [rows, columns of the candidates]. Fails: as
// score_parts.
Result<double> cross_score(const SelectionProblem& problem, std::span<const uint8_t> halves,
                           std::span<const float> predictions);

// Which half each row is in, 0 or 1. Rows of one block are in one half: in time the later blocks
// are half 1, else every second one. Where each row is a block of its own: every second row of each
// class, or of the order of the values, after a seeded shuffle.
std::vector<uint8_t> selection_halves(const SelectionProblem& problem, uint64_t seed);

// Whether what the other half chose is asked of this one.
inline bool is_asked(const SelectionProblem& problem, size_t half) {
  return half == 1 || !problem.in_time;
}

}  // namespace assay::automl
