// grow_trees on the CPU.
//
// Trees are taken in batches. The roots of a batch that have the same features come from one pass
// over the bins where that pays (SharedRoots). Then trees grow side by side, one thread each, as
// long as there are enough of them to keep the threads busy: a thread with a tree of its own never
// waits for another. What is left grows one tree after the other with all threads on each, as
// grow_tree does.
//
// Memory, for a batch: 4 bytes a tree and row; the root histograms, up to 8 words a bin, and one
// more of each thread; and what grow_tree takes beside that, for the trees that grow side by side.
#include "kernels/grow_trees.h"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "backends/cpu/cpu_kernels.h"
#include "backends/cpu/grow_tree_grower.h"
#include "backends/cpu/grow_tree_quantise.h"
#include "backends/cpu/grow_tree_roots.h"

namespace assay::backends::cpu {
namespace {

using kernels::GrowTreeArgs;
using kernels::GrowTreeProblem;
using kernels::GrowTreesArgs;
using kernels::GrowTreesProblem;
using kernels::OpContext;

// How many of `trees` trees grow side by side: whole rounds of a tree a thread, and the rest too if
// most threads get one.
size_t side_by_side(size_t trees, size_t threads) {
  const size_t rest = trees % threads;
  return 10 * rest > 6 * threads ? trees : trees - rest;
}

class Batch {
 public:
  explicit Batch(const OpContext& context)
      : context_(context), alone_{context.device, &serial_, context.stop} {}

  Status grow(const GrowTreesProblem& problem, const GrowTreesArgs& args, size_t first,
              size_t count) {
    const auto threads = static_cast<size_t>(context_.executor->thread_count());
    apart_ = threads == 1 ? 0 : side_by_side(count, threads);
    for (size_t i = first; i < first + count; ++i) start(problem.trees[i], args.trees[i]);
    std::vector<Growth*> left;
    for (const std::unique_ptr<Growth>& growth : growths_) left.push_back(growth.get());
    while (!left.empty()) ASSAY_RETURN_IF_ERROR(quantise(take_alike(left)));
    return grow_trees();
  }

 private:
  void start(const GrowTreeProblem& problem, const GrowTreeArgs& args) {
    if (problem.sample_count == 0) return make_stump(problem, *args.tree);
    const OpContext& context = growths_.size() < apart_ ? alone_ : context_;
    growths_.push_back(std::make_unique<Growth>(start_growth(context, problem, args)));
  }

  // The first of the trees and those whose roots may come from one pass with its.
  static std::vector<Growth*> take_alike(std::vector<Growth*>& left) {
    std::vector<Growth*> alike{left.front()};
    std::vector<Growth*> others;
    for (size_t i = 1; i < left.size(); ++i) {
      const bool fits = alike.size() < SharedRoots::kMostTrees &&
                        SharedRoots::fit_together(*left.front(), *left[i]);
      (fits ? alike : others).push_back(left[i]);
    }
    left = std::move(others);
    return alike;
  }

  // Quantises such trees, and makes their roots if that is done in one pass.
  Status quantise(std::vector<Growth*> trees) {
    const bool shares = SharedRoots::pays(trees);
    // Rows that another tree has must be 0 in this one.
    const bool clears = shares && !SharedRoots::have_same_samples(trees);
    for (Growth* growth : trees) {
      if (clears) std::fill_n(growth->packed.data(), growth->packed.size(), 0u);
      ASSAY_RETURN_IF_ERROR(
          quantise_rows(*context_.executor, growth->problem, growth->args, growth->packed.data()));
    }
    if (!shares) return {};
    roots_.push_back(std::make_unique<SharedRoots>(std::move(trees)));
    return roots_.back()->build(*context_.executor);
  }

  Status grow_trees() {
    const size_t apart = std::min(apart_, growths_.size());
    const auto threads = static_cast<size_t>(context_.executor->thread_count());
    std::vector<Status> grown(growths_.size());
    for (size_t i = 0; i < apart; ++i) {
      growths_[i]->side_by_side = static_cast<int32_t>(std::min(apart, threads));
    }
    ASSAY_RETURN_IF_ERROR(context_.executor->parallel_for(
        static_cast<int64_t>(apart),
        [&](int64_t task, int) { grow_one(static_cast<size_t>(task), grown); }));
    for (size_t i = apart; i < growths_.size(); ++i) grow_one(i, grown);
    for (Status& status : grown) ASSAY_RETURN_IF_ERROR(status);
    return {};
  }

  void grow_one(size_t i, std::vector<Status>& grown) {
    grown[i] = grow_quantised(*growths_[i]);
    growths_[i].reset();
  }

  const OpContext& context_;
  SerialExecutor serial_;  // has no state: threads may share it
  const OpContext alone_;  // of a tree that has a thread for itself
  size_t apart_ = 0;       // the first so many trees grow side by side
  std::vector<std::unique_ptr<Growth>> growths_;
  std::vector<std::unique_ptr<SharedRoots>> roots_;
};

Status grow(const OpContext& context, const GrowTreesProblem& problem, const GrowTreesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  const auto threads = static_cast<size_t>(context.executor->thread_count());
  const size_t most =
      (threads + SharedRoots::kMostTrees - 1) / SharedRoots::kMostTrees * SharedRoots::kMostTrees;
  const size_t count = problem.trees.size();
  const size_t batches = (count + most - 1) / most;
  for (size_t i = 0; i < batches; ++i) {
    const size_t first = count * i / batches;
    ASSAY_RETURN_IF_ERROR(
        Batch(context).grow(problem, args, first, count * (i + 1) / batches - first));
  }
  return {};
}

Status run(const OpContext& context, const GrowTreesProblem& problem, const GrowTreesArgs& args) {
  try {
    return grow(context, problem, args);
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "grow_trees: no memory for {} trees",
                problem.trees.size());
  }
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const GrowTreesProblem&) {
  return std::nullopt;
}

double cost(const kernels::DeviceInfo&, const GrowTreesProblem& problem) {
  double units = 0;
  for (const GrowTreeProblem& tree : problem.trees) units += growing_units(tree);
  return units;
}

}  // namespace

void register_grow_trees(kernels::KernelSet& kernels) {
  kernels.table<kernels::GrowTrees>().add({"cpu.together", "cpu", decline, cost, run});
}

}  // namespace assay::backends::cpu
