// Tables in the host's memory that stream through a GPU's: how they are cut, in memory of any size,
// and in what order copies and work go.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "backends/cuda/row_stream.h"
#include "backends/cuda/tile_stream.h"
#include "kernels/usage.h"
#include "tests/backends/placed_tree.h"

namespace assay::backends::cuda {
namespace {

using conformance::EmulatedGpu;
using conformance::TreeProblem;
using kernels::DeviceArray;
using kernels::GrowthPolicy;

constexpr int64_t kStreamRows = 6000;
constexpr int32_t kStreamFeatures = 70;
constexpr int64_t kStreamBytes = kStreamRows * kStreamFeatures;
// Of the GPU: too little for the table, then for two tiles of 8 features, of 16, of 32, for all.
constexpr std::array<int64_t, 5> kBudgets = {330'000, 420'000, 700'000, 1'200'000, 4'000'000};

// Features of few bins, so that rows take the memory and not histograms.
TreeProblem stream_problem(int32_t class_count) {
  TreeProblem item = conformance::plain_tree_problem(kStreamRows, kStreamFeatures, class_count);
  for (uint8_t& bin : item.table.bins) bin /= 16;
  item.table.bin_counts.assign(kStreamFeatures, 16);
  for (size_t f = 5; f < kStreamFeatures; f += 7) {
    item.table.kinds[f] = kernels::FeatureKind::kCategorical;
  }
  item.problem.params.max_leaves = 20;
  item.problem.params.min_child_samples = 5;
  return item;
}

// `more` is added to each budget.
void expect_same_trees(const TreeProblem& item, const std::string& name, int64_t more = 0) {
  const GrownTree expected = reference_tree(item);
  EXPECT_GT(expected.tree.leaf_values.size(), 8u) << name;
  for (const int64_t budget : kBudgets) {
    const int64_t bytes = budget + more;
    EmulatedGpu gpu = conformance::open_emulated_gpu(bytes);
    PlacedTree placed;
    const Status status = grow_placed(item, *gpu.device, placed, true);
    ASSERT_TRUE(status) << name << ", " << bytes << ": " << status.error().message;
    EXPECT_TRUE(placed.tree == expected.tree) << name << ", " << bytes;
    placed.leaf_of.wrote_device();
    const auto leaves = placed.leaf_of.to_host();
    ASSERT_TRUE(leaves.has_value());
    EXPECT_TRUE(std::ranges::equal(*leaves, expected.leaf_of)) << name << ", " << bytes;
  }
}

TEST(CudaTileStream, KeepsTheTilesThatThereIsRoomFor) {
  const auto slots = [](int64_t room) { return TileStream::plan(1000, 100, room)->slot_count; };
  const auto width = [](int64_t room) { return TileStream::plan(1000, 100, room)->tile_width; };
  EXPECT_EQ(width(1'000'000), 32);
  EXPECT_EQ(slots(1'000'000), 4);
  EXPECT_EQ(slots(128'000), 4);
  EXPECT_EQ(slots(127'999), 3);
  EXPECT_EQ(slots(64'000), 2);
  EXPECT_EQ(width(63'999), 16);
  EXPECT_EQ(slots(63'999), 3);
  EXPECT_EQ(width(8'000), 4);
  EXPECT_EQ(slots(8'000), 2);
  EXPECT_EQ(TileStream::plan(1000, 100, 8'000)->bytes(), 8'000);
  // One tile is all there is.
  EXPECT_EQ(TileStream::plan(1000, 3, 4'000)->slot_count, 1);
  const auto refused = TileStream::plan(1000, 100, 7'999);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.error().message,
            "a table of 1000 rows streams through 8000 bytes of the GPU's memory at the least, and "
            "7999 are free for it");
}

TEST(CudaTileStream, TreesOfGradientsAreTheSameInAnyMemory) {
  static_assert(kBudgets[1] <= kStreamBytes);
  for (const auto growth :
       {GrowthPolicy::kLeafWise, GrowthPolicy::kDepthWise, GrowthPolicy::kSymmetric}) {
    TreeProblem item = stream_problem(0);
    item.problem.params.growth = growth;
    expect_same_trees(item, fmt::format("growth {}", static_cast<int>(growth)));
    // Rows and features that are left out.
    std::erase_if(item.rows, [](uint32_t row) { return row % 3 == 1; });
    item.problem.sample_count = static_cast<int64_t>(item.rows.size());
    item.set_bounds();
    item.feature_mask.assign(kStreamFeatures, 0);
    for (size_t f = 0; f < kStreamFeatures; ++f) item.feature_mask[f] = f % 32 < 9 ? 1 : 0;
    expect_same_trees(item, fmt::format("a part, growth {}", static_cast<int>(growth)));
  }
}

TEST(CudaTileStream, TreesThatCountClassesAreTheSameInAnyMemory) {
  TreeProblem item = stream_problem(3);
  item.problem.params.columns_per_node = 11;
  expect_same_trees(item, "columns of a node");
  item.problem.params.random_thresholds = true;
  item.weights.assign(kStreamRows, 1.0f);
  for (size_t row = 0; row < kStreamRows; row += 4) item.weights[row] = 0.5f;
  item.set_bounds();
  expect_same_trees(item, "random thresholds, weights");
}

TEST(CudaTileStream, SymmetricTreesThatCountClassesAreTheSameInAnyMemory) {
  constexpr int64_t kHistograms = 80'000;  // as many as there are for gradients
  TreeProblem item = stream_problem(3);
  item.problem.params.growth = GrowthPolicy::kSymmetric;
  expect_same_trees(item, "symmetric", kHistograms);
  item.problem.params.columns_per_node = 30;
  item.problem.params.random_thresholds = true;
  std::erase_if(item.rows, [](uint32_t row) { return row % 3 == 1; });
  item.problem.sample_count = static_cast<int64_t>(item.rows.size());
  item.set_bounds();
  expect_same_trees(item, "symmetric, a part, columns of a level, random thresholds", kHistograms);
}

// The last leaves are taken by one branch, others were split ahead in vain.
TEST(CudaTileStream, RowsOfNodesThatWereSplitInVainAreInTheirLeaf) {
  for (const int32_t leaves : {2, 3, 5, 9, 13}) {
    TreeProblem item = conformance::plain_tree_problem(3000, 5, 0);
    item.problem.params.max_leaves = leaves;
    const GrownTree expected = reference_tree(item);
    EmulatedGpu gpu = conformance::open_emulated_gpu(4'000'000);
    PlacedTree placed;
    ASSERT_TRUE(grow_placed(item, *gpu.device, placed, true));
    EXPECT_TRUE(placed.tree == expected.tree) << leaves;
    placed.leaf_of.wrote_device();
    EXPECT_TRUE(std::ranges::equal(*placed.leaf_of.to_host(), expected.leaf_of)) << leaves;
  }
}

struct Loaded {
  int64_t loads = 0;
  int64_t beside_work = 0;
  int64_t bytes = 0;  // that the caller's Usage has
};

Loaded loaded_in(int64_t memory_bytes) {
  const TreeProblem item = stream_problem(0);
  EmulatedGpu gpu = conformance::open_emulated_gpu(memory_bytes);
  kernels::Usage usage;
  const kernels::UsageScope scope(&usage);
  PlacedTree placed;
  EXPECT_TRUE(grow_placed(item, *gpu.device, placed, true));
  Loaded loaded{gpu.driver->log().loads, gpu.driver->log().loads_beside_work, 0};
  for (const kernels::KernelUse& use : usage.list()) {
    if (use.op == kernels::kCopyOp && use.kernel == kernels::kToDevice) loaded.bytes = use.bytes;
  }
  EXPECT_EQ(loaded.bytes, gpu.device->uploaded_bytes());
  return loaded;
}

// A load moves a tile: they are smaller than the buffers of loads.
TEST(CudaTileStream, WhatFitsIsLoadedOnceAndTheRestComesAgainEachRound) {
  const Loaded all = loaded_in(kBudgets[4]);
  EXPECT_EQ(all.loads, 3);
  const Loaded two_of_three = loaded_in(kBudgets[3]);
  EXPECT_GT(two_of_three.loads, 10) << "a tile of three comes twice a round, or once";
  const Loaded few = loaded_in(kBudgets[0]);
  EXPECT_GT(few.loads, 5 * two_of_three.loads) << "18 tiles, of which two fit";
  // What was copied beside the table does not depend on the memory, but for rounds of fewer nodes.
  const int64_t more = two_of_three.bytes - all.bytes;
  const int64_t tile = kStreamRows * 32;
  EXPECT_NEAR(static_cast<double>(more), static_cast<double>((two_of_three.loads - 3) * tile),
              0.05 * static_cast<double>(more));
}

TEST(CudaTileStream, TilesComeWhileTheGpuWorks) {
  for (const size_t budget : {0, 2}) {
    const Loaded loaded = loaded_in(kBudgets[budget]);
    // All but the first of a pass, which nothing else could be done for.
    EXPECT_GT(loaded.beside_work, loaded.loads * 3 / 4);
  }
}

TEST(CudaTileStream, MemoryThatHoldsNoTwoTilesIsResourceExhausted) {
  const TreeProblem item = stream_problem(0);
  EmulatedGpu gpu = conformance::open_emulated_gpu(250'000);
  PlacedTree placed;
  const Status status = grow_placed(item, *gpu.device, placed, true);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, StatusCode::kResourceExhausted);
  EXPECT_NE(status.error().message.find("a table of 6000 rows streams"), std::string::npos)
      << status.error().message;
}

// Asks for the end when the so many-th tile is copied.
class StoppingExecutor final : public Executor {
 public:
  StoppingExecutor(StopToken& stop, int64_t tiles) : stop_(stop), tiles_(tiles) {}
  int thread_count() const override { return 1; }
  Status parallel_for(int64_t count, FunctionRef<void(int64_t, int)> body) override {
    if (--tiles_ == 0) stop_.request();
    return SerialExecutor().parallel_for(count, body);
  }
  int64_t copied_after() const { return -tiles_; }

 private:
  StopToken& stop_;
  int64_t tiles_;
};

TEST(CudaTileStream, StopsWithinAPassOverTheTable) {
  const TreeProblem item = stream_problem(0);
  EmulatedGpu gpu = conformance::open_emulated_gpu(kBudgets[0]);
  StopToken stop;
  StoppingExecutor executor(stop, 7);  // of 18 tiles
  PlacedTree placed;
  ASSERT_TRUE(placed.place(item, *gpu.device, true));
  const Status status =
      kernels::run_op(cuda_kernels().table<kernels::GrowTree>(),
                      {gpu.device.get(), &executor, &stop}, item.problem, placed.args);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, StatusCode::kCancelled);
  EXPECT_EQ(executor.copied_after(), 0);
}

TEST(CudaTileStream, EveryFailureOfTheDriverBecomesAStatus) {
  TreeProblem item = stream_problem(0);
  item.problem.params.max_leaves = 3;
  check_tree_failures(item, true, kBudgets[3]);
}

TEST(CudaTileStream, EveryFailureOfTheDriverBecomesAStatusOfSymmetricTreesOfClasses) {
  TreeProblem item = stream_problem(3);
  item.problem.params.growth = GrowthPolicy::kSymmetric;
  item.problem.params.max_leaves = 2;
  check_tree_failures(item, true, kBudgets[3]);
}

TEST(CudaRowStream, CutsRowsByTheMemoryThatIsFree) {
  EXPECT_EQ(RowStream::piece_rows(100, 40'000, 1'000'000), 100);
  EXPECT_EQ(RowStream::piece_rows(100, 40'000, 7), 7);
  EXPECT_EQ(RowStream::piece_rows(100, 0, 7), 1);
  EXPECT_EQ(RowStream::piece_rows(1 << 20, int64_t{1} << 40, 1 << 20), 4096);
  EXPECT_EQ(RowStream::piece_rows(64, int64_t{1} << 40, int64_t{1} << 30), 1 << 20);
}

// Adds the trees' leaves to scores of 0 on a GPU with `memory_bytes`; `pieces` gets the launches.
Result<std::vector<double>> predict_streamed(const conformance::BinnedTable& table,
                                             const kernels::Forest& forest,
                                             const std::vector<uint32_t>& rows,
                                             int64_t memory_bytes, int64_t& pieces) {
  EmulatedGpu gpu = conformance::open_emulated_gpu(memory_bytes);
  kernels::Device& device = *gpu.device;
  const auto copy = [&]<class T>(std::span<const T> items) {
    return DeviceArray<T>::copy_of(device, items).value();
  };
  const auto nodes = copy(forest.nodes());
  const auto sets = copy(forest.category_sets());
  const auto values = copy(forest.leaf_values());
  const auto node_offsets = copy(forest.node_offsets());
  const auto set_offsets = copy(forest.category_set_offsets());
  const auto leaf_offsets = copy(forest.leaf_offsets());
  const auto numbers = copy(std::span<const uint32_t>(rows));
  const int64_t count = rows.empty() ? table.row_count : static_cast<int64_t>(rows.size());
  const std::vector<double> zeros(static_cast<size_t>(count), 0.0);
  auto scores = copy(std::span<const double>(zeros));
  kernels::PredictTreesArgs args;
  args.bins = table.view(table.bins.data());
  args.bins.on_host = true;
  args.forest = forest.view();
  args.forest.nodes = nodes.on_device();
  args.forest.category_sets = sets.on_device();
  args.forest.leaf_values = values.on_device();
  args.forest.node_offsets = node_offsets.on_device();
  args.forest.category_set_offsets = set_offsets.on_device();
  args.forest.leaf_offsets = leaf_offsets.on_device();
  args.rows = rows.empty() ? nullptr : numbers.on_device();
  args.scores = scores.on_device();
  SerialExecutor serial;
  const int64_t before = gpu.driver->log().launches;
  ASSAY_RETURN_IF_ERROR(
      kernels::run_op(cuda_kernels().table<kernels::PredictTrees>(), {&device, &serial, nullptr},
                      {count, table.feature_count(), 0, forest.tree_count(), 1, 1}, args));
  pieces = gpu.driver->log().launches - before;
  scores.wrote_device();
  ASSAY_ASSIGN_OR_RETURN(const auto found, scores.to_host());
  return std::vector<double>(found.begin(), found.end());
}

TEST(CudaRowStream, PredictionsAreTheSameInAnyMemory) {
  Rng rng(5);
  const auto table = conformance::random_table({1500, 130, 0.3, 0.5}, rng);
  kernels::Forest forest(1, 1);
  for (int t = 0; t < 4; ++t) forest.append(conformance::random_tree({30, 1}, table, rng));
  std::vector<uint32_t> picked;  // some more than once, in any order
  for (int i = 0; i < 2000; ++i) picked.push_back(static_cast<uint32_t>(rng.below(1500)));
  for (const auto& rows : {std::vector<uint32_t>(), picked}) {
    const int64_t count = rows.empty() ? table.row_count : static_cast<int64_t>(rows.size());
    std::vector<double> expected(static_cast<size_t>(count), 0.0);
    ASSERT_TRUE(
        kernels::reference::predict_trees({}, {count, 130, 0, 4, 1, 1},
                                          {table.view(table.bins.data()), forest.view(),
                                           rows.empty() ? nullptr : rows.data(), expected.data()}));
    std::map<int64_t, int64_t> pieces;
    for (const int64_t bytes : {40'000, 60'000, 200'000, 4'000'000}) {
      const auto found = predict_streamed(table, forest, rows, bytes, pieces[bytes]);
      ASSERT_TRUE(found.has_value()) << found.error().message;
      EXPECT_TRUE(*found == expected) << bytes;
    }
    EXPECT_EQ(pieces[4'000'000], 1);
    EXPECT_GT(pieces[200'000], 3) << "a quarter of it holds some 400 rows";
    EXPECT_GT(pieces[60'000], pieces[200'000]);
  }
}

}  // namespace
}  // namespace assay::backends::cuda
