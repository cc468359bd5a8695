// Every kernel of the backend by number, for launching through the driver. A kernel is added here
// and nowhere else: its number, its type in KernelList, and its name.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "backends/cuda/bin_columns_kernel.h"
#include "backends/cuda/choose_columns_kernel.h"
#include "backends/cuda/copy_matrix_kernel.h"
#include "backends/cuda/gemm_tile_kernel.h"
#include "backends/cuda/knn_topk_kernels.h"
#include "backends/cuda/linear_kernels.h"
#include "backends/cuda/loss_kernel.h"
#include "backends/cuda/loss_ranking_kernels.h"
#include "backends/cuda/predict_trees_kernel.h"
#include "backends/cuda/tree_class_kernels.h"
#include "backends/cuda/tree_class_level_kernels.h"
#include "backends/cuda/tree_level_kernels.h"
#include "backends/cuda/tree_range_kernel.h"
#include "backends/cuda/tree_row_kernels.h"
#include "backends/cuda/tree_search_kernels.h"
#include "backends/cuda/tree_shap_kernel.h"

namespace assay::backends::cuda {

// The number of a kernel is its place in this list.
using KernelList = std::tuple<
    BinColumnsKernel, PredictTreesKernel, LossGradientsKernel, LossTermsKernel, LossSumKernel,
    QuantiseRowsKernel, ClearSlotsKernel, SubtractSlotsKernel, HistogramKernel, DivideRowsKernel,
    LeafSumsKernel, TableFormsKernel, SearchFeaturesKernel, ChooseSplitsKernel, NearestPointsKernel,
    MergeNeighboursKernel, GemmBf16Kernel, GemmInt8Kernel, CopyMatrixKernel, QuantiseClassesKernel,
    SearchClassesKernel, LeafWeightsKernel, TreeShapKernel, WeighLeavesKernel, AddGainsKernel,
    SplitLeavesKernel, ChooseColumnsKernel, LinearScoresKernel, LinearGradientKernel,
    LinearJoinKernel, RangeSumsKernel, RankRowsKernel, BestOrderKernel, RankGradientsKernel,
    RankTermsKernel, CountClassesKernel, WeighClassesKernel, SplitClassesKernel>;

// Their names, for records of what ran.
inline constexpr std::array<std::string_view, std::tuple_size_v<KernelList>> kKernelNames = {
    "bin_columns",      "predict_trees",  "loss_gradients",  "loss_terms",      "loss_sum",
    "quantise_rows",    "clear_slots",    "subtract_slots",  "histogram",       "divide_rows",
    "leaf_sums",        "table_forms",    "search_features", "choose_splits",   "nearest_points",
    "merge_neighbours", "gemm_bf16",      "gemm_int8",       "copy_matrix",     "quantise_classes",
    "search_classes",   "leaf_weights",   "tree_shap",       "weigh_leaves",    "add_gains",
    "split_leaves",     "choose_columns", "linear_scores",   "linear_gradient", "linear_join",
    "range_sums",       "rank_rows",      "best_order",      "rank_gradients",  "rank_terms",
    "count_classes",    "weigh_classes",  "split_classes"};

// A place in it.
enum class KernelId : int32_t {};

template <class Kernel, size_t kPlace = 0>
constexpr KernelId id_of() {
  if constexpr (std::is_same_v<Kernel, std::tuple_element_t<kPlace, KernelList>>) {
    return static_cast<KernelId>(kPlace);
  } else {
    return id_of<Kernel, kPlace + 1>();
  }
}

// Calls visit(Kernel*) for the kernel with this number; whether there is one.
template <size_t kPlace = 0, class Visit>
bool with_kernel(KernelId id, Visit&& visit) {
  if constexpr (kPlace < std::tuple_size_v<KernelList>) {
    if (static_cast<size_t>(id) == kPlace) {
      visit(static_cast<std::tuple_element_t<kPlace, KernelList>*>(nullptr));
      return true;
    }
    return with_kernel<kPlace + 1>(id, visit);
  } else {
    return false;
  }
}

}  // namespace assay::backends::cuda
