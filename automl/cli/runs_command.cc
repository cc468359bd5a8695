// assay runs list | show
#include <CLI/CLI.hpp>
#include <algorithm>

#include "automl/cli/invocation.h"
#include "automl/cli/output.h"
#include "automl/cli/run_json.h"
#include "automl/report/record_text.h"
#include "automl/report/text_table.h"
#include "tracking/environment.h"
#include "tracking/run_query.h"

namespace assay::automl::cli {
namespace {

constexpr int64_t kShownRows = 10;  // of a leaderboard, of important features

struct ListOptions {
  std::string experiment;
  std::string status;
  std::string kind;
  std::string parent;
  int64_t limit = 50;
};

std::string seconds_text(const tracking::RunInfo& info) {
  if (info.ended_ns <= 0) return "-";
  return duration_text(static_cast<double>(info.ended_ns - info.created_ns) * 1e-9);
}

TextTable run_table(const std::vector<tracking::RunInfo>& runs) {
  TextTable table;
  for (const char* title : {"run", "kind", "name", "experiment", "status"}) table.add_column(title);
  table.add_column("metric");
  table.add_column("score", Align::kRight);
  table.add_column("started");
  table.add_column("took", Align::kRight);
  for (const tracking::RunInfo& run : runs) {
    table.add_row({run.run_id, run.kind, run.name, run.experiment, std::string(name_of(run.status)),
                   run.metric, run.score ? score_text(*run.score) : "-",
                   tracking::iso_time(run.created_ns), seconds_text(run)});
  }
  return table;
}

Status list_command(const Invocation& invocation, const ListOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  tracking::RunFilter filter;
  filter.experiment = options.experiment;
  filter.kind = options.kind;
  filter.limit = options.limit;
  if (!options.status.empty()) {
    ASSAY_ASSIGN_OR_RETURN(filter.status, tracking::parse_run_status(options.status));
  }
  if (!options.parent.empty()) {
    ASSAY_ASSIGN_OR_RETURN(auto parent, tracking::find_run(*workspace, options.parent));
    filter.parent_run_id = parent.run_id;
  }
  ASSAY_ASSIGN_OR_RETURN(auto list, tracking::list_runs(*workspace, filter));
  for (const std::string& message : list.damaged) print_note(invocation, "damaged: " + message);
  if (invocation.json) {
    std::string out = "[";
    for (const auto& run : list.runs) out += (out.size() > 1 ? "," : "") + run_info_json(run);
    print_result(out + "]\n");
  } else if (list.runs.empty()) {
    print_note(invocation, fmt::format("no runs in {} fit", workspace->path()));
  } else {
    print_result(run_table(list.runs).render(terminal_width()));
  }
  return {};
}

std::string section(std::string_view title, const std::map<std::string, tracking::Value>& values) {
  if (values.empty()) return {};
  std::string out = fmt::format("\n{}\n", title);
  for (const auto& [key, value] : values) out += fmt::format("  {:<24} {}\n", key, value.text());
  return out;
}

std::string metrics_section(const tracking::RunRecord& record) {
  if (record.metrics.empty()) return {};
  TextTable table;
  table.add_column("metric");
  for (const char* title : {"points", "last", "least", "greatest"}) {
    table.add_column(title, Align::kRight);
  }
  for (const auto& [key, points] : record.metrics) {
    if (points.empty()) {
      table.add_row({key, "0", "-", "-", "-"});
      continue;
    }
    const auto [least, greatest] =
        std::minmax_element(points.begin(), points.end(),
                            [](const auto& a, const auto& b) { return a.value < b.value; });
    table.add_row({key, std::to_string(points.size()), score_text(points.back().value),
                   score_text(least->value), score_text(greatest->value)});
  }
  return "\nmetrics\n" + table.render(terminal_width());
}

std::string files_section(const tracking::RunRecord& record) {
  std::string out;
  for (const auto& model : record.models) {
    out += fmt::format("  model {}:{} ({})\n", model.name, model.version,
                       size_text(static_cast<double>(model.size)));
  }
  for (const auto& artifact : record.artifacts) {
    out += fmt::format("  {} ({}, {})\n", artifact.path, artifact.media_type,
                       size_text(static_cast<double>(artifact.size)));
  }
  for (const auto& predictions : record.predictions) {
    out += fmt::format("  predictions {} [{}, {}]\n", predictions->name, predictions->rows,
                       predictions->columns);
  }
  for (const auto& table : record.tables) out += fmt::format("  table {}\n", table->name);
  return out.empty() ? out : "\noutputs\n" + out;
}

// The trials, best first.
Result<std::string> children_section(tracking::Workspace& workspace,
                                     const tracking::RunRecord& record, const std::string& metric) {
  tracking::RunFilter filter;
  filter.parent_run_id = record.info.run_id;
  ASSAY_ASSIGN_OR_RETURN(auto list, tracking::list_runs(workspace, filter));
  if (list.runs.empty()) return std::string();
  std::reverse(list.runs.begin(), list.runs.end());
  return fmt::format("\ntrials ({})\n{}", metric.empty() ? "no metric" : metric,
                     run_table(list.runs).render(terminal_width()));
}

Status show_command(const Invocation& invocation, const std::string& reference, bool log) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(auto record, tracking::load_run(*workspace, reference));
  if (invocation.json) {
    print_result(run_record_json(record) + "\n");
    return {};
  }
  const tracking::RunInfo& info = record.info;
  std::string out = fmt::format("{} {} ({})\n", info.kind, info.run_id, name_of(info.status));
  if (!info.message.empty()) out += fmt::format("  {}\n", info.message);
  out += fmt::format("  name        {}\n  experiment  {}\n  started     {}, took {}\n", info.name,
                     info.experiment, tracking::iso_time(info.created_ns), seconds_text(info));
  if (info.score) out += fmt::format("  {:<11} {}\n", info.metric, score_text(*info.score));
  out += fmt::format("  file        {}\n", tracking::run_file_of(*workspace, info.run_id));
  for (const auto& dataset : record.datasets) {
    out += fmt::format("  data        {} ({}, {} rows, {} columns, sha256 {})\n", dataset.name,
                       dataset.role, dataset.rows, dataset.columns,
                       dataset.content_hash.substr(0, 12));
  }
  out += section("parameters", record.params) + section("tags", record.tags) +
         metrics_section(record) + files_section(record) +
         section("environment", record.environment);
  out += importance_section(record, kShownRows, terminal_width());
  const std::string board = leaderboard_section(record, kShownRows, terminal_width());
  if (board.empty()) {
    ASSAY_ASSIGN_OR_RETURN(auto children, children_section(*workspace, record, info.metric));
    out += children;
  } else {
    out += board + fmt::format("(assay runs list --parent {} lists all trials)\n", info.run_id);
  }
  if (log && !record.stdout_text.empty()) out += "\nstdout\n" + record.stdout_text;
  if (log && !record.stderr_text.empty()) out += "\nstderr\n" + record.stderr_text;
  print_result(out);
  return {};
}

}  // namespace

void add_runs_command(CLI::App& app, Invocation& invocation) {
  CLI::App* runs = app.add_subcommand("runs", "List and show recorded runs");
  runs->require_subcommand(1);

  CLI::App* list = runs->add_subcommand("list", "List runs, newest first");
  add_workspace_option(*list, invocation);
  auto options = std::make_shared<ListOptions>();
  list->add_option("--experiment", options->experiment, "Only runs of this experiment");
  list->add_option("--status", options->status,
                   "Only runs with this status: running, completed, failed, cancelled, "
                   "interrupted, pruned");
  list->add_option("--kind", options->kind, "Only runs of this kind")
      ->check(CLI::IsMember({"sweep", "trial", "job", "pipeline", "step"}));
  list->add_option("--parent", options->parent, "Only the trials of this sweep");
  list->add_option("--limit", options->limit, "At most so many; 0 for all")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  list->footer("Example:\n  assay runs list --kind sweep --limit 5");
  list->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return list_command(invocation, *options); };
  });

  CLI::App* show = runs->add_subcommand("show", "Show one run");
  add_workspace_option(*show, invocation);
  auto reference = std::make_shared<std::string>();
  auto log = std::make_shared<bool>(false);
  show->add_option("run", *reference, "Run id, the beginning of one, or a name")->required();
  show->add_flag("--log", *log, "Also what the run wrote to its log");
  show->footer("Example:\n  assay runs show 01JD");
  show->callback([&invocation, reference, log] {
    invocation.action = [&invocation, reference, log] {
      return show_command(invocation, *reference, *log);
    };
  });
  add_runs_files(*runs, invocation);
  add_runs_tag(*runs, invocation);
  add_runs_tail(*runs, invocation);
  add_runs_trash(*runs, invocation);
}

}  // namespace assay::automl::cli
