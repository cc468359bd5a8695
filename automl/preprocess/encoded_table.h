// EncodedTable: the features of one table, with their bins (once for each device, but that a device
// which streams tables may read the host's) and their dense form, each built when first asked for
// and then shared. Keeps the source table alive until
// release(). Thread-safe: who asks first builds, others wait.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "automl/models/feature_view.h"
#include "automl/preprocess/dense_encoder.h"
#include "datasets/binned_matrix.h"
#include "datasets/table.h"

namespace assay::automl {

class EncodedTable final : public FeatureView {
 public:
  // Raw feature columns: views into the table, or into what is derived from it.
  struct Source {
    std::shared_ptr<const datasets::Table> table;
    std::list<datasets::NumberColumn> numbers;  // derived; addresses stay
    std::list<std::vector<double>> doubles;     // derived, of few rows
    std::list<std::vector<int32_t>> codes;
    datasets::NumberColumn no_numbers;  // of places that are filled elsewhere
    std::vector<datasets::FeatureColumn> columns;
    std::vector<LevelKey> keys;
  };
  EncodedTable(Source source, std::shared_ptr<const datasets::BinMapper> mapper,
               std::shared_ptr<const DenseEncoder> dense);

  int64_t row_count() const override { return row_count_; }
  int32_t feature_count() const override { return mapper_->feature_count(); }
  std::span<const int32_t> dense_features() const override { return dense_->features(); }
  Result<kernels::BinnedView> bins(kernels::Device& device,
                                   const kernels::ComputeContext& context) const override;
  Result<kernels::BinnedView> growth_bins(kernels::Device& device,
                                          const kernels::ComputeContext& context) const override;
  Result<DenseView> dense(const kernels::ComputeContext& context) const override;
  // From now on bins are made for the features f with wanted[f] != 0 alone, the others are missing
  // in all rows. For tables whose bins one model reads (Model::mark_binned).
  void want_bins(std::vector<uint8_t> wanted);
  std::span<const LevelKey> level_keys() const override { return source_.keys; }
  // What it was made of, which take_source() gives back: nothing can be had of the table
  // afterwards.
  const Source& source() const { return source_; }
  Source take_source();
  // Lets the source table go, but for the level keys: only what was built by now can be had
  // afterwards, and asking for anything else fails (resource_exhausted). Nobody may read the keys
  // meanwhile.
  void release();

 private:
  Status check_source() const;
  int64_t byte_count() const { return row_count_ * feature_count(); }  // of bins
  // The bins on `device`, made if need be; mutex_ is held.
  Result<datasets::BinnedMatrix*> matrix_on(kernels::Device& device,
                                            const kernels::ComputeContext& context) const;
  Source source_;
  std::shared_ptr<const datasets::BinMapper> mapper_;
  std::shared_ptr<const DenseEncoder> dense_;
  int64_t row_count_;
  std::vector<uint8_t> wanted_;  // empty: all

  mutable std::mutex mutex_;
  mutable std::list<datasets::BinnedMatrix> matrices_;  // one a device
  mutable std::optional<std::vector<float>> dense_values_;
};

}  // namespace assay::automl
