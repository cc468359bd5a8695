#include "backends/cpu/predict_trees_table.h"

#include <algorithm>
#include <bit>
#include <span>
#include <type_traits>

#include "backends/cpu/predict_trees_pack.h"

namespace assay::backends::cpu {
namespace {

using kernels::ForestView;
using kernels::TreeNode;

constexpr int32_t kLineBits = 512;
// With more a walk is as fast.
constexpr int32_t kMostBits = 128;
// Lines of a second cache, or little more.
constexpr size_t kMostLineBytes = size_t{4} << 20;
// A column costs about this share of following a row through a tree.
constexpr size_t kColumnsOfTree = 6;

using LeafSet = std::array<uint64_t, kMostBits / 64>;

// A split of a tree in a block, and what leaves are behind it.
struct TableSplit {
  const TreeNode* node = nullptr;
  const kernels::CategorySet* sets = nullptr;
  int32_t first_bit = 0;  // of its tree in the line
  LeafSet left{};
  LeafSet right{};
};

// Bins b at which goes_left(b) may differ from goes_left(b - 1).
void mark_changes(const TableSplit& split, std::array<bool, 256>& changes) {
  const TreeNode& node = *split.node;
  if (node.category_set < 0) {
    changes[1] = true;
    if (node.threshold < 255) changes[size_t{node.threshold} + 1] = true;
    return;
  }
  const kernels::CategorySet& set = split.sets[node.category_set];
  for (unsigned b = 1; b < 256; ++b) {
    const bool differs =
        set.contains(static_cast<uint8_t>(b)) != set.contains(static_cast<uint8_t>(b - 1));
    changes[b] = changes[b] || differs;
  }
}

}  // namespace

const char LeafTable::kType = 0;

class LeafTable::Builder {
 public:
  Builder(const ForestView& forest, LeafTable& table) : forest_(forest), table_(table) {}

  // False if it would not pay.
  bool build() {
    if (!choose_bits()) return false;
    const int64_t lanes = kLineBits / table_.bits_;
    for (int64_t t = 0; t < forest_.tree_count; t += lanes) {
      add_block(t, std::min(t + lanes, forest_.tree_count));
      const size_t trees = static_cast<size_t>(std::min(t + lanes, forest_.tree_count));
      if (table_.columns_.size() > (trees + static_cast<size_t>(lanes)) * kColumnsOfTree ||
          table_.lines_.size() * sizeof(Line) > kMostLineBytes) {
        return false;
      }
    }
    return table_.columns_.size() <= static_cast<size_t>(forest_.tree_count) * kColumnsOfTree;
  }

 private:
  bool choose_bits() {
    int32_t most = 1;
    for (int64_t t = 0; t < forest_.tree_count; ++t) {
      const int32_t nodes = count_nodes(forest_.nodes + forest_.node_offsets[t]);
      most = std::max(most, nodes / 2 + 1);
      if (most > kMostBits) return false;
    }
    table_.bits_ = std::max(32, static_cast<int32_t>(std::bit_ceil(static_cast<uint32_t>(most))));
    return true;
  }

  void add_block(int64_t first, int64_t last) {
    splits_.clear();
    Block block;
    block.all.words.fill(0);
    for (int64_t t = first; t < last; ++t) {
      const auto first_bit = static_cast<int32_t>(t - first) * table_.bits_;
      add_tree(t, first_bit);
      set_bits(sets_.front(), first_bit,
               [&](size_t word, uint64_t bits) { block.all.words[word] |= bits; });
    }
    std::stable_sort(splits_.begin(), splits_.end(), [](const auto& a, const auto& b) {
      return a.node->feature < b.node->feature;
    });
    block.first_column = table_.columns_.size();
    for (size_t begin = 0; begin < splits_.size();) {
      size_t end = begin;
      while (end < splits_.size() && splits_[end].node->feature == splits_[begin].node->feature) {
        ++end;
      }
      add_column(std::span(splits_).subspan(begin, end - begin), block.all);
      begin = end;
    }
    block.last_column = table_.columns_.size();
    table_.blocks_.push_back(block);
  }

  // Lists the splits of a tree; sets_[n] are the leaves below node n.
  void add_tree(int64_t tree, int32_t first_bit) {
    const TreeNode* nodes = forest_.nodes + forest_.node_offsets[tree];
    const auto count = static_cast<size_t>(count_nodes(nodes));
    sets_.assign(count, LeafSet{});
    for (size_t i = count; i-- > 0;) {  // children lie behind their parents
      const TreeNode& node = nodes[i];
      const auto at = static_cast<size_t>(node.left);
      if (node.is_leaf()) {
        sets_[i][at / 64] = uint64_t{1} << (at % 64);
        continue;
      }
      TableSplit& split = splits_.emplace_back();
      split.node = &node;
      split.sets = forest_.category_sets + forest_.category_set_offsets[tree];
      split.first_bit = first_bit;
      split.left = sets_[at];
      split.right = sets_[at + 1];
      for (size_t w = 0; w < sets_[i].size(); ++w) {
        sets_[i][w] = split.left[w] | split.right[w];
      }
    }
  }

  // The lines of one feature: one for each run of bins under which all splits decide alike.
  void add_column(std::span<const TableSplit> splits, const Line& all) {
    std::array<bool, 256> changes{};
    for (const TableSplit& split : splits) mark_changes(split, changes);
    Column& column = table_.columns_.emplace_back();
    column.feature = splits.front().node->feature;
    column.first_line = static_cast<uint32_t>(table_.lines_.size());
    uint8_t number = 0;
    for (size_t bin = 0; bin < 256; ++bin) {
      if (bin > 0 && changes[bin]) ++number;
      if (bin == 0 || changes[bin]) {
        table_.lines_.push_back(line_of(splits, static_cast<uint8_t>(bin), all));
      }
      column.line_of[bin] = number;
    }
  }

  static Line line_of(std::span<const TableSplit> splits, uint8_t bin, const Line& all) {
    Line line = all;
    for (const TableSplit& split : splits) {
      const bool left = goes_left(*split.node, split.sets, bin);
      set_bits(left ? split.right : split.left, split.first_bit,
               [&](size_t word, uint64_t bits) { line.words[word] &= ~bits; });
    }
    return line;
  }

  // visit(word of the line, bits) for a tree's leaves.
  template <class Visit>
  static void set_bits(const LeafSet& leaves, int32_t first_bit, Visit&& visit) {
    const auto first_word = static_cast<size_t>(first_bit / 64);
    const int32_t shift = first_bit % 64;  // not 0 only where a tree has 32 bits
    for (size_t w = 0; w < leaves.size(); ++w) {
      if (leaves[w] != 0) visit(first_word + w, leaves[w] << shift);
    }
  }

  const ForestView& forest_;
  LeafTable& table_;
  std::vector<TableSplit> splits_;
  std::vector<LeafSet> sets_;
};

std::unique_ptr<LeafTable> LeafTable::make(const ForestView& forest, int32_t feature_count) {
  auto table = std::make_unique<LeafTable>();
  table->tree_count_ = forest.tree_count;
  table->feature_count_ = feature_count;
  if (!Builder(forest, *table).build()) {
    table->blocks_ = {};
    table->columns_ = {};
    table->lines_ = {};
  }
  return table;
}

template <int kBits, bool kOneScore>
void LeafTable::add_bits(const uint8_t* row, const ForestView& forest, double* scores) const {
  constexpr size_t kLanes = kLineBits / kBits;
  const auto tree_count = static_cast<size_t>(tree_count_);
  const int32_t width = forest.leaf_width;
  const float* values = forest.leaf_values;
  int32_t output = 0;
  size_t tree = 0;
  double sum = scores[0];
  for (const Block& block : blocks_) {
    Line left = block.all;
    for (size_t c = block.first_column; c < block.last_column; ++c) {
      const Column& column = columns_[c];
      const Line& line = lines_[column.first_line + column.line_of[row[column.feature]]];
      for (size_t w = 0; w < 8; ++w) left.words[w] &= line.words[w];
    }
    const size_t last = std::min(tree + kLanes, tree_count);
    for (size_t bit = 0; tree < last; ++tree, bit += kBits) {
      size_t word = bit / 64;
      if constexpr (kBits > 64) {
        while (left.words[word] == 0) ++word;
      }
      const uint64_t bits = kBits == 32 ? left.words[word] >> (bit % 64) : left.words[word];
      const size_t leaf = 64 * (word - bit / 64) + static_cast<size_t>(std::countr_zero(bits));
      const int64_t place = forest.leaf_offsets[tree] + static_cast<int64_t>(leaf);
      if constexpr (kOneScore) {
        sum += double{values[place]};
        continue;
      }
      const float* value = values + place * width;
      for (int32_t k = 0; k < width; ++k) scores[output + k] += double{value[k]};
      output += width;
      if (output == forest.output_count) output = 0;
    }
  }
  if constexpr (kOneScore) scores[0] = sum;
}

void LeafTable::add_leaves(const uint8_t* row, const ForestView& forest, double* scores) const {
  const auto add = [&]<int kBits>(std::integral_constant<int, kBits>) {
    if (forest.output_count == 1) return add_bits<kBits, true>(row, forest, scores);
    add_bits<kBits, false>(row, forest, scores);
  };
  switch (bits_) {
    case 32:
      return add(std::integral_constant<int, 32>());
    case 64:
      return add(std::integral_constant<int, 64>());
    default:
      return add(std::integral_constant<int, 128>());
  }
}

int64_t LeafTable::byte_count() const {
  return static_cast<int64_t>(sizeof *this + blocks_.size() * sizeof(Block) +
                              columns_.size() * sizeof(Column) + lines_.size() * sizeof(Line));
}

}  // namespace assay::backends::cpu
