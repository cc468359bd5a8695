// What the conformance suite cannot see of the CPU's grow_tree: histograms that are dropped and
// built again, stopping in the middle, and splits that are made before it is their turn.
#include <gtest/gtest.h>

#include "backends/cpu/cpu_kernels.h"
#include "backends/cpu/device.h"
#include "backends/cpu/thread_pool.h"
#include "kernels/planner.h"
#include "tests/conformance/tree_problems.h"

namespace assay::backends::cpu {
namespace {

struct Grown {
  Status status;
  std::vector<std::byte> bytes;
  size_t node_count = 0;
  std::vector<int32_t> leaf_of;
};

Grown grow(const conformance::TreeProblem& item, int64_t memory_bytes,
           const StopToken* stop = nullptr, int thread_count = 2) {
  CpuDevice device(memory_bytes);
  ThreadPool executor(thread_count);
  kernels::KernelSet kernels;
  register_grow_tree(kernels);
  kernels::Tree tree;
  Grown grown;
  grown.leaf_of.resize(item.rows.size());
  grown.status = run_op(kernels.table<kernels::GrowTree>(), {&device, &executor, stop},
                        item.problem, item.args(&tree, grown.leaf_of.data()));
  grown.bytes = conformance::bytes_of(tree);
  grown.node_count = tree.nodes.size();
  return grown;
}

TEST(CpuGrowTree, DroppedHistogramsAreBuiltAgain) {
  for (const kernels::GrowthPolicy growth :
       {kernels::GrowthPolicy::kLeafWise, kernels::GrowthPolicy::kDepthWise}) {
    conformance::TreeProblem item = conformance::plain_tree_problem(9000, 8, 0);
    item.problem.params.growth = growth;
    item.problem.params.max_leaves = 63;
    const Grown roomy = grow(item, int64_t{1} << 30);
    ASSERT_TRUE(roomy.status) << roomy.status.error().message;
    EXPECT_EQ(roomy.node_count, 125u);
    // An eighth of this holds no histogram of 8 x 255 words: the least number of slots is left.
    const Grown cramped = grow(item, 1000);
    ASSERT_TRUE(cramped.status) << cramped.status.error().message;
    EXPECT_EQ(cramped.bytes, roomy.bytes);
    EXPECT_EQ(cramped.leaf_of, roomy.leaf_of);
  }
}

TEST(CpuGrowTree, WideTablesGrowTheSameTreesWithAnyMemory) {
  conformance::TreeProblem item = conformance::plain_tree_problem(3000, 300, 0);
  item.problem.params.max_leaves = 15;
  const Grown roomy = grow(item, int64_t{1} << 30);
  ASSERT_TRUE(roomy.status);
  EXPECT_EQ(roomy.node_count, 29u);
  EXPECT_EQ(grow(item, 1000).bytes, roomy.bytes);
}

// The second half of the rows is the first again, but for the first feature, which tells them
// apart: below the root the gains of one side are those of the other.
conformance::TreeProblem mirrored_problem(int64_t half_rows) {
  conformance::TreeProblem item = conformance::plain_tree_problem(2 * half_rows, 8, 0);
  const kernels::BinnedView view = item.table.view(item.table.bins.data());
  const auto cell = [&](int64_t row, int32_t feature) -> uint8_t& {
    return item.table.bins[static_cast<size_t>(view.cell_offset(row, feature))];
  };
  for (int64_t row = 0; row < half_rows; ++row) {
    const int64_t twin = half_rows + row;
    for (int32_t f = 1; f < 8; ++f) cell(twin, f) = cell(row, f);
    cell(row, 0) = 1;
    cell(twin, 0) = 2;
    const auto from = static_cast<size_t>(row);
    const auto to = static_cast<size_t>(twin);
    item.gradients[from] += 3;
    item.gradients[to] = -item.gradients[from];
    item.hessians[to] = item.hessians[from] = 0.25F;
  }
  item.set_bounds();
  return item;
}

// Where the leaves run out is where splits that were made ahead of their turn are taken back.
TEST(CpuGrowTree, AnyNumberOfThreadsSplitsTheSameNodes) {
  for (conformance::TreeProblem item :
       {conformance::plain_tree_problem(20'000, 8, 0), mirrored_problem(10'000)}) {
    for (const kernels::GrowthPolicy growth :
         {kernels::GrowthPolicy::kLeafWise, kernels::GrowthPolicy::kDepthWise}) {
      item.problem.params.growth = growth;
      for (const int32_t max_leaves : {2, 3, 4, 12, 31, 200}) {
        item.problem.params.max_leaves = max_leaves;
        const Grown alone = grow(item, int64_t{1} << 30, nullptr, 1);
        ASSERT_TRUE(alone.status) << alone.status.error().message;
        EXPECT_EQ(alone.node_count, static_cast<size_t>(2 * max_leaves - 1));
        for (const int thread_count : {2, 3, 33}) {
          const Grown shared = grow(item, int64_t{1} << 30, nullptr, thread_count);
          ASSERT_TRUE(shared.status) << shared.status.error().message;
          EXPECT_EQ(shared.bytes, alone.bytes) << max_leaves << " leaves, " << thread_count;
          EXPECT_EQ(shared.leaf_of, alone.leaf_of) << max_leaves << " leaves, " << thread_count;
        }
      }
    }
  }
}

// Rows are copied in chunks, and leaves are given in longer ones.
TEST(CpuGrowTree, ManyRowsGrowTheSameTreesOnAnyThreads) {
  conformance::TreeProblem item = conformance::plain_tree_problem(600'000, 3, 0);
  item.problem.params.max_leaves = 31;
  const Grown alone = grow(item, int64_t{1} << 30, nullptr, 1);
  ASSERT_TRUE(alone.status) << alone.status.error().message;
  for (const int thread_count : {2, 33}) {
    const Grown shared = grow(item, int64_t{1} << 30, nullptr, thread_count);
    ASSERT_TRUE(shared.status) << shared.status.error().message;
    EXPECT_EQ(shared.bytes, alone.bytes) << thread_count;
    EXPECT_EQ(shared.leaf_of, alone.leaf_of) << thread_count;
  }
}

TEST(CpuGrowTree, StopsWithinGrowthAtADeadline) {
  ManualClock clock;
  for (const int32_t max_leaves : {31, 1 << 30}) {
    conformance::TreeProblem item = conformance::plain_tree_problem(6000, 8, 0);
    item.problem.params.max_leaves = max_leaves;
    const StopToken late(&clock, clock.now_ns() + 1);
    EXPECT_TRUE(grow(item, int64_t{1} << 30, &late).status);
    const StopToken passed(&clock, clock.now_ns());
    const Grown grown = grow(item, int64_t{1} << 30, &passed);
    ASSERT_FALSE(grown.status);
    EXPECT_EQ(grown.status.error().code, StatusCode::kCancelled);
  }
}

TEST(CpuGrowTree, RefusesBadParametersBeforeTouchingOutputs) {
  conformance::TreeProblem item = conformance::plain_tree_problem(100, 2, 0);
  item.problem.params.max_depth = 5000;
  const Grown grown = grow(item, int64_t{1} << 30);
  ASSERT_FALSE(grown.status);
  EXPECT_EQ(grown.status.error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(grown.node_count, 0u);
}

}  // namespace
}  // namespace assay::backends::cpu
