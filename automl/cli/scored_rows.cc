#include "automl/cli/scored_rows.h"

#include <cmath>

#include "datasets/column_types.h"
#include "kernels/base/names.h"

namespace assay::automl::cli {

LabelIndex::LabelIndex(const std::vector<std::string>& labels) : labels_(labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto number = static_cast<int32_t>(i);
    exact_.emplace(labels[i], number);
    lower_.emplace(lower_case(labels[i]), number);
    double value = 0;
    if (datasets::parse_number(labels[i], value) == datasets::NumberKind::kFinite) {
      numbers_.emplace(value, number);
    }
  }
}

Result<int32_t> LabelIndex::find(const std::string& text) const {
  if (const auto it = exact_.find(text); it != exact_.end()) return it->second;
  double value = 0;
  if (datasets::parse_number(text, value) == datasets::NumberKind::kFinite) {
    if (const auto it = numbers_.find(value); it != numbers_.end()) return it->second;
  }
  if (const auto it = lower_.find(lower_case(text)); it != lower_.end()) return it->second;
  return fail(StatusCode::kData, "class '{}' was not there in training{}", text,
              name_hint(text, std::span<const std::string>(labels_)));
}

Result<ScoredRows> ScoredRows::make(const Predictor& predictor, const Metric& metric) {
  ScoredRows rows(predictor);
  if (!metric.wants_queries()) return rows;
  const auto note = predictor.notes().find("group");
  const auto* name =
      note == predictor.notes().end() ? nullptr : std::get_if<std::string>(&note->second);
  if (name == nullptr) {
    return fail(StatusCode::kInvalidArgument,
                "metric '{}' ranks the answers to queries, and the model was not trained to",
                metric.name());
  }
  rows.query_column_ = *name;
  return rows;
}

std::vector<datasets::ColumnSpec> ScoredRows::extra_columns() const {
  std::vector<datasets::ColumnSpec> columns;
  if (!query_column_.empty())
    columns.push_back({query_column_, datasets::ColumnType::kCategorical});
  columns.push_back({predictor_->target(), predictor_->labels().empty()
                                               ? datasets::ColumnType::kNumeric
                                               : datasets::ColumnType::kCategorical});
  return columns;
}

// Missing ones are one query, as in training.
void ScoredRows::add_query(const datasets::Column& column, size_t row) {
  const int32_t code = column.codes[row];
  const bool known = code != datasets::kMissingCode;
  const std::string text =
      known ? "=" + column.levels[static_cast<size_t>(code - datasets::kFirstLevelCode)] : "";
  const auto next = static_cast<int32_t>(query_numbers_.size());
  queries_.push_back(query_numbers_.emplace(text, next).first->second);
}

Status ScoredRows::add(const PredictedBlock& block) {
  const datasets::Column& target = block.table.columns().back();
  const datasets::Column* query =
      query_column_.empty() ? nullptr : &block.table.columns().rbegin()[1];
  const auto width = static_cast<size_t>(predictor_->output_count());
  std::vector<int32_t> code_labels(target.levels.size(), -1);
  block_rows_.clear();
  for (size_t row = 0; row < static_cast<size_t>(block.table.row_count()); ++row) {
    if (target.is_numbers()) {
      if (std::isnan(target.numbers[row])) {
        ++missing_;
        continue;
      }
      values_.push_back(target.numbers[row]);
    } else {
      if (target.codes[row] == datasets::kMissingCode) {
        ++missing_;
        continue;
      }
      const auto level = static_cast<size_t>(target.codes[row] - datasets::kFirstLevelCode);
      if (code_labels[level] < 0) {
        const auto label = index_.find(target.levels[level]);
        if (!label) {
          const size_t column = block.table.columns().size() - 1;
          return tl::unexpected<Error>(
              block.source.error_at(static_cast<int64_t>(row), column, label.error().message));
        }
        code_labels[level] = *label;
      }
      labels_.push_back(code_labels[level]);
    }
    if (query != nullptr) add_query(*query, row);
    block_rows_.push_back(static_cast<uint32_t>(row));
    const auto begin = block.predictions.begin() + static_cast<ptrdiff_t>(row * width);
    predictions_.insert(predictions_.end(), begin, begin + static_cast<ptrdiff_t>(width));
  }
  return {};
}

Result<Metric> metric_of(const Predictor& predictor, const std::string& wanted) {
  std::string name = wanted.empty() ? "auto" : wanted;
  const auto note = predictor.notes().find("metric");
  if (wanted.empty() && note != predictor.notes().end()) {
    if (const auto* text = std::get_if<std::string>(&note->second)) name = *text;
  }
  ASSAY_ASSIGN_OR_RETURN(const Metric metric, Metric::find(name, predictor.task()));
  return metric.at(predictor.threshold());
}

}  // namespace assay::automl::cli
