#include "automl/preprocess/feature_encoder.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace assay::automl {
namespace {

// Blocks, and what trees are grown from beside them: columns, and bundles at most.
constexpr int64_t kBinForms = 3;
using datasets::Column;
using datasets::ColumnType;
using datasets::FeatureBins;
using datasets::FeatureColumn;
using datasets::Table;
using kernels::FeatureKind;

// Missing in all rows; one column for all places.
datasets::NumberView empty_numbers(size_t rows, EncodedTable::Source& source) {
  if (source.no_numbers.size() != rows) {
    source.no_numbers = std::vector<double>(rows, std::numeric_limits<double>::quiet_NaN());
  }
  return source.no_numbers;
}

// Numbers of more rows are held in as few bytes as they need; of few rows, such as one that a
// prediction is wanted of, it takes more time to find out than it is worth.
constexpr size_t kFewRows = 1024;

datasets::NumberView keep(std::vector<double> numbers, EncodedTable::Source& source) {
  if (numbers.size() <= kFewRows) return source.doubles.emplace_back(std::move(numbers));
  return source.numbers.emplace_back(numbers);
}

}  // namespace

FeatureKind kind_of(ColumnType type) {
  return type == ColumnType::kCategorical ? FeatureKind::kCategorical : FeatureKind::kNumeric;
}

std::string FeatureEncoder::feature_name(const InputColumn& column, int32_t index,
                                         int32_t output) const {
  if (output == kOwnNumber) return column.name;
  if (output == kFirstTargetOutput) return column.name + ".target";
  if (output < kOwnNumber) return fmt::format("{}.target{}", column.name, -output);
  const ColumnTransform& transform = *transforms_[static_cast<size_t>(index)];
  return fmt::format("{}.{}", column.name, transform.output_name(output));
}

std::vector<double> FeatureEncoder::periods() const {
  std::vector<double> periods;
  for (const Feature& feature : features_) {
    const auto& transform = transforms_[static_cast<size_t>(feature.column)];
    periods.push_back(feature.output <= kOwnNumber ? 0 : transform->period(feature.output));
  }
  return periods;
}

Status FeatureEncoder::read_column(const Column& column, std::span<const Feature> features,
                                   const kernels::ComputeContext* context,
                                   EncodedTable::Source& source) const {
  const auto index = static_cast<size_t>(features[0].column);
  const InputColumn& wanted = columns_[index];
  ColumnCells cells;
  OwnTexts texts;
  if (wanted.type == ColumnType::kText) {
    ASSAY_ASSIGN_OR_RETURN(cells, read_texts(column, wanted, texts));
  } else if (wanted.type == ColumnType::kCategorical) {
    ASSAY_ASSIGN_OR_RETURN(cells.codes, read_codes(column, wanted, source.codes));
  } else {
    ASSAY_ASSIGN_OR_RETURN(cells.numbers, read_numbers(column, wanted, source.numbers));
  }
  std::vector<int32_t> outputs;
  for (const Feature& feature : features) {
    if (feature.output > kOwnNumber) outputs.push_back(feature.output);
  }
  std::vector<std::vector<double>> made;
  if (!outputs.empty()) {
    ASSAY_RETURN_IF_ERROR(transforms_[index]->apply(cells, outputs, context, made));
  }
  const auto key = std::find_if(level_keys_.begin(), level_keys_.end(), [&](const auto& rule) {
    return rule.column == features[0].column;
  });
  if (key != level_keys_.end()) {
    source.keys.push_back({key->codes(cells, source.codes), key->code_count(wanted),
                           static_cast<int32_t>(source.columns.size())});
  }
  auto next = made.begin();
  for (const Feature& feature : features) {
    FeatureColumn& raw = source.columns.emplace_back();
    raw.kind = feature.kind;
    if (feature.output < kOwnNumber) {
      raw.numbers = empty_numbers(static_cast<size_t>(column.row_count()), source);
    } else if (feature.output > kOwnNumber) {
      raw.numbers = keep(std::move(*next++), source);
    } else if (feature.kind == FeatureKind::kCategorical) {
      raw.codes = cells.codes;
      raw.code_count = wanted.code_count();
    } else {
      raw.numbers = cells.numbers;
    }
  }
  return {};
}

Result<EncodedTable::Source> FeatureEncoder::read(std::shared_ptr<const Table> table,
                                                  const kernels::ComputeContext* context) const {
  EncodedTable::Source source;
  const std::span<const Feature> features = std::span(features_).first(own_count());
  for (size_t begin = 0; begin < features.size();) {
    size_t end = begin + 1;
    while (end < features.size() && features[end].column == features[begin].column) ++end;
    const InputColumn& wanted = columns_[static_cast<size_t>(features[begin].column)];
    ASSAY_ASSIGN_OR_RETURN(const Column* column, table->column(wanted.name));
    ASSAY_RETURN_IF_ERROR(
        read_column(*column, features.subspan(begin, end - begin), context, source));
    begin = end;
  }
  ASSAY_RETURN_IF_ERROR(combine(context, source));
  source.table = std::move(table);
  return source;
}

Status FeatureEncoder::combine(const kernels::ComputeContext* context,
                               EncodedTable::Source& source) const {
  for (const auto& combination : combinations_) {
    const CombinationSpec& spec = combination->spec();
    ASSAY_ASSIGN_OR_RETURN(
        CombinedColumn made,
        combination->apply(source.columns[static_cast<size_t>(spec.left)],
                           source.columns[static_cast<size_t>(spec.right)], context));
    FeatureColumn& raw = source.columns.emplace_back();
    raw.kind = combination->feature_kind();
    raw.code_count = combination->code_count();
    if (raw.kind == FeatureKind::kCategorical) {
      raw.codes = source.codes.emplace_back(std::move(made.codes));
    } else {
      raw.numbers = keep(std::move(made.numbers), source);
    }
  }
  return {};
}

void FeatureEncoder::add_combined(std::shared_ptr<const Combination> combination) {
  const Feature& left = features_[static_cast<size_t>(combination->spec().left)];
  const Feature& right = features_[static_cast<size_t>(combination->spec().right)];
  Feature feature{combination->name(left.name, right.name), left.column, kOwnNumber,
                  combination->feature_kind(), static_cast<int32_t>(combinations_.size())};
  features_.push_back(std::move(feature));
  combinations_.push_back(std::move(combination));
}

const std::string& FeatureEncoder::part_name(size_t part) const {
  if (part < columns_.size()) return columns_[part].name;
  return features_[own_count() + part - columns_.size()].name;
}

size_t FeatureEncoder::part_of(const Feature& feature) const {
  if (feature.combination < 0) return static_cast<size_t>(feature.column);
  return columns_.size() + static_cast<size_t>(feature.combination);
}

Result<std::unique_ptr<EncodedTable>> FeatureEncoder::encode(
    std::shared_ptr<const Table> table, const kernels::ComputeContext* context) const {
  const std::string name = table->source();
  auto source = read(std::move(table), context);
  if (!source && source.error().message.rfind(name, 0) == 0) {
    return tl::unexpected<Error>(std::move(source.error()));
  }
  if (!source) return fail_with(std::move(source.error()), name);
  return encode(std::move(*source));
}

std::unique_ptr<EncodedTable> FeatureEncoder::encode(EncodedTable::Source source) const {
  return std::make_unique<EncodedTable>(std::move(source), mapper_, dense_);
}

std::vector<std::string> FeatureEncoder::ignored_columns(const Table& table) const {
  std::unordered_set<std::string_view> used;
  for (const InputColumn& column : columns_) used.insert(column.name);
  std::vector<std::string> ignored;
  for (const Column& column : table.columns()) {
    if (!used.contains(column.name)) ignored.push_back(column.name);
  }
  return ignored;
}

int32_t FeatureEncoder::category_count() const {
  return static_cast<int32_t>(std::count_if(
      features_.begin(), features_.end(),
      [](const Feature& feature) { return feature.kind == FeatureKind::kCategorical; }));
}

int64_t FeatureEncoder::bin_count() const {
  int64_t count = 0;
  for (const FeatureBins& rule : mapper_->features()) count += rule.bin_count();
  return count;
}

int64_t FeatureEncoder::binned_bytes(int64_t row_count) const {
  int64_t cell_bytes = 0;
  for (const Feature& feature : features_) {
    const InputColumn& column = columns_[static_cast<size_t>(feature.column)];
    if (feature.combination >= 0) {
      cell_bytes += kBinForms + (feature.kind == FeatureKind::kCategorical ? 4 : 8);
      continue;
    }
    const bool derived = feature.output != kOwnNumber;
    const bool codes = column.type == ColumnType::kCategorical;
    // All outputs of a column are there as doubles before they are made narrow.
    cell_bytes += kBinForms + (derived ? 8 : 0) + (codes && !derived ? 4 : 0);
  }
  // Level keys, and their copy when the table is let go.
  cell_bytes += 8 * static_cast<int64_t>(level_keys_.size());
  return cell_bytes * row_count;
}

int64_t FeatureEncoder::dense_bytes(int64_t row_count) const {
  return row_count * dense_column_count() * static_cast<int64_t>(sizeof(float));
}

}  // namespace assay::automl
