// The range checks of grow_tree and predict_trees.
#include <gmock/gmock.h>

#include <functional>
#include <limits>

#include "kernels/predict_trees.h"
#include "tests/kernels/tree_fixture.h"

namespace assay::kernels {
namespace {

using testing::HasSubstr;

struct Call {
  GrowTreeProblem problem;
  GrowTreeArgs args;
};

TEST(GrowTreeCheck, NamesTheParameterItsValueAndTheRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  struct Fault {
    std::string message;
    std::function<void(Call&)> apply;
  };
  const std::vector<Fault> faults{
      {"max_leaves=0 (must be 1..1073741824)", [](Call& c) { c.problem.params.max_leaves = 0; }},
      {"max_depth=-1", [](Call& c) { c.problem.params.max_depth = -1; }},
      {"max_depth=1025 (must be 0..1024)", [](Call& c) { c.problem.params.max_depth = 1025; }},
      {"min_child_samples=0", [](Call& c) { c.problem.params.min_child_samples = 0; }},
      {"min_child_weight=-1", [](Call& c) { c.problem.params.min_child_weight = -1; }},
      {"min_gain=nan", [&](Call& c) { c.problem.params.min_gain = nan; }},
      {"l1=-0.5", [](Call& c) { c.problem.params.l1 = -0.5; }},
      {"l2=inf", [](Call& c) { c.problem.params.l2 = std::numeric_limits<double>::infinity(); }},
      {"columns_per_node=-3", [](Call& c) { c.problem.params.columns_per_node = -3; }},
      {"onehot_levels=-1", [](Call& c) { c.problem.params.onehot_levels = -1; }},
      {"max_category_levels=0", [](Call& c) { c.problem.params.max_category_levels = 0; }},
      {"category_smooth=-1", [](Call& c) { c.problem.params.category_smooth = -1; }},
      {"category_l2=-1", [](Call& c) { c.problem.params.category_l2 = -1; }},
      {"gradient_bits=16 (must be 2..15)", [](Call& c) { c.problem.params.gradient_bits = 16; }},
      {"gradient_bits=1", [](Call& c) { c.problem.params.gradient_bits = 1; }},
      {"leaf_scale=nan", [&](Call& c) { c.problem.params.leaf_scale = nan; }},
      {"sample_count=3 (must be 0..2)", [](Call& c) { c.problem.sample_count = 3; }},
      {"row_count=-1", [](Call& c) { c.problem.row_count = -1; }},
      {"class_count=1 (must be 2..65536)", [](Call& c) { c.problem.class_count = 1; }},
      {"bins are 2 x 1 (the problem says 2 x 4)", [](Call& c) { c.problem.feature_count = 4; }},
      {"bins.kinds is null", [](Call& c) { c.args.bins.kinds = nullptr; }},
      {"bins.bins is null", [](Call& c) { c.args.bins.bins = nullptr; }},
      {"rows is null", [](Call& c) { c.args.rows = nullptr; }},
      {"gradients is null", [](Call& c) { c.args.gradients = nullptr; }},
      {"hessians is null", [](Call& c) { c.args.hessians = nullptr; }},
      {"classes is null", [](Call& c) { c.problem.class_count = 2; }},
      {"leaf_of is null", [](Call& c) { c.args.leaf_of = nullptr; }},
      {"tree is null", [](Call& c) { c.args.tree = nullptr; }},
      {"max_abs_gradient=-1", [](Call& c) { c.args.max_abs_gradient = -1; }},
      {"max_hessian=nan", [&](Call& c) { c.args.max_hessian = static_cast<float>(nan); }},
  };
  const std::vector<uint8_t> bins{1, 2};
  const std::vector<int32_t> bin_counts{3};
  const std::vector<FeatureKind> kinds{FeatureKind::kNumeric};
  const std::vector<uint32_t> rows{0, 1};
  const std::vector<float> ones{1, 1};
  Tree tree;
  std::vector<int32_t> leaf_of(2);
  Call good;
  good.problem.row_count = good.problem.sample_count = 2;
  good.problem.feature_count = 1;
  good.args.bins = {bins.data(), 2, 1, bin_counts.data(), kinds.data()};
  good.args.rows = rows.data();
  good.args.gradients = good.args.hessians = ones.data();
  good.args.max_abs_gradient = good.args.max_hessian = 1;
  good.args.tree = &tree;
  good.args.leaf_of = leaf_of.data();
  EXPECT_TRUE(check_problem(good.problem, good.args));
  for (const Fault& fault : faults) {
    Call call = good;
    fault.apply(call);
    const Status status = check_problem(call.problem, call.args);
    ASSERT_FALSE(status) << fault.message;
    EXPECT_EQ(status.error().code, StatusCode::kInvalidArgument);
    EXPECT_THAT(status.error().message, HasSubstr(fault.message));
  }
  const std::vector<int32_t> wide{256};
  good.args.bins.bin_counts = wide.data();
  EXPECT_THAT(check_problem(good.problem, good.args).error().message,
              HasSubstr("bin_counts[0]=256 (must be 1..255)"));
}

TEST(PredictTreesCheck, RefusesSizesThatDoNotFit) {
  std::vector<double> scores(2);
  PredictTreesProblem problem;
  problem.row_count = 2;
  problem.feature_count = 1;
  problem.tree_end = 3;
  PredictTreesArgs args;
  args.bins.row_count = 2;
  args.bins.feature_count = 1;
  args.forest.tree_count = 3;
  args.scores = scores.data();
  EXPECT_TRUE(check_problem(problem, args));
  const auto refused = [&](auto change) {
    PredictTreesProblem own = problem;
    change(own);
    return !check_problem(own, args);
  };
  EXPECT_TRUE(refused([](auto& p) { p.tree_end = 4; }));
  EXPECT_TRUE(refused([](auto& p) { p.tree_begin = -1; }));
  EXPECT_TRUE(refused([](auto& p) { p.tree_begin = 3, p.tree_end = 2; }));
  EXPECT_TRUE(refused([](auto& p) { p.leaf_width = 2; }));
  EXPECT_TRUE(refused([](auto& p) { p.output_count = 2; }));
  EXPECT_TRUE(refused([](auto& p) { p.row_count = 3; }));
  EXPECT_TRUE(refused([](auto& p) { p.row_count = -1; }));
  EXPECT_TRUE(refused([](auto& p) { p.feature_count = 2; }));
  args.scores = nullptr;
  EXPECT_TRUE(refused([](auto&) {}));
}

}  // namespace
}  // namespace assay::kernels
