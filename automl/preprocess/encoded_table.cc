#include "automl/preprocess/encoded_table.h"

#include <utility>

#include "datasets/table_placement.h"

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
  const auto on = [&](kernels::Device& at) { return matrix_on(at, context); };
  return datasets::place_matrix(device, *context.host, byte_count(), on);
}

Result<kernels::BinnedView> EncodedTable::growth_bins(
    kernels::Device& device, const kernels::ComputeContext& context) const {
  const std::lock_guard lock(mutex_);
  const auto on = [&](kernels::Device& at) { return matrix_on(at, context); };
  return datasets::place_matrix(device, *context.host, byte_count(), on, context.executor);
}

// Bins are made on the device of the context, wherever they are for; on the host where it lacks
// the memory.
Result<datasets::BinnedMatrix*> EncodedTable::matrix_on(
    kernels::Device& device, const kernels::ComputeContext& context) const {
  for (datasets::BinnedMatrix& matrix : matrices_) {
    if (matrix.device() == &device) return &matrix;
  }
  ASSAY_RETURN_IF_ERROR(check_source());
  kernels::ComputeContext own = context;
  if (datasets::exceeds_device(own.device->info(), byte_count())) own.device = own.host;
  auto made = mapper_->bin(source_.columns, device, own, wanted_);
  const bool full = !made && made.error().code == StatusCode::kResourceExhausted;
  if (full && &device == own.host && own.device != own.host) {
    own.device = own.host;
    made = mapper_->bin(source_.columns, device, own, wanted_);
  }
  if (!made) return tl::unexpected(std::move(made.error()));
  return &matrices_.emplace_back(std::move(*made));
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
