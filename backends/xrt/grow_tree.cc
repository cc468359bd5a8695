// grow_tree on an XRT card: histograms and split scans there, the rest here.
//
// The table stays on the card. For a tree its quantised rows are sent once, and for each node that
// is split the numbers of the smaller child's rows: 4 bytes a row and level at most, while the sums
// of a row's columns are made where the table is. Gradients, division of rows and leaf values are
// the host's, from the host's side of the same buffers. Where the order of splits does not matter,
// nodes of few rows are grown to the end by the host's threads: starting a kernel costs more than
// they do. Everything that is summed is an integer, so a tree has the CPU's bits.
#include "kernels/grow_tree.h"

#include <new>
#include <optional>
#include <string>

#include "backends/cpu/grow_tree_grower.h"
#include "backends/cpu/grow_tree_quantise.h"
#include "backends/cpu/grow_tree_symmetric.h"
#include "backends/xrt/card_splitter.h"
#include "backends/xrt/xrt_kernels.h"

namespace assay::backends::xrt {
namespace {

using kernels::GrowTreeArgs;
using kernels::GrowTreeProblem;

constexpr int64_t kSubtreeRows = 512;
// How often a tree is begun because another op's kernel took the card down.
constexpr int kMostBegins = 4;

Status grow(const kernels::OpContext& context, const GrowTreeProblem& problem,
            const GrowTreeArgs& args, CardLease& lease) {
  // The card's histograms are of features: bundles are for machines that pay for each addition.
  GrowTreeArgs own = args;
  own.bins.bundles = nullptr;
  cpu::Growth growth = cpu::start_growth(context, problem, own);
  ASSAY_RETURN_IF_ERROR(cpu::quantise_rows(*context.executor, problem, own, growth.packed.data()));
  ASSAY_RETURN_IF_ERROR(cpu::set_order(growth));
  if (problem.params.growth == kernels::GrowthPolicy::kSymmetric) {
    ASSAY_ASSIGN_OR_RETURN(const auto source, CardSource::make(lease, growth));
    return cpu::grow_symmetric(growth, source.get());
  }
  const cpu::SplitSearch search(growth.rules, own.bins);
  ASSAY_ASSIGN_OR_RETURN(const auto splitter, CardSplitter::make(lease, growth, search));
  return cpu::grow_with(growth, search, *splitter, kSubtreeRows);
}

Status run(const kernels::OpContext& context, const GrowTreeProblem& problem,
           const GrowTreeArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.sample_count == 0) {
    cpu::make_stump(problem, *args.tree);
    return {};
  }
  auto& device = static_cast<XrtDevice&>(*context.device);
  try {
    for (int begins = 1;; ++begins) {
      ASSAY_ASSIGN_OR_RETURN(CardLease lease, device.lease());
      Status grown = grow(context, problem, args, lease);
      if (grown || !lease.lost || begins == kMostBegins) return grown;
    }
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "grow_tree: no memory for a sample of {} rows",
                problem.sample_count);
  }
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const GrowTreeProblem&) {
  return std::nullopt;
}

double cost(const kernels::DeviceInfo&, const GrowTreeProblem& problem) {
  return cpu::growing_units(problem);
}

}  // namespace

void register_grow_tree(kernels::KernelSet& kernels) {
  kernels.table<kernels::GrowTree>().add({"xrt.card_histogram", "fpga", decline, cost, run});
}

}  // namespace assay::backends::xrt
