#include "automl/scheduler/leaderboard.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace assay::automl {

void rank_rows(Leaderboard& board) {
  std::stable_sort(board.rows.begin(), board.rows.end(),
                   [&](const LeaderboardRow& a, const LeaderboardRow& b) {
                     if (a.score.has_value() != b.score.has_value()) return a.score.has_value();
                     if (a.score && *a.score != *b.score) {
                       return board.maximise ? *a.score > *b.score : *a.score < *b.score;
                     }
                     return a.trial < b.trial;
                   });
  int64_t rank = 0;
  for (LeaderboardRow& row : board.rows) row.rank = row.score ? ++rank : 0;
}

tracking::NamedTable leaderboard_table(const Leaderboard& board) {
  std::vector<int64_t> ranks;
  std::vector<int64_t> trials;
  std::vector<double> scores;
  std::vector<double> weights;
  std::vector<double> fit_seconds;
  std::vector<double> ended_seconds;
  std::vector<std::string> learners;
  std::vector<std::string> statuses;
  std::vector<std::string> runs;
  std::vector<std::string> params;
  for (const LeaderboardRow& row : board.rows) {
    ranks.push_back(row.rank);
    trials.push_back(row.trial);
    scores.push_back(row.score.value_or(std::numeric_limits<double>::quiet_NaN()));
    weights.push_back(row.weight);
    fit_seconds.push_back(row.fit_seconds);
    ended_seconds.push_back(row.ended_seconds);
    learners.push_back(row.learner);
    statuses.push_back(row.status);
    runs.push_back(row.run_id);
    params.push_back(row.params);
  }
  tracking::NamedTable table;
  table.name = "leaderboard";
  table.columns = {{"rank", std::move(ranks)},
                   {"trial", std::move(trials)},
                   {"learner", std::move(learners)},
                   {"score", std::move(scores)},
                   {"weight", std::move(weights)},
                   {"status", std::move(statuses)},
                   {"fit_seconds", std::move(fit_seconds)},
                   {"ended_seconds", std::move(ended_seconds)},
                   {"run_id", std::move(runs)},
                   {"params", std::move(params)}};
  return table;
}

}  // namespace assay::automl
