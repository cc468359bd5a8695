#include "kernels/reference/reference_ops.h"
#include "tests/conformance/harness.h"
#include "tests/conformance/tree_problems.h"

namespace assay::conformance {
namespace {

using kernels::GrowTree;
using kernels::GrowTreeArgs;

OpCase<GrowTree> case_of(const TreeProblem& item) {
  OpCase<GrowTree> op_case;
  op_case.name = item.name;
  op_case.problem = item.problem;
  op_case.place = [item](CaseBuffers& buffers) {
    const auto device_array = [&](const char* name, const auto& values) {
      return values.empty() ? nullptr : buffers.input(name, values);
    };
    GrowTreeArgs args;
    args.bins = item.table.view(buffers.input("bins", item.table.bins));
    args.bins.bin_counts = buffers.host_input("bin_counts", item.table.bin_counts);
    args.bins.kinds = buffers.host_input("kinds", item.table.kinds);
    args.rows = buffers.input("rows", item.rows);
    args.gradients = device_array("gradients", item.gradients);
    args.hessians = device_array("hessians", item.hessians);
    args.classes = device_array("classes", item.classes);
    args.weights = device_array("weights", item.weights);
    args.max_abs_gradient = item.max_abs_gradient;
    args.max_hessian = item.max_hessian;
    if (!item.feature_mask.empty()) {
      args.feature_mask = buffers.host_input("feature_mask", item.feature_mask);
    }
    kernels::Tree old;
    old.nodes.resize(7);
    old.leaf_values = {1, 2, 3};
    args.tree = buffers.host_object<kernels::Tree>("tree", old, bytes_of);
    args.leaf_of = buffers.output<int32_t>("leaf_of", item.problem.sample_count);
    return args;
  };
  return op_case;
}

void check_seeds(uint64_t begin, uint64_t end, int64_t row_count) {
  std::vector<OpCase<GrowTree>> cases;
  for (uint64_t seed = begin; seed < end; ++seed) {
    cases.push_back(
        case_of(row_count == 0 ? random_tree_problem(seed) : random_tree_problem(seed, row_count)));
  }
  check_op<GrowTree>(kernels::reference::grow_tree, cases);
}

TEST(GrowTree, AgreesOnSmallProblems) { check_seeds(0, with_thread_sanitizer() ? 20 : 100, 0); }

// Large enough that the CPU shares one node's rows among threads, and grows subtrees apart.
TEST(GrowTree, AgreesOnProblemsOfThousandsOfRows) {
  check_seeds(1000, with_thread_sanitizer() ? 1002 : 1008, 4500);
}

TEST(GrowTree, AgreesOnManyRows) {
  std::vector<OpCase<GrowTree>> cases;
  for (const int32_t class_count : {0, 2}) {
    for (const int32_t columns : {0, 3}) {
      if (with_thread_sanitizer() && (class_count == 0) != (columns == 0)) continue;
      TreeProblem item = plain_tree_problem(9000, 6, class_count);
      item.problem.params.columns_per_node = columns;
      item.problem.params.growth =
          columns == 0 ? kernels::GrowthPolicy::kLeafWise : kernels::GrowthPolicy::kDepthWise;
      item.problem.params.max_leaves = columns == 0 ? 15 : 1 << 30;
      item.problem.params.min_child_samples = 30;
      item.name += fmt::format(", {} classes, {} columns a node", class_count, columns);
      cases.push_back(case_of(item));
    }
  }
  check_op<GrowTree>(kernels::reference::grow_tree, cases);
}

}  // namespace
}  // namespace assay::conformance
