// DenseEncoder: features to a dense f32 matrix for linear models and networks. A fitted rule; it is
// saved in the model. Immutable; thread-safe.
//
//   numeric      (clip(x) - mean) / std, and 0 where x is missing; a second column is 1 where it
//   is,
//                if values were missing in training. The clip is one range beyond the 0.1 % and
//                99.9 % order statistics, so one wild value cannot blind the scale.
//                A feature with a period (calendar.h) has two more columns, the sine and the cosine
//                of its place on the circle; both 0 where it is missing. A feature without any
//                number in training is one column of zeros.
//   categorical  a column each for the most frequent levels (at most kMaxOneHotLevels, fewer if
//                the matrix would pass kMaxDenseColumns), one for all others and unseen ones, and
//                one for missing if values were missing in training
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "automl/models/model_file.h"
#include "datasets/binned_matrix.h"
#include "kernels/base/executor.h"
#include "kernels/base/status.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

inline constexpr int32_t kMaxOneHotLevels = 64;
// Categorical features share what numeric ones leave of this; numeric ones always get their column.
inline constexpr int32_t kMaxDenseColumns = 4096;

// The rule of one feature.
struct DenseFeature {
  kernels::FeatureKind kind = kernels::FeatureKind::kNumeric;
  double low = 0;  // numeric: clip
  double high = 0;
  double mean = 0;                     // of clipped values
  double scale = 1;                    // x -> (x - mean) * scale
  std::vector<int32_t> level_columns;  // categorical: [code_count] code -> column of this feature
  int32_t width = 1;                   // columns
  int32_t missing_column = -1;         // of this feature; -1: missing gives zeros
  double period = 0;                   // numeric: the last two columns are its circle; 0: none
  bool operator==(const DenseFeature&) const = default;
};

class DenseEncoder {
 public:
  // `periods`: of each column, 0 where it has none; empty: none has.
  // Fails: invalid_argument if columns differ in length; cancelled.
  static Result<DenseEncoder> fit(std::span<const datasets::FeatureColumn> columns,
                                  std::span<const double> periods,
                                  const kernels::ComputeContext& context);
  // Fails: data if a rule is not sound.
  static Result<DenseEncoder> from_rules(std::vector<DenseFeature> rules);

  // values [row_count, column_count] row-major, all finite.
  // Fails: invalid_argument if the columns do not fit the rules; cancelled.
  Result<std::vector<float>> encode(std::span<const datasets::FeatureColumn> columns,
                                    const kernels::ComputeContext& context) const;

  const std::vector<DenseFeature>& rules() const { return rules_; }
  int32_t column_count() const { return static_cast<int32_t>(features_.size()); }
  // [column_count]: which feature a column comes from.
  std::span<const int32_t> features() const { return features_; }

  void save(ModelWriter& writer) const;
  static Result<DenseEncoder> load(const ModelReader& reader);

 private:
  explicit DenseEncoder(std::vector<DenseFeature> rules);
  std::vector<DenseFeature> rules_;
  std::vector<int32_t> features_;
};

}  // namespace assay::automl
