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
  words_.resize(rows.size());
  row_lanes_.resize(rows.size());
  row_bins_.resize(rows.size());
  packed_.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) packed_[i] = growth_.packed[rows[i]];
  std::fill(column_places_.begin(), column_places_.end(), -1);
  column_count_ = 0;
}

const uint8_t* SubtreeGrower::column(int32_t feature) {
  int32_t& place = column_places_[static_cast<size_t>(feature)];
  if (place < 0) {
    place = column_count_++;
    columns_.resize(std::max(columns_.size(), static_cast<size_t>(column_count_ * row_count_)));
    const kernels::BinnedView& view = growth_.args.bins;
    const FeatureCells cells(view, feature);
    uint8_t* target = columns_.data() + place * row_count_;
    for (const uint32_t row : rows_) *target++ = cells.of(row);
  }
  return columns_.data() + place * row_count_;
}

// The words and totals of the node's rows. In class mode only the classes that occur get lanes, in
// ascending order; the others would add zeros.
void SubtreeGrower::load_words(const GrownNode& node) {
  const std::span<const uint32_t> index = index_of(node);
  const size_t count = index.size();
  all_have_mass_ = true;
  if (!growth_.rules.class_mode) {
    totals_.assign(1, 0);
    for (size_t i = 0; i < count; ++i) {
      words_[i] = gradient_word(packed_[index[i]]);
      totals_[0] += words_[i];
      all_have_mass_ = all_have_mass_ && mass_of(words_[i]) != 0;
    }
    return;
  }
  std::fill(lane_of_.begin(), lane_of_.end(), -1);
  for (const uint32_t row : index) lane_of_[class_of(packed_[row])] = 0;
  int32_t lanes = 0;
  for (int32_t& lane : lane_of_) lane = lane < 0 ? -1 : lanes++;
  totals_.assign(static_cast<size_t>(lanes), 0);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t packed = packed_[index[i]];
    row_lanes_[i] = lane_of_[class_of(packed)];
    words_[i] = class_word(packed);
    totals_[static_cast<size_t>(row_lanes_[i])] += words_[i];
  }
}

namespace {

// Adds rows to bins and notes which bins occur. kLanes: words a bin has, 0 if not known here.
template <size_t kLanes>
void add_to_bins(std::span<const uint32_t> index, const uint8_t* cells, const int64_t* words,
                 const int32_t* row_lanes, size_t lanes, int64_t* bins, uint64_t* present) {
  for (size_t i = 0; i < index.size(); ++i) {
    const size_t bin = cells[index[i]];
    present[bin >> 6] |= uint64_t{1} << (bin & 63);
    if constexpr (kLanes == 1) {
      bins[bin] += words[i];
    } else {
      bins[bin * (kLanes == 0 ? lanes : kLanes) + static_cast<size_t>(row_lanes[i])] += words[i];
    }
  }
}

// Moves the bins that occur to `sums` and their numbers to `codes`, and clears them.
template <size_t kLanes>
int32_t take_bins(const uint64_t* present, size_t lanes, int64_t* bins, int64_t* sums,
                  uint8_t* codes) {
  const size_t width = kLanes == 0 ? lanes : kLanes;
  int32_t found = 0;
  for (size_t part = 0; part < 4; ++part) {
    for (uint64_t rest = present[part]; rest != 0; rest &= rest - 1) {
      const size_t bin = part * 64 + static_cast<size_t>(std::countr_zero(rest));
      codes[found++] = static_cast<uint8_t>(bin);
      for (size_t c = 0; c < width; ++c) {
        *sums++ = bins[bin * width + c];
        bins[bin * width + c] = 0;
      }
    }
  }
  return found;
}

template <size_t kLanes>
int32_t sum_bins(std::span<const uint32_t> index, const uint8_t* cells, const int64_t* words,
                 const int32_t* row_lanes, size_t lanes, SubtreeBins& bins) {
  bins.words.resize(std::max(bins.words.size(), 256 * lanes));
  bins.sums.resize(bins.words.size());
  uint64_t present[4] = {1, 0, 0, 0};
  add_to_bins<kLanes>(index, cells, words, row_lanes, lanes, bins.words.data(), present);
  if (std::any_of(bins.words.data(), bins.words.data() + lanes, [](int64_t w) { return w != 0; })) {
    present[0] |= 2;
  }
  return take_bins<kLanes>(present, lanes, bins.words.data(), bins.sums.data(), bins.codes);
}

// A node's rows, to be summed on the two sides of a threshold.
struct SideRows {
  const uint8_t* bins;
  const int64_t* words;
  const int32_t* lanes;
  size_t count;
  uint32_t threshold;
};

// Sums of the bins 1..threshold and of the missing bin. kLanes: 1 or 2, or 0 for any number.
template <size_t kLanes>
void sum_sides(const SideRows& rows, int64_t* left, int64_t* missing) {
  int64_t left_all = 0;
  int64_t left_second = 0;
  int64_t missing_all = 0;
  int64_t missing_second = 0;
  for (size_t i = 0; i < rows.count; ++i) {
    const uint32_t bin = rows.bins[i];
    // Masks instead of branches: sides are as good as random.
    const int64_t left_word = rows.words[i] & -int64_t{((bin - 1) & 255) < rows.threshold};
    const int64_t missing_word = rows.words[i] & -int64_t{bin == 0};
    if constexpr (kLanes == 0) {
      left[rows.lanes[i]] += left_word;
      missing[rows.lanes[i]] += missing_word;
    } else {
      left_all += left_word;
      missing_all += missing_word;
      if constexpr (kLanes == 2) {
        const int64_t second = -int64_t{rows.lanes[i]};
        left_second += left_word & second;
        missing_second += missing_word & second;
      }
    }
  }
  if constexpr (kLanes == 0) return;
  left[0] = left_all - left_second;
  missing[0] = missing_all - missing_second;
  if constexpr (kLanes == 2) {
    left[1] = left_second;
    missing[1] = missing_second;
  }
}

// Where every row has mass: whether all of them are in one bin. The first codes may have no rows.
bool is_in_one_bin(const FeatureSums& sums, size_t lanes) {
  int32_t bins = 0;
  for (int32_t i = 0; i < sums.count && bins < 2; ++i) {
    const int64_t* words = sums.words + static_cast<size_t>(i) * lanes;
    bins += std::any_of(words, words + lanes, [](int64_t word) { return word != 0; }) ? 1 : 0;
  }
  return bins < 2;
}

}  // namespace

FeatureSums SubtreeGrower::sums_of(const GrownNode& node, int32_t feature) {
  const uint8_t* cells = column(feature);
  const std::span<const uint32_t> index = index_of(node);
  const size_t lanes = totals_.size();
  const auto sum = !growth_.rules.class_mode ? sum_bins<1> : lanes == 2 ? sum_bins<2> : sum_bins<0>;
  const int32_t found = sum(index, cells, words_.data(), row_lanes_.data(), lanes, bins_);
  const FeatureSums sums{feature, bins_.sums.data(), bins_.codes, found};
  if (all_have_mass_ && is_in_one_bin(sums, lanes)) note_constant(feature);
  return sums;
}

void SubtreeGrower::try_random(const NodeSearch& search, const GrownNode& node, int32_t feature,
                               SplitChoice& best) {
  const uint8_t* cells = column(feature);
  const std::span<const uint32_t> index = index_of(node);
  uint32_t low = 255;
  uint32_t high = 0;
  for (size_t i = 0; i < index.size(); ++i) {
    const uint32_t bin = cells[index[i]];
    row_bins_[i] = static_cast<uint8_t>(bin);
    low = std::min(low, (bin - 1) & 255);  // missing is the greatest here
    high = std::max(high, bin);
  }
  low += 1;
  if (low >= high) {
    const auto end = row_bins_.begin() + static_cast<std::ptrdiff_t>(index.size());
    const bool missing = high > 0 && std::find(row_bins_.begin(), end, uint8_t{0}) != end;
    if (!missing) note_constant(feature);
    return;
  }
  const auto span = static_cast<int32_t>(high - low);
  const auto threshold =
      low + static_cast<uint32_t>(kernels::threshold_draw(node.key, feature, span));
  const size_t lanes = totals_.size();
  side_words_.assign(2 * lanes, 0);  // left, then missing
  int64_t* left = side_words_.data();
  int64_t* missing = left + lanes;
  const SideRows rows{row_bins_.data(), words_.data(), row_lanes_.data(), index.size(), threshold};
  if (lanes == 1) {
    sum_sides<1>(rows, left, missing);
  } else if (lanes == 2) {
    sum_sides<2>(rows, left, missing);
  } else {
    sum_sides<0>(rows, left, missing);
  }
  search_.search_threshold(search, {feature, static_cast<uint8_t>(threshold), left, missing}, best);
}

SplitChoice SubtreeGrower::find_split(const GrownNode& node) {
  SplitChoice best;
  if (!growth_.may_split(node)) return best;
  load_words(node);
  const NodeSearch search(growth_.rules, {totals_.data(), static_cast<int32_t>(totals_.size()),
                                          node.row_count(), node.key, node.limits});
  if (!search.splittable) return best;
  // Where every row has mass, a bin has rows if one row is in it.
  const bool direct = growth_.problem.params.random_thresholds && all_have_mass_;
  const auto visit = [&](int32_t feature) {
    if (is_constant(feature)) return;
    if (direct && growth_.args.bins.kinds[feature] == kernels::FeatureKind::kNumeric) {
      try_random(search, node, feature, best);
    } else {
      search_.search(search, sums_of(node, feature), search_scratch_, best);
    }
  };
  if (growth_.samples_columns()) {
    kernels::choose_columns(node.key, growth_.problem.params.columns_per_node, features_, visit);
  } else {
    for (const int32_t feature : features_) visit(feature);
  }
  return best;
}

int64_t SubtreeGrower::partition(const GrownNode& node) {
  const uint8_t* cells = column(node.split.feature);
  if (node.split.categorical) {
    uint8_t goes_left[256];
    fill_sides(node.split, goes_left);
    return partition_by(node, cells, [&](uint8_t bin) -> int64_t { return goes_left[bin]; });
  }
  // With a shift of 1 missing becomes the greatest bin.
  const auto shift = static_cast<uint8_t>(node.split.missing_left ? 0 : 1);
  const auto limit = static_cast<uint8_t>(node.split.threshold - shift);
  return partition_by(node, cells, [=](uint8_t bin) -> int64_t {
    return static_cast<uint8_t>(bin - shift) <= limit ? 1 : 0;
  });
}

template <class Side>
int64_t SubtreeGrower::partition_by(const GrownNode& node, const uint8_t* cells, Side goes_left) {
  uint32_t* index = index_.data() + (node.begin - base_);
  uint32_t* other = scratch_.data();
  const int64_t count = node.row_count();
  int64_t left = 0;
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t row = index[i];
    const int64_t to_left = goes_left(cells[row]);
    index[left] = row;
    other[i - left] = row;
    left += to_left;
  }
  std::copy_n(other, count - left, index + left);
  return left;
}

std::vector<GrownNode> SubtreeGrower::grow(const GrownNode& root) {
  load(root);
  std::vector<GrownNode> nodes{root};
  constant_.assign(static_cast<size_t>(growth_.problem.feature_count) / 64 + 1, 0);
  waiting_.assign(constant_.begin(), constant_.end());
  size_t first = 0;  // the node whose bits are at the front of those that wait
  for (size_t i = 0; i < nodes.size() && !growth_.stop_requested(); ++i) {
    const size_t width = constant_.size();
    const auto bits = waiting_.begin() + static_cast<std::ptrdiff_t>((i - first) * width);
    std::copy_n(bits, width, constant_.begin());
    if (2 * (i - first) > nodes.size() - first) {
      waiting_.erase(waiting_.begin(), bits);
      first = i;
    }
    nodes[i].split = find_split(nodes[i]);
    if (nodes[i].split.feature < 0) continue;
    const int64_t left_count = partition(nodes[i]);
    nodes[i].left = static_cast<int32_t>(nodes.size());
    const GrownNode parent = nodes[i];
    nodes.push_back(left_child(parent, left_count));
    nodes.push_back(right_child(parent, left_count));
    for (int child = 0; child < 2; ++child) {
      waiting_.insert(waiting_.end(), constant_.begin(), constant_.end());
    }
  }
  uint32_t* order = growth_.order.data() + base_;
  for (const uint32_t row : index_) *order++ = rows_[row];
  return nodes;
}

}  // namespace assay::backends::cpu
