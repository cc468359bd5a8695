// How an encoder is fitted: which columns it takes, and what becomes of each.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "automl/preprocess/calendar.h"
#include "automl/preprocess/feature_encoder.h"
#include "automl/preprocess/level_counts.h"
#include "datasets/column_findings.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

using datasets::Column;
using datasets::ColumnType;
using datasets::Table;
using kernels::FeatureKind;

// A derived number and its bins in three forms.
constexpr int64_t kDerivedBytes = 11;
constexpr int32_t kFewestTopics = 4;
// That have bins of their own.
constexpr int32_t kManyLevels = 253;
constexpr int32_t kCountOutput = 1;

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

// Why a column is no feature whatever the others are; empty if it may be one.
std::string drop_reason(const Column& column) {
  if (column.missing_count == column.row_count()) return "all values are missing";
  // A value that is sometimes missing still tells rows apart.
  return datasets::is_constant(column) ? "constant" : "";
}

InputColumn contract_of(const Column& column) {
  InputColumn wanted;
  wanted.name = column.name;
  wanted.type = column.type;
  if (column.type != ColumnType::kText) wanted.levels = column.levels;
  wanted.had_missing = column.missing_count > 0;
  return wanted;
}

int64_t text_bytes(const Column& column) {
  int64_t bytes = 0;
  for (const std::string& level : column.levels) {
    bytes += static_cast<int64_t>(std::min(level.size(), kMaxTextBytes));
  }
  return bytes;
}

bool is_among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string mb_text(int64_t bytes) {
  return fmt::format("{:.3g} MB", static_cast<double>(bytes) / 1e6);
}

// `more_time`: times the time that reading the shortest text would take; 0: that is not why.
tl::unexpected<Error> no_features(const Table& table, const std::vector<DroppedColumn>& dropped,
                                  double more_time) {
  std::string reasons;
  for (size_t i = 0; i < dropped.size() && i < 5; ++i) {
    reasons += fmt::format("{}'{}' ({})", i == 0 ? ": " : ", ", dropped[i].name, dropped[i].reason);
  }
  if (dropped.size() > 5) reasons += ", ...";
  if (more_time > 0) {
    return fail(
        StatusCode::kBudgetTooSmall,
        "{}: no column can be used as a feature in this time{}; about {:.1f} times the time "
        "is needed",
        table.source(), reasons, more_time);
  }
  return fail(StatusCode::kData, "{}: no column can be used as a feature{}", table.source(),
              reasons);
}

}  // namespace

// Takes the columns one by one; those that have a reason are left out.
class FeatureEncoder::Fitter {
 public:
  Fitter(const Table& table, const EncoderOptions& options, const kernels::ComputeContext& context)
      : table_(table), options_(options), context_(context), reasons_(table.columns().size()) {}

  Result<FeatureEncoder> run() {
    ASSAY_RETURN_IF_ERROR(leave_out());
    plan_texts();
    for (size_t c = 0; c < reasons_.size(); ++c) {
      const Column& column = table_.columns()[c];
      if (excluded_.contains(column.name)) continue;
      if (reasons_[c].empty() && column.type == ColumnType::kText) {
        ASSAY_RETURN_IF_ERROR(add_text(column, reasons_[c]));
      } else if (reasons_[c].empty()) {
        add_column(column);
      }
      if (!reasons_[c].empty()) {
        encoder_.dropped_.push_back({column.name, std::move(reasons_[c])});
      }
    }
    if (encoder_.features_.empty()) {
      return no_features(table_, encoder_.dropped_, more_time_);
    }
    return std::move(encoder_);
  }

 private:
  // Reasons that hold without looking at text.
  Status leave_out() {
    for (const std::string& name : options_.exclude) {
      ASSAY_ASSIGN_OR_RETURN(const Column* column, table_.column(name));
      excluded_.insert(column->name);
    }
    std::vector<size_t> rest;
    for (size_t c = 0; c < reasons_.size(); ++c) {
      const Column& column = table_.columns()[c];
      if (excluded_.contains(column.name)) continue;
      reasons_[c] = drop_reason(column);
      if (reasons_[c].empty()) rest.push_back(c);
    }
    if (options_.drop_row_numbers) leave_out_row_numbers(rest);
    rest.erase(
        std::remove_if(rest.begin(), rest.end(), [&](size_t c) { return !reasons_[c].empty(); }),
        rest.end());
    return options_.drop_duplicates ? leave_out_duplicates(rest) : Status();
  }

  Status leave_out_duplicates(std::span<const size_t> rest) {
    ASSAY_ASSIGN_OR_RETURN(
        const std::vector<int64_t> first,
        datasets::find_duplicates(table_, rest, *context_.executor, context_.stop));
    for (size_t i = 0; i < rest.size(); ++i) {
      if (first[i] < 0 || is_kept(table_.columns()[rest[i]].name)) continue;
      const Column& other = table_.columns()[static_cast<size_t>(first[i])];
      reasons_[rest[i]] = fmt::format("it says the same as '{}'", shortened(other.name));
    }
    return {};
  }

  bool is_kept(const std::string& name) const { return is_among(options_.keep, name); }

  // A table of nothing else keeps them.
  void leave_out_row_numbers(std::span<const size_t> rest) {
    std::map<size_t, const char*> ids;  // why
    size_t others = 0;
    for (const size_t c : rest) {
      const Column& column = table_.columns()[c];
      const bool named = !is_kept(column.name) && !is_among(options_.keep_ids, column.name) &&
                         datasets::is_id_name(column.name);
      if (named && datasets::numbers_rows(column)) {
        ids[c] = "it numbers the rows";
      } else if (named && datasets::ends_in_id(column.name) && datasets::differs_by_row(column)) {
        ids[c] = "it is an id, another one in every row";
      } else if (column.type != ColumnType::kText) {
        ++others;
      }
    }
    if (others == 0) return;
    for (const auto& [c, reason] : ids) reasons_[c] = reason;
  }

  // Which text columns there is time and memory for.
  void plan_texts() {
    struct Text {
      size_t column;
      int64_t bytes;
    };
    std::vector<Text> texts;
    int64_t sum = 0;
    for (size_t c = 0; c < reasons_.size(); ++c) {
      const Column& column = table_.columns()[c];
      const bool text = column.type == ColumnType::kText && !excluded_.contains(column.name);
      if (!text || !reasons_[c].empty()) continue;
      if (!options_.text) {
        reasons_[c] = "text, and features.text is false";
        continue;
      }
      texts.push_back({c, text_bytes(column)});
      sum += texts.back().bytes;
    }
    std::stable_sort(texts.begin(), texts.end(),
                     [](const Text& a, const Text& b) { return a.bytes < b.bytes; });
    for (; !texts.empty() && sum > options_.text_bytes; texts.pop_back()) {
      reasons_[texts.back().column] =
          fmt::format("{} of text: there is time for {}", mb_text(texts.back().bytes),
                      mb_text(options_.text_bytes));
      more_time_ = static_cast<double>(texts.back().bytes) /
                   static_cast<double>(std::max<int64_t>(1, options_.text_bytes));
      sum -= texts.back().bytes;
    }
    if (texts.empty()) return;
    more_time_ = 0;
    const int64_t share = options_.derived_bytes / static_cast<int64_t>(texts.size());
    topics_ = options_.texts.topics;
    while (topics_ > kFewestTopics && planned_bytes(topics_) > share) topics_ /= 2;
    if (planned_bytes(topics_) <= share) return;
    for (const Text& text : texts) {
      reasons_[text.column] = fmt::format("text: there is no memory for its features ({})",
                                          mb_text(planned_bytes(topics_)));
    }
  }

  int64_t planned_bytes(int32_t topics) const {
    return TextFeatures::fit_bytes(topics) +
           table_.row_count() * (topics + kTextCounts) * kDerivedBytes;
  }

  int32_t begin_column(const Column& column, std::shared_ptr<const ColumnTransform> transform) {
    encoder_.columns_.push_back(contract_of(column));
    encoder_.transforms_.push_back(std::move(transform));
    return static_cast<int32_t>(encoder_.columns_.size()) - 1;
  }

  void add_feature(int32_t index, int32_t output, FeatureKind kind) {
    const InputColumn& column = encoder_.columns_[static_cast<size_t>(index)];
    encoder_.features_.push_back(
        {encoder_.feature_name(column, index, output), index, output, kind});
  }

  void add_column(const Column& column) {
    if (column.type == ColumnType::kDatetime) return add_moments(column);
    const bool category = column.type == ColumnType::kCategorical;
    const bool many = column.levels.size() > static_cast<size_t>(kManyLevels);
    std::shared_ptr<const LevelCounts> counts;
    if (category && options_.level_counts.value_or(many)) counts = LevelCounts::fit(column);
    if (counts != nullptr && !counts->varies()) counts = nullptr;
    const int32_t index = begin_column(column, counts);
    add_feature(index, kOwnNumber, kind_of(column.type));
    if (counts != nullptr) add_feature(index, kCountOutput, FeatureKind::kNumeric);
    add_places(column, index);
  }

  // For the numbers that fits make of the levels' targets.
  void add_places(const Column& column, int32_t index) {
    auto key = level_key_of(column, index, options_.level_keys);
    if (!key) return;
    encoder_.level_keys_.push_back(std::move(*key));
    for (int32_t part = 0; part < options_.level_keys.parts; ++part) {
      add_feature(index, kFirstTargetOutput - part, FeatureKind::kNumeric);
    }
  }

  void add_moments(const Column& column) {
    const int32_t index = begin_column(column, std::make_shared<const CalendarTransform>());
    add_feature(index, kOwnNumber, FeatureKind::kNumeric);
    for (const FeaturePart part : kCalendarParts) {
      if (!options_.calendar) break;
      const std::vector<double> values = calendar_part(column.numbers, part);
      if (!varies(values)) continue;
      add_feature(index, static_cast<int32_t>(part), FeatureKind::kNumeric);
    }
    add_places(column, index);
  }

  Status add_text(const Column& column, std::string& reason) {
    TextOptions options = options_.texts;
    options.topics = topics_;
    options.seed = options_.seed;
    ASSAY_ASSIGN_OR_RETURN(const std::shared_ptr<const TextFeatures> features,
                           TextFeatures::fit(column, options, context_));
    if (features == nullptr || features->useful_outputs().empty()) {
      reason = fmt::format("identifiers: {} distinct values in {} rows, hardly a word in common",
                           column.levels.size(), column.row_count());
      return {};
    }
    const int32_t index = begin_column(column, features);
    for (const int32_t output : features->useful_outputs()) {
      add_feature(index, output, FeatureKind::kNumeric);
    }
    return {};
  }

  const Table& table_;
  const EncoderOptions& options_;
  const kernels::ComputeContext& context_;
  std::set<std::string_view> excluded_;
  std::vector<std::string> reasons_;  // [columns]
  int32_t topics_ = 0;
  double more_time_ = 0;  // as no_features() takes it
  FeatureEncoder encoder_;
};

Result<FeatureEncoder> FeatureEncoder::fit(const std::shared_ptr<const Table>& table,
                                           const EncoderOptions& options,
                                           const kernels::ComputeContext& context,
                                           EncodedTable::Source* kept) {
  if (table->row_count() == 0) return fail(StatusCode::kData, "{}: no rows", table->source());
  ASSAY_ASSIGN_OR_RETURN(FeatureEncoder encoder, Fitter(*table, options, context).run());
  ASSAY_ASSIGN_OR_RETURN(EncodedTable::Source source, encoder.read(table, &context));
  ASSAY_ASSIGN_OR_RETURN(
      datasets::BinMapper mapper,
      datasets::BinMapper::fit(source.columns, options.max_value_bins, options.seed, context));
  ASSAY_ASSIGN_OR_RETURN(DenseEncoder dense,
                         DenseEncoder::fit(source.columns, encoder.periods(), context));
  encoder.mapper_ = std::make_shared<const datasets::BinMapper>(std::move(mapper));
  encoder.dense_ = std::make_shared<const DenseEncoder>(std::move(dense));
  if (kept != nullptr) *kept = std::move(source);
  return encoder;
}

Result<FeatureEncoder> FeatureEncoder::with_combinations(
    std::vector<std::shared_ptr<const Combination>> combinations, const EncoderOptions& options,
    const kernels::ComputeContext& context, EncodedTable::Source& source) const {
  FeatureEncoder encoder = *this;
  for (auto& combination : combinations) encoder.add_combined(std::move(combination));
  ASSAY_RETURN_IF_ERROR(encoder.combine(&context, source));
  const auto made = std::span(source.columns).subspan(features_.size());
  ASSAY_ASSIGN_OR_RETURN(
      const datasets::BinMapper bins,
      datasets::BinMapper::fit(made, options.max_value_bins, options.seed, context));
  std::vector<datasets::FeatureBins> all_bins = mapper_->features();
  all_bins.insert(all_bins.end(), bins.features().begin(), bins.features().end());
  ASSAY_ASSIGN_OR_RETURN(datasets::BinMapper mapper,
                         datasets::BinMapper::from_features(std::move(all_bins)));
  ASSAY_ASSIGN_OR_RETURN(const DenseEncoder scales, DenseEncoder::fit(made, {}, context));
  std::vector<DenseFeature> rules = dense_->rules();
  rules.insert(rules.end(), scales.rules().begin(), scales.rules().end());
  ASSAY_ASSIGN_OR_RETURN(DenseEncoder dense, DenseEncoder::from_rules(std::move(rules)));
  encoder.mapper_ = std::make_shared<const datasets::BinMapper>(std::move(mapper));
  encoder.dense_ = std::make_shared<const DenseEncoder>(std::move(dense));
  return encoder;
}

}  // namespace assay::automl
