#include "automl/scheduler/earlier_settings.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "automl/scheduler/leaderboard.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

bool counts(const tracking::RunRecord& sweep, const EarlierSweeps& wanted) {
  const auto target = sweep.params.find("data.target");
  const bool same_table =
      std::any_of(sweep.datasets.begin(), sweep.datasets.end(), [&](const auto& use) {
        return use.role == "train" && use.content_hash == wanted.content_hash;
      });
  return same_table && sweep.info.metric == wanted.metric && target != sweep.params.end() &&
         target->second.text() == wanted.target;
}

void add_settings(const tracking::NamedTable& table, const EarlierSweeps& wanted,
                  std::vector<EarlierSetting>& settings) {
  const std::optional<Leaderboard> board = read_leaderboard(table, wanted.metric);
  if (!board) return;
  for (const LeaderboardRow& row : board->rows) {
    const bool whole = row.status == "finished" && row.score && row.trial > 0;
    if (!whole || wanted.limits.share({row.latency_us, row.file_bytes}) > 1) continue;
    auto params = params_from_json(row.params);
    if (params) settings.push_back({row.learner, std::move(*params), *row.score});
  }
}

}  // namespace

Result<std::vector<EarlierSetting>> earlier_settings(tracking::Workspace& workspace,
                                                     const EarlierSweeps& wanted) {
  tracking::RunFilter filter;
  filter.kind = "sweep";
  ASSAY_ASSIGN_OR_RETURN(const tracking::RunList list, tracking::list_runs(workspace, filter));
  std::vector<EarlierSetting> settings;
  int64_t looked_at = 0;
  for (const tracking::RunInfo& info : list.runs) {
    const bool ended = info.finished && info.ended_ns < wanted.before_ns;
    if (!ended || info.metric != wanted.metric) continue;
    if (++looked_at > kMostEarlierSweeps) break;
    const auto record =
        tracking::read_run(workspace.files(), tracking::run_file_of(workspace, info.run_id));
    if (!record || !counts(*record, wanted)) continue;
    for (const auto& table : record->tables) {
      if (table->name == "leaderboard") add_settings(*table, wanted, settings);
    }
  }
  std::stable_sort(settings.begin(), settings.end(),
                   [&](const EarlierSetting& a, const EarlierSetting& b) {
                     return wanted.maximise ? a.score > b.score : a.score < b.score;
                   });
  std::set<std::string> seen;
  std::vector<EarlierSetting> best;
  for (EarlierSetting& setting : settings) {
    if (best.size() == kMostEarlierSettings) break;
    if (!seen.insert(setting.learner + " " + params_to_json(setting.params)).second) continue;
    best.push_back(std::move(setting));
  }
  return best;
}

}  // namespace assay::automl
