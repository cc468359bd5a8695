#include "automl/cli/run_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "automl/cli/run_json.h"
#include "automl/report/sparkline.h"
#include "automl/report/text_table.h"
#include "tracking/environment.h"

namespace assay::automl::cli {
namespace {

// Columns that a narrow terminal does without, the least important first.
constexpr std::array<std::string_view, 6> kOptional = {"experiment", "kind",   "took",
                                                       "started",    "metric", "trend"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

TextTable make_table(const std::vector<tracking::RunRow>& rows,
                     std::span<const tracking::RunField> shown,
                     std::span<const std::string_view> without, bool ascii) {
  TextTable table;
  std::vector<std::string_view> titles;
  const auto add_column = [&](std::string_view title, Align align = Align::kLeft) {
    if (contains(without, title)) return;
    table.add_column(title, align, title == "run" ? Fit::kWhole : Fit::kMiddle);
    titles.push_back(title);
  };
  for (const char* title : {"run", "kind", "name", "experiment", "status", "metric"}) {
    add_column(title);
  }
  add_column("score", Align::kRight);
  add_column("trend");
  for (const tracking::RunField& field : shown) {
    table.add_column(tracking::field_text(field), Align::kRight);
  }
  add_column("started");
  add_column("took", Align::kRight);
  for (const tracking::RunRow& row : rows) {
    const tracking::RunInfo& info = row.info;
    std::vector<std::string> cells;
    const auto add = [&](std::string_view title, std::string text) {
      if (!contains(without, title)) cells.push_back(std::move(text));
    };
    add("run", info.run_id);
    add("kind", info.kind);
    add("name", info.name);
    add("experiment", info.experiment);
    add("status", std::string(name_of(info.status)));
    add("metric", info.metric);
    add("score", info.score ? score_text(*info.score) : "-");
    add("trend", sparkline(row.trend, ascii));
    for (const auto& value : row.values) cells.push_back(cell_text(value));
    add("started", tracking::iso_time(info.created_ns));
    add("took", run_duration_text(info));
    table.add_row(std::move(cells));
  }
  return table;
}

// Columns of the widest line.
int width_of(std::string_view text) {
  int widest = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    widest = std::max(widest, text_width(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return widest;
}

std::string time_or_nothing(int64_t time_ns) {
  return time_ns > 0 ? tracking::iso_time(time_ns) : std::string();
}

}  // namespace

std::string run_table(const std::vector<tracking::RunRow>& rows,
                      std::span<const tracking::RunField> shown, const RunTableStyle& style) {
  std::string text;
  for (size_t without = 0; without <= kOptional.size(); ++without) {
    const TextTable table =
        make_table(rows, shown, std::span(kOptional).first(without), style.ascii);
    text = table.render();
    if (style.width <= 0 || width_of(text) <= style.width) return text;
    if (without == kOptional.size()) text = table.render(style.width);
  }
  return text;
}

std::string run_rows_json(const std::vector<tracking::RunRow>& rows,
                          std::span<const tracking::RunField> shown) {
  std::string out = "[";
  for (const tracking::RunRow& row : rows) {
    if (out.size() > 1) out += ",";
    out += run_row_json(row, shown);
  }
  return out + "]\n";
}

std::string run_rows_csv(const std::vector<tracking::RunRow>& rows,
                         std::span<const tracking::RunField> shown) {
  constexpr std::string_view kColumns[] = {
      "run_id", "parent_run_id", "kind",    "name",  "experiment", "user",    "status", "message",
      "metric", "score",         "started", "ended", "seconds",    "dataset", "device"};
  std::vector<size_t> others;  // of the fields, those that no column shows
  std::string out = fmt::format("{}", fmt::join(kColumns, ","));
  for (size_t i = 0; i < shown.size(); ++i) {
    const std::string name = field_text(shown[i]);
    if (std::find(std::begin(kColumns), std::end(kColumns), name) != std::end(kColumns)) continue;
    others.push_back(i);
    out += "," + csv_cell(name);
  }
  out += "\r\n";
  for (const tracking::RunRow& row : rows) {
    const tracking::RunInfo& info = row.info;
    const double seconds = static_cast<double>(info.ended_ns - info.created_ns) / 1e9;
    std::vector<std::string> cells = {info.run_id,
                                      info.parent_run_id,
                                      info.kind,
                                      info.name,
                                      info.experiment,
                                      info.user,
                                      std::string(name_of(info.status)),
                                      info.message,
                                      info.metric,
                                      info.score ? fmt::format("{}", *info.score) : "",
                                      time_or_nothing(info.created_ns),
                                      time_or_nothing(info.ended_ns),
                                      info.ended_ns > 0 ? fmt::format("{:.9g}", seconds) : "",
                                      row.dataset,
                                      row.device};
    for (const size_t i : others) {
      const bool known = i < row.values.size() && row.values[i];
      cells.push_back(known ? row.values[i]->text() : std::string());
    }
    for (std::string& cell : cells) cell = csv_cell(cell);
    out += fmt::format("{}\r\n", fmt::join(cells, ","));
  }
  return out;
}

std::string run_duration_text(const tracking::RunInfo& info) {
  if (info.ended_ns <= 0) return "-";
  return duration_text(static_cast<double>(info.ended_ns - info.created_ns) / 1e9);
}

std::string cell_text(const std::optional<tracking::Value>& value) {
  if (!value) return "-";
  const auto* number = std::get_if<double>(&value->data());
  return number != nullptr ? score_text(*number) : value->text();
}

}  // namespace assay::automl::cli
