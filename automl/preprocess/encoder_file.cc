// How an encoder stands in a model file: "columns" (the contract), "features" [features, 2] (a
// column's number, its transform's output), "texts/<column>" (of text columns), "counts/<column>"
// (of categories whose levels are counted), "level_keys" (where there are any), "combined"
// (likewise, combination.h; their bins and dense rules are the last ones), "bins", "dense", and the
// columns that were left out.
#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "automl/preprocess/calendar.h"
#include "automl/preprocess/feature_encoder.h"
#include "automl/preprocess/level_counts.h"

namespace assay::automl {
namespace {

using datasets::ColumnType;
using datasets::FeatureBins;
using kernels::FeatureKind;

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
// for a boolean, none for numbers and text.
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
    if (!levels_fit(columns[i]) || !seen.insert(names[i]).second) {
      return reader.damaged(fmt::format("column {} is not sound", i + 1));
    }
  }
  return columns;
}

using Transforms = std::vector<std::shared_ptr<const ColumnTransform>>;

void save_transforms(const Transforms& transforms, const ModelWriter& writer) {
  for (size_t i = 0; i < transforms.size(); ++i) {
    const std::string number = std::to_string(i);
    if (const auto* text = dynamic_cast<const TextFeatures*>(transforms[i].get())) {
      ModelWriter own = writer.child("texts").child(number);
      text->save(own);
    } else if (const auto* counts = dynamic_cast<const LevelCounts*>(transforms[i].get())) {
      ModelWriter own = writer.child("counts").child(number);
      counts->save(own);
    }
  }
}

Result<Transforms> load_transforms(const std::vector<InputColumn>& columns,
                                   const ModelReader& reader) {
  Transforms transforms(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const ModelReader counts = reader.child("counts").child(std::to_string(i));
    if (columns[i].type == ColumnType::kCategorical && counts.has("counts")) {
      ASSAY_ASSIGN_OR_RETURN(transforms[i], LevelCounts::load(counts, columns[i].levels.size()));
    } else if (columns[i].type == ColumnType::kDatetime) {
      transforms[i] = std::make_shared<const CalendarTransform>();
    } else if (columns[i].type == ColumnType::kText) {
      ASSAY_ASSIGN_OR_RETURN(transforms[i],
                             TextFeatures::load(reader.child("texts").child(std::to_string(i))));
    }
  }
  return transforms;
}

// Whether a column has such an output; text has no number of its own.
bool is_output(const InputColumn& column, const std::shared_ptr<const ColumnTransform>& transform,
               int32_t output) {
  if (output == kOwnNumber) return column.type != ColumnType::kText;
  return transform != nullptr && output > kOwnNumber && output <= transform->output_count();
}

}  // namespace

bool FeatureEncoder::is_place(int32_t column, int32_t output) const {
  return output < kOwnNumber && output > kFirstTargetOutput - kMostLevelParts &&
         std::any_of(level_keys_.begin(), level_keys_.end(),
                     [&](const LevelKeyRule& key) { return key.column == column; });
}

void FeatureEncoder::save(ModelWriter& writer) const {
  save_columns(columns_, writer.child("columns"));
  std::vector<int32_t> features;
  for (const Feature& feature : std::span(features_).first(own_count())) {
    features.insert(features.end(), {feature.column, feature.output});
  }
  writer.put_tensor("features", std::span<const int32_t>(features),
                    {static_cast<int64_t>(own_count()), 2});
  std::vector<std::string> names, reasons;
  for (const DroppedColumn& column : dropped_) {
    names.push_back(column.name);
    reasons.push_back(column.reason);
  }
  writer.put_texts("dropped_names", names);
  writer.put_texts("dropped_reasons", reasons);
  save_transforms(transforms_, writer);
  save_level_keys(level_keys_, writer.child("level_keys"));
  save_combinations(combinations_, writer.child("combined"));
  save_bins(*mapper_, writer.child("bins"));
  ModelWriter dense = writer.child("dense");
  dense_->save(dense);
}

Status FeatureEncoder::load_combined(const ModelReader& reader, const datasets::BinMapper& mapper,
                                     const DenseEncoder& dense) {
  const size_t own = features_.size();
  std::vector<int32_t> code_counts;
  for (const Feature& feature : features_) {
    const InputColumn& column = columns_[static_cast<size_t>(feature.column)];
    const bool category = feature.kind == FeatureKind::kCategorical;
    code_counts.push_back(feature.output != kOwnNumber ? -1 : category ? column.code_count() : 0);
  }
  ASSAY_ASSIGN_OR_RETURN(auto combinations,
                         load_combinations(reader.child("combined"), code_counts));
  if (own + combinations.size() != mapper.features().size()) {
    return reader.damaged("features and combinations do not match their bins");
  }
  for (auto& combination : combinations) {
    const size_t i = features_.size();
    const auto codes = static_cast<size_t>(combination->code_count());
    const bool fits = mapper.features()[i].kind == combination->feature_kind() &&
                      dense.rules()[i].kind == combination->feature_kind() &&
                      mapper.features()[i].code_to_bin.size() == codes &&
                      dense.rules()[i].level_columns.size() == codes;
    if (!fits)
      return reader.damaged(fmt::format("combination {} does not match its bins", i - own));
    add_combined(std::move(combination));
  }
  return {};
}

Result<FeatureEncoder> FeatureEncoder::load(const ModelReader& reader) {
  FeatureEncoder encoder;
  ASSAY_ASSIGN_OR_RETURN(encoder.columns_, load_columns(reader.child("columns")));
  ASSAY_ASSIGN_OR_RETURN(datasets::BinMapper mapper, load_bins(reader.child("bins")));
  ASSAY_ASSIGN_OR_RETURN(DenseEncoder dense, DenseEncoder::load(reader.child("dense")));
  ASSAY_ASSIGN_OR_RETURN(const auto features, reader.tensor<int32_t>("features"));
  const size_t count = features.size() / 2;
  const size_t all = mapper.features().size();
  if (count == 0 || features.size() % 2 != 0 || count > all || dense.rules().size() != all) {
    return reader.damaged("features do not match");
  }
  ASSAY_ASSIGN_OR_RETURN(encoder.transforms_, load_transforms(encoder.columns_, reader));
  ASSAY_ASSIGN_OR_RETURN(encoder.level_keys_,
                         load_level_keys(reader.child("level_keys"), encoder.columns_));
  for (size_t i = 0; i < count; ++i) {
    const int32_t at = features[2 * i];
    const int32_t output = features[2 * i + 1];
    if (at < 0 || static_cast<size_t>(at) >= encoder.columns_.size()) {
      return reader.damaged(fmt::format("feature {} is not sound", i));
    }
    const InputColumn& column = encoder.columns_[static_cast<size_t>(at)];
    const FeatureKind kind = output == kOwnNumber ? kind_of(column.type) : FeatureKind::kNumeric;
    const auto codes = static_cast<size_t>(column.code_count());
    const bool categorical = kind == FeatureKind::kCategorical;
    const bool fits = mapper.features()[i].kind == kind && dense.rules()[i].kind == kind &&
                      mapper.features()[i].code_to_bin.size() == (categorical ? codes : 0) &&
                      dense.rules()[i].level_columns.size() == (categorical ? codes : 0) &&
                      (is_output(column, encoder.transforms_[static_cast<size_t>(at)], output) ||
                       encoder.is_place(at, output));
    if (!fits) return reader.damaged(fmt::format("feature {} does not match its column", i));
    encoder.features_.push_back({encoder.feature_name(column, at, output), at, output, kind});
  }
  ASSAY_RETURN_IF_ERROR(encoder.load_combined(reader, mapper, dense));
  ASSAY_ASSIGN_OR_RETURN(const auto names, reader.texts("dropped_names"));
  ASSAY_ASSIGN_OR_RETURN(const auto reasons, reader.texts("dropped_reasons"));
  if (names.size() != reasons.size()) return reader.damaged("dropped columns without reasons");
  for (size_t i = 0; i < names.size(); ++i) encoder.dropped_.push_back({names[i], reasons[i]});
  encoder.mapper_ = std::make_shared<const datasets::BinMapper>(std::move(mapper));
  encoder.dense_ = std::make_shared<const DenseEncoder>(std::move(dense));
  return encoder;
}

}  // namespace assay::automl
