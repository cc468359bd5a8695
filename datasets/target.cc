#include "datasets/target.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "datasets/column_types.h"

namespace assay::datasets {
namespace {

// Distinct values, ascending; stops beyond `limit`.
std::vector<double> distinct_values(NumberView numbers, int64_t limit) {
  std::vector<double> distinct;
  for (const double x : numbers) {
    if (std::isnan(x)) continue;
    const auto at = std::lower_bound(distinct.begin(), distinct.end(), x);
    if (at != distinct.end() && *at == x) continue;
    distinct.insert(at, x);
    if (static_cast<int64_t>(distinct.size()) > limit) break;
  }
  return distinct;
}

Result<bool> detect_classes(const Table& table, const Column& column, Target& target) {
  if (column.type == ColumnType::kBoolean) {
    target.reason = "its values are booleans";
    return true;
  }
  if (column.type == ColumnType::kCategorical) {
    target.reason = "its values are strings";
    return true;
  }
  if (column.type == ColumnType::kText) {
    return fail(StatusCode::kData,
                "{}: target '{}' has {} distinct strings in {} rows: an id or free text is no "
                "class (give the task to insist)",
                table.source(), column.name, column.levels.size(), column.row_count());
  }
  if (!column.all_integers) {
    target.reason = "its values are real numbers";
    return false;
  }
  const std::vector<double> distinct = distinct_values(column.numbers, kMaxIntegerClasses);
  const bool few = static_cast<int64_t>(distinct.size()) <= kMaxIntegerClasses;
  target.reason =
      few ? fmt::format("its values are {} distinct whole numbers (at most {} classify)",
                        distinct.size(), kMaxIntegerClasses)
          : fmt::format("its values are more than {} distinct whole numbers", kMaxIntegerClasses);
  return few;
}

Status collect_rows(const Table& table, const Column& column, Target& target) {
  const bool numbers = column.is_numbers();
  for (int64_t row = 0; row < table.row_count(); ++row) {
    const auto at = static_cast<size_t>(row);
    const bool missing =
        numbers ? std::isnan(column.numbers[at]) : column.codes[at] < kFirstLevelCode;
    if (!missing) target.rows.push_back(static_cast<uint32_t>(row));
  }
  target.missing_count = table.row_count() - static_cast<int64_t>(target.rows.size());
  if (target.rows.empty()) {
    return fail(StatusCode::kData, "{}: target '{}' is missing in all {} rows", table.source(),
                column.name, table.row_count());
  }
  return {};
}

Status too_many_classes(const Table& table, const Column& column) {
  return fail(StatusCode::kData, "{}: target '{}' has more than {} classes (is it a regression?)",
              table.source(), column.name, kMaxClasses);
}

Status number_classes(const Table& table, const Column& column, Target& target) {
  const std::vector<double> distinct = distinct_values(column.numbers, kMaxClasses);
  if (static_cast<int64_t>(distinct.size()) > kMaxClasses) return too_many_classes(table, column);
  for (const double x : distinct) {
    const auto spelled = column.spellings.find(x);
    target.labels.push_back(spelled == column.spellings.end() ? number_label(x) : spelled->second);
  }
  for (const uint32_t row : target.rows) {
    const auto at = std::lower_bound(distinct.begin(), distinct.end(), column.numbers[row]);
    target.codes.push_back(static_cast<int32_t>(at - distinct.begin()));
  }
  return {};
}

void boolean_classes(const Column& column, Target& target) {
  bool met[2] = {false, false};
  for (const uint32_t row : target.rows) met[column.numbers[row] != 0 ? 1 : 0] = true;
  for (const int value : {0, 1}) {
    if (met[value]) target.labels.push_back(column.levels[static_cast<size_t>(value)]);
  }
  for (const uint32_t row : target.rows) {
    target.codes.push_back(met[0] && column.numbers[row] != 0 ? 1 : 0);
  }
}

Status string_classes(const Table& table, const Column& column, Target& target) {
  std::vector<int32_t> present;
  std::vector<int32_t> code_of(column.levels.size(), -1);
  for (const uint32_t row : target.rows) {
    int32_t& code = code_of[static_cast<size_t>(column.codes[row] - kFirstLevelCode)];
    if (code < 0) present.push_back(column.codes[row] - kFirstLevelCode);
    code = 0;
  }
  if (static_cast<int64_t>(present.size()) > kMaxClasses) return too_many_classes(table, column);
  std::vector<double> values(column.levels.size(), 0);
  bool numbers = true;
  for (const int32_t level : present) {
    const auto at = static_cast<size_t>(level);
    numbers = numbers && parse_number(column.levels[at], values[at]) == NumberKind::kFinite;
  }
  // Levels are in the order of their bytes already.
  std::sort(present.begin(), present.end(), [&](int32_t a, int32_t b) {
    const double va = values[static_cast<size_t>(a)];
    const double vb = values[static_cast<size_t>(b)];
    return numbers && va != vb ? va < vb : a < b;
  });
  for (const int32_t level : present) {
    code_of[static_cast<size_t>(level)] = static_cast<int32_t>(target.labels.size());
    target.labels.push_back(column.levels[static_cast<size_t>(level)]);
  }
  for (const uint32_t row : target.rows) {
    target.codes.push_back(code_of[static_cast<size_t>(column.codes[row] - kFirstLevelCode)]);
  }
  return {};
}

Status extract_classes(const Table& table, const Column& column, Target& target) {
  if (column.type == ColumnType::kBoolean) {
    boolean_classes(column, target);
  } else if (column.is_numbers()) {
    ASSAY_RETURN_IF_ERROR(number_classes(table, column, target));
  } else {
    ASSAY_RETURN_IF_ERROR(string_classes(table, column, target));
  }
  if (target.labels.size() < 2) {
    return fail(StatusCode::kData, "{}: target '{}' is '{}' in all {} rows: nothing to learn",
                table.source(), column.name, target.labels[0], target.rows.size());
  }
  target.counts.assign(target.labels.size(), 0);
  for (const int32_t code : target.codes) ++target.counts[static_cast<size_t>(code)];
  if (!target.task_was_given) {
    target.task = target.labels.size() == 2 ? Task::kBinary : Task::kMulticlass;
  } else if (target.task == Task::kBinary && target.labels.size() > 2) {
    return fail(StatusCode::kData, "{}: target '{}' has {} classes, a binary task has 2",
                table.source(), column.name, target.labels.size());
  }
  return {};
}

Status extract_values(const Table& table, const Column& column, Target& target) {
  if (!column.is_numbers()) {
    return fail(StatusCode::kData,
                "{}: target '{}' is {} (its values include '{}'): a regression target must be "
                "numbers",
                table.source(), column.name, name_of(column.type), column.levels[0]);
  }
  target.values.reserve(target.rows.size());
  for (const uint32_t row : target.rows) target.values.push_back(column.numbers[row]);
  const auto [least, most] = std::minmax_element(target.values.begin(), target.values.end());
  if (*least == *most) {
    return fail(StatusCode::kData, "{}: target '{}' is {} in all {} rows: nothing to learn",
                table.source(), column.name, number_label(*least), target.rows.size());
  }
  return {};
}

}  // namespace

std::string number_label(double value) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value + 0.0);
  return error == std::errc() ? std::string(text, end) : std::string();
}

Result<Target> extract_target(const Table& table, const std::string& name,
                              std::optional<Task> task) {
  ASSAY_ASSIGN_OR_RETURN(const Column* const column, table.column(name));
  if (column->type == ColumnType::kDatetime) {
    return fail(StatusCode::kData,
                "{}: target '{}' holds dates or times, which cannot be predicted (give a number "
                "made of them, such as days since a date, or read the column as another type)",
                table.source(), name);
  }
  Target target;
  target.name = name;
  ASSAY_RETURN_IF_ERROR(collect_rows(table, *column, target));
  bool classes = false;
  if (task) {
    target.task = *task;
    target.task_was_given = true;
    target.reason = "it was asked for";
    classes = *task != Task::kRegression;
  } else {
    ASSAY_ASSIGN_OR_RETURN(classes, detect_classes(table, *column, target));
  }
  if (!classes) target.task = Task::kRegression;
  ASSAY_RETURN_IF_ERROR(classes ? extract_classes(table, *column, target)
                                : extract_values(table, *column, target));
  return target;
}

}  // namespace assay::datasets
