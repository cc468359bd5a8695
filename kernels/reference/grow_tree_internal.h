// The reference of grow_tree as a class: what its two files share. Not for others.
//
// Sums hold, in gradient mode, the integer sums of gradient and hessian; in class mode the
// quantised weight of each class and, last, the row count. The last entry is the "mass" that both
// sides of a split must have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "kernels/grow_tree.h"
#include "kernels/op_table.h"
#include "kernels/tree_rules.h"

namespace assay::kernels::reference {

using Sums = std::vector<int64_t>;

struct Split {
  double gain = 0;
  int32_t feature = -1;
  bool categorical = false;
  uint8_t threshold = 0;
  bool missing_left = false;
  CategorySet set;
  SplitLimits limits;
};

// A split that might be made, and the l2 of its sides and node.
struct Candidate {
  Split split;
  double l2 = 0;
};

struct Node {
  int32_t number = 0;
  int32_t depth = 0;
  uint64_t key = 0;
  NodeLimits limits;
  std::vector<size_t> positions;  // in the sample, ascending
  std::optional<Split> split;
};

class TreeGrower {
 public:
  TreeGrower(const GrowTreeProblem& problem, const GrowTreeArgs& args)
      : problem_(problem), params_(problem.params), args_(args), tree_(*args.tree) {}

  Status grow(const OpContext& context);

 private:
  bool class_mode() const { return problem_.class_count > 0; }
  size_t sums_size() const {
    return class_mode() ? static_cast<size_t>(problem_.class_count) + 1 : 2;
  }

  void quantise_rows();
  void quantise_row(size_t position, double scale, double hessian_scale);
  Sums sums_of(const std::vector<size_t>& positions) const;
  std::vector<Sums> histogram(const std::vector<size_t>& positions, int32_t feature) const;
  uint8_t bin(size_t position, int32_t feature) const {
    return args_.bins.bins[args_.bins.cell_offset(args_.rows[position], feature)];
  }

  // Gradient mode: the value of a side or node within limits.
  double value(const Sums& sums, double l2, const NodeLimits& limits) const;
  double score(const Sums& sums, double l2, const NodeLimits& limits) const;
  bool may_stand(const Sums& side, const Sums& node_sums, size_t node_rows) const;

  // All candidates of a feature, in order of the scan, for rows whose sums are `sums` and, by bin,
  // `bins`. `key` draws random thresholds.
  std::vector<Candidate> candidates(int32_t feature, const Sums& sums,
                                    const std::vector<Sums>& bins, uint64_t key) const;
  std::vector<Candidate> thresholds(int32_t feature, const Sums& sums,
                                    const std::vector<Sums>& bins, uint64_t key) const;
  std::vector<Candidate> level_sets(int32_t feature, const Sums& sums,
                                    const std::vector<Sums>& bins, uint64_t key) const;
  std::vector<size_t> sorted_levels(const Sums& sums, const std::vector<Sums>& bins,
                                    std::vector<size_t> levels) const;
  // The features that a node or level with this key looks at.
  void visit_features(uint64_t key, const std::function<void(int32_t)>& visit);
  // The candidate as a split of the node, with its gain and limits, if it may stand there.
  std::optional<Split> weigh(const Node& node, const Sums& node_sums, const std::vector<Sums>& bins,
                             const Candidate& candidate) const;
  void find_split(Node& node);

  Node make_node(std::vector<size_t> positions, int32_t depth, uint64_t key,
                 const NodeLimits& limits);
  size_t next_node() const;
  void apply_split(size_t index);
  void number_leaves();
  void add_leaf_values(const Node& node);

  // Symmetric growth (grow_tree_symmetric.cc).
  Status grow_symmetric(const OpContext& context);
  // Gives every open node its part of the level's split, if any; the number of those that have.
  size_t split_level(int32_t level);

  const GrowTreeProblem& problem_;
  const TreeParams& params_;
  const GrowTreeArgs& args_;
  Tree& tree_;
  std::vector<Sums> row_sums_;  // [sample_count]: what a row adds
  double unit_ = 1;             // 2^-e of gradients or weights
  double hessian_unit_ = 1;
  std::vector<int32_t> features_;
  std::vector<Node> open_;  // in order of node number, unless symmetric growth is under way
};

}  // namespace assay::kernels::reference
