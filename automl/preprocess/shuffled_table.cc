#include "automl/preprocess/shuffled_table.h"

#include <algorithm>

namespace assay::automl {

Status ShuffledTable::append(const FeatureView& block, std::span<const uint32_t> rows,
                             const kernels::ComputeContext& context) {
  ASSAY_ASSIGN_OR_RETURN(const kernels::BinnedView bins, block.bins(*context.host, context));
  if (kinds_.empty()) {
    bin_counts_.assign(bins.bin_counts, bins.bin_counts + bins.feature_count);
    kinds_.assign(bins.kinds, bins.kinds + bins.feature_count);
    blocks_.resize(static_cast<size_t>(bins.block_count()));
    dense_features_.assign(block.dense_features().begin(), block.dense_features().end());
    keys_.assign(block.level_keys().begin(), block.level_keys().end());
    codes_.resize(keys_.size());
  }
  for (size_t k = 0; k < keys_.size(); ++k) {
    for (const uint32_t row : rows) codes_[k].push_back(block.level_keys()[k].codes[row]);
  }
  for (int32_t b = 0; b < bins.block_count(); ++b) {
    const int64_t width = bins.block_width(b);
    auto& to = blocks_[static_cast<size_t>(b)];
    for (const uint32_t row : rows) {
      const uint8_t* cells = bins.bins + bins.block_offset(b) + int64_t{row} * width;
      to.insert(to.end(), cells, cells + width);
    }
  }
  row_count_ += static_cast<int64_t>(rows.size());
  if (!has_dense_) return {};
  ASSAY_ASSIGN_OR_RETURN(const DenseView dense, block.dense(context));
  for (const uint32_t row : rows) {
    const std::span<const float> values = dense.row(int64_t{row});
    dense_.insert(dense_.end(), values.begin(), values.end());
  }
  return {};
}

void ShuffledTable::settle() {
  for (std::vector<uint8_t>& block : blocks_) {
    bins_.insert(bins_.end(), block.begin(), block.end());
    block = {};
  }
  for (size_t k = 0; k < keys_.size(); ++k) keys_[k].codes = codes_[k];
}

kernels::BinnedView ShuffledTable::view() const {
  return {bins_.data(), row_count_, feature_count(), bin_counts_.data(), kinds_.data()};
}

bool ShuffledTable::is_moved(int32_t feature) const {
  return std::find(moved_.begin(), moved_.end(), feature) != moved_.end();
}

void ShuffledTable::shuffle(std::span<const int32_t> features, std::span<const uint32_t> order) {
  moved_.assign(features.begin(), features.end());
  old_bins_.clear();
  old_dense_.clear();
  const auto rows = static_cast<size_t>(row_count_);
  const kernels::BinnedView bins = view();
  for (size_t i = 0; i < moved_.size(); ++i) {
    const auto cell = [&](size_t row) -> uint8_t& {
      return bins_[static_cast<size_t>(bins.cell_offset(static_cast<int64_t>(row), moved_[i]))];
    };
    for (size_t row = 0; row < rows; ++row) old_bins_.push_back(cell(row));
    for (size_t row = 0; row < rows; ++row) cell(row) = old_bins_[i * rows + order[row]];
  }
  old_codes_.assign(codes_.size(), {});
  for (size_t k = 0; k < codes_.size(); ++k) {
    if (!is_moved(keys_[k].feature)) continue;
    old_codes_[k] = codes_[k];
    for (size_t row = 0; row < rows; ++row) codes_[k][row] = old_codes_[k][order[row]];
  }
  if (!has_dense_) return;
  const size_t width = dense_features_.size();
  for (size_t c = 0; c < width; ++c) {
    if (!is_moved(dense_features_[c])) continue;
    const size_t begin = old_dense_.size();
    for (size_t row = 0; row < rows; ++row) old_dense_.push_back(dense_[row * width + c]);
    for (size_t row = 0; row < rows; ++row) {
      dense_[row * width + c] = old_dense_[begin + order[row]];
    }
  }
}

void ShuffledTable::restore() {
  const auto rows = static_cast<size_t>(row_count_);
  const kernels::BinnedView bins = view();
  const uint8_t* old = old_bins_.data();
  for (const int32_t feature : moved_) {
    for (int64_t row = 0; row < row_count_; ++row) {
      bins_[static_cast<size_t>(bins.cell_offset(row, feature))] = *old++;
    }
  }
  for (size_t k = 0; k < codes_.size(); ++k) {
    if (is_moved(keys_[k].feature))
      std::copy(old_codes_[k].begin(), old_codes_[k].end(), codes_[k].begin());
  }
  const float* old_value = old_dense_.data();
  const size_t width = dense_features_.size();
  for (size_t c = 0; c < width && has_dense_; ++c) {
    if (!is_moved(dense_features_[c])) continue;
    for (size_t row = 0; row < rows; ++row) dense_[row * width + c] = *old_value++;
  }
  moved_.clear();
}

Result<kernels::BinnedView> ShuffledTable::bins(kernels::Device& device,
                                                const kernels::ComputeContext&) const {
  if (device.info().shares_host_memory) return view();
  return fail(StatusCode::kDevice, "shuffled rows are in the host's memory only (not on {})",
              device.info().id);
}

Result<DenseView> ShuffledTable::dense(const kernels::ComputeContext&) const {
  if (!has_dense_) return fail(StatusCode::kInternal, "the dense form was not gathered");
  return DenseView{dense_.data(), row_count_, static_cast<int32_t>(dense_features_.size())};
}

}  // namespace assay::automl
