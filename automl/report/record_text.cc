#include "automl/report/record_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "automl/report/leaderboard.h"
#include "automl/report/text_table.h"
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

}  // namespace

std::string leaderboard_section(const tracking::RunRecord& record, int64_t limit, int width) {
  const tracking::NamedTable* table = find_table(record, "leaderboard");
  if (table == nullptr) return {};
  const auto board = read_leaderboard(*table, record.info.metric);
  return board ? "\nleaderboard\n" + leaderboard_text(*board, limit, width) : std::string();
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
  text.add_column("parameters");
  std::vector<LeaderboardRow> rows = board->rows;
  std::stable_sort(rows.begin(), rows.end(), [](const LeaderboardRow& a, const LeaderboardRow& b) {
    return a.weight > b.weight;
  });
  for (const LeaderboardRow& row : rows) {
    if (row.weight <= 0 || row.trial < 0) continue;
    text.add_row({fmt::format("{:.3f}", row.weight), row.learner, std::to_string(row.trial),
                  row.score ? score_text(*row.score) : "-", row.params});
  }
  return text.row_count() == 0 ? std::string() : "\nmembers\n" + text.render(width);
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
  for (const char* title : {"column", "type", "levels", "missing"}) table.add_column(title);
  for (const auto& column : parsed["columns"]) {
    if (!column.is_object()) return contract + "\n";
    table.add_row({column.value("name", ""), column.value("type", ""), levels_text(column),
                   column.value("had_missing", false) ? "some" : ""});
  }
  return table.render(width);
}

}  // namespace assay::automl
