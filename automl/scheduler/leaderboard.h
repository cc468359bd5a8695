// Leaderboard: the trials of a sweep by score, with the ensemble among them. Plain values; report/
// draws it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tracking/run_record.h"

namespace assay::automl {

struct LeaderboardRow {
  int64_t rank = 0;    // 1 is best; 0: not ranked
  int64_t trial = -1;  // -1: the ensemble
  std::string run_id;  // of the trial's run; empty for the ensemble
  std::string learner;
  std::string origin;
  std::string status;
  std::optional<double> score;
  double fit_seconds = 0;    // mean over folds
  double total_seconds = 0;  // of the whole trial
  double ended_seconds = 0;  // since the sweep's process start
  double latency_us = 0;     // of a prediction for one row; 0: not measured
  int64_t file_bytes = 0;    // of the model's file, registered alone; 0: not known
  bool on_front = false;     // of score against latency (pareto_front.h)
  double weight = 0;         // in the registered model; 0: not in it
  std::string params;        // JSON
  std::string message;
};

// An ensemble that selection passed through before its end.
struct EnsemblePoint {
  int64_t members = 0;
  // On the rows that chose its weights, less what that flattered the end by.
  double score = 0;
  // Its members', the reading of the row counted once, at the rate of the end; 0: not measured.
  double latency_us = 0;
};

struct Leaderboard {
  std::string metric;
  bool maximise = true;
  std::vector<EnsemblePoint> path;   // by members
  std::vector<LeaderboardRow> rows;  // by rank; then those that are not
};

// Whether the row's model may be chosen: it has a score and breaks no constraint.
bool is_ranked(const LeaderboardRow& row);

// Sorts rows (best score first, the lower trial number among equals, the ensemble before trials of
// an equal score; behind them those that break a constraint, likewise) and numbers the ranked ones.
void rank_rows(Leaderboard& board);

// The rows as a table of a run; NaN where there is no score.
tracking::NamedTable leaderboard_table(const Leaderboard& board);

inline constexpr std::string_view kEnsemblePath = "ensemble_path";
// The path as a table of a run, and what it tells read back into a leaderboard.
tracking::NamedTable ensemble_path_table(const Leaderboard& board);
void read_ensemble_path(const tracking::NamedTable& table, Leaderboard& board);

// The rows of such a table, without what it does not hold (origins, messages, total times, the
// front); nothing if it is no leaderboard.
std::optional<Leaderboard> read_leaderboard(const tracking::NamedTable& table, std::string metric);

}  // namespace assay::automl
