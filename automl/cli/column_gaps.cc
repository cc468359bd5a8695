#include "automl/cli/column_gaps.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace assay::automl::cli {
namespace {

constexpr size_t kMostNamed = 5;

// Cells of categories whose level the model does not know.
void count_unseen(const datasets::Column& column, const InputColumn& wanted, ColumnGaps& gaps) {
  std::vector<bool> unseen;
  for (const std::string& level : column.levels) {
    unseen.push_back(!std::binary_search(wanted.levels.begin(), wanted.levels.end(), level));
  }
  for (const int32_t code : column.codes) {
    if (code < datasets::kFirstLevelCode) continue;
    const auto level = static_cast<size_t>(code - datasets::kFirstLevelCode);
    if (!unseen[level]) continue;
    if (++gaps.unseen == 1) gaps.example = column.levels[level];
  }
}

std::string list_of(std::vector<ColumnGaps> gaps, int64_t ColumnGaps::*count, bool examples) {
  std::stable_sort(gaps.begin(), gaps.end(),
                   [&](const ColumnGaps& a, const ColumnGaps& b) { return a.*count > b.*count; });
  std::string text;
  size_t columns = 0;
  for (const ColumnGaps& gap : gaps) {
    if (gap.*count == 0 || ++columns > kMostNamed) continue;
    text += fmt::format("{}'{}' {}", text.empty() ? "" : ", ", gap.column, gap.*count);
    if (examples) text += fmt::format(" (such as '{}')", gap.example);
  }
  if (columns > kMostNamed) text += fmt::format(" and {} more columns", columns - kMostNamed);
  return text;
}

}  // namespace

GapCounter::GapCounter(const std::vector<InputColumn>& columns)
    : columns_(columns), gaps_(columns.size()) {
  for (size_t c = 0; c < columns.size(); ++c) gaps_[c].column = columns[c].name;
}

void GapCounter::add(const datasets::Table& table) {
  for (size_t c = 0; c < columns_.size(); ++c) {
    const datasets::Column& column = table.columns()[c];
    ColumnGaps& gaps = gaps_[c];
    // Texts are always new.
    const bool levels = columns_[c].type == datasets::ColumnType::kCategorical;
    if (levels && !column.is_numbers()) count_unseen(column, columns_[c], gaps);
    if (column.type == datasets::ColumnType::kBoolean && column.misfits.count > 0) {
      if (gaps.unseen == 0) gaps.example = column.misfits.text;
      gaps.unseen += column.misfits.count;
    }
    gaps.missing += column.missing_count - column.misfits.count;
  }
}

std::vector<ColumnGaps> GapCounter::gaps() const {
  std::vector<ColumnGaps> some;
  for (const ColumnGaps& gap : gaps_) {
    if (gap.missing + gap.unseen > 0) some.push_back(gap);
  }
  std::stable_sort(some.begin(), some.end(), [](const ColumnGaps& a, const ColumnGaps& b) {
    return a.missing + a.unseen > b.missing + b.unseen;
  });
  return some;
}

nlohmann::ordered_json gaps_json(const std::vector<ColumnGaps>& gaps) {
  auto list = nlohmann::ordered_json::array();
  for (const ColumnGaps& gap : gaps) {
    list.push_back({{"column", gap.column}, {"missing", gap.missing}, {"unseen", gap.unseen}});
  }
  return list;
}

std::vector<std::string> gap_notes(const std::vector<ColumnGaps>& gaps) {
  std::vector<std::string> notes;
  const std::string unseen = list_of(gaps, &ColumnGaps::unseen, true);
  if (!unseen.empty()) notes.push_back("values that training did not have: " + unseen);
  const std::string missing = list_of(gaps, &ColumnGaps::missing, false);
  if (!missing.empty()) notes.push_back("missing cells: " + missing);
  return notes;
}

}  // namespace assay::automl::cli
