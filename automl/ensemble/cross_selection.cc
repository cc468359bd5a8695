#include "automl/ensemble/cross_selection.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "automl/metrics/part_score.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

bool has_parts(const SelectionProblem& problem) {
  return std::any_of(problem.parts.begin(), problem.parts.end(),
                     [&](int32_t part) { return part != problem.parts[0]; });
}

// The score of the selections of both halves, each on the rows of the other.
Result<double> score_across(const SelectionProblem& problem, std::span<const uint8_t> halves,
                            const SelectionOptions& options, Executor& executor,
                            const StopToken& stop) {
  const auto columns = problem.candidates[0].columns;
  std::array<std::vector<uint32_t>, 2> rows;
  for (uint32_t row = 0; row < halves.size(); ++row) rows[halves[row]].push_back(row);
  if (rows[0].empty() || rows[1].empty()) {
    return fail(StatusCode::kData, "{} rows are too few to choose weights on half of them",
                halves.size());
  }
  std::vector<float> blended(halves.size() * static_cast<size_t>(columns));
  for (const size_t half : {size_t{0}, size_t{1}}) {
    SelectionProblem part = problem;
    part.rows = rows[half];
    ASSAY_ASSIGN_OR_RETURN(const Selection selection,
                           select_ensemble(part, options, executor, stop));
    if (!selection.complete) return fail(StatusCode::kCancelled, "time was up");
    for (const uint32_t row : rows[1 - half]) {
      for (int64_t column = 0; column < columns; ++column) {
        const int64_t at = int64_t{row} * columns + column;
        double sum = 0;
        for (size_t c = 0; c < problem.candidates.size(); ++c) {
          if (selection.weights[c] == 0) continue;
          sum += selection.weights[c] * static_cast<double>(problem.candidates[c].data[at]);
        }
        blended[static_cast<size_t>(at)] = static_cast<float>(sum);
      }
    }
  }
  // Rows of two blends are not to be ranked together either.
  std::vector<int32_t> parts(halves.begin(), halves.end());
  if (has_parts(problem)) parts.assign(problem.parts.begin(), problem.parts.end());
  return score_parts(*problem.metric,
                     {blended.data(), static_cast<int64_t>(halves.size()), columns},
                     problem.targets, problem.weights, parts);
}

}  // namespace

std::vector<uint8_t> selection_halves(const SelectionProblem& problem, uint64_t seed) {
  const auto rows = static_cast<size_t>(problem.candidates[0].rows);
  std::vector<uint8_t> halves(rows, 0);
  if (has_parts(problem)) {
    for (size_t row = 0; row < rows; ++row) {
      halves[row] = static_cast<uint8_t>(problem.parts[row] & 1);
    }
    return halves;
  }
  std::vector<uint32_t> order(rows);
  std::iota(order.begin(), order.end(), 0u);
  Rng rng(derive_seed(seed, "selection halves"));
  shuffle(order, rng);
  const TargetView& targets = problem.targets;
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    if (!targets.labels.empty()) return targets.labels[a] < targets.labels[b];
    return targets.values[a] < targets.values[b];
  });
  for (size_t i = 0; i < rows; ++i) halves[order[i]] = static_cast<uint8_t>(i & 1);
  return halves;
}

Result<CrossScores> cross_selected_scores(const SelectionProblem& problem,
                                          const SelectionOptions& options, Executor& executor,
                                          const StopToken& stop) {
  ASSAY_RETURN_IF_ERROR(check_candidates(problem));
  const std::vector<uint8_t> halves = selection_halves(problem, options.seed);
  SelectionOptions first_alone = options;
  first_alone.iterations = 1;
  CrossScores scores;
  ASSAY_ASSIGN_OR_RETURN(scores.blend, score_across(problem, halves, options, executor, stop));
  ASSAY_ASSIGN_OR_RETURN(scores.single, score_across(problem, halves, first_alone, executor, stop));
  return scores;
}

}  // namespace assay::automl
