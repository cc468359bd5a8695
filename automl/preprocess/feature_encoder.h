// FeatureEncoder: from a table's columns to features, fitted once on the training table and saved
// in the model. It chooses the columns, remembers their names, types and levels (the input
// contract), and encodes later tables by it, whatever their column order and levels.
//
//   numeric, boolean   one numeric feature
//   datetime           a numeric feature (seconds), and year, month, day, weekday, hour where they
//                      vary
//   categorical        one categorical feature
//   text               dropped: nearly as many levels as rows teach nothing
//
// Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "automl/models/model_file.h"
#include "automl/preprocess/calendar.h"
#include "automl/preprocess/dense_encoder.h"
#include "automl/preprocess/encoded_table.h"
#include "automl/preprocess/input_column.h"
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
};

// A column that is not used, and why: "constant", "all values are missing", ...
struct DroppedColumn {
  std::string name;
  std::string reason;
};

struct Feature {
  std::string name;    // "pickup", "pickup.month"
  int32_t column = 0;  // index into columns()
  FeaturePart part = FeaturePart::kValue;
  kernels::FeatureKind kind = kernels::FeatureKind::kNumeric;
};

class FeatureEncoder {
 public:
  // Fails: data if the table has no rows or no usable column (the reasons are listed) or an
  // excluded column is not there; cancelled.
  static Result<FeatureEncoder> fit(const std::shared_ptr<const datasets::Table>& table,
                                    const EncoderOptions& options,
                                    const kernels::ComputeContext& context);

  // The table's rows as features. Extra columns are ignored, levels not seen in training become
  // the unseen level. A numeric, boolean or datetime column that the table holds as another type
  // is converted where its values allow it (a column of numbers that is all 0 and 1, say, or all
  // missing).
  // Fails: data if a column is missing (with the nearest name) or a value does not fit its type
  // (with the row, from 1).
  Result<std::unique_ptr<EncodedTable>> encode(std::shared_ptr<const datasets::Table> table) const;
  // The table's columns that encode() does not look at.
  std::vector<std::string> ignored_columns(const datasets::Table& table) const;

  const std::vector<InputColumn>& columns() const { return columns_; }
  const std::vector<DroppedColumn>& dropped() const { return dropped_; }
  const std::vector<Feature>& features() const { return features_; }
  int32_t feature_count() const { return static_cast<int32_t>(features_.size()); }
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
  FeatureEncoder() = default;
  // Appends the features of columns_[index].
  void add_features(int32_t index, const datasets::Column& column);
  std::vector<InputColumn> columns_;
  std::vector<DroppedColumn> dropped_;
  std::vector<Feature> features_;
  // Shared with the tables it encodes, which may outlive it.
  std::shared_ptr<const datasets::BinMapper> mapper_;
  std::shared_ptr<const DenseEncoder> dense_;
};

}  // namespace assay::automl
