// assay experiments list | show: runs by the experiment that they are filed under.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/cli/run_json.h"
#include "automl/metrics/metric.h"
#include "automl/report/text_table.h"
#include "kernels/base/names.h"
#include "kernels/base/plurals.h"
#include "tracking/environment.h"
#include "tracking/run_query.h"

namespace assay::automl::cli {
namespace {

using Json = nlohmann::ordered_json;
using tracking::RunInfo;

// One experiment's runs, newest first. Trials are counted with their sweeps, not listed.
struct Experiment {
  std::string name;  // as the newest run spells it
  std::vector<RunInfo> runs;
  int64_t trials = 0;
  int64_t latest_ns = 0;
  std::map<std::string, int64_t> by_status;  // of `runs`
};

std::vector<Experiment> group_runs(std::vector<RunInfo> runs) {
  std::map<std::string, Experiment> groups;
  for (RunInfo& run : runs) {
    Experiment& group = groups[lower_case(run.experiment)];
    if (group.name.empty()) group.name = run.experiment;
    group.latest_ns = std::max({group.latest_ns, run.created_ns, run.ended_ns});
    if (run.kind == "trial") {
      ++group.trials;
      continue;
    }
    ++group.by_status[std::string(name_of(run.status))];
    group.runs.push_back(std::move(run));
  }
  std::vector<Experiment> experiments;
  for (auto& entry : groups) experiments.push_back(std::move(entry.second));
  std::stable_sort(experiments.begin(), experiments.end(),
                   [](const auto& a, const auto& b) { return a.latest_ns > b.latest_ns; });
  return experiments;
}

// The run with the best score in the metric of the newest run that has one, or null. Scores of
// other metrics do not compare.
const RunInfo* best_run(const Experiment& experiment) {
  const RunInfo* best = nullptr;
  for (const RunInfo& run : experiment.runs) {
    if (!run.score || run.metric.empty()) continue;
    if (best == nullptr) best = &run;
    if (run.metric != best->metric) continue;
    const auto metric = Metric::find(run.metric);
    // A metric of the user's own: larger counts as better.
    const bool better =
        metric ? metric->is_better(*run.score, *best->score) : *run.score > *best->score;
    if (better) best = &run;
  }
  return best;
}

std::string status_text(const Experiment& experiment) {
  std::string text;
  for (const auto& [status, count] : experiment.by_status) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, status);
  }
  return text;
}

Json experiment_json(const Experiment& experiment) {
  const RunInfo* best = best_run(experiment);
  Json object{{"name", experiment.name},
              {"runs", experiment.runs.size()},
              {"trials", experiment.trials},
              {"status", Json::object()},
              {"metric", best == nullptr ? Json() : Json(best->metric)},
              {"best_score", best == nullptr ? Json() : Json(*best->score)},
              {"best_run", best == nullptr ? Json() : Json(best->run_id)},
              {"latest", tracking::iso_time(experiment.latest_ns)}};
  for (const auto& [status, count] : experiment.by_status) object["status"][status] = count;
  return object;
}

Result<std::vector<Experiment>> read_experiments(Invocation& invocation) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(auto list, tracking::list_runs(*workspace));
  print_problems(invocation, tracking::problems_of(list.damaged, list.unreadable));
  return group_runs(std::move(list.runs));
}

Status list_command(Invocation& invocation) {
  ASSAY_ASSIGN_OR_RETURN(const auto experiments, read_experiments(invocation));
  if (invocation.json) {
    Json array = Json::array();
    for (const Experiment& experiment : experiments) array.push_back(experiment_json(experiment));
    print_result(json_line(array));
    return {};
  }
  if (experiments.empty() && !invocation.csv) {
    print_note(invocation, "no runs are recorded here");
    return {};
  }
  TextTable table;
  table.add_column("experiment");
  table.add_column("runs", Align::kRight);
  table.add_column("trials", Align::kRight);
  table.add_column("status");
  table.add_column("metric");
  table.add_column("best", Align::kRight);
  table.add_column("latest");
  for (const Experiment& experiment : experiments) {
    const RunInfo* best = best_run(experiment);
    table.add_row({experiment.name, std::to_string(experiment.runs.size()),
                   std::to_string(experiment.trials), status_text(experiment),
                   best == nullptr ? "" : best->metric,
                   best == nullptr ? "-" : score_cell(invocation, *best->score),
                   tracking::iso_time(experiment.latest_ns)});
  }
  print_table(invocation, table);
  return {};
}

Result<Experiment> find_experiment(std::vector<Experiment> experiments, const std::string& name) {
  std::vector<std::string> names;
  for (Experiment& experiment : experiments) {
    if (lower_case(experiment.name) == lower_case(name)) return std::move(experiment);
    names.push_back(experiment.name);
  }
  if (names.empty()) {
    return fail(StatusCode::kNotFound, "no experiment '{}': no runs are recorded here", name);
  }
  return fail(StatusCode::kNotFound, "no experiment '{}'{}", name, name_hint(name, names));
}

Status show_command(Invocation& invocation, const std::string& name) {
  ASSAY_ASSIGN_OR_RETURN(auto experiments, read_experiments(invocation));
  ASSAY_ASSIGN_OR_RETURN(const Experiment experiment,
                         find_experiment(std::move(experiments), name));
  if (invocation.json) {
    Json object = experiment_json(experiment);
    Json runs = Json::array();
    for (const RunInfo& run : experiment.runs) runs.push_back(Json::parse(run_info_json(run)));
    object["run_list"] = std::move(runs);
    print_result(json_line(object));
    return {};
  }
  std::string out = fmt::format(
      "experiment {}\n  runs    {}{}, {}\n  latest  {}\n", experiment.name, experiment.runs.size(),
      experiment.runs.empty() ? "" : " (" + status_text(experiment) + ")",
      counted(experiment.trials, "trial"), tracking::iso_time(experiment.latest_ns));
  if (const RunInfo* best = best_run(experiment)) {
    out += fmt::format("  best    {} {} (run {})\n", best->metric, score_text(*best->score),
                       best->run_id);
  }
  TextTable table;
  for (const char* title : {"run", "kind", "name", "status", "metric"}) table.add_column(title);
  table.add_column("score", Align::kRight);
  table.add_column("started");
  for (const RunInfo& run : experiment.runs) {
    table.add_row({run.run_id, run.kind, run.name, std::string(name_of(run.status)), run.metric,
                   run.score ? score_cell(invocation, *run.score) : "-",
                   tracking::iso_time(run.created_ns)});
  }
  if (!invocation.csv) print_result(out + "\n");
  print_table(invocation, table);
  return {};
}

}  // namespace

void add_experiments_command(CLI::App& app, Invocation& invocation) {
  CLI::App* experiments = app.add_subcommand("experiments", "List, rename and delete experiments");
  experiments->require_subcommand(1);

  CLI::App* list = experiments->add_subcommand(
      "list", "List experiments with counts and best scores, the latest first");
  add_workspace_option(*list, invocation);
  add_csv_option(*list, invocation);
  list->footer("Example:\n  assay experiments list");
  list->callback(
      [&invocation] { invocation.action = [&invocation] { return list_command(invocation); }; });

  CLI::App* show = experiments->add_subcommand("show", "Show one experiment and its runs");
  add_workspace_option(*show, invocation);
  auto name = std::make_shared<std::string>();
  show->add_option("experiment", *name, "The experiment's name")->required();
  add_csv_option(*show, invocation);
  show->footer("Example:\n  assay experiments show churn");
  show->callback([&invocation, name] {
    invocation.action = [&invocation, name] { return show_command(invocation, *name); };
  });
  add_experiments_changes(*experiments, invocation);
}

}  // namespace assay::automl::cli
