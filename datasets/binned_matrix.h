// BinnedMatrix: the codes of BinnedView with ownership, on one device; and BinMapper, the fitted
// rule that makes them from raw columns. A mapper is fitted once, on the rows a sweep trains on,
// and saved in the model: later tables get the codes that training saw.
//
// Rare levels. Levels get bins 2, 3, ... in order of their codes if at most 253 occur; otherwise
// the 253 most frequent do (ties by lower code), and the rest share kUnseenBin.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "datasets/growth_layout.h"
#include "datasets/number_view.h"
#include "kernels/base/status.h"
#include "kernels/binned_view.h"
#include "kernels/device_array.h"
#include "kernels/kernel_set.h"

namespace assay::datasets {

// One feature's raw values, in the host's memory; not owned.
struct FeatureColumn {
  kernels::FeatureKind kind = kernels::FeatureKind::kNumeric;
  NumberView numbers = {};              // numeric: NaN is missing
  std::span<const int32_t> codes = {};  // categorical: kMissingCode, kUnseenCode, levels
  int32_t code_count = 0;               // categorical: codes are below it

  int64_t row_count() const {
    return static_cast<int64_t>(kind == kernels::FeatureKind::kNumeric ? numbers.size()
                                                                       : codes.size());
  }
};

// Owns its bins. Reading is thread-safe.
class BinnedMatrix {
 public:
  BinnedMatrix(kernels::DeviceArray<uint8_t> bins, int64_t row_count,
               std::vector<int32_t> bin_counts, std::vector<kernels::FeatureKind> kinds)
      : bins_(std::move(bins)),
        row_count_(row_count),
        bin_counts_(std::move(bin_counts)),
        kinds_(std::move(kinds)) {}

  // Bins on device(); valid as long as the matrix. With columns and bundles once they were made.
  kernels::BinnedView view() const;
  // Makes columns and bundles, if the device shares the host's memory and they are not there yet.
  // Nobody may read the matrix meanwhile; views from before stay valid.
  // Fails: resource_exhausted.
  Status prepare_growth(Executor& executor);
  kernels::Device* device() const { return bins_.device(); }
  int64_t row_count() const { return row_count_; }
  int32_t feature_count() const { return static_cast<int32_t>(kinds_.size()); }
  int64_t byte_count() const {
    return bins_.size() + (growth_.has_value() ? growth_->byte_count() : 0);
  }

 private:
  kernels::DeviceArray<uint8_t> bins_;
  int64_t row_count_;
  std::vector<int32_t> bin_counts_;
  std::vector<kernels::FeatureKind> kinds_;
  std::optional<GrowthLayout> growth_;
};

// How one feature is binned.
struct FeatureBins {
  kernels::FeatureKind kind = kernels::FeatureKind::kNumeric;
  std::vector<double> edges;         // numeric: strictly increasing, at most 253
  std::vector<uint8_t> code_to_bin;  // categorical: [code_count]
  // Codes in use: value bins and missing, or the greatest bin and those below.
  int32_t bin_count() const;
  bool operator==(const FeatureBins&) const = default;
};

// Immutable; thread-safe.
class BinMapper {
 public:
  // Fits all columns (op quantile_edges); `max_value_bins` is in 2..254, the seed draws the sample
  // of columns that are longer than quantile_edges' limit.
  // Fails: invalid_argument if columns differ in length or there are more than 2^31 - 1; cancelled.
  static Result<BinMapper> fit(std::span<const FeatureColumn> columns, int32_t max_value_bins,
                               uint64_t seed, const kernels::ComputeContext& context);
  // A mapper with the given rules, as a file holds them.
  // Fails: data if edges do not increase strictly, or there are too many of them.
  static Result<BinMapper> from_features(std::vector<FeatureBins> features);

  // Codes of columns like those it was fitted on (op bin_columns), on `device`; where `wanted`
  // [feature_count] is given and 0, kernels::kMissingBin in all rows, which costs next to nothing.
  // Fails: invalid_argument if the columns' number, kinds or lengths differ; cancelled;
  // resource_exhausted.
  Result<BinnedMatrix> bin(std::span<const FeatureColumn> columns, kernels::Device& device,
                           const kernels::ComputeContext& context,
                           std::span<const uint8_t> wanted = {}) const;

  const std::vector<FeatureBins>& features() const { return features_; }
  int32_t feature_count() const { return static_cast<int32_t>(features_.size()); }

 private:
  explicit BinMapper(std::vector<FeatureBins> features) : features_(std::move(features)) {}
  std::vector<FeatureBins> features_;
};

}  // namespace assay::datasets
