#include "automl/validation/column_roles.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "automl/config/label_weights.h"
#include "automl/metrics/task.h"
#include "automl/validation/metric_choice.h"
#include "datasets/column_types.h"
#include "datasets/number_look.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

// The label, or the one that is the same number in another spelling ("1" for "1.0").
std::vector<std::string>::const_iterator find_label(const std::vector<std::string>& labels,
                                                    const std::string& wanted) {
  const auto exact = std::find(labels.begin(), labels.end(), wanted);
  double number = 0;
  const auto finite = datasets::NumberKind::kFinite;
  if (exact != labels.end() || datasets::parse_number(wanted, number) != finite) return exact;
  return std::find_if(labels.begin(), labels.end(), [&](const std::string& label) {
    double value = 0;
    return datasets::parse_number(label, value) == finite && value == number;
  });
}

// Weights of the rows that have a target; 0 elsewhere.
Result<std::vector<float>> read_weights(const datasets::Column& column,
                                        const datasets::Target& target) {
  if (column.type != datasets::ColumnType::kNumeric) {
    return fail(StatusCode::kData, "data.weight: column '{}' is {} (must be numeric)", column.name,
                name_of(column.type));
  }
  std::vector<float> weights(column.numbers.size(), 0.0f);
  double sum = 0;
  for (const uint32_t row : target.rows) {
    const double weight = column.numbers[row];
    const auto rounded = static_cast<float>(weight);
    if (!(weight >= 0) || !std::isfinite(rounded)) {
      return fail(StatusCode::kData, "data.weight: column '{}', row {}: {} (must be 0 to 3.4e38)",
                  column.name, row + 1,
                  std::isnan(weight) ? std::string("missing") : fmt::format("{}", weight));
    }
    weights[row] = rounded;
    sum += weight;
  }
  if (!(sum > 0)) {
    return fail(StatusCode::kData, "data.weight: column '{}': all weights are 0", column.name);
  }
  return weights;
}

// Codes of groups, one a target row. All missing values are one group.
std::vector<int32_t> read_groups(const datasets::Column& column, const datasets::Target& target) {
  std::vector<int32_t> groups;
  groups.reserve(target.rows.size());
  if (!column.is_numbers()) {
    for (const uint32_t row : target.rows) groups.push_back(column.codes[row]);
    return groups;
  }
  std::map<double, int32_t> code_of;
  for (const uint32_t row : target.rows) {
    const double value = column.numbers[row];
    if (std::isnan(value)) {
      groups.push_back(0);
      continue;
    }
    const auto next = static_cast<int32_t>(code_of.size()) + 1;
    groups.push_back(code_of.emplace(value, next).first->second);
  }
  return groups;
}

Result<std::vector<double>> read_times(const datasets::Column& column,
                                       const datasets::Target& target) {
  if (!column.is_numbers()) {
    return fail(StatusCode::kData,
                "data.time_column: column '{}' is {} (must be datetime or numeric)", column.name,
                name_of(column.type));
  }
  std::vector<double> times;
  times.reserve(target.rows.size());
  for (const uint32_t row : target.rows) {
    if (std::isnan(column.numbers[row])) {
      return fail(StatusCode::kData,
                  "data.time_column: column '{}', row {}: missing (every row needs a time)",
                  column.name, row + 1);
    }
    times.push_back(column.numbers[row]);
  }
  return times;
}

bool is_numeric(const datasets::Table& table, const std::string& name) {
  const int64_t at = table.find(name);
  return at >= 0 && table.columns()[static_cast<size_t>(at)].type == datasets::ColumnType::kNumeric;
}

Result<const datasets::Column*> column_for(const datasets::Table& table, std::string_view option,
                                           const std::string& name) {
  auto column = table.column(name);
  if (!column) return fail_with(std::move(column.error()), option);
  return column;
}

}  // namespace

Result<datasets::Target> find_target(const datasets::Table& table, const ExperimentConfig& config) {
  const DataOptions& data = config.data;
  std::optional<Task> task;
  if (data.task != "auto") {
    ASSAY_ASSIGN_OR_RETURN(task, parse_task(data.task));
  } else if (is_numeric(table, data.target) && names_a_metric_of_numbers(config)) {
    // Few distinct integers are taken for classes, but not of who wants numbers.
    task = Task::kRegression;
  }
  auto extracted = datasets::extract_target(table, data.target, task);
  if (!extracted) return fail_with(std::move(extracted.error()), "data.target");
  datasets::Target target = std::move(*extracted);
  if (data.positive_class.empty()) return target;
  if (target.task != Task::kBinary) {
    return fail(StatusCode::kConfig,
                "data.positive_class: '{}' needs a binary task, but column '{}' is {}",
                data.positive_class, data.target, name_of(target.task));
  }
  const auto at = find_label(target.labels, data.positive_class);
  if (at == target.labels.end()) {
    return fail(StatusCode::kConfig, "data.positive_class: column '{}' has no label '{}'{}",
                data.target, data.positive_class,
                name_hint(data.positive_class, std::span<const std::string>(target.labels)));
  }
  if (at == target.labels.begin()) {
    std::swap(target.labels[0], target.labels[1]);
    std::swap(target.counts[0], target.counts[1]);
    for (int32_t& code : target.codes) code = 1 - code;
  }
  return target;
}

Result<std::vector<double>> read_class_weights(const datasets::Target& target,
                                               const std::string& class_weight) {
  std::vector<double> weights;
  if (!has_label_weights(class_weight)) return weights;
  ASSAY_ASSIGN_OR_RETURN(const LabelWeights given,
                         parse_label_weights("class_weight", class_weight));
  if (!target.classifies()) {
    return fail(StatusCode::kConfig,
                "class_weight: weights of labels need a classification task, but column '{}' is {}",
                target.name, name_of(target.task));
  }
  weights.assign(target.labels.size(), 1.0);
  std::vector<const std::string*> named(target.labels.size(), nullptr);
  for (const auto& [label, weight] : given) {
    const auto at = find_label(target.labels, label);
    if (at == target.labels.end()) {
      return fail(StatusCode::kConfig, "class_weight: column '{}' has no label '{}'{}", target.name,
                  shortened(label), name_hint(label, std::span<const std::string>(target.labels)));
    }
    const auto place = static_cast<size_t>(at - target.labels.begin());
    if (named[place] != nullptr) {
      return fail(StatusCode::kConfig, "class_weight: '{}' and '{}' are both label '{}'",
                  *named[place], label, *at);
    }
    named[place] = &label;
    weights[place] = weight;
  }
  return weights;
}

Result<ColumnRoles> read_column_roles(const datasets::Table& table,
                                      const ExperimentConfig& config) {
  const DataOptions& data = config.data;
  ColumnRoles roles;
  ASSAY_ASSIGN_OR_RETURN(roles.target, find_target(table, config));
  if (!data.weight.empty()) {
    ASSAY_ASSIGN_OR_RETURN(const datasets::Column* column,
                           column_for(table, "data.weight", data.weight));
    ASSAY_ASSIGN_OR_RETURN(roles.weights, read_weights(*column, roles.target));
  }
  if (!data.group.empty()) {
    ASSAY_ASSIGN_OR_RETURN(const datasets::Column* column,
                           column_for(table, "data.group", data.group));
    roles.groups = read_groups(*column, roles.target);
  }
  if (!data.time_column.empty()) {
    ASSAY_ASSIGN_OR_RETURN(const datasets::Column* column,
                           column_for(table, "data.time_column", data.time_column));
    ASSAY_ASSIGN_OR_RETURN(roles.times, read_times(*column, roles.target));
  }
  return roles;
}

}  // namespace assay::automl
