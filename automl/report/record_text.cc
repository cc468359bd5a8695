#include "automl/report/record_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "automl/report/front_chart.h"
#include "automl/report/leaderboard.h"
#include "automl/report/text_table.h"
#include "automl/scheduler/pareto_front.h"
#include "automl/scheduler/trial_record.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

constexpr size_t kShownLevels = 4;
constexpr size_t kLevelWidth = 20;

const tracking::NamedTable* find_table(const tracking::RunRecord& record, std::string_view name) {
  for (const auto& table : record.tables) {
    if (table->name == name) return &*table;
  }
  return nullptr;
}

template <class T>
const std::vector<T>* find_values(const tracking::NamedTable& table, std::string_view name) {
  for (const tracking::TableColumn& column : table.columns) {
    if (column.name == name) return std::get_if<std::vector<T>>(&column.values);
  }
  return nullptr;
}

std::string levels_text(const nlohmann::json& column) {
  if (!column.contains("levels") || !column["levels"].is_array()) return {};
  std::string text;
  size_t shown = 0;
  for (const auto& level : column["levels"]) {
    if (!level.is_string() || shown == kShownLevels) break;
    text += (shown++ > 0 ? ", " : "") + shortened(level.get<std::string>(), kLevelWidth);
  }
  const size_t all = column.value("level_count", column["levels"].size());
  return all > shown ? text + fmt::format(", ... ({})", all) : text;
}

// "  trial 8, random_forest: max_depth 0, trees 100", in lines that fit.
std::string params_text(const LeaderboardRow& row, int width) {
  constexpr size_t kPiped = 100;
  const size_t limit = width > 0 ? static_cast<size_t>(width) : kPiped;
  std::string out;
  std::string line = fmt::format("  trial {}, {}:", row.trial, row.learner);
  const auto add = [&](const std::string& item) {
    if (line.size() + 1 + item.size() > limit) {
      out += line + "\n";
      line = "   ";
    }
    line += " " + item;
  };
  const auto params = nlohmann::ordered_json::parse(row.params, nullptr, false);
  if (!params.is_object()) {
    add(row.params);
  } else {
    for (auto at = params.begin(); at != params.end();) {
      const auto& value = at.value();
      const std::string shown = value.is_string()         ? value.get<std::string>()
                                : value.is_number_float() ? score_text(value.get<double>())
                                                          : value.dump();
      const std::string item = fmt::format("{} {}", at.key(), shown);
      add(++at == params.end() ? item : item + ",");
    }
  }
  return out + line + "\n";
}

}  // namespace

std::optional<Leaderboard> recorded_board(const tracking::RunRecord& record) {
  const tracking::NamedTable* table = find_table(record, "leaderboard");
  if (table == nullptr) return std::nullopt;
  auto board = read_leaderboard(*table, record.info.metric);
  if (!board) return std::nullopt;
  const tracking::NamedTable* path = find_table(record, kEnsemblePath);
  if (path != nullptr) read_ensemble_path(*path, *board);
  mark_front(*board);
  return board;
}

std::string leaderboard_section(const tracking::RunRecord& record, int64_t limit, int width) {
  const auto board = recorded_board(record);
  return board ? "\nleaderboard\n" + leaderboard_text(*board, limit, width) : std::string();
}

std::string front_section(const tracking::RunRecord& record, int width) {
  const auto board = recorded_board(record);
  if (!board) return {};
  const std::string text = front_text(*board, width);
  return text.empty() ? text
                      : "\nscore against latency: no model is both faster and better\n" + text;
}

std::string members_section(const tracking::RunRecord& record, int width) {
  const tracking::NamedTable* table = find_table(record, "leaderboard");
  if (table == nullptr) return {};
  const auto board = read_leaderboard(*table, record.info.metric);
  if (!board) return {};
  TextTable text;
  text.add_column("weight", Align::kRight);
  text.add_column("learner");
  text.add_column("trial", Align::kRight);
  text.add_column(board->metric.empty() ? "score" : board->metric, Align::kRight);
  text.add_column("run", Align::kLeft, Fit::kWhole);
  std::vector<LeaderboardRow> rows = board->rows;
  std::stable_sort(rows.begin(), rows.end(), [](const LeaderboardRow& a, const LeaderboardRow& b) {
    return a.weight > b.weight;
  });
  std::string params;
  for (const LeaderboardRow& row : rows) {
    if (row.weight <= 0 || row.trial < 0) continue;
    text.add_row({fmt::format("{:.3f}", row.weight), row.learner, std::to_string(row.trial),
                  row.score ? score_text(*row.score) : "-", row.run_id});
    params += params_text(row, width);
  }
  if (text.row_count() == 0) return {};
  return "\nmembers\n" + text.render(width) + "\nparameters of the members\n" + params;
}

std::string kernels_section(const tracking::RunRecord& record, int width) {
  const std::vector<kernels::KernelUse> usage = read_kernel_table(record);
  if (usage.empty()) return {};
  TextTable text;
  for (const char* title : {"device", "op", "kernel"}) text.add_column(title);
  text.add_column("calls", Align::kRight);
  text.add_column("copied", Align::kRight);
  for (const kernels::KernelUse& use : usage) {
    text.add_row({use.device, use.op.empty() ? "-" : use.op, use.kernel, std::to_string(use.calls),
                  use.bytes > 0 ? size_text(static_cast<double>(use.bytes)) : "-"});
  }
  return "\nkernels\n" + text.render(width);
}

std::string importance_section(const tracking::RunRecord& record, int64_t limit, int width) {
  const tracking::NamedTable* table = find_table(record, "feature_importance");
  if (table == nullptr) return {};
  const auto* names = find_values<std::string>(*table, "feature");
  const auto* values = find_values<double>(*table, "importance");
  if (names == nullptr || values == nullptr || names->size() != values->size()) return {};
  double sum = 0;
  for (const double value : *values) sum += value;
  if (!(sum > 0)) return {};
  TextTable text;
  text.add_column("feature");
  text.add_column("importance", Align::kRight);
  const size_t shown = std::min(names->size(), static_cast<size_t>(limit));
  for (size_t i = 0; i < shown; ++i) {
    text.add_row({(*names)[i], fmt::format("{:.1f} %", 100 * (*values)[i] / sum)});
  }
  std::string out = "\nfeature importance\n" + text.render(width);
  if (shown < names->size()) out += fmt::format("... and {} more\n", names->size() - shown);
  return out;
}

std::string contract_table(const std::string& contract, int width) {
  const auto parsed = nlohmann::json::parse(contract, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("columns") || !parsed["columns"].is_array()) {
    return contract + "\n";
  }
  TextTable table;
  table.add_column("column");
  table.add_column("type", Align::kLeft, Fit::kWhole);
  table.add_column("levels", Align::kLeft, Fit::kEnd);
  table.add_column("missing");
  for (const auto& column : parsed["columns"]) {
    if (!column.is_object()) return contract + "\n";
    table.add_row({column.value("name", ""), column.value("type", ""), levels_text(column),
                   column.value("had_missing", false) ? "some" : ""});
  }
  return table.render(width);
}

}  // namespace assay::automl
