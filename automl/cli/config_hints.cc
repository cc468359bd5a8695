#include "automl/cli/config_hints.h"

#include <algorithm>
#include <string_view>

#include "datasets/column_findings.h"
#include "kernels/base/names.h"

namespace assay::automl::cli {
namespace {

constexpr size_t kMostSuggested = 20;  // columns in one list

// Whether a text column has texts of more than one word.
bool has_words(const datasets::ColumnProfile& column) {
  return std::any_of(column.top_levels.begin(), column.top_levels.end(),
                     [](const auto& level) { return level.first.find(' ') != std::string::npos; });
}

// Why a column can teach nothing, or nothing.
std::string_view drop_reason(const datasets::ColumnProfile& column) {
  const int64_t values = column.row_count - column.missing_count;
  if (column.distinct_count <= 1) return values == 0 ? "is empty" : "is constant";
  if (column.type == datasets::ColumnType::kText) {
    return has_words(column) ? std::string_view() : "is an id or text of single words";
  }
  const bool unique = column.distinct_count == values && values > 2;
  if (!unique) return {};
  if (column.type == datasets::ColumnType::kCategorical) return "differs in every row";
  const bool counts = column.type == datasets::ColumnType::kNumeric && column.all_integers &&
                      column.max - column.min == static_cast<double>(values - 1);
  if (counts) return "numbers the rows";
  return datasets::is_id_name(column.name) ? "is an id" : std::string_view();
}

}  // namespace

std::vector<ConfigNote> column_hints(const datasets::TableProfile& profile,
                                     const std::string& target) {
  std::vector<ConfigNote> notes;
  TextList drop;
  std::string reasons = "suggested: ";
  for (const datasets::ColumnProfile& column : profile.columns) {
    if (column.name == target) continue;
    const std::string_view reason = drop_reason(column);
    if (!reason.empty() && drop.size() < kMostSuggested) {
      reasons +=
          fmt::format("{}{} {}", drop.empty() ? "" : ", ", shortened(column.name, 40), reason);
      drop.push_back(column.name);
    }
    const bool first_time = notes.empty() && column.type == datasets::ColumnType::kDatetime;
    if (first_time && reason.empty()) {
      notes.push_back({"data.time_column",
                       "suggested if the model will predict rows later than those it saw",
                       OptionValue(column.name)});
    }
  }
  for (char& c : reasons) c = c == '\n' || c == '\r' ? ' ' : c;
  if (!drop.empty())
    notes.push_back({"data.drop", std::move(reasons), OptionValue(std::move(drop))});
  return notes;
}

}  // namespace assay::automl::cli
