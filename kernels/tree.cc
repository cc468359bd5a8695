#include "kernels/tree.h"

#include <algorithm>

namespace assay::kernels {
namespace {

// One tree's piece of the packed arrays.
struct TreePiece {
  int64_t index = 0;
  std::span<const TreeNode> nodes;
  int64_t category_set_count = 0;
  int64_t leaf_count = 0;
};

tl::unexpected<Error> bad_node(const TreePiece& piece, size_t node, std::string_view what,
                               int64_t value, int64_t limit) {
  return fail(StatusCode::kData, "forest: tree {}, node {}: {}={} (must be below {})", piece.index,
              node, what, value, limit);
}

// Leaves must be numbered 0, 1, ... in order of nodes.
Status check_leaf(const TreePiece& piece, size_t i, int64_t expected) {
  const TreeNode& node = piece.nodes[i];
  if (node.feature != -1) {
    return fail(StatusCode::kData, "forest: tree {}, node {}: feature={} (must be at least -1)",
                piece.index, i, node.feature);
  }
  if (node.left != expected) {
    return fail(StatusCode::kData, "forest: tree {}, node {}: leaf number {} (must be {})",
                piece.index, i, node.left, expected);
  }
  return {};
}

Status check_split(const TreePiece& piece, size_t i, int32_t feature_count) {
  const TreeNode& node = piece.nodes[i];
  const auto node_count = static_cast<int64_t>(piece.nodes.size());
  if (node.feature >= feature_count) {
    return bad_node(piece, i, "feature", node.feature, feature_count);
  }
  if (int64_t{node.left} <= static_cast<int64_t>(i)) {
    return fail(StatusCode::kData,
                "forest: tree {}, node {}: left={} (children must lie behind their parent)",
                piece.index, i, node.left);
  }
  if (int64_t{node.left} + 1 >= node_count) {
    return bad_node(piece, i, "left", node.left, node_count - 1);
  }
  if (node.category_set < -1 || node.category_set >= piece.category_set_count) {
    return fail(StatusCode::kData, "forest: tree {}, node {}: category_set={} (must be -1..{})",
                piece.index, i, node.category_set, piece.category_set_count - 1);
  }
  return {};
}

Status check_tree(const TreePiece& piece, int32_t feature_count, std::vector<uint8_t>& parents) {
  if (piece.nodes.empty()) {
    return fail(StatusCode::kData, "forest: tree {} has no nodes", piece.index);
  }
  parents.assign(piece.nodes.size(), 0);
  int64_t leaves = 0;
  for (size_t i = 0; i < piece.nodes.size(); ++i) {
    const TreeNode& node = piece.nodes[i];
    // Parents come first, so the count of this node's is final.
    if (parents[i] != (i == 0 ? 0 : 1)) {
      return fail(StatusCode::kData, "forest: tree {}, node {} has {} parents (must be {})",
                  piece.index, i, parents[i], i == 0 ? 0 : 1);
    }
    if (node.is_leaf()) {
      ASSAY_RETURN_IF_ERROR(check_leaf(piece, i, leaves++));
      continue;
    }
    ASSAY_RETURN_IF_ERROR(check_split(piece, i, feature_count));
    for (const int32_t child : {node.left, node.left + 1}) {
      if (parents[static_cast<size_t>(child)]++ != 0) {
        return fail(StatusCode::kData, "forest: tree {}, node {} has 2 parents (must be 1)",
                    piece.index, child);
      }
    }
  }
  if (leaves != piece.leaf_count) {
    return fail(StatusCode::kData, "forest: tree {} has {} leaf nodes and values for {} leaves",
                piece.index, leaves, piece.leaf_count);
  }
  return {};
}

// Offsets start at 0, never fall and stay within `size`.
Status check_offsets(std::string_view name, std::span<const int64_t> offsets, int64_t size) {
  int64_t last = 0;
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] < last || offsets[i] > size || (i == 0 && offsets[i] != 0)) {
      return fail(StatusCode::kData, "forest: {}[{}]={} (must be {}..{})", name, i, offsets[i],
                  last, i == 0 ? 0 : size);
    }
    last = offsets[i];
  }
  return {};
}

// The end of piece `index` of an array of `size`.
int64_t end_of(std::span<const int64_t> offsets, size_t index, int64_t size) {
  return index + 1 < offsets.size() ? offsets[index + 1] : size;
}

template <class T>
std::vector<T> slice(const std::vector<T>& items, int64_t begin, int64_t end) {
  return std::vector<T>(items.begin() + begin, items.begin() + end);
}

}  // namespace

void Forest::append(const Tree& tree) {
  node_offsets_.push_back(static_cast<int64_t>(nodes_.size()));
  category_set_offsets_.push_back(static_cast<int64_t>(category_sets_.size()));
  leaf_offsets_.push_back(static_cast<int64_t>(leaf_values_.size()) / leaf_width_);
  nodes_.insert(nodes_.end(), tree.nodes.begin(), tree.nodes.end());
  category_sets_.insert(category_sets_.end(), tree.category_sets.begin(), tree.category_sets.end());
  leaf_values_.insert(leaf_values_.end(), tree.leaf_values.begin(), tree.leaf_values.end());
  gains_.insert(gains_.end(), tree.gains.begin(), tree.gains.end());
  covers_.insert(covers_.end(), tree.covers.begin(), tree.covers.end());
}

void Forest::reserve(int64_t tree_count) {
  if (tree_count <= this->tree_count() || node_offsets_.empty()) return;
  const double times =
      1.125 * static_cast<double>(tree_count) / static_cast<double>(this->tree_count());
  const auto grow = [&](auto& values) {
    values.reserve(static_cast<size_t>(times * static_cast<double>(values.size())));
  };
  grow(nodes_);
  grow(category_sets_);
  grow(leaf_values_);
  grow(gains_);
  grow(covers_);
}

void Forest::truncate(int64_t tree_count) {
  if (tree_count >= this->tree_count()) return;
  const auto keep = static_cast<size_t>(std::max<int64_t>(0, tree_count));
  const auto node_count = static_cast<size_t>(node_offsets_[keep]);
  nodes_.resize(node_count);
  gains_.resize(node_count);
  covers_.resize(node_count);
  category_sets_.resize(static_cast<size_t>(category_set_offsets_[keep]));
  leaf_values_.resize(static_cast<size_t>(leaf_offsets_[keep] * leaf_width_));
  node_offsets_.resize(keep);
  category_set_offsets_.resize(keep);
  leaf_offsets_.resize(keep);
}

Tree Forest::tree(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  const int64_t node_end = end_of(node_offsets_, i, static_cast<int64_t>(nodes_.size()));
  const int64_t set_end =
      end_of(category_set_offsets_, i, static_cast<int64_t>(category_sets_.size()));
  const int64_t value_end =
      end_of(leaf_offsets_, i, static_cast<int64_t>(leaf_values_.size()) / leaf_width_);
  Tree tree;
  tree.nodes = slice(nodes_, node_offsets_[i], node_end);
  tree.gains = slice(gains_, node_offsets_[i], node_end);
  tree.covers = slice(covers_, node_offsets_[i], node_end);
  tree.category_sets = slice(category_sets_, category_set_offsets_[i], set_end);
  tree.leaf_values = slice(leaf_values_, leaf_offsets_[i] * leaf_width_, value_end * leaf_width_);
  return tree;
}

ForestView Forest::view() const {
  ForestView view;
  view.nodes = nodes_.data();
  view.category_sets = category_sets_.data();
  view.leaf_values = leaf_values_.data();
  view.node_offsets = node_offsets_.data();
  view.category_set_offsets = category_set_offsets_.data();
  view.leaf_offsets = leaf_offsets_.data();
  view.tree_count = tree_count();
  view.leaf_width = leaf_width_;
  view.output_count = output_count_;
  return view;
}

int64_t Forest::byte_count() const {
  return static_cast<int64_t>(
      std::span(nodes_).size_bytes() + std::span(category_sets_).size_bytes() +
      std::span(leaf_values_).size_bytes() + std::span(gains_).size_bytes() +
      std::span(covers_).size_bytes() + 3 * std::span(node_offsets_).size_bytes());
}

Status Forest::check(int32_t feature_count) const {
  std::vector<uint8_t> parents;
  const std::span<const TreeNode> nodes(nodes_);
  const auto set_count = static_cast<int64_t>(category_sets_.size());
  const auto leaf_count = static_cast<int64_t>(leaf_values_.size()) / leaf_width_;
  for (size_t i = 0; i < node_offsets_.size(); ++i) {
    const int64_t begin = node_offsets_[i];
    const int64_t end = end_of(node_offsets_, i, static_cast<int64_t>(nodes_.size()));
    TreePiece piece;
    piece.index = static_cast<int64_t>(i);
    piece.nodes = nodes.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
    piece.category_set_count =
        end_of(category_set_offsets_, i, set_count) - category_set_offsets_[i];
    piece.leaf_count = end_of(leaf_offsets_, i, leaf_count) - leaf_offsets_[i];
    ASSAY_RETURN_IF_ERROR(check_tree(piece, feature_count, parents));
  }
  return {};
}

Result<Forest> Forest::from_parts(Parts parts, int32_t leaf_width, int32_t output_count,
                                  int32_t feature_count) {
  if (leaf_width < 1 || output_count < 1 || output_count % leaf_width != 0) {
    return fail(StatusCode::kData,
                "forest: leaf_width={}, output_count={} (both must be positive, the first must "
                "divide the second)",
                leaf_width, output_count);
  }
  const size_t tree_count = parts.node_offsets.size();
  if (parts.category_set_offsets.size() != tree_count || parts.leaf_offsets.size() != tree_count) {
    return fail(StatusCode::kData, "forest: offsets of {} trees, {} category sets and {} leaves",
                tree_count, parts.category_set_offsets.size(), parts.leaf_offsets.size());
  }
  if (parts.gains.size() != parts.nodes.size() || parts.covers.size() != parts.nodes.size()) {
    return fail(StatusCode::kData, "forest: {} nodes with {} gains and {} covers",
                parts.nodes.size(), parts.gains.size(), parts.covers.size());
  }
  if (parts.leaf_values.size() % static_cast<size_t>(leaf_width) != 0) {
    return fail(StatusCode::kData, "forest: {} leaf values (must be a multiple of {})",
                parts.leaf_values.size(), leaf_width);
  }
  if (tree_count == 0 &&
      !(parts.nodes.empty() && parts.category_sets.empty() && parts.leaf_values.empty())) {
    return fail(StatusCode::kData, "forest: {} nodes and no trees", parts.nodes.size());
  }
  ASSAY_RETURN_IF_ERROR(
      check_offsets("node_offsets", parts.node_offsets, static_cast<int64_t>(parts.nodes.size())));
  ASSAY_RETURN_IF_ERROR(check_offsets("category_set_offsets", parts.category_set_offsets,
                                      static_cast<int64_t>(parts.category_sets.size())));
  ASSAY_RETURN_IF_ERROR(check_offsets("leaf_offsets", parts.leaf_offsets,
                                      static_cast<int64_t>(parts.leaf_values.size()) / leaf_width));
  Forest forest(leaf_width, output_count);
  forest.nodes_ = std::move(parts.nodes);
  forest.category_sets_ = std::move(parts.category_sets);
  forest.leaf_values_ = std::move(parts.leaf_values);
  forest.gains_ = std::move(parts.gains);
  forest.covers_ = std::move(parts.covers);
  forest.node_offsets_ = std::move(parts.node_offsets);
  forest.category_set_offsets_ = std::move(parts.category_set_offsets);
  forest.leaf_offsets_ = std::move(parts.leaf_offsets);
  ASSAY_RETURN_IF_ERROR(forest.check(feature_count));
  return forest;
}

}  // namespace assay::kernels
