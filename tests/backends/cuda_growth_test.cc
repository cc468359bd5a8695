// grow_tree of the CUDA backend where the conformance suite does not reach: the order of splits
// that were made ahead, memory for few histograms, and failures of the driver.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backends/cpu/device.h"
#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"
#include "backends/cuda/grow_tree_replay.h"
#include "kernels/device_array.h"
#include "kernels/reference/reference_ops.h"
#include "tests/backends/placed_tree.h"
#include "tests/conformance/emulated_gpu.h"
#include "tests/conformance/tree_problems.h"

namespace assay::backends::cuda {
namespace {

using conformance::EmulatedGpu;
using conformance::TreeProblem;
using kernels::DeviceArray;
using kernels::GrowTree;

void give_split(TreeReplay& replay, int32_t node, double gain) {
  replay.nodes()[static_cast<size_t>(node)].split.feature = 0;
  replay.nodes()[static_cast<size_t>(node)].split.gain = gain;
}

kernels::GrowTreeProblem problem_of(kernels::GrowthPolicy growth, int32_t max_leaves) {
  kernels::GrowTreeProblem problem;
  problem.sample_count = 100;
  problem.params.growth = growth;
  problem.params.max_leaves = max_leaves;
  return problem;
}

// Root 0 (gain 9) has children 1 (gain 1) and 2 (gain 5); 2 has children 3 (gain 4) and 4 (none).
TreeReplay grown(kernels::GrowthPolicy growth, int32_t max_leaves) {
  TreeReplay replay(problem_of(growth, max_leaves));
  give_split(replay, 0, 9);
  replay.nodes()[0].end = 100;
  replay.open_root();
  EXPECT_EQ(replay.add_children(0, 60, {}), 1);
  give_split(replay, 1, 1);
  give_split(replay, 2, 5);
  EXPECT_EQ(replay.add_children(2, 10, {}), 3);
  give_split(replay, 3, 4);
  replay.advance();
  return replay;
}

TEST(CudaReplay, WantsTheBestLeavesThatThereIsRoomFor) {
  // Three leaves are known; best first, 3 comes before 1.
  EXPECT_EQ(grown(kernels::GrowthPolicy::kLeafWise, 3).wanted(), (std::vector<int32_t>{}));
  EXPECT_EQ(grown(kernels::GrowthPolicy::kLeafWise, 4).wanted(), (std::vector<int32_t>{3}));
  EXPECT_EQ(grown(kernels::GrowthPolicy::kLeafWise, 9).wanted(), (std::vector<int32_t>{3, 1}));
}

TEST(CudaReplay, LevelsGoInOrderOfNodeNumber) {
  // 1 comes first, and 2's children must wait for it.
  EXPECT_EQ(grown(kernels::GrowthPolicy::kDepthWise, 3).wanted(), (std::vector<int32_t>{1}));
  EXPECT_EQ(grown(kernels::GrowthPolicy::kDepthWise, 9).wanted(), (std::vector<int32_t>{1, 3}));
}

TEST(CudaReplay, NodesSplitInVainAreLeaves) {
  TreeReplay replay = grown(kernels::GrowthPolicy::kLeafWise, 3);
  // Split ahead though there is no room for it.
  EXPECT_EQ(replay.add_children(3, 4, {}), 5);
  replay.advance();
  EXPECT_EQ(replay.leaves(), (std::vector<int32_t>{1, 3, 4}));
}

TEST(CudaReplay, ChildrenShareTheRowsOfTheirParent) {
  const TreeReplay replay = grown(kernels::GrowthPolicy::kLeafWise, 9);
  EXPECT_EQ(replay.nodes()[1].row_count(), 60);
  EXPECT_EQ(replay.nodes()[2].begin, 60);
  EXPECT_EQ(replay.nodes()[2].row_count(), 40);
  EXPECT_EQ(replay.nodes()[4].row_count(), 30);
  EXPECT_EQ(replay.nodes()[1].side, 1);
  EXPECT_EQ(replay.nodes()[3].side, 0);
  EXPECT_EQ(replay.nodes()[3].depth, 2);
}

// A third of what the histograms of all open nodes would take: some are made from rows again.
TEST(CudaGrowTree, FewHistogramSlotsChangeNothing) {
  TreeProblem item = conformance::plain_tree_problem(2000, 6, 0);
  item.problem.params.max_leaves = 60;
  const kernels::Tree expected = reference_tree(item).tree;
  const int64_t slot_bytes = 6 * 255 * 8;
  for (const int64_t slots : {3, 4, 7, 20}) {
    EmulatedGpu gpu = conformance::open_emulated_gpu(300'000 + 2 * slots * slot_bytes);
    PlacedTree placed;
    const Status status = grow_placed(item, *gpu.device, placed);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_TRUE(placed.tree == expected) << slots;
  }
}

TreeProblem symmetric_problem(int64_t row_count, int32_t feature_count, int32_t max_leaves,
                              int32_t class_count = 0) {
  TreeProblem item = conformance::plain_tree_problem(row_count, feature_count, class_count);
  item.problem.params.growth = kernels::GrowthPolicy::kSymmetric;
  item.problem.params.max_leaves = max_leaves;
  return item;
}

// Where not all leaves of a level can keep their histograms, and gains are added up in passes. The
// less memory, the more launches.
void expect_same_in_any_memory(TreeProblem item, const std::vector<int64_t>& budgets) {
  item.problem.params.min_child_samples = 3;
  for (const int32_t columns : {0, 4}) {
    item.problem.params.columns_per_node = columns;
    const kernels::Tree expected = reference_tree(item).tree;
    EXPECT_GT(expected.leaf_values.size(), 20u);
    std::vector<int64_t> launches;
    for (const int64_t bytes : budgets) {
      EmulatedGpu gpu = conformance::open_emulated_gpu(bytes);
      PlacedTree placed;
      const Status status = grow_placed(item, *gpu.device, placed);
      ASSERT_TRUE(status) << bytes << ": " << status.error().message;
      EXPECT_TRUE(placed.tree == expected) << bytes;
      launches.push_back(gpu.driver->log().launches);
    }
    EXPECT_TRUE(std::is_sorted(launches.rbegin(), launches.rend()));
    EXPECT_GT(launches.front(), 2 * launches.back());
  }
}

TEST(CudaGrowTree, SymmetricTreesGrowInAnyMemory) {
  expect_same_in_any_memory(symmetric_problem(2000, 6, 32), {220'000, 260'000, 400'000, 2'000'000});
}

TEST(CudaGrowTree, SymmetricTreesThatCountClassesGrowInAnyMemory) {
  expect_same_in_any_memory(symmetric_problem(2000, 6, 32, 3),
                            {260'000, 300'000, 600'000, 4'000'000});
}

// A level that would make too many leaves is not made: it is searched and nothing else.
TEST(CudaGrowTree, SymmetricTreesStopAtTheLevelThatIsTooWide) {
  for (const int32_t most : {1, 2, 3, 4, 7, 8, 11, 12, 13}) {
    TreeProblem item = symmetric_problem(2000, 4, most);
    const kernels::Tree expected = reference_tree(item).tree;
    EXPECT_LE(expected.leaf_values.size(), static_cast<size_t>(most));
    EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{16} << 20);
    PlacedTree placed;
    ASSERT_TRUE(grow_placed(item, *gpu.device, placed));
    EXPECT_TRUE(placed.tree == expected) << most;
    EXPECT_LT(gpu.driver->log().launches, 50) << "of five levels at most";
  }
}

// Also where there are more trees than there is memory to grow side by side.
void expect_same_in_groups(std::vector<TreeProblem> items, const std::vector<int64_t>& budgets) {
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].problem.seed += i;
    for (float& gradient : items[i].gradients) gradient += 0.1f * static_cast<float>(i);
    items[i].set_bounds();
  }
  for (const int64_t bytes : budgets) {
    EmulatedGpu gpu = conformance::open_emulated_gpu(bytes);
    std::vector<PlacedTree> placed(items.size());
    kernels::GrowTreesProblem problem;
    kernels::GrowTreesArgs args;
    for (size_t i = 0; i < items.size(); ++i) {
      ASSERT_TRUE(placed[i].place(items[i], *gpu.device, false));
      placed[i].args.bins = placed[0].args.bins;
      problem.trees.push_back(items[i].problem);
      args.trees.push_back(placed[i].args);
    }
    const Status status = kernels::run_op(cuda_kernels().table<kernels::GrowTrees>(),
                                          {gpu.device.get(), nullptr, nullptr}, problem, args);
    ASSERT_TRUE(status) << bytes << ": " << status.error().message;
    for (size_t i = 0; i < items.size(); ++i) {
      EXPECT_TRUE(placed[i].tree == reference_tree(items[i]).tree) << bytes << ", tree " << i;
    }
  }
}

TEST(CudaGrowTree, SymmetricTreesGrowInGroups) {
  expect_same_in_groups(std::vector<TreeProblem>(5, symmetric_problem(1000, 6, 8)),
                        {400'000, 700'000, 4'000'000});
}

TEST(CudaGrowTree, SymmetricTreesThatCountClassesGrowInGroups) {
  std::vector<TreeProblem> items(5, symmetric_problem(1000, 6, 8, 3));
  items[1] = symmetric_problem(1000, 6, 8, 2);
  items[1].table = items[0].table;
  items[3].problem.params.growth = kernels::GrowthPolicy::kLeafWise;
  expect_same_in_groups(std::move(items), {500'000, 900'000, 6'000'000});
}

// Two bins a feature, most rows in one, so that the halves of a word run over time and again, and
// gradients of one sign, of the other, and of both.
TEST(CudaGrowTree, PackedSumsThatRunOverAreExact) {
  for (const float sign : {1.0f, -1.0f, 0.0f}) {
    TreeProblem item = conformance::plain_tree_problem(6000, 5, 0);
    for (uint8_t& bin : item.table.bins) bin = static_cast<uint8_t>(bin % 8 == 0 ? 2 : 1);
    for (size_t i = 0; i < item.gradients.size(); ++i) {
      const float size = 0.85f + 0.1f * std::abs(std::sin(static_cast<float>(i)));
      item.gradients[i] = size * (sign != 0 ? sign : (i % 3 == 0 ? -1.0f : 1.0f));
      item.hessians[i] = size;
    }
    item.max_abs_gradient = item.max_hessian = 0.95f;
    item.problem.params.gradient_bits = 10;
    const kernels::Tree expected = reference_tree(item).tree;
    EXPECT_GT(expected.leaf_values.size(), 4u);
    EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{16} << 20);
    PlacedTree placed;
    const Status status = grow_placed(item, *gpu.device, placed);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_TRUE(placed.tree == expected) << sign;
  }
}

TEST(CudaGrowTree, WithoutRoomForTheFormsOfATableTreesAreTheSame) {
  TreeProblem item = conformance::plain_tree_problem(4000, 40, 0);
  item.problem.params.gradient_bits = 8;
  const kernels::Tree expected = reference_tree(item).tree;
  EmulatedGpu gpu = conformance::open_emulated_gpu(1'000'000);
  PlacedTree placed;
  const Status status = grow_placed(item, *gpu.device, placed);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_TRUE(placed.tree == expected);
  const auto forms = static_cast<CudaDevice&>(*gpu.device).forms_of(placed.args.bins);
  ASSERT_TRUE(forms.has_value()) << forms.error().message;
  EXPECT_EQ(*forms, nullptr);
}

TEST(CudaTableForms, AreKeptUntilTheBinsChangeOrGo) {
  const TreeProblem item = conformance::plain_tree_problem(700, 70, 0);
  EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{16} << 20);
  auto& device = static_cast<CudaDevice&>(*gpu.device);
  {
    auto bins = DeviceArray<uint8_t>::copy_of(device, item.table.bins);
    ASSERT_TRUE(bins.has_value());
    kernels::BinnedView view = item.table.view(bins->on_device());
    const CudaDevice::Forms made = *device.forms_of(view);
    ASSERT_NE(made, nullptr);
    EXPECT_EQ(*device.forms_of(view), made);
    // Other bins in the same place.
    std::vector<uint8_t> others = item.table.bins;
    std::reverse(others.begin(), others.end());
    ASSERT_TRUE(device.upload(bins->on_device(), std::as_bytes(std::span(others))));
    const CudaDevice::Forms again = *device.forms_of(view);
    ASSERT_NE(again, made);
    std::vector<std::byte> columns(static_cast<size_t>(again->columns.size()));
    std::vector<std::byte> tiles(static_cast<size_t>(again->tiles.size()));
    ASSERT_TRUE(device.download(columns, again->columns.on_device(), again->columns.size()));
    ASSERT_TRUE(device.download(tiles, again->tiles.on_device(), again->tiles.size()));
    const int32_t width = tile_width_of(view.feature_count);
    for (int64_t row = 0; row < view.row_count; row += 13) {
      for (int32_t f = 0; f < view.feature_count; ++f) {
        const auto bin =
            static_cast<std::byte>(others[static_cast<size_t>(view.cell_offset(row, f))]);
        ASSERT_EQ(columns[static_cast<size_t>(f * view.row_count + row)], bin);
        const int64_t tile = f / width;
        ASSERT_EQ(tiles[static_cast<size_t>((tile * view.row_count + row) * width + f % width)],
                  bin);
      }
    }
    ASSERT_TRUE(device.fill(bins->on_device(), 1, bins->size()));
    EXPECT_NE(*device.forms_of(view), again);
  }
  EXPECT_EQ(device.held_bytes(), 0);
}

// In rounds, not one split after the other.
TEST(CudaGrowTree, WaitsForTheGpuAFewTimesATree) {
  TreeProblem item = conformance::plain_tree_problem(4000, 4, 0);
  item.problem.params.max_leaves = 64;
  EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{16} << 20);
  PlacedTree placed;
  ASSERT_TRUE(grow_placed(item, *gpu.device, placed));
  EXPECT_EQ(placed.tree.leaf_values.size(), 64u);
  EXPECT_LT(gpu.driver->log().launches, 150) << "63 splits of 5 launches each would be 315";
}

TEST(CudaGrowTree, EveryFailureOfTheDriverBecomesAStatus) {
  TreeProblem item = conformance::plain_tree_problem(300, 3, 0);
  item.problem.params.max_leaves = 6;
  check_tree_failures(item, false);
}

TEST(CudaGrowTree, EveryFailureOfTheDriverBecomesAStatusOfSymmetricTrees) {
  for (const int32_t class_count : {0, 3}) {
    check_tree_failures(symmetric_problem(300, 3, 4, class_count), false);
  }
}

TEST(CudaGrowTree, SymmetricTreesWithoutASplitAreALeafOfShares) {
  TreeProblem item = symmetric_problem(40, 2, 8, 2);
  item.problem.params.min_child_samples = 30;
  EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{16} << 20);
  PlacedTree placed;
  const Status status = grow_placed(item, *gpu.device, placed);
  ASSERT_TRUE(status) << status.error().message;
  ASSERT_EQ(placed.tree.leaf_values.size(), 2u);
  const auto first = static_cast<float>(std::count(item.classes.begin(), item.classes.end(), 0));
  EXPECT_FLOAT_EQ(placed.tree.leaf_values[0], first / 40);
  EXPECT_FLOAT_EQ(placed.tree.leaf_values[1], 1 - first / 40);
}

TEST(CudaGrowTree, DeclinesWhatItCannotGrow) {
  kernels::KernelSet set;
  register_cuda_kernels(set);
  const auto& item = set.table<GrowTree>().items()[0];
  kernels::GrowTreeProblem problem;
  EXPECT_FALSE(item.decline({}, problem));
  problem.class_count = 28;
  EXPECT_FALSE(item.decline({}, problem));
  problem.class_count = 29;
  EXPECT_EQ(item.decline({}, problem),
            "trees that count more than 28 classes grow on the CPU only");
  problem.params.growth = kernels::GrowthPolicy::kSymmetric;
  EXPECT_TRUE(item.decline({}, problem));
  for (const int32_t class_count : {28, 2, 0}) {
    problem.class_count = class_count;
    EXPECT_FALSE(item.decline({}, problem)) << class_count;
  }
}

TEST(CudaGrowTree, WhatItDeclinesIsTheHosts) {
  kernels::KernelSet set;
  register_cuda_kernels(set);
  EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{1} << 20);
  cpu::CpuDevice host(int64_t{1} << 20);
  const kernels::ComputeContext context{&set, gpu.device.get(), &host, nullptr, nullptr};
  kernels::GrowTreeProblem problem;
  EXPECT_EQ(&context.device_for<GrowTree>(problem), gpu.device.get());
  problem.class_count = 29;
  EXPECT_EQ(&context.device_for<GrowTree>(problem), &host);
  EXPECT_EQ(&context.device_for<kernels::QuantileEdges>({}), &host) << "it does not declare it";
}

}  // namespace
}  // namespace assay::backends::cuda
