#include "automl/scheduler/best_model.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace assay::automl {
namespace {

// A column of a table, or null if it is not of this type.
template <class T>
const std::vector<T>* column_of(const tracking::NamedTable& table, std::string_view name) {
  for (const tracking::TableColumn& column : table.columns) {
    if (column.name == name) return std::get_if<std::vector<T>>(&column.values);
  }
  return nullptr;
}

}  // namespace

std::string BestModelRow::text() const {
  const bool several = trials.find(',') != std::string::npos;
  return fmt::format("trial{} {}, kept {:.1f} s after the start", several ? "s" : "", trials,
                     seconds);
}

tracking::NamedTable best_model_table(std::span<const BestModelRow> rows) {
  std::vector<double> seconds;
  std::vector<double> scores;
  std::vector<std::string> trials;
  std::vector<int64_t> bytes;
  std::vector<std::string> hashes;
  for (const BestModelRow& row : rows) {
    seconds.push_back(row.seconds);
    scores.push_back(row.score);
    trials.push_back(row.trials);
    bytes.push_back(row.bytes);
    hashes.push_back(row.sha256);
  }
  tracking::NamedTable table;
  table.name = kBestModelTable;
  table.columns = {{"seconds", std::move(seconds)},
                   {"score", std::move(scores)},
                   {"trials", std::move(trials)},
                   {"bytes", std::move(bytes)},
                   {"sha256", std::move(hashes)}};
  return table;
}

std::vector<BestModelRow> best_models_of(const tracking::RunRecord& sweep) {
  std::vector<BestModelRow> rows;
  for (const auto& table : sweep.tables) {
    if (table->name != kBestModelTable) continue;
    const auto* seconds = column_of<double>(*table, "seconds");
    const auto* scores = column_of<double>(*table, "score");
    const auto* trials = column_of<std::string>(*table, "trials");
    const auto* bytes = column_of<int64_t>(*table, "bytes");
    const auto* hashes = column_of<std::string>(*table, "sha256");
    if (!seconds || !scores || !trials || !bytes || !hashes) continue;
    for (size_t i = 0; i < seconds->size(); ++i) {
      rows.push_back({(*seconds)[i], (*scores)[i], (*trials)[i], (*bytes)[i], (*hashes)[i]});
    }
  }
  return rows;
}

std::optional<BestModelRow> best_model_of(const tracking::RunRecord& sweep) {
  const auto artifact = std::find_if(sweep.artifacts.begin(), sweep.artifacts.end(),
                                     [](const auto& each) { return each.path == kBestModelPath; });
  if (artifact == sweep.artifacts.end()) return std::nullopt;
  const std::vector<BestModelRow> rows = best_models_of(sweep);
  const auto row = std::find_if(rows.rbegin(), rows.rend(), [&](const BestModelRow& each) {
    return each.sha256 == artifact->sha256;
  });
  return row == rows.rend() ? std::nullopt : std::optional(*row);
}

Result<RunModel> load_best_model(tracking::Workspace& workspace, const tracking::RunRecord& sweep) {
  ASSAY_ASSIGN_OR_RETURN(RunModel found, load_run_model(workspace, sweep, kBestModelPath));
  if (const auto row = best_model_of(sweep)) {
    found.version.tags["trials"] = row->trials;
    found.version.tags["kept_seconds"] = fmt::format("{:.3f}", row->seconds);
  }
  return found;
}

}  // namespace assay::automl
