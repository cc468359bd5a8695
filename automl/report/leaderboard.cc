#include "automl/report/leaderboard.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

// Rows below the limit that are shown because they are in the registered model.
constexpr int64_t kExtraRows = 5;

}  // namespace

std::string leaderboard_text(const Leaderboard& board, int64_t limit, int width) {
  TextTable table;
  table.add_column("rank", Align::kRight);
  table.add_column("learner");
  table.add_column("trial", Align::kRight);
  table.add_column(board.metric, Align::kRight);
  table.add_column("weight", Align::kRight);
  table.add_column("one row", Align::kRight);
  table.add_column("file", Align::kRight, Fit::kSpare);
  table.add_column("fit", Align::kRight, Fit::kSpare);
  table.add_column("status");
  table.add_column("origin", Align::kLeft, Fit::kSpare);
  const auto all = static_cast<int64_t>(board.rows.size());
  const int64_t first = limit > 0 ? std::min(limit, all) : all;
  const bool any_front = std::any_of(board.rows.begin(), board.rows.end(),
                                     [](const LeaderboardRow& row) { return row.on_front; });
  // What is registered is always shown.
  int64_t shown = 0;
  int64_t extra = kExtraRows;
  for (int64_t i = 0; i < all; ++i) {
    const LeaderboardRow& row = board.rows[static_cast<size_t>(i)];
    if (i >= first && (row.weight <= 0 || extra-- <= 0)) continue;
    ++shown;
    table.add_row({row.rank > 0 ? fmt::format("{}", row.rank) : "-", row.learner,
                   row.trial >= 0 ? fmt::format("{}", row.trial) : "",
                   row.score ? score_text(*row.score) : "-",
                   row.weight > 0 ? fmt::format("{:.3f}", row.weight) : "",
                   latency_text(row.latency_us) + (row.on_front ? " *"
                                                   : any_front  ? "  "
                                                                : ""),
                   row.file_bytes > 0 ? size_text(static_cast<double>(row.file_bytes)) : "-",
                   row.trial >= 0 ? duration_text(row.fit_seconds) : "", row.status, row.origin});
  }
  std::string text = table.render(width);
  if (shown < all) text += fmt::format("... and {} more\n", all - shown);
  if (any_front) text += "* no other model is both faster and better\n";
  return text;
}

std::string leaderboard_json(const Leaderboard& board) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const LeaderboardRow& row : board.rows) {
    nlohmann::ordered_json entry;
    entry["rank"] = row.rank > 0 ? nlohmann::ordered_json(row.rank) : nullptr;
    entry["trial"] = row.trial >= 0 ? nlohmann::ordered_json(row.trial) : nullptr;
    entry["learner"] = row.learner;
    entry["score"] = row.score ? nlohmann::ordered_json(*row.score) : nullptr;
    entry["weight"] = row.weight;
    entry["latency_us"] = row.latency_us > 0 ? nlohmann::ordered_json(row.latency_us) : nullptr;
    entry["on_front"] = row.on_front;
    entry["file_bytes"] = row.file_bytes > 0 ? nlohmann::ordered_json(row.file_bytes) : nullptr;
    entry["status"] = row.status;
    entry["origin"] = row.origin;
    entry["fit_seconds"] = row.fit_seconds;
    entry["total_seconds"] = row.total_seconds;
    entry["ended_seconds"] = row.ended_seconds;
    entry["run_id"] = row.run_id;
    entry["params"] = nlohmann::ordered_json::parse(row.params, nullptr, false);
    if (entry["params"].is_discarded()) entry["params"] = nullptr;
    if (!row.message.empty()) entry["message"] = row.message;
    rows.push_back(std::move(entry));
  }
  return rows.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace assay::automl
