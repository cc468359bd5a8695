#include "kernels/tree_shap.h"

#include <algorithm>
#include <vector>

#include "kernels/reference/reference_ops.h"

namespace assay::kernels::reference {
namespace {

// One row, one tree, one group of points.
struct ShapWalk {
  const TreeShapProblem& problem;
  const TreeShapArgs& args;
  int64_t row;  // of the bins
  int64_t tree;
  int64_t point;  // first of the group
  int64_t group;  // points of it
  double* out;    // [leaf_width, feature_count] of this tree's outputs
  // Of each node by place: o, and r and g [nodes, group].
  std::vector<double> met{}, r{}, g{};

  const ShapStep& step(int64_t place) const {
    return args.shap.steps[args.forest.node_offsets[tree] + place];
  }

  // What is below the node at `place`, of which `products` [group] stand, is added, and its sums
  // [group, leaf_width] are set. Gives the place behind it.
  int64_t visit(int64_t place, const std::vector<double>& products, std::vector<double>& sums) {
    const int64_t width = problem.leaf_width;
    const ShapStep& here = step(place);
    if (here.is_leaf()) {
      const int64_t leaf = args.forest.leaf_offsets[tree] + here.leaf;
      for (int64_t q = 0; q < group; ++q) {
        for (int64_t k = 0; k < width; ++k) {
          sums[q * width + k] = products[q] * double{args.forest.leaf_values[leaf * width + k]};
        }
      }
      return place + 1;
    }
    std::vector<double> right(sums.size());
    const int64_t next = enter(place + 1, products, sums);
    const int64_t end = enter(next, products, right);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = sums[i] + right[i];
    return end;
  }

  bool leads_to(int64_t place) const {
    const ShapStep& here = step(place);
    const TreeNode& split = args.forest.nodes[args.forest.node_offsets[tree] + here.parent];
    const CategorySet* sets = args.forest.category_sets + args.forest.category_set_offsets[tree];
    const uint8_t bin = args.bins.bins[args.bins.cell_offset(row, here.feature)];
    return goes_left(split, sets, bin) == here.is_left(place);
  }

  int64_t enter(int64_t place, const std::vector<double>& products, std::vector<double>& sums) {
    const ShapStep& here = step(place);
    const double o = leads_to(place) ? met[here.before] : 0.0;
    met[place] = o;
    std::vector<double> below(products);
    for (int64_t q = 0; q < group; ++q) {
      const double t = args.shap.points[point + q];
      const ShapTerms terms = shap_terms(t, o, here.share);
      r[place * group + q] = terms.r;
      g[place * group + q] = terms.g;
      below[q] = products[q] * (terms.a * r[here.before * group + q]);
    }
    const int64_t end = visit(place, below, sums);
    for (int64_t k = 0; k < problem.leaf_width; ++k) {
      double& phi = out[k * problem.feature_count + here.feature];
      for (int64_t q = 0; q < group; ++q) {
        const double change = g[place * group + q] - g[here.before * group + q];
        phi = phi + (change * args.shap.weights[point + q]) * sums[q * problem.leaf_width + k];
      }
    }
    return end;
  }

  void run() {
    met.assign(problem.most_nodes, 1.0);
    r.assign(problem.most_nodes * group, 1.0);
    g.assign(problem.most_nodes * group, 0.0);
    std::vector<double> sums(group * problem.leaf_width);
    visit(0, std::vector<double>(group, 1.0), sums);
  }
};

}  // namespace

Status tree_shap(const OpContext& context, const TreeShapProblem& problem,
                 const TreeShapArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  for (int64_t i = 0; i < problem.row_count; ++i) {
    if (context.stop != nullptr && context.stop->requested()) {
      return fail(StatusCode::kCancelled, "tree_shap was stopped");
    }
    const int64_t row = args.rows == nullptr ? i : int64_t{args.rows[i]};
    for (int64_t tree = 0; tree < problem.tree_count; ++tree) {
      const int64_t first = tree * problem.leaf_width % problem.output_count;
      double* out = args.out + (i * problem.output_count + first) * problem.feature_count;
      const ShapTree& shape = args.shap.trees[tree];
      for (int64_t q = 0; q < shape.point_count; q += kShapGroup) {
        const int64_t group = std::min<int64_t>(kShapGroup, shape.point_count - q);
        ShapWalk{problem, args, row, tree, shape.point_offset + q, group, out}.run();
      }
    }
  }
  return {};
}

}  // namespace assay::kernels::reference
