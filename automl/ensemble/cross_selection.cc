#include "automl/ensemble/cross_selection.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <utility>

#include "automl/metrics/part_score.h"
#include "automl/metrics/target_rows.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

// Copies `rows` of predictions as wide as `columns`.
void copy_rows(const float* from, std::span<const uint32_t> rows, int64_t columns, float* to) {
  for (const uint32_t row : rows) {
    const int64_t at = int64_t{row} * columns;
    std::copy(from + at, from + at + columns, to + at);
  }
}

// Rows copied together.
struct AskedRows {
  std::vector<float> predictions;
  TargetRows truth;
  std::vector<int32_t> parts;

  void add(const SelectionProblem& problem, uint32_t row, std::span<const float> from,
           int32_t part) {
    const auto columns = static_cast<size_t>(problem.candidates[0].columns);
    const std::span<const float> own = from.subspan(row * columns, columns);
    predictions.insert(predictions.end(), own.begin(), own.end());
    truth.add(problem.targets, problem.weights, row);
    parts.push_back(part);
  }
};

}  // namespace

std::vector<uint8_t> selection_halves(const SelectionProblem& problem, uint64_t seed) {
  const auto rows = static_cast<size_t>(problem.candidates[0].rows);
  std::vector<uint8_t> halves(rows, 0);
  if (!problem.blocks.empty() || has_parts(problem)) {
    const auto blocks = problem.blocks.empty() ? problem.parts : problem.blocks;
    const int32_t middle = *std::max_element(blocks.begin(), blocks.end()) / 2;
    for (size_t row = 0; row < rows; ++row) {
      const bool second = problem.in_time ? blocks[row] > middle : (blocks[row] & 1) != 0;
      halves[row] = second ? 1 : 0;
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
  const auto columns = problem.candidates[0].columns;
  CrossScores scores;
  scores.halves = selection_halves(problem, options.seed);
  const std::vector<uint8_t>& halves = scores.halves;
  std::array<std::vector<uint32_t>, 2> rows;
  for (uint32_t row = 0; row < halves.size(); ++row) rows[halves[row]].push_back(row);
  if (rows[0].empty() || rows[1].empty()) {
    return fail(StatusCode::kData, "{} rows{} are too few to choose weights on half of them",
                halves.size(), problem.blocks.empty() ? "" : " of one group or time");
  }
  std::vector<float> mixed(halves.size() * static_cast<size_t>(columns));
  scores.blends.resize(mixed.size());
  std::vector<float> singles(mixed.size());
  for (const size_t half : {size_t{0}, size_t{1}}) {
    if (!is_asked(problem, 1 - half)) continue;
    SelectionProblem part = problem;
    part.rows = rows[half];
    ASSAY_ASSIGN_OR_RETURN(Selection selection, select_ensemble(part, options, executor, stop));
    if (!selection.complete) return fail(StatusCode::kCancelled, "time was up");
    blend(problem.candidates, selection.weights, mixed);
    copy_rows(mixed.data(), rows[1 - half], columns, scores.blends.data());
    copy_rows(problem.candidates[selection.best_alone].data, rows[1 - half], columns,
              singles.data());
    scores.weights[half] = std::move(selection.weights);
  }
  ASSAY_ASSIGN_OR_RETURN(scores.blend, cross_score(problem, halves, scores.blends));
  ASSAY_ASSIGN_OR_RETURN(scores.single, cross_score(problem, halves, singles));
  return scores;
}

Result<double> cross_score(const SelectionProblem& problem, std::span<const uint8_t> halves,
                           std::span<const float> predictions) {
  const int64_t columns = problem.candidates[0].columns;
  std::vector<int32_t> parts(halves.begin(), halves.end());
  if (has_parts(problem)) parts.assign(problem.parts.begin(), problem.parts.end());
  if (!problem.in_time) {
    return score_parts(*problem.metric,
                       {predictions.data(), static_cast<int64_t>(halves.size()), columns},
                       problem.targets, problem.weights, parts);
  }
  AskedRows asked;
  for (uint32_t row = 0; row < halves.size(); ++row) {
    if (is_asked(problem, halves[row])) asked.add(problem, row, predictions, parts[row]);
  }
  return score_parts(*problem.metric,
                     {asked.predictions.data(), static_cast<int64_t>(asked.parts.size()), columns},
                     asked.truth.view(), asked.truth.weights, asked.parts);
}

}  // namespace assay::automl
