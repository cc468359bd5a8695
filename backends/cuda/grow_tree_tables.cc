#include "backends/cuda/grow_tree_tables.h"

#include <algorithm>
#include <utility>

#include "backends/cuda/grow_tree_rounds.h"
#include "backends/cuda/tree_class_level_kernels.h"

namespace assay::backends::cuda {

Status TreeTables::place_cells(const kernels::OpContext& context) {
  if (!bins_.on_host) {
    tile_width_ = tile_width_of(bins_.feature_count);
    ASSAY_ASSIGN_OR_RETURN(forms_, device_->forms_of(bins_));
    return {};
  }
  ASSAY_ASSIGN_OR_RETURN(stream_, TileStream::make(context, bins_));
  tile_width_ = stream_->plan().tile_width;
  return {};
}

Status TreeTables::over_tiles(FunctionRef<Status(const Tiles&)> launch) {
  if (stream_ == nullptr) {
    const uint8_t* cells = forms_ == nullptr ? nullptr : forms_->tiles.on_device();
    const auto count = static_cast<int32_t>(tile_count_of(bins_.feature_count));
    return launch({{cells, 0, count, tile_width_}, tiles_.on_device(), tiles_.size()});
  }
  return stream_->each(tile_list_, [&](const TileWindow& window) {
    const auto place = std::lower_bound(tile_list_.begin(), tile_list_.end(), window.first_tile);
    return launch({window, tiles_.on_device() + (place - tile_list_.begin()), 1});
  });
}

Status TreeTables::over_splits(std::vector<int32_t> features,
                               FunctionRef<Status(const Tiles&)> launch) {
  if (stream_ == nullptr) return over_tiles(launch);
  for (int32_t& feature : features) feature /= tile_width_;
  std::sort(features.begin(), features.end());
  features.erase(std::unique(features.begin(), features.end()), features.end());
  return stream_->each(features, [&](const TileWindow& window) {
    return launch({window, nullptr, 1});
  });
}

Status TreeTables::place_tables(std::span<const GrowingTree> trees) {
  const auto feature_count = static_cast<size_t>(bins_.feature_count);
  std::vector<int32_t> offsets(feature_count, -1);
  std::vector<TreeRules> rules;
  for (const GrowingTree& tree : trees) {
    rules.push_back(tree.rules);
    most_classes_ = std::max(most_classes_, tree.problem->class_count);
    const int32_t columns = tree.problem->params.columns_per_node;
    const bool sampled = kernels::samples_columns(tree.problem->params, tree.features.size());
    samples_columns_ = samples_columns_ || sampled;
    feature_limit_ =
        std::max(feature_limit_, sampled ? columns : static_cast<int32_t>(tree.features.size()));
    for (const int32_t feature : tree.features) offsets[static_cast<size_t>(feature)] = 0;
  }
  std::vector<uint8_t> categorical;
  for (size_t f = 0; f < feature_count; ++f) {
    categorical.push_back(bins_.kinds[f] == kernels::FeatureKind::kCategorical ? 1 : 0);
    if (offsets[f] < 0) continue;
    offsets[f] = static_cast<int32_t>(plane_size_);
    plane_size_ += bins_.bin_counts[f];
    most_bins_ = std::max(most_bins_, bins_.bin_counts[f]);
    const auto tile = static_cast<int32_t>(f) / tile_width_;
    if (tile_list_.empty() || tile_list_.back() != tile) tile_list_.push_back(tile);
  }
  slot_size_ = plane_size_ * std::max(1, most_classes_);
  const std::vector<int32_t> counts(bins_.bin_counts, bins_.bin_counts + feature_count);
  ASSAY_ASSIGN_OR_RETURN(rules_, kernels::DeviceArray<TreeRules>::copy_of(*device_, rules));
  ASSAY_ASSIGN_OR_RETURN(tiles_, kernels::DeviceArray<int32_t>::copy_of(*device_, tile_list_));
  ASSAY_ASSIGN_OR_RETURN(bin_offsets_, kernels::DeviceArray<int32_t>::copy_of(*device_, offsets));
  ASSAY_ASSIGN_OR_RETURN(bin_counts_, kernels::DeviceArray<int32_t>::copy_of(*device_, counts));
  ASSAY_ASSIGN_OR_RETURN(categorical_,
                         kernels::DeviceArray<uint8_t>::copy_of(*device_, categorical));
  return {};
}

int64_t TreeTables::slot_room() const {
  constexpr int64_t kMostBytes = int64_t{4} << 30;  // of all histograms
  const int64_t free_bytes = device_->free_bytes();
  return std::min(free_bytes / 2, kMostBytes) /
         (slot_size_ * static_cast<int64_t>(sizeof(uint64_t)));
}

Status TreeTables::allocate_slots(int64_t count, int64_t least) {
  while (true) {
    auto made = kernels::DeviceArray<uint64_t>::make(*device_, count * slot_size_);
    if (made) {
      histograms_ = std::move(*made);
      break;
    }
    const bool fewer = made.error().code == StatusCode::kResourceExhausted && count > least;
    if (!fewer) return tl::unexpected<Error>(made.error());
    count = std::max(least, count / 2);
  }
  for (int64_t slot = count; slot > 0; --slot) {
    free_slots_.push_back(static_cast<int32_t>(slot - 1));
  }
  return {};
}

int32_t TreeTables::take_slot() {
  const int32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

SplitTask TreeTables::task_of(const GrownNode& node, int32_t tree) const {
  SplitTask task{};
  task.begin = node.begin;
  task.end = node.end;
  task.tree = tree;
  task.side = node.side;
  task.rule.feature = node.split.feature;
  const bool categorical = bins_.kinds[node.split.feature] == kernels::FeatureKind::kCategorical;
  task.rule.category_set = categorical ? 0 : -1;
  task.rule.threshold = static_cast<uint8_t>(categorical ? 0 : node.split.threshold);
  task.rule.missing_left = static_cast<uint8_t>(node.split.missing_left);
  task.set = node.split.set;
  return task;
}

int32_t TreeTables::chunk_rows_of(int64_t rows) const {
  // Blocks that a multiprocessor works on at once, and two turns of them.
  const int64_t blocks = int64_t{2} * 3 * device_->multiprocessors();
  const int64_t tiles = stream_ == nullptr ? tiles_.size() : 1;  // of a launch
  if (counts_classes()) {
    // A block has one feature.
    return static_cast<int32_t>(std::clamp<int64_t>(pieces_of(rows * tiles * tile_width_, blocks),
                                                    CountClassesKernel::kLeastChunk,
                                                    CountClassesKernel::kMostChunk));
  }
  return static_cast<int32_t>(std::clamp<int64_t>(
      pieces_of(rows * tiles, blocks), HistogramKernel::kLeastChunk, HistogramKernel::kMostChunk));
}

}  // namespace assay::backends::cuda
