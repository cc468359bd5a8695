#include "automl/report/training_file.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "automl/config/column_check.h"
#include "automl/config/experiment_config.h"
#include "automl/report/report_data.h"
#include "datasets/column_types.h"
#include "datasets/csv_reader.h"
#include "datasets/target.h"

namespace assay::automl {
namespace {

// The items of "[a, b]" or "{a: x, b: y}", as value_text writes lists and maps.
std::vector<std::string> items_of(std::string_view text) {
  std::vector<std::string> items;
  if (text.size() < 2) return items;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    const size_t end = std::min(text.find(", "), text.size());
    items.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return items;
}

// The section `data` of the run's config, from its parameters. Columns that it dropped are read:
// nobody looks at them.
DataOptions data_options(const tracking::RunRecord& sweep) {
  DataOptions data;
  for (const OptionInfo& info : DataOptions::table().options()) {
    const auto it = sweep.params.find("data." + std::string(info.name));
    if (it == sweep.params.end() || info.name == "drop") continue;
    const std::string text = it->second.text();
    if (info.name == "missing_tokens") {
      data.missing_tokens = items_of(text);
    } else if (info.name == "column_types") {
      for (const std::string& item : items_of(text)) {
        const size_t colon = item.rfind(": ");
        if (colon == std::string::npos) continue;
        data.column_types.emplace(item.substr(0, colon), item.substr(colon + 2));
      }
    } else {
      // What an option does not take any more keeps its default.
      (void)DataOptions::table().parse(data, info.name, text);
    }
  }
  return data;
}

std::string recorded_hash(const tracking::RunRecord& sweep) {
  for (const tracking::DatasetUse& use : sweep.datasets) {
    if (use.role == "train") return use.content_hash;
  }
  return {};
}

std::optional<std::vector<int32_t>> labels_of(const datasets::Column& column,
                                              const tracking::Predictions& predictions) {
  std::map<std::string, int32_t> index;
  std::map<double, int32_t> numbers;
  for (size_t k = 0; k < predictions.column_names.size(); ++k) {
    const auto label = static_cast<int32_t>(k);
    index.emplace(predictions.column_names[k], label);
    double value = 0;
    if (datasets::parse_number(predictions.column_names[k], value) ==
        datasets::NumberKind::kFinite) {
      numbers.emplace(value, label);
    }
  }
  std::vector<int32_t> labels;
  for (const int64_t row : predictions.row_ids) {
    if (row < 0 || row >= column.row_count()) return std::nullopt;
    const auto at = static_cast<size_t>(row);
    std::string text;
    if (column.type == datasets::ColumnType::kNumeric) {
      const auto it = numbers.find(column.numbers[at]);
      if (it == numbers.end()) return std::nullopt;
      labels.push_back(it->second);
      continue;
    }
    if (column.is_numbers()) {
      const double value = column.numbers[at];
      if (column.levels.size() != 2 || !(value == 0 || value == 1)) return std::nullopt;
      text = column.levels[value == 1 ? 1 : 0];
    } else {
      const int32_t code = column.codes[at];
      if (code < datasets::kFirstLevelCode) return std::nullopt;
      text = column.levels[static_cast<size_t>(code - datasets::kFirstLevelCode)];
    }
    const auto it = index.find(text);
    if (it == index.end()) return std::nullopt;
    labels.push_back(it->second);
  }
  return labels;
}

std::optional<std::vector<double>> values_of(const datasets::Column& column,
                                             const tracking::Predictions& predictions) {
  if (!column.is_numbers()) return std::nullopt;
  std::vector<double> values;
  for (const int64_t row : predictions.row_ids) {
    if (row < 0 || row >= column.row_count()) return std::nullopt;
    const double value = column.numbers[static_cast<size_t>(row)];
    if (!std::isfinite(value)) return std::nullopt;
    values.push_back(value);
  }
  return values;
}

// From the record; nothing if it has none, or they do not fit.
std::optional<OofTruth> recorded_truth(const tracking::RunRecord& sweep,
                                       const tracking::Predictions& predictions, bool classifies) {
  const tracking::NamedTable* table = table_of(sweep, "oof_targets");
  if (table == nullptr) return std::nullopt;
  OofTruth truth;
  const auto rows = static_cast<size_t>(predictions.rows);
  if (classifies) {
    const auto* codes = column_of<int64_t>(*table, "class");
    if (codes == nullptr || codes->size() != rows) return std::nullopt;
    for (const int64_t code : *codes) {
      if (code < 0 || code >= predictions.columns) return std::nullopt;
      truth.labels.push_back(static_cast<int32_t>(code));
    }
    return truth;
  }
  const auto* values = column_of<double>(*table, "value");
  if (values == nullptr || values->size() != rows) return std::nullopt;
  truth.values = *values;
  return truth;
}

}  // namespace

Result<TrainingFile> read_training_file(const tracking::RunRecord& sweep, const std::string& path,
                                        Executor& executor, const StopToken& stop) {
  TrainingFile file;
  DataOptions data = data_options(sweep);
  const std::string recorded = data.train;
  if (!path.empty()) data.train = path;
  std::error_code error;
  if (data.train.empty()) {
    file.missing = "the run's record does not say which file it was trained on";
    return file;
  }
  if (path.empty() && !std::filesystem::is_regular_file(data.train, error)) {
    file.missing = fmt::format("'{}' is not there (--data says where it is now)", data.train);
    return file;
  }
  auto options = csv_options(data);
  if (!options) {
    file.missing = options.error().message;
    return file;
  }
  auto table = datasets::read_csv(data.train, *options, executor, stop);
  if (!table) {
    if (!path.empty() || table.error().code == StatusCode::kCancelled) {
      return tl::unexpected<Error>(std::move(table.error()));
    }
    file.missing = table.error().message;
    return file;
  }
  const std::string hash = recorded_hash(sweep);
  if (hash.empty() || (*table)->content_hash() != hash) {
    file.missing =
        hash.empty() ? std::string("the run's record has no hash to know its training table by")
                     : fmt::format(
                           "'{}' is not the file the run read: its SHA-256 is {}..., "
                           "that of the run's table {}...",
                           data.train, (*table)->content_hash().substr(0, 12), hash.substr(0, 12));
    if (!path.empty()) return fail(StatusCode::kData, "--data: {}", file.missing);
    return file;
  }
  file.table = std::move(*table);
  return file;
}

OofTruth oof_truth_of(const tracking::RunRecord& sweep, const tracking::Predictions& predictions,
                      const TrainingFile& file, bool classifies) {
  if (auto truth = recorded_truth(sweep, predictions, classifies)) return std::move(*truth);
  OofTruth truth;
  if (file.table == nullptr) {
    truth.missing =
        "the run's record has no targets beside its out-of-fold predictions (runs of earlier "
        "releases have none), and the training table cannot be read: " +
        file.missing;
    return truth;
  }
  const std::string target = value_of(sweep.params, "data.target");
  const int64_t column = file.table->find(target);
  tracking::Predictions with_rows;
  const tracking::Predictions* used = &predictions;
  if (predictions.row_ids.empty()) {
    with_rows.column_names = predictions.column_names;
    for (int64_t row = 0; row < predictions.rows; ++row) with_rows.row_ids.push_back(row);
    used = &with_rows;
  }
  bool read = false;
  if (column >= 0) {
    const datasets::Column& held = file.table->columns()[static_cast<size_t>(column)];
    if (classifies) {
      if (auto labels = labels_of(held, *used)) {
        truth.labels = std::move(*labels);
        read = true;
      }
    } else if (auto values = values_of(held, *used)) {
      truth.values = std::move(*values);
      read = true;
    }
  }
  if (!read) {
    truth.missing = fmt::format(
        "column '{}' of the training table does not fit the recorded "
        "out-of-fold predictions",
        target);
  }
  return truth;
}

}  // namespace assay::automl
