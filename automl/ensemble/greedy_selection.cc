// The sum of the predictions chosen so far is kept, so that a round costs one pass and one metric a
// candidate. Candidates are scored in parallel, each by one thread, and compared in index order.
//
// Example, rmse, targets (0, 1), candidates a = (0, 0.6), b = (0.4, 1), c = (0.9, 0.1): a alone is
// best (0.283 = b; the lower index wins). a + b = (0.2, 0.8) scores 0.2, a + a 0.283, a + c 0.56:
// b is added. a + b + a = (0.133, 0.733) scores 0.211, which is worse, as is all that follows, so
// the best prefix is {a, b} with weights 1/2.
#include "automl/ensemble/greedy_selection.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "automl/metrics/part_score.h"
#include "automl/metrics/query_rows.h"
#include "automl/metrics/target_rows.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::infinity();

// Rows that are scored, with what belongs to them gathered if they are not all rows.
struct ScoredRows {
  std::vector<uint32_t> rows;  // empty: all
  TargetRows truth;
  std::vector<int32_t> part_values;
  int64_t count = 0;
  TargetView targets;
  std::span<const float> weights;
  std::span<const int32_t> parts;
};

// At most `max_rows` of `rows`, each kept with the same chance, ascending.
std::vector<uint32_t> sample_rows(std::vector<uint32_t> rows, int64_t max_rows, Rng& rng) {
  shuffle(rows, rng);
  rows.resize(static_cast<size_t>(max_rows));
  std::sort(rows.begin(), rows.end());
  return rows;
}

// Likewise whole queries, for part of one says little of its ranking: at least one.
std::vector<uint32_t> sample_queries(std::span<const uint32_t> rows,
                                     std::span<const int32_t> queries, int64_t max_rows, Rng& rng) {
  const QueryRows sorted = QueryRows::of(queries, rows);
  std::vector<uint32_t> order(static_cast<size_t>(sorted.count()));
  std::iota(order.begin(), order.end(), 0u);
  shuffle(order, rng);
  std::vector<uint32_t> sample;
  for (const uint32_t query : order) {
    const auto own = sorted.rows_of(query);
    if (!sample.empty() && static_cast<int64_t>(sample.size() + own.size()) > max_rows) break;
    sample.insert(sample.end(), own.begin(), own.end());
  }
  std::sort(sample.begin(), sample.end());
  return sample;
}

// At most `max_rows` of the rows that count, ascending.
ScoredRows choose_rows(const SelectionProblem& problem, int64_t max_rows, uint64_t seed) {
  ScoredRows scored;
  const int64_t all = problem.candidates[0].rows;
  scored.count = problem.rows.empty() ? all : static_cast<int64_t>(problem.rows.size());
  if (problem.rows.empty() && all <= max_rows) return scored;
  std::vector<uint32_t> order(problem.rows.begin(), problem.rows.end());
  if (order.empty()) {
    order.resize(static_cast<size_t>(all));
    std::iota(order.begin(), order.end(), 0u);
  }
  if (scored.count > max_rows) {
    Rng rng(derive_seed(seed, "selection rows"));
    const std::span<const int32_t> queries = problem.targets.queries;
    order = queries.empty() ? sample_rows(std::move(order), max_rows, rng)
                            : sample_queries(order, queries, max_rows, rng);
    scored.count = static_cast<int64_t>(order.size());
  }
  for (const uint32_t row : order) {
    scored.truth.add(problem.targets, problem.weights, row);
    if (!problem.parts.empty()) scored.part_values.push_back(problem.parts[row]);
  }
  scored.rows = std::move(order);
  return scored;
}

// Points the views at what was gathered, once `scored` is where it stays.
void set_views(const SelectionProblem& problem, ScoredRows& scored) {
  const bool all = scored.rows.empty();
  scored.targets = all ? problem.targets : scored.truth.view();
  scored.weights = all ? problem.weights : std::span<const float>(scored.truth.weights);
  scored.parts = all ? problem.parts : std::span<const int32_t>(scored.part_values);
}

class GreedySelector {
 public:
  GreedySelector(const SelectionProblem& problem, const SelectionOptions& options,
                 Executor& executor, const StopToken& stop)
      : problem_(problem),
        options_(options),
        executor_(executor),
        stop_(stop),
        scored_(choose_rows(problem, options.max_rows, options.seed)),
        columns_(problem.candidates[0].columns),
        counts_(problem.candidates.size(), 0),
        buffers_(static_cast<size_t>(executor.thread_count())) {
    set_views(problem, scored_);
    sum_.assign(static_cast<size_t>(scored_.count * columns_), 0.0);
  }

  Result<Selection> run() {
    Selection selection;
    std::vector<double> losses;  // of the prefixes, rounded
    for (int iteration = 1; iteration <= options_.iterations; ++iteration) {
      ASSAY_ASSIGN_OR_RETURN(const Round round, score_all(iteration));
      if (!round.complete) selection.complete = false;
      // A round that was cut short has compared only some candidates: no later one is made.
      if (round.best < 0 || (!round.complete && iteration > 1)) break;
      if (iteration == 1) selection.best_alone = static_cast<size_t>(round.best);
      add(static_cast<size_t>(round.best));
      selection.steps.push_back({static_cast<size_t>(round.best), round.exact});
      losses.push_back(round.loss);
      if (!round.complete || round.loss <= 0) break;
    }
    if (losses.empty()) {
      return fail(StatusCode::kCancelled, "ensemble selection was stopped before it began");
    }
    selection.steps.resize(kept_length(losses));
    selection.iterations = static_cast<int>(selection.steps.size());
    std::vector<int> chosen(counts_.size(), 0);
    for (const SelectionStep& step : selection.steps) ++chosen[step.candidate];
    for (const int count : chosen) {
      selection.weights.push_back(static_cast<double>(count) / selection.iterations);
    }
    return selection;
  }

 private:
  struct Round {
    int64_t best = -1;
    double loss = kUnknown;  // rounded
    double exact = kUnknown;
    bool complete = true;
  };

  // Of the shortest prefix that has the wanted share of what the best one gains. Gains are
  // compared, which rounding keeps in order: with a share of 0 it is the first model, with 1 the
  // first best.
  size_t kept_length(std::span<const double> losses) const {
    const auto best = std::min_element(losses.begin(), losses.end());
    const double wanted = options_.share_of_gain * (losses[0] - *best);
    const auto kept = std::find_if(losses.begin(), best, [&](double loss) {
      return options_.share_of_gain < 1 && losses[0] - loss >= wanted;
    });
    return static_cast<size_t>(kept - losses.begin()) + 1;
  }

  // Scores the ensemble with each candidate added.
  Result<Round> score_all(int iteration) {
    const size_t count = problem_.candidates.size();
    std::vector<double> losses(count, kUnknown);
    std::vector<uint8_t> scored(count, 0);
    std::vector<std::optional<Error>> errors(count);
    ASSAY_RETURN_IF_ERROR(
        executor_.parallel_for(static_cast<int64_t>(count), [&](int64_t chunk, int thread) {
          const auto i = static_cast<size_t>(chunk);
          if (stop_.requested()) return;
          scored[i] = 1;
          if (!may_join(i)) return;
          auto loss = loss_with(i, iteration, buffers_[static_cast<size_t>(thread)]);
          if (loss) {
            losses[i] = *loss;
          } else {
            errors[i] = std::move(loss.error());
          }
        }));
    Round round;
    for (size_t i = 0; i < count; ++i) {
      if (scored[i] == 0) round.complete = false;
      if (losses[i] == kUnknown) continue;
      const double loss = rounded(losses[i]);
      const bool tie = loss == round.loss;
      const bool reuse = tie && counts_[i] > 0 && counts_[static_cast<size_t>(round.best)] == 0;
      if (loss < round.loss || reuse) {
        round.best = static_cast<int64_t>(i);
        round.loss = loss;
      }
    }
    if (iteration == 1 && round.best >= 0) pick_first(losses, round);
    if (round.best >= 0) round.exact = losses[static_cast<size_t>(round.best)];
    if (round.best < 0 && round.complete && iteration == 1) {
      return tl::unexpected<Error>(std::move(*errors[0]));
    }
    return round;
  }

  // The first model is the best without rounding. Its loss sets what "6 decimals" means: a target
  // in small units must not make all models equal.
  void pick_first(const std::vector<double>& losses, Round& round) {
    const auto at = std::min_element(losses.begin(), losses.end());
    round.best = at - losses.begin();
    quantum_ = 1e-6 * (*at > 0 ? std::min(1.0, *at) : 1.0);
    round.loss = rounded(*at);
  }

  bool may_join(size_t candidate) const {
    if (counts_[candidate] > 0) return true;
    return std::all_of(problem_.allowances.begin(), problem_.allowances.end(),
                       [&](const Allowance& allowance) {
                         double sum = 0;
                         for (size_t i = 0; i < counts_.size(); ++i) {
                           if (counts_[i] > 0) sum += allowance.costs[i];
                         }
                         return sum == 0 || sum + allowance.costs[candidate] <= allowance.limit;
                       });
  }

  double rounded(double loss) const { return std::round(loss / quantum_) * quantum_; }

  Result<double> loss_with(size_t candidate, int iteration, std::vector<float>& buffer) const {
    const float* predictions = problem_.candidates[candidate].data;
    buffer.resize(sum_.size());
    const auto divisor = static_cast<double>(iteration);
    if (scored_.rows.empty()) {
      for (size_t i = 0; i < sum_.size(); ++i) {
        buffer[i] = static_cast<float>((sum_[i] + static_cast<double>(predictions[i])) / divisor);
      }
    } else {
      size_t i = 0;
      for (const uint32_t row : scored_.rows) {
        const float* source = predictions + static_cast<int64_t>(row) * columns_;
        for (int64_t column = 0; column < columns_; ++column, ++i) {
          buffer[i] = static_cast<float>((sum_[i] + static_cast<double>(source[column])) / divisor);
        }
      }
    }
    auto score = score_parts(*problem_.metric, {buffer.data(), scored_.count, columns_},
                             scored_.targets, scored_.weights, scored_.parts);
    if (!score) return tl::unexpected<Error>(std::move(score.error()));
    return problem_.metric->loss_of(*score);
  }

  void add(size_t candidate) {
    ++counts_[candidate];
    const float* predictions = problem_.candidates[candidate].data;
    if (scored_.rows.empty()) {
      for (size_t i = 0; i < sum_.size(); ++i) sum_[i] += static_cast<double>(predictions[i]);
      return;
    }
    size_t i = 0;
    for (const uint32_t row : scored_.rows) {
      const float* source = predictions + static_cast<int64_t>(row) * columns_;
      for (int64_t column = 0; column < columns_; ++column) {
        sum_[i++] += static_cast<double>(source[column]);
      }
    }
  }

  const SelectionProblem& problem_;
  const SelectionOptions& options_;
  Executor& executor_;
  const StopToken& stop_;
  ScoredRows scored_;
  int64_t columns_;
  std::vector<int> counts_;
  std::vector<double> sum_;  // of the chosen, at the scored rows
  std::vector<std::vector<float>> buffers_;
  double quantum_ = 1e-6;
};

}  // namespace

bool has_parts(const SelectionProblem& problem) {
  return std::any_of(problem.parts.begin(), problem.parts.end(),
                     [&](int32_t part) { return part != problem.parts[0]; });
}

Status check_candidates(const SelectionProblem& problem) {
  if (problem.candidates.empty()) {
    return fail(StatusCode::kInvalidArgument, "ensemble selection without candidates");
  }
  for (const PredictionView& candidate : problem.candidates) {
    if (candidate.rows != problem.candidates[0].rows ||
        candidate.columns != problem.candidates[0].columns) {
      return fail(StatusCode::kInvalidArgument,
                  "ensemble candidate has predictions [{}, {}], the first has [{}, {}]",
                  candidate.rows, candidate.columns, problem.candidates[0].rows,
                  problem.candidates[0].columns);
    }
  }
  for (const Allowance& allowance : problem.allowances) {
    if (allowance.costs.size() == problem.candidates.size()) continue;
    return fail(StatusCode::kInvalidArgument, "ensemble selection of {} candidates with {} costs",
                problem.candidates.size(), allowance.costs.size());
  }
  return {};
}

void blend(std::span<const PredictionView> candidates, std::span<const double> weights,
           std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    double sum = 0;
    for (size_t c = 0; c < candidates.size(); ++c) {
      if (weights[c] > 0) sum += weights[c] * static_cast<double>(candidates[c].data[i]);
    }
    out[i] = static_cast<float>(sum);
  }
}

Result<Selection> select_ensemble(const SelectionProblem& problem, const SelectionOptions& options,
                                  Executor& executor, const StopToken& stop) {
  ASSAY_RETURN_IF_ERROR(check_candidates(problem));
  GreedySelector selector(problem, options, executor, stop);
  ASSAY_ASSIGN_OR_RETURN(Selection selection, selector.run());
  // What counts is the score on all rows that do of exactly what the model will predict.
  ScoredRows scored = choose_rows(problem, std::numeric_limits<int64_t>::max(), options.seed);
  set_views(problem, scored);
  const int64_t columns = problem.candidates[0].columns;
  std::vector<float> blended(static_cast<size_t>(problem.candidates[0].rows * columns));
  const auto score_of = [&](std::span<const double> weights) {
    blend(problem.candidates, weights, blended);
    // The rows that count move to the front.
    for (size_t i = 0; i < scored.rows.size(); ++i) {
      const auto from = blended.begin() + static_cast<std::ptrdiff_t>(scored.rows[i] * columns);
      std::copy(from, from + columns, blended.begin() + static_cast<std::ptrdiff_t>(i) * columns);
    }
    return score_parts(*problem.metric, {blended.data(), scored.count, columns}, scored.targets,
                       scored.weights, scored.parts);
  };
  ASSAY_ASSIGN_OR_RETURN(selection.score, score_of(selection.weights));
  if (selection.iterations == 1) return selection;
  // A sample of rows may favour what is worse on all of them.
  const std::vector<double> chosen = selection.weights;
  std::vector<double> single(chosen.size(), 0.0);
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i] == 0 || stop.requested()) continue;
    std::fill(single.begin(), single.end(), 0.0);
    single[i] = 1;
    const auto score = score_of(single);
    if (score && problem.metric->is_better(*score, selection.score)) {
      selection.score = *score;
      selection.weights = single;
      selection.steps = {{i, problem.metric->loss_of(*score)}};
      selection.iterations = 1;
    }
  }
  return selection;
}

}  // namespace assay::automl
