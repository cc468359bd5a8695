#include "automl/scheduler/leaderboard.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "automl/metrics/metric.h"
#include "automl/search/trial_spec.h"

namespace assay::automl {
namespace {

// The values of a column, or null.
template <class T>
const std::vector<T>* values_of(const tracking::NamedTable& table, std::string_view name) {
  for (const tracking::TableColumn& column : table.columns) {
    if (column.name == name) return std::get_if<std::vector<T>>(&column.values);
  }
  return nullptr;
}

}  // namespace

bool is_ranked(const LeaderboardRow& row) {
  return row.score && row.status != name_of(TrialStatus::kOverLimit);
}

void rank_rows(Leaderboard& board) {
  std::stable_sort(board.rows.begin(), board.rows.end(),
                   [&](const LeaderboardRow& a, const LeaderboardRow& b) {
                     if (is_ranked(a) != is_ranked(b)) return is_ranked(a);
                     if (a.score.has_value() != b.score.has_value()) return a.score.has_value();
                     if (a.score && *a.score != *b.score) {
                       return board.maximise ? *a.score > *b.score : *a.score < *b.score;
                     }
                     return a.trial < b.trial;
                   });
  int64_t rank = 0;
  for (LeaderboardRow& row : board.rows) row.rank = is_ranked(row) ? ++rank : 0;
}

tracking::NamedTable leaderboard_table(const Leaderboard& board) {
  std::vector<int64_t> ranks;
  std::vector<int64_t> trials;
  std::vector<double> scores;
  std::vector<double> weights;
  std::vector<double> fit_seconds;
  std::vector<double> ended_seconds;
  std::vector<double> latencies;
  std::vector<int64_t> file_bytes;
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
    latencies.push_back(row.latency_us);
    file_bytes.push_back(row.file_bytes);
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
                   {"latency_us", std::move(latencies)},
                   {"file_bytes", std::move(file_bytes)},
                   {"run_id", std::move(runs)},
                   {"params", std::move(params)}};
  return table;
}

tracking::NamedTable ensemble_path_table(const Leaderboard& board) {
  std::vector<int64_t> members;
  std::vector<double> scores;
  std::vector<double> latencies;
  for (const EnsemblePoint& point : board.path) {
    members.push_back(point.members);
    scores.push_back(point.score);
    latencies.push_back(point.latency_us);
  }
  tracking::NamedTable table;
  table.name = kEnsemblePath;
  table.columns = {{"members", std::move(members)},
                   {"score", std::move(scores)},
                   {"latency_us", std::move(latencies)}};
  return table;
}

void read_ensemble_path(const tracking::NamedTable& table, Leaderboard& board) {
  const auto* members = values_of<int64_t>(table, "members");
  const auto* scores = values_of<double>(table, "score");
  const auto* latencies = values_of<double>(table, "latency_us");
  if (!members || !scores || !latencies) return;
  if (scores->size() != members->size() || latencies->size() != members->size()) return;
  for (size_t i = 0; i < members->size(); ++i) {
    board.path.push_back({(*members)[i], (*scores)[i], (*latencies)[i]});
  }
}

std::optional<Leaderboard> read_leaderboard(const tracking::NamedTable& table, std::string metric) {
  const auto* ranks = values_of<int64_t>(table, "rank");
  const auto* trials = values_of<int64_t>(table, "trial");
  const auto* learners = values_of<std::string>(table, "learner");
  const auto* scores = values_of<double>(table, "score");
  const auto* weights = values_of<double>(table, "weight");
  const auto* statuses = values_of<std::string>(table, "status");
  const auto* fit_seconds = values_of<double>(table, "fit_seconds");
  const auto* ended_seconds = values_of<double>(table, "ended_seconds");
  const auto* runs = values_of<std::string>(table, "run_id");
  const auto* params = values_of<std::string>(table, "params");
  if (!ranks || !trials || !learners || !scores || !weights || !statuses || !fit_seconds ||
      !ended_seconds || !runs || !params) {
    return std::nullopt;
  }
  // Earlier releases did not measure these.
  const auto* latencies = values_of<double>(table, "latency_us");
  const auto* file_bytes = values_of<int64_t>(table, "file_bytes");
  const size_t count = ranks->size();
  for (const size_t size :
       {trials->size(), learners->size(), scores->size(), weights->size(), statuses->size(),
        fit_seconds->size(), ended_seconds->size(), runs->size(), params->size()}) {
    if (size != count) return std::nullopt;
  }
  Leaderboard board;
  if (const auto known = Metric::find(metric)) board.maximise = known->maximise();
  board.metric = std::move(metric);
  for (size_t i = 0; i < count; ++i) {
    LeaderboardRow row;
    row.rank = (*ranks)[i];
    row.trial = (*trials)[i];
    row.learner = (*learners)[i];
    row.status = (*statuses)[i];
    if (!std::isnan((*scores)[i])) row.score = (*scores)[i];
    row.weight = (*weights)[i];
    row.fit_seconds = (*fit_seconds)[i];
    row.ended_seconds = (*ended_seconds)[i];
    if (latencies != nullptr && latencies->size() == count) row.latency_us = (*latencies)[i];
    if (file_bytes != nullptr && file_bytes->size() == count) row.file_bytes = (*file_bytes)[i];
    row.run_id = (*runs)[i];
    row.params = (*params)[i];
    board.rows.push_back(std::move(row));
  }
  return board;
}

}  // namespace assay::automl
