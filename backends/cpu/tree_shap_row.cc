#include "backends/cpu/tree_shap_row.h"

#include <algorithm>
#include <vector>

namespace assay::backends::cpu {
namespace {

using kernels::kShapGroup;
using kernels::ShapStep;
using kernels::TreeShapArgs;
using kernels::TreeShapProblem;

// Of a node on the path, at each point of the group. Places without a point hold numbers that are
// not added.
struct PathNode {
  double p[kShapGroup];
  double r[kShapGroup];
  double g[kShapGroup];
};

class RowWalk {
 public:
  RowWalk(const TreeShapProblem& problem, const TreeShapArgs& args)
      : problem_(problem),
        args_(args),
        width_(problem.leaf_width),
        row_(args.rows == nullptr ? 0 : int64_t{args.rows[0]}),
        met_(static_cast<size_t>(problem.most_nodes)),
        path_(static_cast<size_t>(problem.most_depth + 1)),
        sums_(path_.size() * static_cast<size_t>(kShapGroup * problem.leaf_width)) {}

  void add_tree(int64_t tree) {
    const kernels::ShapTree& shape = args_.shap.trees[tree];
    steps_ = args_.shap.steps + args_.forest.node_offsets[tree];
    leaves_ = args_.forest.leaf_values + args_.forest.leaf_offsets[tree] * width_;
    out_ = args_.out + tree * width_ % problem_.output_count * problem_.feature_count;
    mark(tree, shape.step_count);
    for (int32_t q = 0; q < shape.point_count; q += kShapGroup) {
      group_ = std::min(kShapGroup, shape.point_count - q);
      for (int32_t i = 0; i < kShapGroup; ++i) {
        const int32_t at = shape.point_offset + q + std::min(i, group_ - 1);
        points_[i] = args_.shap.points[at];
        weights_[i] = args_.shap.weights[at];
        path_[0].p[i] = 1;
        path_[0].r[i] = 1;
        path_[0].g[i] = 0;
      }
      walk(shape.step_count);
    }
  }

 private:
  double* sums(int32_t depth) { return sums_.data() + int64_t{depth} * kShapGroup * width_; }

  void mark(int64_t tree, int32_t step_count) {
    const kernels::TreeNode* nodes = args_.forest.nodes + args_.forest.node_offsets[tree];
    const kernels::CategorySet* sets =
        args_.forest.category_sets + args_.forest.category_set_offsets[tree];
    met_[0] = 1;
    for (int32_t place = 1; place < step_count; ++place) {
      const ShapStep& step = steps_[place];
      const uint8_t bin = args_.bins.bins[args_.bins.cell_offset(row_, step.feature)];
      const bool there = kernels::goes_left(nodes[step.parent], sets, bin) == step.is_left(place);
      met_[static_cast<size_t>(place)] =
          there ? met_[static_cast<size_t>(step.before)] : uint8_t{0};
    }
  }

  void walk(int32_t step_count) {
    for (int32_t place = 1; place < step_count; ++place) {
      const ShapStep& step = steps_[place];
      enter(step, met_[static_cast<size_t>(place)] != 0 ? 1.0 : 0.0);
      if (!step.is_leaf()) continue;
      const PathNode& here = path_[static_cast<size_t>(step.depth)];
      double* sum = sums(step.depth);
      for (int32_t k = 0; k < width_; ++k) {
        const double value = leaves_[int64_t{step.leaf} * width_ + k];
        for (int32_t i = 0; i < kShapGroup; ++i) sum[k * kShapGroup + i] = here.p[i] * value;
      }
      leave(step, step.is_left(place));
      // Up, as long as right children end their parents.
      for (int32_t done = place; !steps_[done].is_left(done) && steps_[done].above > 0;) {
        done = steps_[done].above;
        leave(steps_[done], steps_[done].is_left(done));
      }
    }
  }

  void enter(const ShapStep& step, double o) {
    const PathNode& above = path_[static_cast<size_t>(step.depth - 1)];
    const PathNode& before = path_[static_cast<size_t>(steps_[step.before].depth)];
    PathNode& here = path_[static_cast<size_t>(step.depth)];
    for (int32_t i = 0; i < kShapGroup; ++i) {
      const kernels::ShapTerms terms = kernels::shap_terms(points_[i], o, step.share);
      here.p[i] = above.p[i] * (terms.a * before.r[i]);
      here.r[i] = terms.r;
      here.g[i] = terms.g;
    }
  }

  void leave(const ShapStep& step, bool left) {
    const PathNode& before = path_[static_cast<size_t>(steps_[step.before].depth)];
    const PathNode& here = path_[static_cast<size_t>(step.depth)];
    double factors[kShapGroup];
    for (int32_t i = 0; i < kShapGroup; ++i) factors[i] = (here.g[i] - before.g[i]) * weights_[i];
    const double* sum = sums(step.depth);
    double* parent = sums(step.depth - 1);
    for (int32_t k = 0; k < width_; ++k, sum += kShapGroup, parent += kShapGroup) {
      double& phi = out_[int64_t{k} * problem_.feature_count + step.feature];
      double total = phi;
      for (int32_t i = 0; i < group_; ++i) total += factors[i] * sum[i];
      phi = total;
      for (int32_t i = 0; i < kShapGroup; ++i) parent[i] = left ? sum[i] : parent[i] + sum[i];
    }
  }

  const TreeShapProblem& problem_;
  const TreeShapArgs& args_;
  int32_t width_;
  int64_t row_;
  std::vector<uint8_t> met_;  // o of every node
  std::vector<PathNode> path_;
  std::vector<double> sums_;  // [depths, leaf width, kShapGroup]
  // Of the tree and group at work.
  const ShapStep* steps_ = nullptr;
  const float* leaves_ = nullptr;
  double* out_ = nullptr;
  int32_t group_ = 0;
  double points_[kShapGroup] = {};
  double weights_[kShapGroup] = {};
};

}  // namespace

Status explain_row(const kernels::OpContext& context, const TreeShapProblem& problem,
                   const TreeShapArgs& args) {
  RowWalk walk(problem, args);
  for (int64_t tree = 0; tree < problem.tree_count; ++tree) {
    if (context.stop != nullptr && context.stop->requested()) {
      return fail(StatusCode::kCancelled, "tree_shap was stopped");
    }
    walk.add_tree(tree);
  }
  return {};
}

}  // namespace assay::backends::cpu
