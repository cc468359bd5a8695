#include "tests/conformance/discrete_kernels.h"

#include <vector>

#include "kernels/reference/reference_ops.h"
#include "tests/conformance/discrete_device.h"

namespace assay::conformance {
namespace {

using namespace kernels;  // NOLINT: every name of this file is from there

const DiscreteDevice& device_of(const OpContext& context) {
  return static_cast<const DiscreteDevice&>(*context.device);
}

template <class Op>
void add(KernelSet& kernels,
         Status (*run)(const OpContext&, const typename Op::Problem&, const typename Op::Args&)) {
  using Problem = typename Op::Problem;
  kernels.table<Op>().add(
      {.name = "discrete.reference",
       .device_kind = "discrete",
       .decline = [](const DeviceInfo&, const Problem&) { return std::optional<std::string>(); },
       .cost = [](const DeviceInfo&, const Problem&) { return 1.0; },
       .run = run});
}

Status run_quantile_edges(const OpContext& context, const QuantileEdgesProblem& problem,
                          const QuantileEdgesArgs& args) {
  QuantileEdgesArgs own = args;
  own.values = device_of(context).translate(args.values);
  return reference::quantile_edges(context, problem, own);
}

Status run_bin_columns(const OpContext& context, const BinColumnsProblem& problem,
                       const BinColumnsArgs& args) {
  const DiscreteDevice& device = device_of(context);
  std::vector<ColumnSource> columns(args.columns, args.columns + problem.feature_count);
  for (ColumnSource& column : columns) {
    column.numbers = device.translate(column.numbers);
    column.edges = device.translate(column.edges);
    column.codes = device.translate(column.codes);
    column.code_to_bin = device.translate(column.code_to_bin);
  }
  return reference::bin_columns(context, problem, {columns.data(), device.translate(args.bins)});
}

Status run_loss_gradients(const OpContext& context, const LossProblem& problem,
                          const LossGradientsArgs& args) {
  const DiscreteDevice& device = device_of(context);
  LossGradientsArgs own = args;
  own.rows = device.translate(args.rows);
  own.scores = device.translate(args.scores);
  own.targets = device.translate(args.targets);
  own.classes = device.translate(args.classes);
  own.weights = device.translate(args.weights);
  own.gradients = device.translate(args.gradients);
  own.hessians = device.translate(args.hessians);
  return reference::loss_gradients(context, problem, own);
}

Status run_loss_value(const OpContext& context, const LossProblem& problem,
                      const LossValueArgs& args) {
  const DiscreteDevice& device = device_of(context);
  LossValueArgs own = args;
  own.rows = device.translate(args.rows);
  own.scores = device.translate(args.scores);
  own.targets = device.translate(args.targets);
  own.classes = device.translate(args.classes);
  own.weights = device.translate(args.weights);
  return reference::loss_value(context, problem, own);
}

GrowTreeArgs translate(const DiscreteDevice& device, const GrowTreeArgs& args) {
  GrowTreeArgs own = args;
  own.bins.bins = device.translate(args.bins.bins);
  own.rows = device.translate(args.rows);
  own.gradients = device.translate(args.gradients);
  own.hessians = device.translate(args.hessians);
  own.classes = device.translate(args.classes);
  own.weights = device.translate(args.weights);
  own.leaf_of = device.translate(args.leaf_of);
  return own;
}

Status run_grow_tree(const OpContext& context, const GrowTreeProblem& problem,
                     const GrowTreeArgs& args) {
  return reference::grow_tree(context, problem, translate(device_of(context), args));
}

Status run_grow_trees(const OpContext& context, const GrowTreesProblem& problem,
                      const GrowTreesArgs& args) {
  GrowTreesArgs own;
  for (const GrowTreeArgs& tree : args.trees) {
    own.trees.push_back(translate(device_of(context), tree));
  }
  return reference::grow_trees(context, problem, own);
}

ForestView translate(const DiscreteDevice& device, const ForestView& forest) {
  ForestView own = forest;
  own.nodes = device.translate(forest.nodes);
  own.category_sets = device.translate(forest.category_sets);
  own.leaf_values = device.translate(forest.leaf_values);
  own.node_offsets = device.translate(forest.node_offsets);
  own.category_set_offsets = device.translate(forest.category_set_offsets);
  own.leaf_offsets = device.translate(forest.leaf_offsets);
  return own;
}

Status run_predict_trees(const OpContext& context, const PredictTreesProblem& problem,
                         const PredictTreesArgs& args) {
  const DiscreteDevice& device = device_of(context);
  PredictTreesArgs own = args;
  own.bins.bins = device.translate(args.bins.bins);
  own.forest = translate(device, args.forest);
  own.rows = device.translate(args.rows);
  own.scores = device.translate(args.scores);
  return reference::predict_trees(context, problem, own);
}

Status run_tree_shap(const OpContext& context, const TreeShapProblem& problem,
                     const TreeShapArgs& args) {
  const DiscreteDevice& device = device_of(context);
  TreeShapArgs own = args;
  own.bins.bins = device.translate(args.bins.bins);
  own.forest = translate(device, args.forest);
  own.shap.steps = device.translate(args.shap.steps);
  own.shap.trees = device.translate(args.shap.trees);
  own.shap.points = device.translate(args.shap.points);
  own.shap.weights = device.translate(args.shap.weights);
  own.rows = device.translate(args.rows);
  own.out = device.translate(args.out);
  return reference::tree_shap(context, problem, own);
}

Status run_linear_scores(const OpContext& context, const LinearProblem& problem,
                         const LinearScoresArgs& args) {
  const DiscreteDevice& device = device_of(context);
  return reference::linear_scores(
      context, problem,
      {device.translate(args.features), device.translate(args.rows),
       device.translate(args.parameters), device.translate(args.scores)});
}

Status run_linear_gradient(const OpContext& context, const LinearProblem& problem,
                           const LinearGradientArgs& args) {
  const DiscreteDevice& device = device_of(context);
  return reference::linear_gradient(context, problem,
                                    {device.translate(args.features), device.translate(args.rows),
                                     device.translate(args.gradients), args.sums});
}

Status run_gemm(const OpContext& context, const GemmProblem& problem, const GemmArgs& args) {
  const DiscreteDevice& device = device_of(context);
  return reference::gemm(
      context, problem,
      {device.translate(args.a), device.translate(args.b), device.translate(args.c)});
}

template <class Args>
Args translate_product(const OpContext& context, const Args& args) {
  const DiscreteDevice& device = device_of(context);
  return {device.translate(args.a), device.translate(args.b), device.translate(args.c)};
}

Status run_gemm_bf16(const OpContext& context, const GemmNarrowProblem& problem,
                     const GemmBf16Args& args) {
  return reference::gemm_bf16(context, problem, translate_product(context, args));
}

Status run_gemm_int8(const OpContext& context, const GemmNarrowProblem& problem,
                     const GemmInt8Args& args) {
  return reference::gemm_int8(context, problem, translate_product(context, args));
}

Status run_knn_topk(const OpContext& context, const KnnTopkProblem& problem,
                    const KnnTopkArgs& args) {
  const DiscreteDevice& device = device_of(context);
  return reference::knn_topk(context, problem,
                             {device.translate(args.points), device.translate(args.queries),
                              device.translate(args.indices), device.translate(args.distances)});
}

}  // namespace

void register_discrete_kernels(KernelSet& kernels) {
  add<QuantileEdges>(kernels, run_quantile_edges);
  add<BinColumns>(kernels, run_bin_columns);
  add<LossGradients>(kernels, run_loss_gradients);
  add<LossValue>(kernels, run_loss_value);
  add<GrowTree>(kernels, run_grow_tree);
  add<GrowTrees>(kernels, run_grow_trees);
  add<PredictTrees>(kernels, run_predict_trees);
  add<TreeShap>(kernels, run_tree_shap);
  add<LinearScores>(kernels, run_linear_scores);
  add<LinearGradient>(kernels, run_linear_gradient);
  add<Gemm>(kernels, run_gemm);
  add<GemmBf16>(kernels, run_gemm_bf16);
  add<GemmInt8>(kernels, run_gemm_int8);
  add<KnnTopk>(kernels, run_knn_topk);
}

}  // namespace assay::conformance
