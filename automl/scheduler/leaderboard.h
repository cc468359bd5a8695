// Leaderboard: the trials of a sweep by score, with the ensemble among them. Plain values; report/
// draws it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tracking/run_record.h"

namespace assay::automl {

struct LeaderboardRow {
  int64_t rank = 0;    // 1 is best; 0: no score
  int64_t trial = -1;  // -1: the ensemble
  std::string run_id;  // of the trial's run; empty for the ensemble
  std::string learner;
  std::string origin;
  std::string status;
  std::optional<double> score;
  double fit_seconds = 0;    // mean over folds
  double total_seconds = 0;  // of the whole trial
  double ended_seconds = 0;  // since the sweep's process start
  double weight = 0;         // in the registered model; 0: not in it
  std::string params;        // JSON
  std::string message;
};

struct Leaderboard {
  std::string metric;
  bool maximise = true;
  std::vector<LeaderboardRow> rows;  // by rank; those without a score last, by trial number
};

// Sorts rows (best score first, the lower trial number among equals, the ensemble before trials of
// an equal score) and numbers them.
void rank_rows(Leaderboard& board);

// The rows as a table of a run; NaN where there is no score.
tracking::NamedTable leaderboard_table(const Leaderboard& board);

// The rows of such a table, without what it does not hold (origins, messages, total times); nothing
// if it is no leaderboard.
std::optional<Leaderboard> read_leaderboard(const tracking::NamedTable& table, std::string metric);

}  // namespace assay::automl
