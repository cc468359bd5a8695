// What the conformance suite cannot see of the CPU's predict_trees, for all its ways have the same
// bits: which forests get a table of leaf sets, and that the table gives a row's leaves by itself.
#include <gtest/gtest.h>

#include "backends/cpu/predict_trees_rows.h"
#include "backends/cpu/predict_trees_table.h"
#include "tests/conformance/tree_problems.h"

namespace assay::backends::cpu {
namespace {

struct Random {
  conformance::BinnedTable table;
  kernels::Forest forest{1, 1};

  Random(int32_t features, int64_t trees, int32_t splits) {
    Rng rng(11);
    table = conformance::random_table({200, features, 0.3, 0.5}, rng);
    for (int64_t t = 0; t < trees; ++t) {
      forest.append(conformance::random_tree({splits, 1}, table, rng));
    }
  }
  std::unique_ptr<LeafTable> leaf_table() const {
    return LeafTable::make(forest.view(), table.feature_count());
  }
};

TEST(LeafTable, GivesTheLeavesThatARowReaches) {
  for (const int32_t splits : {30, 60, 120}) {
    const Random random(6, 90, splits);
    const auto table = random.leaf_table();
    ASSERT_TRUE(table->pays()) << splits;
    kernels::PredictTreesProblem problem{200, 6, 0, 90, 1, 1};
    ASSERT_TRUE(table->fits(problem));
    std::vector<double> walked(200, 0.25);
    kernels::PredictTreesArgs args;
    args.bins = random.table.view(random.table.bins.data());
    args.forest = random.forest.view();
    args.scores = walked.data();
    predict_single_rows(problem, args, {0, 200});
    for (int64_t row = 0; row < 200; ++row) {
      std::vector<uint8_t> bins;
      for (int32_t f = 0; f < 6; ++f) bins.push_back(args.bins.bins[args.bins.cell_offset(row, f)]);
      double score = 0.25;
      table->add_leaves(bins.data(), args.forest, &score);
      EXPECT_EQ(score, walked[static_cast<size_t>(row)]) << splits << " splits, row " << row;
    }
    problem.tree_begin = 1;
    EXPECT_FALSE(table->fits(problem));
  }
}

TEST(LeafTable, IsNotMadeWhereItWouldBeSlower) {
  EXPECT_FALSE(Random(6, 20, 200).leaf_table()->pays()) << "more than 128 leaves";
  EXPECT_FALSE(Random(600, 20, 30).leaf_table()->pays()) << "each tree has features of its own";
}

}  // namespace
}  // namespace assay::backends::cpu
