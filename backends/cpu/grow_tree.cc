// grow_tree on the CPU.
//
// Rows are quantised once. Large nodes are split one after the other with all threads on each, and
// smaller ones side by side (NodeEngine), some of them before it is certain that their turn comes.
// If the tree cannot reach max_leaves however it grows, the order of splits does not
// matter: then nodes of few rows become tasks of their own and are grown to the end by one thread
// each (SubtreeGrower), and the numbers of the contract are given afterwards (assembly). Everything
// that is summed is an integer, and ties have one rule, so nothing depends on who did what when.
//
// Memory: 4 bytes for each row of the matrix, 8 for each of the sample; histograms of open nodes
// (HistogramPool: at most 256 MiB or an eighth of the device's memory) and one for each thread;
// about 120 bytes a node.
#include "kernels/grow_tree.h"

#include <new>
#include <optional>
#include <string>

#include "backends/cpu/cpu_kernels.h"
#include "backends/cpu/grow_tree_grower.h"
#include "backends/cpu/grow_tree_quantise.h"

namespace assay::backends::cpu {
namespace {

using kernels::GrowTreeArgs;
using kernels::GrowTreeProblem;

Status grow(const kernels::OpContext& context, const GrowTreeProblem& problem,
            const GrowTreeArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.sample_count == 0) {
    make_stump(problem, *args.tree);
    return {};
  }
  Growth growth = start_growth(context, problem, args);
  ASSAY_RETURN_IF_ERROR(quantise_rows(*context.executor, problem, args, growth.packed.data()));
  return grow_quantised(growth);
}

Status run(const kernels::OpContext& context, const GrowTreeProblem& problem,
           const GrowTreeArgs& args) {
  try {
    return grow(context, problem, args);
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "grow_tree: no memory for a sample of {} rows",
                problem.sample_count);
  }
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const GrowTreeProblem&) {
  return std::nullopt;
}

double cost(const kernels::DeviceInfo&, const GrowTreeProblem& problem) {
  return growing_units(problem);
}

}  // namespace

void register_grow_tree(kernels::KernelSet& kernels) {
  kernels.table<kernels::GrowTree>().add({"cpu.histogram", "cpu", decline, cost, run});
}

}  // namespace assay::backends::cpu
