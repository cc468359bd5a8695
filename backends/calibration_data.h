// The problems that calibration times: drawn by seed, placed on a device once, and cut to size.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "kernels/device_array.h"
#include "kernels/kernel_set.h"
#include "kernels/tree_shap_plan.h"

namespace assay::backends {

// A problem of an op with addresses of the data that it was made from.
template <class Op>
struct TimedProblem {
  typename Op::Problem problem;
  typename Op::Args args;
};

// Owns the arrays; its problems are valid as long as it lives and does not move. Not thread-safe:
// problems share their outputs.
class CalibrationData {
 public:
  // Fails: as Device::allocate and upload.
  static Result<std::unique_ptr<CalibrationData>> make(kernels::Device& device);

  // The problems of an op.
  std::vector<TimedProblem<kernels::QuantileEdges>> problems(const kernels::QuantileEdges*);
  std::vector<TimedProblem<kernels::BinColumns>> problems(const kernels::BinColumns*);
  std::vector<TimedProblem<kernels::LossGradients>> problems(const kernels::LossGradients*);
  std::vector<TimedProblem<kernels::LossValue>> problems(const kernels::LossValue*);
  std::vector<TimedProblem<kernels::GrowTree>> problems(const kernels::GrowTree*);
  std::vector<TimedProblem<kernels::GrowTrees>> problems(const kernels::GrowTrees*);
  std::vector<TimedProblem<kernels::PredictTrees>> problems(const kernels::PredictTrees*);
  std::vector<TimedProblem<kernels::TreeShap>> problems(const kernels::TreeShap*);
  std::vector<TimedProblem<kernels::LinearScores>> problems(const kernels::LinearScores*);
  std::vector<TimedProblem<kernels::LinearGradient>> problems(const kernels::LinearGradient*);
  std::vector<TimedProblem<kernels::Gemm>> problems(const kernels::Gemm*);
  std::vector<TimedProblem<kernels::GemmBf16>> problems(const kernels::GemmBf16*);
  std::vector<TimedProblem<kernels::GemmInt8>> problems(const kernels::GemmInt8*);
  std::vector<TimedProblem<kernels::KnnTopk>> problems(const kernels::KnnTopk*);

 private:
  static constexpr int kTrees = 4;  // of a call of grow_trees
  CalibrationData() = default;
  Status place_table(kernels::Device& device);
  Status place_forest(kernels::Device& device);
  Status place_shap(kernels::Device& device);
  kernels::BinnedView table(int64_t row_count) const;
  TimedProblem<kernels::GrowTree> tree_problem(int64_t row_count, int tree);

  std::vector<int32_t> bin_counts_;
  std::vector<kernels::FeatureKind> kinds_;
  std::vector<kernels::ColumnSource> columns_;
  kernels::Forest forest_{1, 1};
  kernels::ForestView placed_forest_;
  std::optional<kernels::TreeShapPlan> shap_;
  kernels::TreeShapView placed_shap_;
  kernels::DeviceArray<uint8_t> cells_;
  kernels::DeviceArray<uint8_t> made_cells_;
  kernels::DeviceArray<uint32_t> rows_;
  kernels::DeviceArray<double> numbers_;
  kernels::DeviceArray<double> edges_;
  kernels::DeviceArray<double> scores_;
  kernels::DeviceArray<int32_t> classes_;
  kernels::DeviceArray<float> gradients_;
  kernels::DeviceArray<float> hessians_;
  kernels::DeviceArray<uint16_t> halves_;
  kernels::DeviceArray<float> made_floats_;
  kernels::DeviceArray<int32_t> made_ints_;
  kernels::DeviceArray<kernels::TreeNode> nodes_;
  kernels::DeviceArray<float> leaf_values_;
  kernels::DeviceArray<int64_t> node_offsets_;
  kernels::DeviceArray<int64_t> set_offsets_;
  kernels::DeviceArray<int64_t> leaf_offsets_;
  kernels::DeviceArray<kernels::ShapStep> shap_steps_;
  kernels::DeviceArray<kernels::ShapTree> shap_trees_;
  kernels::DeviceArray<double> shap_points_;
  kernels::DeviceArray<double> shap_weights_;
  kernels::DeviceArray<double> made_sums_;
  // Outputs in the host's memory.
  kernels::Tree trees_[kTrees];
  float greatest_[2] = {};
  double value_ = 0;
  std::vector<double> made_gradient_;
  std::vector<double> made_edges_;
};

}  // namespace assay::backends
