// Combination: a feature that two columns of a table make together, row by row:
//
//   arithmetic pairs   a - b, a + b, a * b, a / b of two numbers; what is no finite number (a / 0)
//                      is missing
//   category crosses   a x b: the pair of two levels is one category; pairs that training did not
//                      have are its unseen level
//   group statistics   mean(a) by b, spread(a) by b: of the number's training values in the rows of
//                      the category's level; a - mean(a) by b. Missing where a level has fewer than
//                      kLeastGroupRows of them: a row would find itself in there
//
// Trees see a column at a time: a border that runs across two of them is a staircase of many splits
// to them, and one split of such a feature. Which ones are made is chosen by screening
// (validation/feature_screen.h). Fitted on the training table's columns without its target, saved
// in the model. Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "automl/models/model_file.h"
#include "datasets/binned_matrix.h"
#include "kernels/base/status.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

// Numbers in model files.
enum class CombinationKind : uint8_t {
  kDifference = 0,
  kSum = 1,
  kProduct = 2,
  kRatio = 3,
  kCross = 4,
  kMean = 5,
  kSpread = 6,
  kDeviation = 7,
};
inline constexpr uint8_t kCombinationKinds = 8;

inline bool is_pair(CombinationKind kind) { return kind < CombinationKind::kCross; }
inline bool is_cross(CombinationKind kind) { return kind == CombinationKind::kCross; }
inline bool is_group_statistic(CombinationKind kind) { return kind > CombinationKind::kCross; }

// Pairs of levels that a cross may have, those that do not occur included; and that occur.
inline constexpr int64_t kMostCrossPairs = int64_t{1} << 18;
inline constexpr int64_t kMostCrossLevels = 4096;
inline constexpr int64_t kLeastGroupRows = 10;

struct CombinationSpec {
  CombinationKind kind = CombinationKind::kDifference;
  // Features of the encoder, each a column's own: numbers of pairs, categories of crosses; of group
  // statistics the left one is the number and the right one the category.
  int32_t left = 0;
  int32_t right = 0;
  bool operator==(const CombinationSpec&) const = default;
};

// What a combination makes of a table: numbers, or codes of a cross.
struct CombinedColumn {
  std::vector<double> numbers;
  std::vector<int32_t> codes;
};

class Combination {
 public:
  // Of the training table's columns, as the encoder reads them. O(rows).
  // Fails: invalid_argument if the columns are not of the kinds that the spec wants, or a cross has
  // more pairs than kMostCrossPairs or kMostCrossLevels.
  static Result<std::shared_ptr<const Combination>> fit(const CombinationSpec& spec,
                                                        const datasets::FeatureColumn& left,
                                                        const datasets::FeatureColumn& right);

  const CombinationSpec& spec() const { return spec_; }
  kernels::FeatureKind feature_kind() const {
    return is_cross(spec_.kind) ? kernels::FeatureKind::kCategorical
                                : kernels::FeatureKind::kNumeric;
  }
  // Of a cross: codes are below it; else 0.
  int32_t code_count() const;
  // "a / b", "a x b", "mean(a) by b", of the columns' names.
  std::string name(std::string_view left, std::string_view right) const;
  // Memory that it holds.
  int64_t byte_count() const;

  // Of other columns with the same levels. With a context on its executor, until its stop token
  // asks; the bits are the same. Fails: cancelled.
  Result<CombinedColumn> apply(const datasets::FeatureColumn& left,
                               const datasets::FeatureColumn& right,
                               const kernels::ComputeContext* context) const;

 private:
  friend class CombinationFile;
  Combination() = default;
  // The pair's code, of codes that were fitted.
  int32_t cross_code(int32_t left, int32_t right) const;
  double number(double left, double right) const;
  void index_pairs();

  CombinationSpec spec_;
  int32_t left_codes_ = 0;  // of a cross
  int32_t right_codes_ = 0;
  std::vector<int64_t> pairs_;         // of a cross: left * right_codes_ + right, ascending
  std::vector<int32_t> pair_codes_;    // [left_codes_ * right_codes_]
  std::vector<double> level_numbers_;  // of group statistics, by code; NaN where there is none
};

// Writes nothing if there are none.
void save_combinations(std::span<const std::shared_ptr<const Combination>> combinations,
                       ModelWriter writer);
// `code_counts`: of the encoder's features: 0 for numbers, and -1 for those that are no column's
// own. Fails: data.
Result<std::vector<std::shared_ptr<const Combination>>> load_combinations(
    const ModelReader& reader, std::span<const int32_t> code_counts);

}  // namespace assay::automl
