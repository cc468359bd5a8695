// assay runs compare
#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/cli/run_tables.h"
#include "automl/report/source_diff.h"
#include "automl/report/text_table.h"
#include "tracking/environment.h"
#include "tracking/run_query.h"
#include "tracking/run_summary.h"
#include "tracking/snapshot.h"

namespace assay::automl::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownHash = 12;

struct CompareOptions {
  std::vector<std::string> runs;
  bool all = false;
};

// One line of the comparison: a field, and what each run has.
struct Line {
  std::string field;
  std::vector<std::string> cells;  // "" for what is missing
};

using Summaries = std::vector<tracking::RunSummary>;

bool differ(const std::vector<std::string>& cells) {
  return std::adjacent_find(cells.begin(), cells.end(), std::not_equal_to<>()) != cells.end();
}

std::vector<Line> attribute_lines(const Summaries& runs) {
  std::vector<Line> lines;
  const auto add = [&](const char* name, auto text_of) {
    Line line{name, {}};
    for (const auto& run : runs) line.cells.push_back(text_of(run));
    lines.push_back(std::move(line));
  };
  add("name", [](const auto& run) { return run.info.name; });
  add("kind", [](const auto& run) { return run.info.kind; });
  add("experiment", [](const auto& run) { return run.info.experiment; });
  add("status", [](const auto& run) { return std::string(name_of(run.info.status)); });
  add("started", [](const auto& run) { return tracking::iso_time(run.info.created_ns); });
  add("took", [](const auto& run) {
    return run.info.ended_ns > 0 ? run_duration_text(run.info) : std::string();
  });
  add("dataset", [](const auto& run) { return run.dataset; });
  add("device", [](const auto& run) {
    return run.device + (run.tags.contains("emulated") ? " (emulated)" : "");
  });
  add("metric", [](const auto& run) { return run.info.metric; });
  add("score",
      [](const auto& run) { return run.info.score ? score_text(*run.info.score) : std::string(); });
  return lines;
}

std::vector<Line> value_lines(
    const Summaries& runs, const char* group,
    std::map<std::string, tracking::Value> tracking::RunSummary::*values) {
  std::set<std::string> keys;
  for (const auto& run : runs) {
    for (const auto& [key, value] : run.*values) keys.insert(key);
  }
  std::vector<Line> lines;
  for (const std::string& key : keys) {
    Line line{fmt::format("{}.{}", group, key), {}};
    for (const auto& run : runs) {
      const auto it = (run.*values).find(key);
      line.cells.push_back(it == (run.*values).end() ? std::string() : it->second.text());
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::set<std::string> metric_keys(const Summaries& runs) {
  std::set<std::string> keys;
  for (const auto& run : runs) {
    for (const auto& [key, stats] : run.metrics) keys.insert(key);
  }
  return keys;
}

const tracking::MetricStats* stats_of(const tracking::RunSummary& run, const std::string& key) {
  const auto it = run.metrics.find(key);
  return it == run.metrics.end() || it->second.count == 0 ? nullptr : &it->second;
}

std::vector<Line> metric_lines(const Summaries& runs) {
  std::vector<Line> lines;
  for (const std::string& key : metric_keys(runs)) {
    Line last{"metrics." + key, {}};
    Line range{"  least to greatest", {}};
    bool curve = false;
    for (const auto& run : runs) {
      const auto* stats = stats_of(run, key);
      last.cells.push_back(stats != nullptr ? score_text(stats->last) : std::string());
      range.cells.push_back(stats != nullptr ? fmt::format("{} to {}", score_text(stats->least),
                                                           score_text(stats->greatest))
                                             : std::string());
      curve = curve || (stats != nullptr && stats->count > 1);
    }
    lines.push_back(std::move(last));
    if (curve) lines.push_back(std::move(range));
  }
  return lines;
}

Json values_json(const Summaries& runs,
                 std::map<std::string, tracking::Value> tracking::RunSummary::*values) {
  Json object = Json::object();
  for (size_t i = 0; i < runs.size(); ++i) {
    for (const auto& [key, value] : runs[i].*values) {
      if (!object.contains(key)) object[key] = std::vector<Json>(runs.size());
      object[key][i] = value_json(value);
    }
  }
  return object;
}

// What the runs were started from, as far as it differs.
struct Sources {
  bool known = false;  // of all runs
  std::vector<SourceLine> lines{};
};

std::vector<Line> source_lines(const Sources& sources) {
  std::vector<Line> lines;
  for (const SourceLine& source : sources.lines) {
    Line line{"code." + source.name, {}};
    for (const std::string& value : source.values) {
      // Of hashes as much as tells them apart.
      line.cells.push_back(source.name == "branch" ? value : value.substr(0, kShownHash));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

Json sources_json(const Sources& sources) {
  if (!sources.known) return {};
  Json object = Json::object();
  for (const SourceLine& line : sources.lines) {
    Json values = Json::array();
    for (const std::string& value : line.values) {
      values.push_back(value.empty() ? Json() : Json(value));
    }
    object[line.name] = std::move(values);
  }
  return object;
}

std::string compare_json(const Summaries& runs, const Sources& sources) {
  Json object;
  object["runs"] = Json::array();
  for (const auto& run : runs) {
    object["runs"].push_back({{"run_id", run.info.run_id},
                              {"name", run.info.name},
                              {"status", std::string(name_of(run.info.status))},
                              {"score", run.info.score ? number_json(*run.info.score) : Json()}});
  }
  object["code"] = sources_json(sources);
  object["params"] = values_json(runs, &tracking::RunSummary::params);
  object["tags"] = values_json(runs, &tracking::RunSummary::tags);
  object["metrics"] = Json::object();
  for (const std::string& key : metric_keys(runs)) {
    Json& metric = object["metrics"][key];
    for (const auto& run : runs) {
      const auto* stats = stats_of(run, key);
      metric["last"].push_back(stats != nullptr ? number_json(stats->last) : Json());
      metric["min"].push_back(stats != nullptr ? number_json(stats->least) : Json());
      metric["max"].push_back(stats != nullptr ? number_json(stats->greatest) : Json());
      metric["count"].push_back(stats != nullptr ? stats->count : 0);
    }
  }
  return json_line(object);
}

std::string compare_csv(const Summaries& runs, const std::vector<Line>& lines) {
  std::string out = "field";
  for (const auto& run : runs) out += "," + run.info.run_id;
  out += "\r\n";
  for (const Line& line : lines) {
    out += csv_cell(line.field);
    for (const std::string& cell : line.cells) out += "," + csv_cell(cell);
    out += "\r\n";
  }
  return out;
}

std::string compare_table(const Summaries& runs, const std::vector<Line>& lines) {
  TextTable table;
  table.add_column("");
  for (const auto& run : runs) table.add_column(run.info.run_id);
  for (const Line& line : lines) {
    std::vector<std::string> cells = {line.field};
    for (const std::string& cell : line.cells) cells.push_back(cell.empty() ? "-" : cell);
    table.add_row(std::move(cells));
  }
  return table.render(terminal_width());
}

// Scripts are compared if all runs kept them.
Sources read_sources(Invocation& invocation, tracking::Workspace& workspace,
                     const std::vector<tracking::RunRecord>& records) {
  std::vector<tracking::SourceManifest> manifests;
  for (const tracking::RunRecord& record : records) {
    auto manifest = tracking::read_manifest(workspace, record);
    if (manifest) {
      manifests.push_back(std::move(*manifest));
    } else if (manifest.error().code == StatusCode::kNotFound) {
      print_note(invocation,
                 fmt::format("run {} kept no scripts: they are not compared", record.info.run_id));
    } else {
      print_damage(invocation, {&manifest.error().message, 1});
    }
  }
  if (manifests.size() < records.size()) return {};
  return {true, diff_sources(manifests)};
}

Status compare_command(Invocation& invocation, const CompareOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  Summaries runs;
  std::vector<tracking::RunRecord> records;
  for (const std::string& reference : options.runs) {
    ASSAY_ASSIGN_OR_RETURN(auto record, tracking::load_run(*workspace, reference));
    runs.push_back(tracking::summary_of(record));
    // What was logged is not needed any more.
    tracking::RunRecord source;
    source.info = std::move(record.info);
    source.source = std::move(record.source);
    records.push_back(std::move(source));
  }
  const Sources sources = read_sources(invocation, *workspace, records);
  if (invocation.json) {
    print_result(compare_json(runs, sources));
    return {};
  }
  size_t same = 0;
  std::vector<Line> lines = attribute_lines(runs);
  const auto add = [&](std::vector<Line> more) {
    for (Line& line : more) {
      if (options.all || differ(line.cells)) {
        lines.push_back(std::move(line));
      } else {
        ++same;
      }
    }
  };
  add(value_lines(runs, "params", &tracking::RunSummary::params));
  add(value_lines(runs, "tags", &tracking::RunSummary::tags));
  for (Line& line : metric_lines(runs)) lines.push_back(std::move(line));
  for (Line& line : source_lines(sources)) lines.push_back(std::move(line));
  print_result(invocation.csv ? compare_csv(runs, lines) : compare_table(runs, lines));
  if (same > 0) {
    print_note(invocation,
               same == 1
                   ? std::string("1 parameter or tag is the same; --all shows it")
                   : fmt::format("{} parameters and tags are the same; --all shows them", same));
  }
  return {};
}

}  // namespace

void add_runs_compare(CLI::App& runs, Invocation& invocation) {
  CLI::App* command = runs.add_subcommand("compare", "Show what differs between runs");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<CompareOptions>();
  command->add_option("runs", options->runs, "Run ids, beginnings of them, or names")
      ->required()
      ->expected(2, 50);
  command->add_flag("--all", options->all, "Parameters and tags that do not differ, too");
  add_csv_option(*command, invocation);
  command->footer(
      "Of the code it shows the commits, the changes that were not committed and the scripts that\n"
      "differ, each by the beginning of its SHA-256.\n"
      "Example:\n  assay runs compare 01JDA 01JDB");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return compare_command(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
