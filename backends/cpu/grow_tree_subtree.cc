#include "backends/cpu/grow_tree_subtree.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "backends/cpu/grow_tree_partition.h"
#include "kernels/tree_rules.h"

namespace assay::backends::cpu {

SubtreeGrower::SubtreeGrower(Growth& growth, const SplitSearch& search)
    : growth_(growth),
      search_(search),
      features_(growth.features),
      column_places_(static_cast<size_t>(growth.problem.feature_count), -1),
      lane_of_(growth.rules.class_mode ? static_cast<size_t>(growth.rules.lanes) : 0, -1) {}

void SubtreeGrower::load(const GrownNode& root) {
  const std::span<const uint32_t> rows = growth_.rows_of(root);
  base_ = root.begin;
  row_count_ = root.row_count();
  rows_.assign(rows.begin(), rows.end());
  index_.resize(rows.size());
  std::iota(index_.begin(), index_.end(), uint32_t{0});
  scratch_.resize(rows.size());
  std::fill(column_places_.begin(), column_places_.end(), -1);
  column_count_ = 0;
}

const uint8_t* SubtreeGrower::column(int32_t feature) {
  int32_t& place = column_places_[static_cast<size_t>(feature)];
  if (place < 0) {
    place = column_count_++;
    columns_.resize(std::max(columns_.size(), static_cast<size_t>(column_count_ * row_count_)));
    const kernels::BinnedView& view = growth_.args.bins;
    const uint8_t* cells = view.bins + view.cell_offset(0, feature);
    const int64_t width = view.block_width(feature / kernels::kBlockWidth);
    uint8_t* target = columns_.data() + place * row_count_;
    for (const uint32_t row : rows_) *target++ = cells[int64_t{row} * width];
  }
  return columns_.data() + place * row_count_;
}

// The words and totals of the node's rows. In class mode only the classes that occur get lanes, in
// ascending order; the others would add zeros.
void SubtreeGrower::load_words(const GrownNode& node) {
  const auto count = static_cast<size_t>(node.row_count());
  const uint32_t* index = index_.data() + (node.begin - base_);
  words_.resize(count);
  if (!growth_.rules.class_mode) {
    totals_.assign(1, 0);
    for (size_t i = 0; i < count; ++i) {
      totals_[0] += words_[i] = gradient_word(growth_.packed[rows_[index[i]]]);
    }
    return;
  }
  row_lanes_.resize(count);
  std::fill(lane_of_.begin(), lane_of_.end(), -1);
  for (size_t i = 0; i < count; ++i) {
    lane_of_[class_of(growth_.packed[rows_[index[i]]])] = 0;
  }
  int32_t lanes = 0;
  for (int32_t& lane : lane_of_) lane = lane < 0 ? -1 : lanes++;
  totals_.assign(static_cast<size_t>(lanes), 0);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t packed = growth_.packed[rows_[index[i]]];
    row_lanes_[i] = lane_of_[class_of(packed)];
    words_[i] = class_word(packed);
    totals_[static_cast<size_t>(row_lanes_[i])] += words_[i];
  }
}

FeatureSums SubtreeGrower::sums_of(const GrownNode& node, int32_t feature) {
  const uint8_t* cells = column(feature);
  const uint32_t* index = index_.data() + (node.begin - base_);
  const size_t count = words_.size();
  const size_t lanes = totals_.size();
  bins_.resize(std::max(bins_.size(), 256 * lanes));
  uint64_t present[4] = {1, 0, 0, 0};
  if (growth_.rules.class_mode) {
    for (size_t i = 0; i < count; ++i) {
      const uint8_t bin = cells[index[i]];
      present[bin >> 6] |= uint64_t{1} << (bin & 63);
      bins_[bin * lanes + static_cast<size_t>(row_lanes_[i])] += words_[i];
    }
  } else {
    for (size_t i = 0; i < count; ++i) {
      const uint8_t bin = cells[index[i]];
      present[bin >> 6] |= uint64_t{1} << (bin & 63);
      bins_[bin] += words_[i];
    }
  }
  const auto missing_end = bins_.begin() + static_cast<std::ptrdiff_t>(lanes);
  if (std::any_of(bins_.begin(), missing_end, [](int64_t word) { return word != 0; })) {
    present[0] |= 2;
  }
  sums_.clear();
  int32_t found = 0;
  for (size_t part = 0; part < 4; ++part) {
    for (uint64_t rest = present[part]; rest != 0; rest &= rest - 1) {
      const size_t bin = part * 64 + static_cast<size_t>(std::countr_zero(rest));
      codes_[found++] = static_cast<uint8_t>(bin);
      int64_t* words = bins_.data() + bin * lanes;
      sums_.insert(sums_.end(), words, words + lanes);
      std::fill_n(words, lanes, int64_t{0});
    }
  }
  return {feature, sums_.data(), codes_, found};
}

SplitChoice SubtreeGrower::find_split(const GrownNode& node) {
  SplitChoice best;
  if (!growth_.may_split(node)) return best;
  load_words(node);
  const NodeSearch search(growth_.rules, {totals_.data(), static_cast<int32_t>(totals_.size()),
                                          node.row_count(), node.key});
  if (!search.splittable) return best;
  const auto visit = [&](int32_t feature) {
    search_.search(search, sums_of(node, feature), search_scratch_, best);
  };
  if (growth_.samples_columns()) {
    kernels::choose_columns(node.key, growth_.problem.params.columns_per_node, features_, visit);
  } else {
    for (const int32_t feature : features_) visit(feature);
  }
  return best;
}

int64_t SubtreeGrower::partition(const GrownNode& node) {
  bool goes_left[256];
  fill_sides(node.split, goes_left);
  const uint8_t* cells = column(node.split.feature);
  uint32_t* index = index_.data() + (node.begin - base_);
  const int64_t count = node.row_count();
  int64_t left = 0;
  int64_t right = 0;
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t row = index[i];
    const bool to_left = goes_left[cells[row]];
    index[left] = row;
    scratch_[static_cast<size_t>(right)] = row;
    left += to_left ? 1 : 0;
    right += to_left ? 0 : 1;
  }
  std::copy_n(scratch_.begin(), right, index + left);
  return left;
}

std::vector<GrownNode> SubtreeGrower::grow(const GrownNode& root) {
  load(root);
  std::vector<GrownNode> nodes{root};
  for (size_t i = 0; i < nodes.size() && !growth_.stop_requested(); ++i) {
    nodes[i].split = find_split(nodes[i]);
    if (nodes[i].split.feature < 0) continue;
    const int64_t left_count = partition(nodes[i]);
    nodes[i].left = static_cast<int32_t>(nodes.size());
    const GrownNode parent = nodes[i];
    nodes.push_back(left_child(parent, left_count));
    nodes.push_back(right_child(parent, left_count));
  }
  uint32_t* order = growth_.order.get() + base_;
  for (const uint32_t row : index_) *order++ = rows_[row];
  return nodes;
}

}  // namespace assay::backends::cpu
