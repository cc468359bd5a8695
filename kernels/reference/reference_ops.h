// The serial reference of every op: the contract of its header as the simplest code that fulfils
// it. Slow on purpose. Arrays are in the host's memory; of the context only `stop` is read. Each
// has the signature of Implementation<Op>::run, so that tests can register it as one.
#pragma once

#include "kernels/kernel_set.h"

namespace assay::kernels::reference {

Status quantile_edges(const OpContext& context, const QuantileEdgesProblem& problem,
                      const QuantileEdgesArgs& args);
Status bin_columns(const OpContext& context, const BinColumnsProblem& problem,
                   const BinColumnsArgs& args);
Status loss_gradients(const OpContext& context, const LossProblem& problem,
                      const LossGradientsArgs& args);
Status loss_value(const OpContext& context, const LossProblem& problem, const LossValueArgs& args);
Status grow_tree(const OpContext& context, const GrowTreeProblem& problem,
                 const GrowTreeArgs& args);
Status grow_trees(const OpContext& context, const GrowTreesProblem& problem,
                  const GrowTreesArgs& args);
Status predict_trees(const OpContext& context, const PredictTreesProblem& problem,
                     const PredictTreesArgs& args);
Status tree_shap(const OpContext& context, const TreeShapProblem& problem,
                 const TreeShapArgs& args);
Status linear_scores(const OpContext& context, const LinearProblem& problem,
                     const LinearScoresArgs& args);
Status linear_gradient(const OpContext& context, const LinearProblem& problem,
                       const LinearGradientArgs& args);
Status gemm(const OpContext& context, const GemmProblem& problem, const GemmArgs& args);
Status gemm_bf16(const OpContext& context, const GemmNarrowProblem& problem,
                 const GemmBf16Args& args);
Status gemm_int8(const OpContext& context, const GemmNarrowProblem& problem,
                 const GemmInt8Args& args);
Status knn_topk(const OpContext& context, const KnnTopkProblem& problem, const KnnTopkArgs& args);

}  // namespace assay::kernels::reference
