// KernelSet: every op's table, filled once at start by backends/devices and then read-only.
// Learners get a ComputeContext: the set, their device, and the host for what that device does not
// declare or take. They never name a backend.
#pragma once

#include <tuple>

#include "kernels/bin_columns.h"
#include "kernels/gemm.h"
#include "kernels/gemm_narrow.h"
#include "kernels/grow_tree.h"
#include "kernels/grow_trees.h"
#include "kernels/knn_topk.h"
#include "kernels/linear.h"
#include "kernels/loss.h"
#include "kernels/planner.h"
#include "kernels/predict_trees.h"
#include "kernels/quantile_edges.h"
#include "kernels/tree_shap.h"

namespace assay::kernels {

class KernelSet {
 public:
  template <class Op>
  OpTable<Op>& table() {
    return std::get<OpTable<Op>>(tables_);
  }
  template <class Op>
  const OpTable<Op>& table() const {
    return std::get<OpTable<Op>>(tables_);
  }
  // Calls visit(table) for each op's table, in a fixed order.
  template <class Visit>
  void for_each(Visit&& visit) {
    std::apply([&](auto&... table) { (visit(table), ...); }, tables_);
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::apply([&](const auto&... table) { (visit(table), ...); }, tables_);
  }

 private:
  std::tuple<OpTable<QuantileEdges>, OpTable<BinColumns>, OpTable<LossGradients>,
             OpTable<LossValue>, OpTable<GrowTree>, OpTable<GrowTrees>, OpTable<PredictTrees>,
             OpTable<TreeShap>, OpTable<LinearScores>, OpTable<LinearGradient>, OpTable<Gemm>,
             OpTable<GemmBf16>, OpTable<GemmInt8>, OpTable<KnnTopk>>
      tables_;
};

// What a computation runs with. Owns nothing; one user at a time (its Executor).
struct ComputeContext {
  const KernelSet* kernels = nullptr;
  Device* device = nullptr;  // what --device chose
  Device* host = nullptr;    // the CPU, for what `device` does not declare or declines
  Executor* executor = nullptr;
  const StopToken* stop = nullptr;

  // Where Op runs the problems that the device does not decline.
  template <class Op>
  Device& device_of() const {
    return kernels->table<Op>().declared_by(device->info().kind) ? *device : *host;
  }
  // Where Op runs this problem, and so where its arrays must be: on the host if all of the device's
  // implementations decline it.
  template <class Op>
  Device& device_for(const typename Op::Problem& problem) const {
    Device& at = device_of<Op>();
    return plan_op(kernels->table<Op>(), at.info(), problem).chosen != nullptr ? at : *host;
  }
  template <class Op>
  Status run(const typename Op::Problem& problem, const typename Op::Args& args) const {
    return run_op(kernels->table<Op>(), OpContext{&device_for<Op>(problem), executor, stop},
                  problem, args);
  }
};

}  // namespace assay::kernels
