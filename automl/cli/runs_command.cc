// assay runs show; list, search and compare have files of their own
#include <CLI/CLI.hpp>
#include <algorithm>

#include "automl/cli/invocation.h"
#include "automl/cli/output.h"
#include "automl/cli/run_json.h"
#include "automl/cli/run_tables.h"
#include "automl/report/record_text.h"
#include "automl/report/text_table.h"
#include "automl/scheduler/best_model.h"
#include "kernels/base/names.h"
#include "kernels/base/plurals.h"
#include "tracking/catalog.h"
#include "tracking/environment.h"
#include "tracking/run_query.h"

namespace assay::automl::cli {
namespace {

constexpr int64_t kShownRows = 10;  // of a leaderboard, of important features
constexpr size_t kKeyWidth = 30;    // longer keys push their values aside

std::string section(std::string_view title, const std::map<std::string, tracking::Value>& values) {
  if (values.empty()) return {};
  size_t widest = 0;
  for (const auto& [key, value] : values) widest = std::max(widest, key.size());
  widest = std::min(widest, kKeyWidth);
  std::string out = fmt::format("\n{}\n", title);
  for (const auto& [key, value] : values) {
    out += fmt::format("  {:<{}}  {}\n", printable(key), widest, printable(value.text()));
  }
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
  const auto best = best_model_of(record);
  for (const auto& artifact : record.artifacts) {
    const bool is_best = best && artifact.path == kBestModelPath;
    out +=
        fmt::format("  {} ({}, {})\n", artifact.path, is_best ? best->text() : artifact.media_type,
                    size_text(static_cast<double>(artifact.size)));
  }
  for (const auto& predictions : record.predictions) {
    out += fmt::format("  predictions {} [{}, {}]\n", predictions->name, predictions->rows,
                       predictions->columns);
  }
  for (const auto& table : record.tables) out += fmt::format("  table {}\n", table->name);
  return out.empty() ? out : "\noutputs\n" + out;
}

// The trials, in the order they began.
Result<std::string> children_section(tracking::Workspace& workspace,
                                     const tracking::RunRecord& record, const std::string& metric) {
  tracking::RunQuery query;
  query.nodes.push_back({tracking::QueryOp::kEqual,
                         {},
                         {{tracking::RunField{tracking::FieldGroup::kRun, "parent"}, {}},
                          {std::nullopt, tracking::Value(lower_case(record.info.run_id))}}});
  query.root = 0;
  query.order = {{{tracking::FieldGroup::kRun, "start_time"}, false}};
  ASSAY_ASSIGN_OR_RETURN(const auto page, tracking::Catalog(workspace).search(query));
  if (page.rows.empty()) return std::string();
  return fmt::format("\ntrials ({})\n{}", metric.empty() ? "no metric" : metric,
                     run_table(page.rows, {}, {terminal_width(), ascii_only()}));
}

// Empty while the run is only in a journal.
std::string file_of(tracking::Workspace& workspace, const tracking::RunInfo& info) {
  const std::string path = tracking::run_file_of(workspace, info.run_id);
  return workspace.files().exists(path) ? path : std::string();
}

// The commit that the scripts stood at.
std::string code_text(const tracking::RunRecord& record) {
  if (!record.source) return {};
  const tracking::SourceInfo& source = *record.source;
  if (source.git_commit.empty()) {
    return source.git_note.empty() ? std::string()
                                   : fmt::format("  commit      not known: {}\n", source.git_note);
  }
  return fmt::format("  commit      {}{}{}\n", source.git_commit,
                     source.git_branch.empty() ? "" : " (" + source.git_branch + ")",
                     source.git_dirty ? ", with changes that were not committed" : "");
}

std::string head_text(const tracking::RunRecord& record, const std::string& file) {
  const tracking::RunInfo& info = record.info;
  const std::string end = info.ended_ns > 0 ? "took " + run_duration_text(info)
                          : info.status == tracking::RunStatus::kRunning ? "running"
                                                                         : "its end is not known";
  std::string out =
      fmt::format("  name        {}\n  experiment  {}\n  started     {}, {}\n", info.name,
                  info.experiment, tracking::iso_time(info.created_ns), end);
  if (info.score) out += fmt::format("  {:<11} {}\n", info.metric, score_text(*info.score));
  out += fmt::format("  file        {}\n",
                     file.empty() ? "none yet: the run is in the journal of its writer" : file);
  for (const auto& dataset : record.datasets) {
    out += fmt::format("  data        {} ({}, {}, {}, sha256 {})\n", dataset.name, dataset.role,
                       counted(dataset.rows, "row"), counted(dataset.columns, "column"),
                       dataset.content_hash.substr(0, 12));
  }
  return out + code_text(record);
}

Status show_command(const Invocation& invocation, const std::string& reference, bool log) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(auto record, tracking::load_run(*workspace, reference));
  const std::string file = file_of(*workspace, record.info);
  if (invocation.json) {
    print_result(run_record_json(record, file) + "\n");
    return {};
  }
  const tracking::RunInfo& info = record.info;
  const int width = terminal_width();
  std::string out = head_text(record, file) + section("parameters", record.params) +
                    section("tags", record.tags) + metrics_section(record) + files_section(record) +
                    section("environment", record.environment) + kernels_section(record, width) +
                    importance_section(record, kShownRows, width);
  const std::string board = leaderboard_section(record, kShownRows, width);
  if (board.empty()) {
    ASSAY_ASSIGN_OR_RETURN(auto children, children_section(*workspace, record, info.metric));
    out += children;
  } else {
    out += board + fmt::format("(assay runs list --parent {} lists all trials)\n", info.run_id);
    out += front_section(record, width);
  }
  // The message has to be read in full.
  out = fmt::format("{} {} ({})\n{}", info.kind, info.run_id, name_of(info.status),
                    info.message.empty() ? std::string()
                                         : fmt::format("  {}\n", printable_lines(info.message))) +
        fitted_lines(out, width);
  if (log && !record.stdout_text.empty()) out += "\nstdout\n" + record.stdout_text;
  if (log && !record.stderr_text.empty()) out += "\nstderr\n" + record.stderr_text;
  print_result(out);
  return {};
}

}  // namespace

void add_runs_command(CLI::App& app, Invocation& invocation) {
  CLI::App* runs = app.add_subcommand("runs", "List, find, show and compare recorded runs");
  runs->require_subcommand(1);

  add_runs_list(*runs, invocation);
  add_runs_compare(*runs, invocation);

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
