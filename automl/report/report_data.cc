#include "automl/report/report_data.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "automl/metrics/metric.h"
#include "automl/report/record_text.h"
#include "automl/scheduler/pareto_front.h"
#include "automl/scheduler/trial_record.h"
#include "kernels/base/names.h"
#include "tracking/catalog.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

using tracking::FieldGroup;
using tracking::RunField;
using tracking::Value;

constexpr size_t kCurves = 6;
// More parameters than any sweep has; what a workspace has from elsewhere is not read.
constexpr size_t kMaxParams = 400;

// Which of the fields that trials are asked for is where.
enum FieldPlace : size_t {
  kLearner,
  kNumber,
  kOrigin,
  kTrialStatus,
  kFitMean,
  kFolds,
  kLatency,
  kFileBytes,
  kRungs,  // one for each of kHalvingLadders
  kParams = kRungs + kHalvingLadders.size()
};

std::string text_of(const std::optional<Value>& value) { return value ? value->text() : ""; }

double number_of(const std::optional<Value>& value) {
  if (!value) return 0;
  if (const auto* number = std::get_if<double>(&value->data())) return *number;
  if (const auto* whole = std::get_if<int64_t>(&value->data())) {
    return static_cast<double>(*whole);
  }
  return 0;
}

nlohmann::ordered_json json_of(const Value& value) {
  return std::visit([](const auto& held) { return nlohmann::ordered_json(held); }, value.data());
}

tracking::RunQuery children_query(const std::string& run_id) {
  tracking::RunQuery query;
  query.nodes.push_back(
      {tracking::QueryOp::kEqual,
       {},
       {{RunField{FieldGroup::kRun, "parent"}, {}}, {std::nullopt, Value(lower_case(run_id))}}});
  query.root = 0;
  query.order = {{{FieldGroup::kRun, "start_time"}, false}};
  return query;
}

// The trials' rows of the catalog, with the fields of FieldPlace and, from kParams on, parameters.
struct Trials {
  std::vector<RunField> fields;
  tracking::RunPage page;
};

Result<Trials> find_trials(tracking::Workspace& workspace, const std::string& run_id,
                           bool with_params) {
  Trials trials;
  trials.fields = {{FieldGroup::kTag, "learner"},
                   {FieldGroup::kTag, "trial"},
                   {FieldGroup::kTag, "origin"},
                   {FieldGroup::kTag, "trial_status"},
                   {FieldGroup::kMetricLast, "fit_seconds/fold"},
                   {FieldGroup::kMetricCount, "fit_seconds/fold"},
                   {FieldGroup::kMetricLast, "latency_us"},
                   {FieldGroup::kMetricLast, "file_bytes"}};
  for (const std::string_view ladder : kHalvingLadders) {
    trials.fields.push_back({FieldGroup::kMetricCount, rung_metric(ladder)});
  }
  tracking::Catalog catalog(workspace);
  if (with_params) {
    ASSAY_ASSIGN_OR_RETURN(const auto known, catalog.fields());
    for (const RunField& field : known) {
      const bool wanted = field.group == FieldGroup::kParam && trials.fields.size() < kMaxParams;
      if (wanted) trials.fields.push_back(field);
    }
  }
  ASSAY_ASSIGN_OR_RETURN(trials.page, catalog.search(children_query(run_id), trials.fields));
  return trials;
}

double since(int64_t time_ns, int64_t start_ns) {
  return static_cast<double>(time_ns - start_ns) * 1e-9;
}

std::string status_of(const tracking::RunRow& row) {
  const std::string own = text_of(row.values[kTrialStatus]);
  return own.empty() ? std::string(tracking::name_of(row.info.status)) : own;
}

Leaderboard board_of_trials(const Trials& trials, const tracking::RunInfo& sweep) {
  Leaderboard board;
  board.metric = sweep.metric;
  for (const tracking::RunRow& run : trials.page.rows) {
    LeaderboardRow row;
    row.trial = static_cast<int64_t>(number_of(run.values[kNumber]));
    row.run_id = run.info.run_id;
    row.learner = text_of(run.values[kLearner]);
    if (row.learner.empty()) row.learner = run.info.name;
    row.origin = text_of(run.values[kOrigin]);
    row.status = status_of(run);
    row.score = run.info.score;
    row.fit_seconds = number_of(run.values[kFitMean]);
    row.latency_us = number_of(run.values[kLatency]);
    row.file_bytes = static_cast<int64_t>(number_of(run.values[kFileBytes]));
    const int64_t ended = run.info.ended_ns > 0 ? run.info.ended_ns : run.info.created_ns;
    row.ended_seconds = since(ended, sweep.created_ns);
    row.message = run.info.message;
    if (board.metric.empty()) board.metric = run.info.metric;
    nlohmann::ordered_json params = nlohmann::ordered_json::object();
    for (size_t i = kParams; i < trials.fields.size(); ++i) {
      if (run.values[i]) params[trials.fields[i].key] = json_of(*run.values[i]);
    }
    row.params = params.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    board.rows.push_back(std::move(row));
  }
  return board;
}

// Steps may be left out, so that counts do not tell which there were.
void read_rungs(tracking::Workspace& workspace, const tracking::RunRow& run, TrialTime& time,
                std::vector<std::string>& damaged) {
  const auto counts = std::span(run.values).subspan(kRungs, kHalvingLadders.size());
  if (std::all_of(counts.begin(), counts.end(), [](const auto& n) { return number_of(n) == 0; })) {
    return;
  }
  const std::string path = tracking::run_file_of(workspace, run.info.run_id);
  const auto record = workspace.files().exists(path)
                          ? tracking::read_run(workspace.files(), path)
                          : tracking::load_run(workspace, run.info.run_id);
  if (!record) {
    damaged.push_back(record.error().message);
    return;
  }
  for (size_t ladder = 0; ladder < kHalvingLadders.size(); ++ladder) {
    const auto logged = record->metrics.find(rung_metric(kHalvingLadders[ladder]));
    if (logged == record->metrics.end()) continue;
    std::vector<int64_t>& steps = time.rungs[ladder];
    for (const tracking::MetricPoint& point : logged->second) steps.push_back(point.step);
    std::sort(steps.begin(), steps.end());
  }
}

std::vector<TrialTime> times_of(tracking::Workspace& workspace, const Trials& trials,
                                const Leaderboard& board, const tracking::RunInfo& sweep,
                                std::vector<std::string>& damaged) {
  std::map<int64_t, const LeaderboardRow*> rows;
  for (const LeaderboardRow& row : board.rows) rows[row.trial] = &row;
  std::vector<TrialTime> times;
  for (const tracking::RunRow& run : trials.page.rows) {
    TrialTime time;
    time.trial = static_cast<int64_t>(number_of(run.values[kNumber]));
    time.run_id = run.info.run_id;
    time.learner = text_of(run.values[kLearner]);
    time.status = status_of(run);
    time.device = run.device;
    time.begin = since(run.info.created_ns, sweep.created_ns);
    time.end = run.info.ended_ns > 0 ? since(run.info.ended_ns, sweep.created_ns) : time.begin;
    const auto row = rows.find(time.trial);
    const double mean =
        row != rows.end() ? row->second->fit_seconds : number_of(run.values[kFitMean]);
    time.fit_seconds = std::min(mean * number_of(run.values[kFolds]), time.end - time.begin);
    time.given_up_at_rung =
        time.status == "pruned" && !run.info.message.starts_with(kBehindInFolds);
    read_rungs(workspace, run, time, damaged);
    times.push_back(std::move(time));
  }
  std::stable_sort(times.begin(), times.end(),
                   [](const TrialTime& a, const TrialTime& b) { return a.begin < b.begin; });
  return times;
}

std::optional<LearningCurve> curve_of(const tracking::RunRecord& record,
                                      const LeaderboardRow& row) {
  LearningCurve curve;
  curve.trial = row.trial;
  curve.learner = row.learner;
  curve.member = row.weight > 0;
  for (const auto& [key, points] : record.metrics) {
    if (!key.starts_with("valid_loss/fold")) continue;
    std::vector<std::pair<double, double>> fold;
    for (const tracking::MetricPoint& point : points) {
      if (std::isfinite(point.value)) {
        fold.emplace_back(static_cast<double>(point.step), point.value);
      }
    }
    if (fold.size() > 1) curve.folds.push_back(std::move(fold));
  }
  if (curve.folds.empty()) return std::nullopt;
  return curve;
}

void read_curves(tracking::Workspace& workspace, ReportData& data) {
  std::vector<const LeaderboardRow*> wanted;
  for (const LeaderboardRow& row : data.board.rows) {
    if (row.trial >= 0 && row.score && !row.run_id.empty()) wanted.push_back(&row);
  }
  std::stable_sort(
      wanted.begin(), wanted.end(),
      [](const LeaderboardRow* a, const LeaderboardRow* b) { return a->weight > b->weight; });
  size_t tried = 0;
  for (const LeaderboardRow* row : wanted) {
    if (data.curves.size() == kCurves || tried++ == 4 * kCurves) break;
    auto record = tracking::load_run(workspace, row->run_id);
    if (!record) {
      data.damaged.push_back(record.error().message);
      continue;
    }
    if (auto curve = curve_of(*record, *row)) data.curves.push_back(std::move(*curve));
  }
}

void settle_metric(ReportData& data) {
  if (const auto metric = Metric::find(data.board.metric)) data.board.maximise = metric->maximise();
  if (const auto task = parse_task(value_of(data.sweep.tags, "task"))) data.task = *task;
}

}  // namespace

std::string value_of(const std::map<std::string, Value>& values, const std::string& key) {
  const auto it = values.find(key);
  return it == values.end() ? std::string() : it->second.text();
}

const tracking::NamedTable* table_of(const tracking::RunRecord& record, std::string_view name) {
  for (const auto& table : record.tables) {
    if (table->name == name) return &*table;
  }
  return nullptr;
}

const tracking::Predictions* predictions_of(const tracking::RunRecord& record,
                                            std::string_view name) {
  for (const auto& predictions : record.predictions) {
    if (predictions->name == name) return &*predictions;
  }
  return nullptr;
}

Result<ReportData> gather_report(tracking::Workspace& workspace, const std::string& reference) {
  ReportData data;
  ASSAY_ASSIGN_OR_RETURN(data.sweep, tracking::load_run(workspace, reference));
  if (data.sweep.info.kind == "trial" && !data.sweep.info.parent_run_id.empty()) {
    data.trial = std::move(data.sweep);
    auto sweep = tracking::load_run(workspace, data.trial->info.parent_run_id);
    if (!sweep) {
      return fail(sweep.error().code, "trial {} belongs to a sweep that cannot be read: {}",
                  data.trial->info.run_id, sweep.error().message);
    }
    data.sweep = std::move(*sweep);
  }
  if (auto board = recorded_board(data.sweep)) data.board = std::move(*board);
  data.board_from_trials = data.board.rows.empty();
  ASSAY_ASSIGN_OR_RETURN(const Trials trials,
                         find_trials(workspace, data.sweep.info.run_id, data.board_from_trials));
  data.damaged = trials.page.damaged;
  if (data.board_from_trials) {
    if (trials.page.rows.empty()) {
      return fail(StatusCode::kInvalidArgument,
                  "run '{}' ({}) has no trials: a report is about a sweep or one of its trials",
                  data.sweep.info.name, data.sweep.info.run_id);
    }
    data.board = board_of_trials(trials, data.sweep.info);
  }
  settle_metric(data);
  if (data.board_from_trials) {
    rank_rows(data.board);
    mark_front(data.board);
  }
  data.times = times_of(workspace, trials, data.board, data.sweep.info, data.damaged);
  read_curves(workspace, data);
  return data;
}

}  // namespace assay::automl
