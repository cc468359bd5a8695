#include "backends/calibration_data.h"

#include <algorithm>
#include <numeric>

#include "kernels/base/rng.h"

namespace assay::backends {
namespace {

using kernels::DeviceArray;
using kernels::TreeNode;

constexpr int64_t kMostRows = int64_t{1} << 19;
constexpr int64_t kSizes[] = {int64_t{1} << 12, int64_t{1} << 16, kMostRows};
constexpr int32_t kFeatures = 16;
constexpr int32_t kEdges = 253;
constexpr int32_t kForestTrees = 32;
constexpr int32_t kForestDepth = 5;
constexpr int64_t kExplainedRows[] = {int64_t{1} << 8, int64_t{1} << 11, int64_t{1} << 14};
// Dense rows of linear models.
constexpr int32_t kDenseColumns = 8;
constexpr int32_t kDenseOutputs = 4;
// Matrices: n x n x n, and rows x 8 x 16 as linear models have them.
constexpr int64_t kSides[] = {64, 256, 1024};
constexpr int64_t kThinColumns = 8;
constexpr int64_t kNarrowSides[] = {64, 256, 512};
// Neighbours.
constexpr int64_t kPoints[] = {1'000, 8'000, 32'000};
constexpr int64_t kQueries = 128;
constexpr int32_t kNeighbours = 10;

// A full tree on drawn features and thresholds.
kernels::Tree full_tree(Rng& rng) {
  kernels::Tree tree;
  const int32_t splits = (1 << kForestDepth) - 1;
  for (int32_t node = 0; node < 2 * splits + 1; ++node) {
    TreeNode made;
    if (node < splits) {
      made.feature = static_cast<int32_t>(rng.below(kFeatures));
      made.left = 2 * node + 1;
      made.threshold = static_cast<uint8_t>(64 + rng.below(128));
    } else {
      made.left = node - splits;
      tree.leaf_values.push_back(static_cast<float>(rng.next_double() - 0.5));
    }
    tree.nodes.push_back(made);
    tree.gains.push_back(0);
    tree.covers.push_back(0);
  }
  return tree;
}

template <class Problem>
void set_sizes(Problem& problem, int64_t rows) {
  problem.row_count = rows;
  problem.sample_count = rows;
}

}  // namespace

Result<std::unique_ptr<CalibrationData>> CalibrationData::make(kernels::Device& device) {
  std::unique_ptr<CalibrationData> data(new CalibrationData);
  ASSAY_RETURN_IF_ERROR(data->place_table(device));
  ASSAY_RETURN_IF_ERROR(data->place_forest(device));
  ASSAY_RETURN_IF_ERROR(data->place_shap(device));
  return data;
}

Status CalibrationData::place_table(kernels::Device& device) {
  const auto rows = static_cast<size_t>(kMostRows);
  std::vector<uint8_t> cells(rows * kFeatures);
  std::vector<double> numbers(rows);
  std::vector<int32_t> classes(rows);
  std::vector<float> gradients(rows);
  std::vector<float> hessians(rows);
  Rng rng(1);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t f = 0; f < kFeatures; f += 4) {
      const uint32_t word = rng.next_u32();
      for (size_t k = 0; k < 4; ++k) {
        cells[row * kFeatures + f + k] = static_cast<uint8_t>(1 + (word >> (8 * k) & 0xff) % 254);
      }
    }
    // The target follows some features, so that trees have something to find.
    const int sum =
        cells[row * kFeatures] - cells[row * kFeatures + 1] + cells[row * kFeatures + 5];
    numbers[row] = rng.next_double();
    classes[row] = sum + 200 * (numbers[row] - 0.5) > 127 ? 1 : 0;
    gradients[row] = static_cast<float>(0.5 - classes[row] + 0.2 * (numbers[row] - 0.5));
    hessians[row] = 0.25f;
  }
  std::vector<uint32_t> all(rows);
  std::iota(all.begin(), all.end(), uint32_t{0});
  // Numbers of bf16 in [0.5, 1).
  std::vector<uint16_t> halves(kNarrowSides[2] * kNarrowSides[2]);
  for (uint16_t& half : halves) half = static_cast<uint16_t>(0x3f00 + (rng.next_u32() & 0x7f));
  std::vector<double> edges;
  for (int32_t k = 0; k < kEdges; ++k) edges.push_back((k + 0.5) / kEdges);
  bin_counts_.assign(kFeatures, kernels::kMaxBins);
  kinds_.assign(kFeatures, kernels::FeatureKind::kNumeric);
  ASSAY_ASSIGN_OR_RETURN(cells_, DeviceArray<uint8_t>::copy_of(device, cells));
  ASSAY_ASSIGN_OR_RETURN(numbers_, DeviceArray<double>::copy_of(device, numbers));
  ASSAY_ASSIGN_OR_RETURN(scores_, DeviceArray<double>::copy_of(device, numbers));
  ASSAY_ASSIGN_OR_RETURN(classes_, DeviceArray<int32_t>::copy_of(device, classes));
  ASSAY_ASSIGN_OR_RETURN(gradients_, DeviceArray<float>::copy_of(device, gradients));
  ASSAY_ASSIGN_OR_RETURN(hessians_, DeviceArray<float>::copy_of(device, hessians));
  ASSAY_ASSIGN_OR_RETURN(rows_, DeviceArray<uint32_t>::copy_of(device, all));
  ASSAY_ASSIGN_OR_RETURN(halves_, DeviceArray<uint16_t>::copy_of(device, halves));
  ASSAY_ASSIGN_OR_RETURN(edges_, DeviceArray<double>::copy_of(device, edges));
  ASSAY_ASSIGN_OR_RETURN(made_cells_, DeviceArray<uint8_t>::make(device, cells_.size()));
  // Matrix products write most.
  ASSAY_ASSIGN_OR_RETURN(made_floats_, DeviceArray<float>::make(device, kMostRows * kThinColumns));
  ASSAY_ASSIGN_OR_RETURN(made_ints_, DeviceArray<int32_t>::make(device, kMostRows * kTrees));
  for (int32_t f = 0; f < kFeatures; ++f) {
    kernels::ColumnSource column;
    column.numbers = numbers_.on_device();
    column.edges = edges_.on_device();
    column.edge_count = kEdges;
    columns_.push_back(column);
  }
  return {};
}

Status CalibrationData::place_forest(kernels::Device& device) {
  Rng rng(2);
  for (int32_t t = 0; t < kForestTrees; ++t) forest_.append(full_tree(rng));
  ASSAY_ASSIGN_OR_RETURN(nodes_, DeviceArray<TreeNode>::copy_of(device, forest_.nodes()));
  ASSAY_ASSIGN_OR_RETURN(leaf_values_, DeviceArray<float>::copy_of(device, forest_.leaf_values()));
  ASSAY_ASSIGN_OR_RETURN(node_offsets_,
                         DeviceArray<int64_t>::copy_of(device, forest_.node_offsets()));
  ASSAY_ASSIGN_OR_RETURN(set_offsets_,
                         DeviceArray<int64_t>::copy_of(device, forest_.category_set_offsets()));
  ASSAY_ASSIGN_OR_RETURN(leaf_offsets_,
                         DeviceArray<int64_t>::copy_of(device, forest_.leaf_offsets()));
  placed_forest_ = forest_.view();
  placed_forest_.nodes = nodes_.on_device();
  placed_forest_.category_sets = nullptr;
  placed_forest_.leaf_values = leaf_values_.on_device();
  placed_forest_.node_offsets = node_offsets_.on_device();
  placed_forest_.category_set_offsets = set_offsets_.on_device();
  placed_forest_.leaf_offsets = leaf_offsets_.on_device();
  return {};
}

Status CalibrationData::place_shap(kernels::Device& device) {
  const kernels::TreeShapPlan& plan = shap_.emplace(forest_, kFeatures);
  ASSAY_ASSIGN_OR_RETURN(shap_steps_,
                         DeviceArray<kernels::ShapStep>::copy_of(device, plan.steps()));
  ASSAY_ASSIGN_OR_RETURN(shap_trees_,
                         DeviceArray<kernels::ShapTree>::copy_of(device, plan.trees()));
  ASSAY_ASSIGN_OR_RETURN(shap_points_, DeviceArray<double>::copy_of(device, plan.points()));
  ASSAY_ASSIGN_OR_RETURN(shap_weights_, DeviceArray<double>::copy_of(device, plan.weights()));
  // From 0: what was in the memory may be anything, and is added to. Scores of dense rows take the
  // same memory.
  static_assert(kMostRows / kDenseColumns * kDenseOutputs <= kExplainedRows[2] * kFeatures);
  const std::vector<double> zeros(static_cast<size_t>(kExplainedRows[2] * kFeatures), 0.0);
  ASSAY_ASSIGN_OR_RETURN(made_sums_, DeviceArray<double>::copy_of(device, zeros));
  placed_shap_ = {shap_steps_.on_device(), shap_trees_.on_device(), shap_points_.on_device(),
                  shap_weights_.on_device()};
  return {};
}

// A block of rows is one after the other, so the first rows are a table of their own.
kernels::BinnedView CalibrationData::table(int64_t row_count) const {
  static_assert(kFeatures <= kernels::kBlockWidth);
  return {cells_.on_device(), row_count, kFeatures, bin_counts_.data(), kinds_.data()};
}

std::vector<TimedProblem<kernels::QuantileEdges>> CalibrationData::problems(
    const kernels::QuantileEdges*) {
  std::vector<TimedProblem<kernels::QuantileEdges>> made;
  for (const int64_t rows : kSizes) {
    made.push_back({{.row_count = rows}, {numbers_.on_device(), &made_edges_}});
  }
  return made;
}

std::vector<TimedProblem<kernels::BinColumns>> CalibrationData::problems(
    const kernels::BinColumns*) {
  std::vector<TimedProblem<kernels::BinColumns>> made;
  for (const int64_t rows : kSizes) {
    made.push_back({{rows, kFeatures}, {columns_.data(), made_cells_.on_device()}});
  }
  return made;
}

std::vector<TimedProblem<kernels::LossGradients>> CalibrationData::problems(
    const kernels::LossGradients*) {
  std::vector<TimedProblem<kernels::LossGradients>> made;
  for (const int64_t rows : kSizes) {
    TimedProblem<kernels::LossGradients> one;
    one.problem.loss = kernels::Loss::kLogistic;
    set_sizes(one.problem, rows);
    one.args.scores = scores_.on_device();
    one.args.classes = classes_.on_device();
    one.args.gradients = made_floats_.on_device();
    one.args.hessians = made_floats_.on_device() + rows;
    one.args.max_abs_gradients = &greatest_[0];
    one.args.max_hessians = &greatest_[1];
    made.push_back(one);
  }
  return made;
}

std::vector<TimedProblem<kernels::LossValue>> CalibrationData::problems(const kernels::LossValue*) {
  std::vector<TimedProblem<kernels::LossValue>> made;
  for (const int64_t rows : kSizes) {
    TimedProblem<kernels::LossValue> one;
    one.problem.loss = kernels::Loss::kLogistic;
    set_sizes(one.problem, rows);
    one.args.scores = scores_.on_device();
    one.args.classes = classes_.on_device();
    one.args.value = &value_;
    made.push_back(one);
  }
  return made;
}

TimedProblem<kernels::GrowTree> CalibrationData::tree_problem(int64_t row_count, int tree) {
  TimedProblem<kernels::GrowTree> one;
  set_sizes(one.problem, row_count);
  one.problem.feature_count = kFeatures;
  one.problem.params.min_child_samples = 20;
  one.problem.params.l2 = 1;
  one.problem.seed = static_cast<uint64_t>(tree);
  one.args.bins = table(row_count);
  one.args.rows = rows_.on_device();
  one.args.gradients = gradients_.on_device();
  one.args.hessians = hessians_.on_device();
  one.args.max_abs_gradient = 1;
  one.args.max_hessian = 0.25f;
  one.args.tree = &trees_[tree];
  one.args.leaf_of = made_ints_.on_device() + tree * kMostRows;
  return one;
}

std::vector<TimedProblem<kernels::GrowTree>> CalibrationData::problems(const kernels::GrowTree*) {
  std::vector<TimedProblem<kernels::GrowTree>> made;
  for (const int64_t rows : kSizes) made.push_back(tree_problem(rows, 0));
  return made;
}

std::vector<TimedProblem<kernels::GrowTrees>> CalibrationData::problems(const kernels::GrowTrees*) {
  std::vector<TimedProblem<kernels::GrowTrees>> made;
  for (const int64_t rows : kSizes) {
    TimedProblem<kernels::GrowTrees>& one = made.emplace_back();
    for (int tree = 0; tree < kTrees; ++tree) {
      const TimedProblem<kernels::GrowTree> alone = tree_problem(rows, tree);
      one.problem.trees.push_back(alone.problem);
      one.args.trees.push_back(alone.args);
    }
  }
  return made;
}

std::vector<TimedProblem<kernels::PredictTrees>> CalibrationData::problems(
    const kernels::PredictTrees*) {
  std::vector<TimedProblem<kernels::PredictTrees>> made;
  for (const int64_t rows : kSizes) {
    TimedProblem<kernels::PredictTrees> one;
    one.problem = {rows, kFeatures, 0, kForestTrees, 1, 1};
    one.args.bins = table(rows);
    one.args.forest = placed_forest_;
    one.args.scores = scores_.on_device();
    made.push_back(one);
  }
  return made;
}

std::vector<TimedProblem<kernels::TreeShap>> CalibrationData::problems(const kernels::TreeShap*) {
  std::vector<TimedProblem<kernels::TreeShap>> made;
  for (const int64_t rows : kExplainedRows) {
    TimedProblem<kernels::TreeShap> one;
    one.problem = shap_->problem(rows);
    one.args.bins = table(rows);
    one.args.forest = placed_forest_;
    one.args.shap = placed_shap_;
    one.args.out = made_sums_.on_device();
    made.push_back(one);
  }
  return made;
}

// The arrays have numbers for fewer rows than those of single values.
std::vector<TimedProblem<kernels::LinearScores>> CalibrationData::problems(
    const kernels::LinearScores*) {
  std::vector<TimedProblem<kernels::LinearScores>> made;
  for (const int64_t cells : kSizes) {
    const int64_t rows = cells / kDenseColumns;
    made.push_back(
        {{rows, rows, kDenseColumns, kDenseOutputs},
         {gradients_.on_device(), nullptr, scores_.on_device(), made_sums_.on_device()}});
  }
  return made;
}

std::vector<TimedProblem<kernels::LinearGradient>> CalibrationData::problems(
    const kernels::LinearGradient*) {
  made_gradient_.resize((kDenseColumns + 1) * kDenseOutputs);
  std::vector<TimedProblem<kernels::LinearGradient>> made;
  for (const int64_t cells : kSizes) {
    const int64_t rows = cells / kDenseColumns;
    made.push_back(
        {{rows, rows, kDenseColumns, kDenseOutputs},
         {gradients_.on_device(), nullptr, hessians_.on_device(), made_gradient_.data()}});
  }
  return made;
}

std::vector<TimedProblem<kernels::Gemm>> CalibrationData::problems(const kernels::Gemm*) {
  std::vector<TimedProblem<kernels::Gemm>> made;
  const kernels::GemmArgs args{gradients_.on_device(), hessians_.on_device(),
                               made_floats_.on_device()};
  for (const int64_t side : kSides) {
    // Both factors lie in the arrays, however large the sides.
    const int64_t depth = std::min(side, kMostRows / side);
    made.push_back({{.m = side, .n = side, .k = depth}, args});
  }
  for (const int64_t rows : kSizes) {
    const int64_t depth = std::min<int64_t>(16, kMostRows / rows);
    made.push_back({{.m = rows, .n = kThinColumns, .k = depth}, args});
  }
  return made;
}

namespace {

template <class Op, class Args>
std::vector<TimedProblem<Op>> narrow_problems(const Args& args) {
  std::vector<TimedProblem<Op>> made;
  for (const int64_t side : kNarrowSides) made.push_back({{side, side, side}, args});
  return made;
}

}  // namespace

std::vector<TimedProblem<kernels::GemmBf16>> CalibrationData::problems(const kernels::GemmBf16*) {
  return narrow_problems<kernels::GemmBf16>(
      kernels::GemmBf16Args{halves_.on_device(), halves_.on_device(), made_floats_.on_device()});
}

std::vector<TimedProblem<kernels::GemmInt8>> CalibrationData::problems(const kernels::GemmInt8*) {
  const auto* numbers = reinterpret_cast<const int8_t*>(cells_.on_device());
  return narrow_problems<kernels::GemmInt8>(
      kernels::GemmInt8Args{numbers, numbers, made_ints_.on_device()});
}

std::vector<TimedProblem<kernels::KnnTopk>> CalibrationData::problems(const kernels::KnnTopk*) {
  std::vector<TimedProblem<kernels::KnnTopk>> made;
  for (const int64_t points : kPoints) {
    const kernels::KnnTopkProblem problem{points, kQueries, kFeatures, kNeighbours};
    made.push_back({problem,
                    {gradients_.on_device(), gradients_.on_device() + kMostRows / 2,
                     made_ints_.on_device(), made_floats_.on_device()}});
  }
  return made;
}

}  // namespace assay::backends
