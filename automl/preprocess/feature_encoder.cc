#include "automl/preprocess/feature_encoder.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

namespace assay::automl {
namespace {

// Blocks, and what trees are grown from beside them: columns, and bundles at most.
constexpr int64_t kBinForms = 3;

using datasets::Column;
using datasets::ColumnType;
using datasets::FeatureBins;
using datasets::Table;
using kernels::FeatureKind;

// Whether two values that are not NaN differ.
bool varies(std::span<const double> numbers) {
  double first = std::numeric_limits<double>::quiet_NaN();
  for (const double x : numbers) {
    if (std::isnan(x)) continue;
    if (std::isnan(first)) first = x;
    if (x != first) return true;
  }
  return false;
}

bool varies(std::span<const int32_t> codes) {
  int32_t first = datasets::kMissingCode;
  for (const int32_t code : codes) {
    if (code == datasets::kMissingCode) continue;
    if (first == datasets::kMissingCode) first = code;
    if (code != first) return true;
  }
  return false;
}

// Why a column is no feature; empty if it is one.
std::string drop_reason(const Column& column) {
  const int64_t rows = column.row_count();
  if (column.missing_count == rows) return "all values are missing";
  if (column.type == ColumnType::kText) {
    return fmt::format("text or identifiers: {} distinct values in {} rows", column.levels.size(),
                       rows);
  }
  const bool many = column.is_numbers() ? varies(std::span<const double>(column.numbers))
                                        : varies(std::span<const int32_t>(column.codes));
  // A value that is sometimes missing still tells rows apart.
  if (!many && column.missing_count == 0) return "constant";
  return {};
}

InputColumn contract_of(const Column& column) {
  InputColumn wanted;
  wanted.name = column.name;
  wanted.type = column.type;
  wanted.levels = column.levels;
  wanted.had_missing = column.missing_count > 0;
  return wanted;
}

FeatureKind kind_of(ColumnType type) {
  return type == ColumnType::kCategorical ? FeatureKind::kCategorical : FeatureKind::kNumeric;
}

std::string feature_name(const InputColumn& column, FeaturePart part) {
  return part == FeaturePart::kValue ? column.name
                                     : fmt::format("{}.{}", column.name, name_of(part));
}

// The raw feature columns of `table`.
Result<EncodedTable::Source> read_source(std::shared_ptr<const Table> table,
                                         const std::vector<InputColumn>& columns,
                                         const std::vector<Feature>& features) {
  EncodedTable::Source source;
  int32_t at = -1;
  std::span<const double> numbers;
  for (const Feature& feature : features) {
    const InputColumn& wanted = columns[static_cast<size_t>(feature.column)];
    datasets::FeatureColumn raw;
    raw.kind = feature.kind;
    if (feature.kind == FeatureKind::kCategorical) {
      ASSAY_ASSIGN_OR_RETURN(const Column* column, table->column(wanted.name));
      ASSAY_ASSIGN_OR_RETURN(raw.codes, read_codes(*column, wanted, source.codes));
      raw.code_count = wanted.code_count();
    } else {
      if (feature.column != at) {
        ASSAY_ASSIGN_OR_RETURN(const Column* column, table->column(wanted.name));
        ASSAY_ASSIGN_OR_RETURN(numbers, read_numbers(*column, wanted, source.numbers));
        at = feature.column;
      }
      raw.numbers = numbers;
      if (feature.part != FeaturePart::kValue) {
        raw.numbers = source.numbers.emplace_back(calendar_part(numbers, feature.part));
      }
    }
    source.columns.push_back(raw);
  }
  source.table = std::move(table);
  return source;
}

tl::unexpected<Error> no_features(const Table& table, const std::vector<DroppedColumn>& dropped) {
  std::string reasons;
  for (size_t i = 0; i < dropped.size() && i < 5; ++i) {
    reasons += fmt::format("{}'{}' ({})", i == 0 ? ": " : ", ", dropped[i].name, dropped[i].reason);
  }
  return fail(StatusCode::kData, "{}: no column can be used as a feature{}{}", table.source(),
              reasons, dropped.size() > 5 ? ", ..." : "");
}

void save_bins(const datasets::BinMapper& mapper, ModelWriter writer) {
  std::vector<uint8_t> kinds, bins;
  std::vector<double> edges;
  std::vector<int64_t> edge_ends, bin_ends;
  for (const FeatureBins& rule : mapper.features()) {
    kinds.push_back(static_cast<uint8_t>(rule.kind));
    edges.insert(edges.end(), rule.edges.begin(), rule.edges.end());
    bins.insert(bins.end(), rule.code_to_bin.begin(), rule.code_to_bin.end());
    edge_ends.push_back(static_cast<int64_t>(edges.size()));
    bin_ends.push_back(static_cast<int64_t>(bins.size()));
  }
  writer.put_tensor("kinds", std::span<const uint8_t>(kinds));
  writer.put_tensor("edges", std::span<const double>(edges));
  writer.put_tensor("edge_ends", std::span<const int64_t>(edge_ends));
  writer.put_tensor("code_to_bin", std::span<const uint8_t>(bins));
  writer.put_tensor("code_ends", std::span<const int64_t>(bin_ends));
}

// values[begin..end) for part number i of a list cut at `ends`; nothing if they are out of order.
template <class T>
std::optional<std::vector<T>> part_of(const std::vector<T>& values, std::span<const int64_t> ends,
                                      size_t i) {
  const int64_t begin = i == 0 ? 0 : ends[i - 1];
  if (begin < 0 || ends[i] < begin || ends[i] > static_cast<int64_t>(values.size())) {
    return std::nullopt;
  }
  return std::vector<T>(values.begin() + begin, values.begin() + ends[i]);
}

Result<datasets::BinMapper> load_bins(const ModelReader& reader) {
  ASSAY_ASSIGN_OR_RETURN(const auto kinds, reader.tensor<uint8_t>("kinds"));
  const auto count = static_cast<int64_t>(kinds.size());
  ASSAY_ASSIGN_OR_RETURN(const auto edges, reader.tensor<double>("edges"));
  ASSAY_ASSIGN_OR_RETURN(const auto edge_ends, reader.tensor<int64_t>("edge_ends", count));
  ASSAY_ASSIGN_OR_RETURN(const auto bins, reader.tensor<uint8_t>("code_to_bin"));
  ASSAY_ASSIGN_OR_RETURN(const auto bin_ends, reader.tensor<int64_t>("code_ends", count));
  std::vector<FeatureBins> rules(kinds.size());
  for (size_t i = 0; i < rules.size(); ++i) {
    auto rule_edges = part_of(edges, edge_ends, i);
    auto rule_bins = part_of(bins, bin_ends, i);
    if (kinds[i] > 1 || !rule_edges || !rule_bins) {
      return reader.damaged("bins do not fit together");
    }
    rules[i] = {static_cast<FeatureKind>(kinds[i]), std::move(*rule_edges), std::move(*rule_bins)};
  }
  auto mapper = datasets::BinMapper::from_features(std::move(rules));
  if (!mapper) return reader.damaged(mapper.error().message);
  return mapper;
}

void save_columns(const std::vector<InputColumn>& columns, ModelWriter writer) {
  std::vector<std::string> names, types, levels;
  std::vector<uint8_t> missing;
  std::vector<int64_t> ends;
  for (const InputColumn& column : columns) {
    names.push_back(column.name);
    types.emplace_back(datasets::name_of(column.type));
    missing.push_back(column.had_missing ? 1 : 0);
    levels.insert(levels.end(), column.levels.begin(), column.levels.end());
    ends.push_back(static_cast<int64_t>(levels.size()));
  }
  writer.put_texts("names", names);
  writer.put_texts("types", types);
  writer.put_tensor("had_missing", std::span<const uint8_t>(missing));
  writer.put_texts("levels", levels);
  writer.put_tensor("level_ends", std::span<const int64_t>(ends));
}

// Whether the levels are as fit() makes them: sorted and distinct for categories, two spellings
// for a boolean, none for numbers.
bool levels_fit(const InputColumn& column) {
  const auto& levels = column.levels;
  if (column.type == ColumnType::kBoolean) return levels.empty() || levels.size() == 2;
  if (column.type != ColumnType::kCategorical) return levels.empty();
  return std::adjacent_find(levels.begin(), levels.end(), std::greater_equal<>()) == levels.end();
}

Result<std::vector<InputColumn>> load_columns(const ModelReader& reader) {
  ASSAY_ASSIGN_OR_RETURN(const auto names, reader.texts("names"));
  ASSAY_ASSIGN_OR_RETURN(const auto types, reader.texts("types"));
  const auto count = static_cast<int64_t>(names.size());
  ASSAY_ASSIGN_OR_RETURN(const auto missing, reader.tensor<uint8_t>("had_missing", count));
  ASSAY_ASSIGN_OR_RETURN(const auto levels, reader.texts("levels"));
  ASSAY_ASSIGN_OR_RETURN(const auto ends, reader.tensor<int64_t>("level_ends", count));
  if (types.size() != names.size()) return reader.damaged("columns without a type");
  std::vector<InputColumn> columns(names.size());
  std::unordered_set<std::string_view> seen;
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto type = datasets::parse_column_type(types[i]);
    auto own = part_of(levels, ends, i);
    if (!type || !own) return reader.damaged("columns do not fit together");
    columns[i] = {names[i], *type, std::move(*own), missing[i] != 0};
    if (*type == ColumnType::kText || !levels_fit(columns[i]) || !seen.insert(names[i]).second) {
      return reader.damaged(fmt::format("column {} is not sound", i + 1));
    }
  }
  return columns;
}

}  // namespace

void FeatureEncoder::add_features(int32_t index, const Column& column) {
  const InputColumn& wanted = columns_[static_cast<size_t>(index)];
  features_.push_back({wanted.name, index, FeaturePart::kValue, kind_of(wanted.type)});
  if (wanted.type != ColumnType::kDatetime) return;
  for (const FeaturePart part : kCalendarParts) {
    if (!varies(std::span<const double>(calendar_part(column.numbers, part)))) continue;
    features_.push_back({feature_name(wanted, part), index, part, FeatureKind::kNumeric});
  }
}

Result<FeatureEncoder> FeatureEncoder::fit(const std::shared_ptr<const Table>& table,
                                           const EncoderOptions& options,
                                           const kernels::ComputeContext& context) {
  if (table->row_count() == 0) return fail(StatusCode::kData, "{}: no rows", table->source());
  std::set<std::string_view> excluded;
  for (const std::string& name : options.exclude) {
    ASSAY_ASSIGN_OR_RETURN(const Column* column, table->column(name));
    excluded.insert(column->name);
  }
  FeatureEncoder encoder;
  for (const Column& column : table->columns()) {
    if (excluded.contains(column.name)) continue;
    if (std::string reason = drop_reason(column); !reason.empty()) {
      encoder.dropped_.push_back({column.name, std::move(reason)});
      continue;
    }
    encoder.columns_.push_back(contract_of(column));
    encoder.add_features(static_cast<int32_t>(encoder.columns_.size()) - 1, column);
  }
  if (encoder.features_.empty()) return no_features(*table, encoder.dropped_);
  ASSAY_ASSIGN_OR_RETURN(const EncodedTable::Source source,
                         read_source(table, encoder.columns_, encoder.features_));
  ASSAY_ASSIGN_OR_RETURN(
      datasets::BinMapper mapper,
      datasets::BinMapper::fit(source.columns, options.max_value_bins, options.seed, context));
  ASSAY_ASSIGN_OR_RETURN(DenseEncoder dense, DenseEncoder::fit(source.columns, context));
  encoder.mapper_ = std::make_shared<const datasets::BinMapper>(std::move(mapper));
  encoder.dense_ = std::make_shared<const DenseEncoder>(std::move(dense));
  return encoder;
}

Result<std::unique_ptr<EncodedTable>> FeatureEncoder::encode(
    std::shared_ptr<const Table> table) const {
  const std::string name = table->source();
  auto source = read_source(std::move(table), columns_, features_);
  if (!source && source.error().message.rfind(name, 0) == 0) {
    return tl::unexpected<Error>(std::move(source.error()));
  }
  if (!source) return fail_with(std::move(source.error()), name);
  return std::make_unique<EncodedTable>(std::move(*source), mapper_, dense_);
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
    const bool derived = feature.part != FeaturePart::kValue;
    const bool codes = column.type == ColumnType::kCategorical;
    cell_bytes += kBinForms + (derived ? 8 : 0) + (codes ? 4 : 0);
  }
  return cell_bytes * row_count;
}

int64_t FeatureEncoder::dense_bytes(int64_t row_count) const {
  return row_count * dense_column_count() * static_cast<int64_t>(sizeof(float));
}

void FeatureEncoder::save(ModelWriter& writer) const {
  save_columns(columns_, writer.child("columns"));
  std::vector<int32_t> features;
  for (const Feature& feature : features_) {
    features.insert(features.end(), {feature.column, static_cast<int32_t>(feature.part)});
  }
  writer.put_tensor("features", std::span<const int32_t>(features),
                    {static_cast<int64_t>(features_.size()), 2});
  std::vector<std::string> names, reasons;
  for (const DroppedColumn& column : dropped_) {
    names.push_back(column.name);
    reasons.push_back(column.reason);
  }
  writer.put_texts("dropped_names", names);
  writer.put_texts("dropped_reasons", reasons);
  save_bins(*mapper_, writer.child("bins"));
  ModelWriter dense = writer.child("dense");
  dense_->save(dense);
}

Result<FeatureEncoder> FeatureEncoder::load(const ModelReader& reader) {
  FeatureEncoder encoder;
  ASSAY_ASSIGN_OR_RETURN(encoder.columns_, load_columns(reader.child("columns")));
  ASSAY_ASSIGN_OR_RETURN(datasets::BinMapper mapper, load_bins(reader.child("bins")));
  ASSAY_ASSIGN_OR_RETURN(DenseEncoder dense, DenseEncoder::load(reader.child("dense")));
  const size_t count = mapper.features().size();
  ASSAY_ASSIGN_OR_RETURN(const auto features,
                         reader.tensor<int32_t>("features", 2 * static_cast<int64_t>(count)));
  if (count == 0 || dense.rules().size() != count) return reader.damaged("features do not match");
  for (size_t i = 0; i < count; ++i) {
    const int32_t at = features[2 * i];
    const int32_t part = features[2 * i + 1];
    if (at < 0 || static_cast<size_t>(at) >= encoder.columns_.size() || part < 0 ||
        part > static_cast<int32_t>(FeaturePart::kHour)) {
      return reader.damaged(fmt::format("feature {} is not sound", i));
    }
    const InputColumn& column = encoder.columns_[static_cast<size_t>(at)];
    const FeatureKind kind = kind_of(column.type);
    const auto codes = static_cast<size_t>(column.code_count());
    const bool categorical = kind == FeatureKind::kCategorical;
    const bool fits = mapper.features()[i].kind == kind && dense.rules()[i].kind == kind &&
                      mapper.features()[i].code_to_bin.size() == (categorical ? codes : 0) &&
                      dense.rules()[i].level_columns.size() == (categorical ? codes : 0) &&
                      (part == 0 || column.type == ColumnType::kDatetime);
    if (!fits) return reader.damaged(fmt::format("feature {} does not match its column", i));
    const auto feature_part = static_cast<FeaturePart>(part);
    encoder.features_.push_back({feature_name(column, feature_part), at, feature_part, kind});
  }
  ASSAY_ASSIGN_OR_RETURN(const auto names, reader.texts("dropped_names"));
  ASSAY_ASSIGN_OR_RETURN(const auto reasons, reader.texts("dropped_reasons"));
  if (names.size() != reasons.size()) return reader.damaged("dropped columns without reasons");
  for (size_t i = 0; i < names.size(); ++i) encoder.dropped_.push_back({names[i], reasons[i]});
  encoder.mapper_ = std::make_shared<const datasets::BinMapper>(std::move(mapper));
  encoder.dense_ = std::make_shared<const DenseEncoder>(std::move(dense));
  return encoder;
}

}  // namespace assay::automl
