// The shorter report: tables that any viewer of Markdown shows, without pictures.
#include <fmt/format.h>

#include <algorithm>

#include "automl/report/halving_table.h"
#include "automl/report/machine_use.h"
#include "automl/report/param_importance.h"
#include "automl/report/report_parts_internal.h"
#include "automl/report/text_table.h"
#include "tracking/environment.h"

namespace assay::automl {
namespace {

constexpr size_t kImportances = 20;

// Text in a table or paragraph: nothing of it is markup.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == '\t') {
      out += ' ';
    } else if (std::string_view("\\`*_{}[]<>#|~!&$").find(c) != std::string_view::npos) {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      out += c;
    }
  }
  return out;
}

std::string facts_text(const Facts& facts) {
  std::string out = "| | |\n|---|---|\n";
  for (const auto& [name, value] : facts) {
    out += fmt::format("| {} | {} |\n", escaped(name), escaped(value));
  }
  return out + "\n";
}

std::string table_text(const HtmlTable& table) {
  std::string head = "|";
  std::string rule = "|";
  for (const HtmlTable::Column& column : table.columns) {
    head += fmt::format(" {} |", escaped(column.title));
    rule += column.number ? "---:|" : "---|";
  }
  std::string out = head + "\n" + rule + "\n";
  for (const auto& row : table.rows) {
    out += "|";
    for (const HtmlCell& cell : row) out += fmt::format(" {} |", escaped(cell.text));
    out += "\n";
  }
  return out + "\n";
}

// As much of a fence as the text needs.
std::string fenced(const std::string& text) {
  std::string fence = "```";
  while (text.find(fence) != std::string::npos) fence += '`';
  return fmt::format("{}\n{}\n{}\n\n", fence, text, fence);
}

std::string importance_text(const ReportInputs& inputs) {
  const tracking::NamedTable* recorded = table_of(inputs.data.sweep, "feature_importance");
  const auto* names = recorded != nullptr ? column_of<std::string>(*recorded, "feature") : nullptr;
  const auto* values = recorded != nullptr ? column_of<double>(*recorded, "importance") : nullptr;
  if (names == nullptr || values == nullptr || names->size() != values->size()) return {};
  double sum = 0;
  for (const double value : *values) sum += value;
  if (!(sum > 0)) return {};
  HtmlTable table;
  table.columns = {{"feature", false}, {"importance", true}};
  for (size_t i = 0; i < std::min(names->size(), kImportances); ++i) {
    table.rows.push_back({(*names)[i], fmt::format("{:.1f} %", 100 * (*values)[i] / sum)});
  }
  std::string out = "## Feature importance\n\n" + table_text(table);
  if (names->size() > kImportances) {
    out += fmt::format("{} more are less.\n\n", names->size() - kImportances);
  }
  return out;
}

std::string param_importance_text(const ReportInputs& inputs) {
  HtmlTable table;
  table.columns = {{"learner", false}, {"hyper-parameter", false}, {"importance", true}};
  for (const LearnerTrials& learner : trials_by_learner(inputs.data.board)) {
    for (const ParamImportance& param : param_importance(learner)) {
      table.rows.push_back(
          {learner.learner, param.name, fmt::format("{:.1f} %", 100 * param.share)});
    }
  }
  if (table.rows.empty()) return {};
  return "## Hyper-parameter importance\n\nPED-ANOVA (Watanabe, Bansal, Hutter 2023); shares of "
         "each learner's sum.\n\n" +
         table_text(table);
}

std::string predictions_text(const ReportInputs& inputs) {
  const PredictionTables predictions = prediction_tables(inputs);
  std::string out = "## Predictions\n\n";
  if (!predictions.gap.empty()) return out + escaped(predictions.gap) + "\n\n";
  for (const std::string& words : predictions.preface) out += escaped(words) + "\n\n";
  for (const HtmlTable& table : predictions.tables) {
    if (!table.caption.empty()) out += escaped(table.caption) + "\n\n";
    out += table_text(table);
  }
  return out;
}

}  // namespace

std::string report_markdown(const ReportInputs& inputs) {
  const tracking::RunRecord& sweep = inputs.data.sweep;
  std::string out = fmt::format("{}\n\n# Assay report: {}\n\n{} {}, {}\n\n", kMarkdownStart,
                                escaped(report_title(inputs)), sweep.info.kind, sweep.info.run_id,
                                tracking::iso_time(sweep.info.created_ns));
  out += "## Summary\n\n" + facts_text(summary_facts(inputs));
  const LeaderboardTables tables = leaderboard_tables(inputs);
  out += "## Leaderboard\n\n" + table_text(tables.top);
  const size_t others = tables.others.rows.size() + tables.left_out;
  if (others > 0) out += fmt::format("{} further rows are in the run's record.\n\n", others);
  out += param_importance_text(inputs) + predictions_text(inputs) + importance_text(inputs);
  const HtmlTable halving = halving_table(inputs.data.times);
  if (!halving.rows.empty()) out += "## Halving\n\n" + table_text(halving);
  if (!inputs.data.times.empty()) {
    out += "## Time\n\n" + table_text(time_table(inputs)) + table_text(phase_table(inputs));
  }
  out += "## Hardware\n\n" + facts_text(hardware_facts(inputs));
  const HtmlTable used = machine_table(sweep);
  if (!used.rows.empty()) out += table_text(used);
  out += "## How to reproduce it\n\n";
  const std::string command = value_of(sweep.environment, "command_line");
  if (!command.empty()) out += fenced(command);
  out += facts_text(reproduction_facts(inputs));
  return out;
}

}  // namespace assay::automl
