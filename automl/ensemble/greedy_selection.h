// Greedy ensemble selection with replacement (Caruana, Niculescu-Mizil, Crew, Ksikes: "Ensemble
// Selection from Libraries of Models", ICML 2004): start empty; in each round add the model whose
// addition to the average of those chosen gives the best score; keep the best prefix, or a shorter
// one that is nearly as good. A model's weight is how often it was chosen.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "automl/metrics/metric.h"
#include "kernels/base/clock.h"
#include "kernels/base/executor.h"
#include "kernels/base/status.h"

namespace assay::automl {

// What the chosen may cost together, each counted once: a sum of `costs`, one a candidate and >= 0.
struct Allowance {
  std::vector<double> costs;
  double limit = 0;
};

// Not owned. All candidates have the shape of the targets' rows.
struct SelectionProblem {
  std::span<const PredictionView> candidates = {};
  TargetView targets;
  std::span<const float> weights = {};  // one a row, or empty
  const Metric* metric = nullptr;
  // The part (fold) of each row, or empty: how score_parts takes the metric.
  std::span<const int32_t> parts = {};
  // Where some rows choose and others are asked, those of one block stay together: the block of
  // each row, or empty: the parts are the blocks, and if there are no two of them each row is one.
  std::span<const int32_t> blocks = {};
  // Blocks are numbered in time: nothing is asked of rows before those that chose it.
  bool in_time = false;
  // Rows that count, ascending; empty: all.
  std::span<const uint32_t> rows = {};
  // Kept to by what is chosen, but that a candidate alone may always be.
  std::span<const Allowance> allowances = {};
};

// Whether its rows are of more than one part.
bool has_parts(const SelectionProblem& problem);

struct SelectionOptions {
  int iterations = 40;  // >= 1
  // Of what the best prefix gains over the first model: the shortest prefix that has such a share
  // is kept. 0..1; 1: the best one. The last rounds add members for little
  // (docs/search-performance.md).
  double share_of_gain = 1;
  // Above that, a seeded sample of so many rows is scored; of a ranking whole queries, at least
  // one.
  int64_t max_rows = 1'000'000;
  uint64_t seed = 1;
};

// A round: what it added, and the loss with it on the rows that were scored.
struct SelectionStep {
  size_t candidate = 0;
  double loss = 0;
};

struct Selection {
  std::vector<double> weights;       // one a candidate, sum 1; 0: not chosen
  double score = 0;                  // of the weighted average, over all rows that count
  int iterations = 0;                // length of the prefix kept
  std::vector<SelectionStep> steps;  // of that prefix, in order
  size_t best_alone = 0;             // the candidate with the best score by itself
  bool complete = true;              // false if the stop token cut it short
};

// The same bits for any executor. Scores are compared after rounding to 6 decimals; ties go to a
// model already chosen, then to the lowest index. The score is never worse than that of the best
// candidate alone. A stop request ends it early with the best so far; candidates not yet scored by
// then are left out.
// Memory: rows * columns * (8 + 4 * threads) bytes.
// Fails: invalid_argument for no candidate or shapes that differ; the metric's error if no
// candidate can be scored; cancelled if it was stopped before a single one was.
Result<Selection> select_ensemble(const SelectionProblem& problem, const SelectionOptions& options,
                                  Executor& executor, const StopToken& stop);

// Fails: invalid_argument for no candidate or shapes that differ.
Status check_candidates(const SelectionProblem& problem);

// out[i] = sum over candidates of weight * prediction, in candidate order, in double, rounded to
// float once: what a registered ensemble predicts too.
void blend(std::span<const PredictionView> candidates, std::span<const double> weights,
           std::span<float> out);

}  // namespace assay::automl
