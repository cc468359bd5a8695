// FeatureEncoder: from a table's columns to features, fitted once on the training table and saved
// in the model. It chooses the columns, remembers their names, types and levels (the input
// contract), and encodes later tables by it, whatever their column order and levels.
//
//   numeric, boolean   one numeric feature
//   datetime           a numeric feature (seconds), and its parts (calendar.h) where they vary
//   categorical        one categorical feature; of many levels also their counts (level_counts.h)
//   both               of many levels, or days that come again: places for what fits make of their
//                      targets (level_key.h), empty here
//   text               topics and counts (text_features.h); identifiers are left out
//   two columns        what they make together (combination.h), where that was asked for
//
// Left out, too, are columns that are constant, that tell rows apart as another one does, or that
// number the rows. None of this looks at the target. Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "automl/models/model_file.h"
#include "automl/preprocess/column_transform.h"
#include "automl/preprocess/combination.h"
#include "automl/preprocess/dense_encoder.h"
#include "automl/preprocess/encoded_table.h"
#include "automl/preprocess/input_column.h"
#include "automl/preprocess/level_key.h"
#include "automl/preprocess/text_features.h"
#include "datasets/binned_matrix.h"
#include "datasets/table.h"
#include "kernels/base/status.h"

namespace assay::automl {

struct EncoderOptions {
  // Columns that are no features: target, weight, group, and those the user drops. Each must be in
  // the table.
  std::vector<std::string> exclude;
  int32_t max_value_bins = 254;  // 2..254
  uint64_t seed = 0;

  bool calendar = true;  // parts of moments
  bool text = true;
  TextOptions texts;  // but for its seed
  // Text columns that hold more bytes than this together are left out, the largest first: reading
  // them takes time.
  int64_t text_bytes = std::numeric_limits<int64_t>::max();
  // Memory for what text columns become; they get fewer topics, or are left out, to keep to it.
  int64_t derived_bytes = std::numeric_limits<int64_t>::max();

  // Whether a category's levels are counted (level_counts.h); nothing: of those of many levels.
  std::optional<bool> level_counts;
  LevelKeyOptions level_keys;

  bool drop_duplicates = true;
  bool drop_row_numbers = true;
  std::vector<std::string> keep;      // columns that are not dropped so
  std::vector<std::string> keep_ids;  // columns that are not dropped as ids
};

// A column that is not used, and why: "constant", "all values are missing", ...
struct DroppedColumn {
  std::string name;
  std::string reason;
};

struct Feature {
  std::string name;             // "pickup", "pickup.month", "title.topic3", "a / b"
  int32_t column = 0;           // index into columns(); of a combination its left side's
  int32_t output = kOwnNumber;  // of the column's transform, or a place (level_key.h)
  kernels::FeatureKind kind = kernels::FeatureKind::kNumeric;
  int32_t combination = -1;  // index into combinations(); -1: of one column alone
};

// Of a column's own feature; outputs of transforms are numbers.
kernels::FeatureKind kind_of(datasets::ColumnType type);

class FeatureEncoder {
 public:
  // The table's own features are left in `source`, if that is given, for encode().
  // Fails: data if the table has no rows or no usable column (the reasons are listed) or an
  // excluded column is not there; budget_too_small if texts that text_bytes leaves out are all
  // there is; cancelled; resource_exhausted.
  static Result<FeatureEncoder> fit(const std::shared_ptr<const datasets::Table>& table,
                                    const EncoderOptions& options,
                                    const kernels::ComputeContext& context,
                                    EncodedTable::Source* source = nullptr);

  // This encoder with a feature more for each of `combinations`, behind its own; it must have none
  // yet. `source` holds its own features of the training table (or of rows of it), and gets the new
  // ones: bins and scales are fitted on these. `options`: as fit() had them.
  // Fails: cancelled; resource_exhausted.
  Result<FeatureEncoder> with_combinations(
      std::vector<std::shared_ptr<const Combination>> combinations, const EncoderOptions& options,
      const kernels::ComputeContext& context, EncodedTable::Source& source) const;

  // The table's rows as features. Extra columns are ignored, levels not seen in training become
  // the unseen level. A numeric, boolean or datetime column that the table holds as another type
  // is converted where its values allow it (a column of numbers that is all 0 and 1, say, or all
  // missing).
  // With a context texts and moments are read on its executor until its stop token asks.
  // Fails: data if a column is missing (with the nearest name) or a value does not fit its type
  // (with the row, from 1); cancelled; resource_exhausted.
  Result<std::unique_ptr<EncodedTable>> encode(
      std::shared_ptr<const datasets::Table> table,
      const kernels::ComputeContext* context = nullptr) const;
  // What fit() left.
  std::unique_ptr<EncodedTable> encode(EncodedTable::Source source) const;
  // The table's columns that encode() does not look at.
  std::vector<std::string> ignored_columns(const datasets::Table& table) const;

  const std::vector<InputColumn>& columns() const { return columns_; }
  const std::vector<DroppedColumn>& dropped() const { return dropped_; }
  const std::vector<Feature>& features() const { return features_; }
  int32_t feature_count() const { return static_cast<int32_t>(features_.size()); }
  const std::vector<LevelKeyRule>& level_keys() const { return level_keys_; }
  const std::vector<std::shared_ptr<const Combination>>& combinations() const {
    return combinations_;
  }
  // What people are told of, as importances are: the columns, then the combinations.
  size_t part_count() const { return columns_.size() + combinations_.size(); }
  const std::string& part_name(size_t part) const;
  size_t part_of(const Feature& feature) const;
  int32_t category_count() const;
  int32_t dense_column_count() const { return dense_->column_count(); }
  // Bins of all features together.
  int64_t bin_count() const;

  // Memory that an encoded table of so many rows takes for its bins (and derived columns), and for
  // its dense form, once that is asked for.
  int64_t binned_bytes(int64_t row_count) const;
  int64_t dense_bytes(int64_t row_count) const;

  void save(ModelWriter& writer) const;
  // Fails: data if a part is missing or does not fit the others.
  static Result<FeatureEncoder> load(const ModelReader& reader);

 private:
  class Fitter;
  FeatureEncoder() = default;
  // Whether a column may have a place under such a number.
  bool is_place(int32_t column, int32_t output) const;
  std::string feature_name(const InputColumn& column, int32_t index, int32_t output) const;
  Result<EncodedTable::Source> read(std::shared_ptr<const datasets::Table> table,
                                    const kernels::ComputeContext* context) const;
  // The features of one column, appended to the source's columns.
  Status read_column(const datasets::Column& column, std::span<const Feature> features,
                     const kernels::ComputeContext* context, EncodedTable::Source& source) const;
  std::vector<double> periods() const;
  // Appends what combinations make of the columns in `source`.
  Status combine(const kernels::ComputeContext* context, EncodedTable::Source& source) const;
  void add_combined(std::shared_ptr<const Combination> combination);
  // Of a file; own features, bins and dense rules are there. Fails: data.
  Status load_combined(const ModelReader& reader, const datasets::BinMapper& mapper,
                       const DenseEncoder& dense);
  size_t own_count() const { return features_.size() - combinations_.size(); }

  std::vector<InputColumn> columns_;
  // [columns]: null where a column has none, else a CalendarTransform, TextFeatures, LevelCounts.
  std::vector<std::shared_ptr<const ColumnTransform>> transforms_;
  std::vector<LevelKeyRule> level_keys_;  // by column, ascending
  std::vector<DroppedColumn> dropped_;
  std::vector<Feature> features_;  // those of columns, then a combination each
  std::vector<std::shared_ptr<const Combination>> combinations_;
  // Shared with the tables it encodes, which may outlive it.
  std::shared_ptr<const datasets::BinMapper> mapper_;
  std::shared_ptr<const DenseEncoder> dense_;
};

}  // namespace assay::automl
