#include "automl/preprocess/encoded_table.h"

#include <utility>

namespace assay::automl {

EncodedTable::EncodedTable(Source source, std::shared_ptr<const datasets::BinMapper> mapper,
                           std::shared_ptr<const DenseEncoder> dense)
    : source_(std::move(source)),
      mapper_(std::move(mapper)),
      dense_(std::move(dense)),
      row_count_(source_.columns.empty() ? source_.table->row_count()
                                         : source_.columns.front().row_count()) {}

Result<kernels::BinnedView> EncodedTable::bins(kernels::Device& device,
                                               const kernels::ComputeContext& context) const {
  const std::lock_guard lock(mutex_);
  ASSAY_ASSIGN_OR_RETURN(const datasets::BinnedMatrix* matrix, matrix_on(device, context));
  return matrix->view();
}

Result<kernels::BinnedView> EncodedTable::growth_bins(
    kernels::Device& device, const kernels::ComputeContext& context) const {
  const std::lock_guard lock(mutex_);
  ASSAY_ASSIGN_OR_RETURN(datasets::BinnedMatrix * matrix, matrix_on(device, context));
  ASSAY_RETURN_IF_ERROR(matrix->prepare_growth(*context.executor));
  return matrix->view();
}

Result<datasets::BinnedMatrix*> EncodedTable::matrix_on(
    kernels::Device& device, const kernels::ComputeContext& context) const {
  for (datasets::BinnedMatrix& matrix : matrices_) {
    if (matrix.device() == &device) return &matrix;
  }
  ASSAY_RETURN_IF_ERROR(check_source());
  ASSAY_ASSIGN_OR_RETURN(datasets::BinnedMatrix matrix,
                         mapper_->bin(source_.columns, device, context, wanted_));
  return &matrices_.emplace_back(std::move(matrix));
}

Result<DenseView> EncodedTable::dense(const kernels::ComputeContext& context) const {
  const std::lock_guard lock(mutex_);
  if (!dense_values_) {
    ASSAY_RETURN_IF_ERROR(check_source());
    ASSAY_ASSIGN_OR_RETURN(std::vector<float> values, dense_->encode(source_.columns, context));
    dense_values_ = std::move(values);
  }
  return DenseView{dense_values_->data(), row_count_, dense_->column_count()};
}

void EncodedTable::want_bins(std::vector<uint8_t> wanted) {
  const std::lock_guard lock(mutex_);
  wanted_ = std::move(wanted);
}

void EncodedTable::release() {
  const std::lock_guard lock(mutex_);
  Source rest;
  for (const LevelKey& key : source_.keys) {
    const auto& codes = rest.codes.emplace_back(key.codes.begin(), key.codes.end());
    rest.keys.push_back({codes, key.code_count, key.feature});
  }
  source_ = std::move(rest);
}

EncodedTable::Source EncodedTable::take_source() {
  const std::lock_guard lock(mutex_);
  matrices_.clear();
  dense_values_.reset();
  return std::exchange(source_, {});
}

Status EncodedTable::check_source() const {
  if (source_.table != nullptr) return {};
  return fail(StatusCode::kResourceExhausted,
              "the table's columns were let go to save memory, and this form was not made before");
}

}  // namespace assay::automl
