// What a report about a sweep is made of: the records of the sweep and its trials, gathered from
// the workspace into plain values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "automl/metrics/task.h"
#include "automl/scheduler/leaderboard.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::automl {

// Of which halving asks (Rung::Ladder), in the order in which a trial meets them.
inline constexpr std::array<std::string_view, 3> kHalvingLadders = {"folds", "rows", "rounds"};

// When and where a trial ran.
struct TrialTime {
  int64_t trial = 0;
  std::string run_id;
  std::string learner;
  std::string status;
  std::string device;
  double begin = 0;  // seconds since the sweep's run was made
  double end = 0;
  double fit_seconds = 0;  // of all folds together
  // Steps of the rungs at which it was compared, of each ladder, ascending.
  std::array<std::vector<int64_t>, kHalvingLadders.size()> rungs = {};
  bool given_up_at_rung = false;  // at the last of them
};

// Losses on validation rows while a trial was trained, for each fold: step and loss.
struct LearningCurve {
  int64_t trial = 0;
  std::string learner;
  bool member = false;  // of the registered model
  std::vector<std::vector<std::pair<double, double>>> folds;
};

struct ReportData {
  tracking::RunRecord sweep;
  // Of the record, or made of the trials for a sweep that did not get so far.
  Leaderboard board;
  bool board_from_trials = false;
  std::vector<TrialTime> times;       // by begin
  std::vector<LearningCurve> curves;  // members first, then the best others
  // If the report was asked for by a trial: its record.
  std::optional<tracking::RunRecord> trial;
  std::optional<Task> task;
  std::vector<std::string> damaged;  // a message for each run file that could not be read
};

// The sweep that `reference` (as find_run takes it) names, or the one whose trial it names.
// Fails: as load_run; invalid_argument for a run that has no trials and is none.
Result<ReportData> gather_report(tracking::Workspace& workspace, const std::string& reference);

// A tag, parameter or environment value as text; empty if it is not there.
std::string value_of(const std::map<std::string, tracking::Value>& values, const std::string& key);
const tracking::NamedTable* table_of(const tracking::RunRecord& record, std::string_view name);
const tracking::Predictions* predictions_of(const tracking::RunRecord& record,
                                            std::string_view name);
// The values of a table's column if it has that type, else null.
template <class T>
const std::vector<T>* column_of(const tracking::NamedTable& table, std::string_view name) {
  for (const tracking::TableColumn& column : table.columns) {
    if (column.name == name) return std::get_if<std::vector<T>>(&column.values);
  }
  return nullptr;
}

}  // namespace assay::automl
