// A second level in the place of the weighted average: for classes the members' log-odds are added
// up (z_k = sum over members of w * log p_k, then a softmax: a logarithmic pool), for numbers their
// values with a constant. Weights are >= 0, need not sum to 1, and are those with the least log
// loss or squared error on out-of-fold predictions, drawn to the weights of the average (a ridge).
// So few numbers are fitted that there is little to overfit; whether it is better is asked of rows
// that it was not fitted on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "automl/ensemble/cross_selection.h"
#include "automl/ensemble/greedy_selection.h"
#include "kernels/base/clock.h"
#include "kernels/base/status.h"

namespace assay::automl {

struct Stack {
  std::vector<double> weights;  // one a candidate, >= 0; 0: left out
  double bias = 0;              // of numbers
  bool of_classes = true;
  size_t member_count() const;
};

// Fitted on the problem's rows. `average`: the weights of the average, sum 1; candidates without
// weight there stay without. Weighted rows count by their weight. Of more than kStackCells numbers
// (rows * classes * members) every n-th row is looked at. The same bits on any machine.
// Fails: invalid_argument as select_ensemble; data for fewer than kFewestStackRows rows, or if all
// weights come out 0; cancelled.
Result<Stack> fit_stack(const SelectionProblem& problem, std::span<const double> average,
                        const StopToken& stop);
inline constexpr int64_t kStackCells = 400'000;
inline constexpr int64_t kFewestStackRows = 50;

// What a registered stack predicts: out [rows, columns].
void stack_predictions(std::span<const PredictionView> candidates, const Stack& stack,
                       std::span<float> out);

// Stack and average of each half of the rows, on the other half if that is asked
// (cross_selection.h).
struct StackCheck {
  double average = 0;  // the metric, as cross_selected_scores
  double stacked = 0;
  // Of the loss of average less stack over blocks of rows: mean, and its standard error.
  double gain = 0;
  double noise = 0;
  int64_t blocks = 0;
  bool both_halves = false;  // each half that is asked gains
  // By more than noise: twice its standard error, and on both halves.
  bool approves() const;
  // "0.912 on rows that were not fitted on, the average has 0.911: gain 0.001 +- 0.0002 over 20
  // blocks of rows".
  std::string text() const;
};

// `cross`: what cross_selected_scores gave for the same problem. Costs two fits on half of the
// rows. Fails: as fit_stack; data if there are too few blocks on which the metric is defined.
Result<StackCheck> check_stack(const SelectionProblem& problem, const CrossScores& cross,
                               const StopToken& stop);

}  // namespace assay::automl
