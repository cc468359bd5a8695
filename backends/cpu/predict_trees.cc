// predict_trees on the CPU, in one of three ways: many rows in blocks through packed trees
// (predict_trees_block.h), a few through tables of leaf sets (predict_trees_table.h), or each from
// node to node (predict_trees_rows.h). What the first two prepare is kept in the forest's cache, if
// there is one; without it few rows are not worth a table. Either way a row's leaves are added in
// order of trees.
#include "kernels/predict_trees.h"

#include <array>
#include <vector>

#include "backends/cpu/cpu_kernels.h"
#include "backends/cpu/predict_trees_block.h"
#include "backends/cpu/predict_trees_rows.h"
#include "backends/cpu/predict_trees_table.h"

namespace assay::backends::cpu {
namespace {

using kernels::PredictTreesArgs;
using kernels::PredictTreesProblem;

constexpr int64_t kFewRows = 16;
// Rows that are as fast through a table one by one as in a block.
constexpr int64_t kTableRows = 24;
// Rows that take as long one by one as a table takes to make.
constexpr int64_t kRowsOfTable = 64;
// Features whose copying takes as long as the vector walk saves on one tree.
constexpr int64_t kFeaturesOfTree = 400;
constexpr int64_t kRowsPerTask = 64;  // one by one

bool stop_requested(const kernels::OpContext& context) {
  return context.stop != nullptr && context.stop->requested();
}

// The forest's table, where there is one that helps; one is made once enough rows came singly.
const LeafTable* table_of(const PredictTreesProblem& problem, const PredictTreesArgs& args) {
  if (args.cache == nullptr || problem.row_count > kTableRows) return nullptr;
  const auto fits = [&](const LeafTable& table) { return table.fits(problem); };
  const LeafTable* table = args.cache->find<LeafTable>(fits);
  const bool whole = problem.tree_begin == 0 && problem.tree_end == args.forest.tree_count;
  if (table == nullptr && whole && args.cache->count_rows(problem.row_count) >= kRowsOfTable) {
    table = args.cache->keep(LeafTable::make(args.forest, problem.feature_count));
  }
  return table != nullptr && table->pays() ? table : nullptr;
}

// A few rows through the table.
void predict_by_table(const LeafTable& table, const PredictTreesProblem& problem,
                      const PredictTreesArgs& args) {
  constexpr size_t kNarrow = 512;
  std::array<uint8_t, kNarrow> narrow;
  std::vector<uint8_t> wide;
  uint8_t* row = narrow.data();
  if (const auto width = static_cast<size_t>(problem.feature_count); width > kNarrow) {
    wide.resize(width);
    row = wide.data();
  }
  for (int64_t i = 0; i < problem.row_count; ++i) {
    const int64_t number = args.rows == nullptr ? i : int64_t{args.rows[i]};
    copy_row(args.bins, number, row);
    table.add_leaves(row, args.forest, args.scores + i * problem.output_count);
  }
}

// Whether preparing the trees and copying rows costs less than it saves.
bool packing_pays(const PredictTreesProblem& problem) {
  const int64_t tree_count = problem.tree_end - problem.tree_begin;
  return problem.row_count >= kFewRows && problem.feature_count <= tree_count * kFeaturesOfTree;
}

// All rows through trees that were packed before, or are packed now, and kept where others can use
// them.
Status predict_packed(const kernels::OpContext& context, const PredictTreesProblem& problem,
                      const PredictTreesArgs& args) {
  const PackedTrees* packed = nullptr;
  if (args.cache != nullptr) {
    packed = args.cache->find<PackedTrees>(
        [&](const PackedTrees& trees) { return trees.fits(problem); });
  }
  std::unique_ptr<PackedTrees> own;
  if (packed == nullptr) {
    ASSAY_ASSIGN_OR_RETURN(own, pack_trees(*context.executor, problem, args.forest));
    packed = own.get();
    const bool whole = problem.tree_begin == 0 && problem.tree_end == args.forest.tree_count;
    if (args.cache != nullptr && whole) packed = args.cache->keep(std::move(own));
  }
  return predict_blocks(context, problem, args, *packed);
}

Status predict(const kernels::OpContext& context, const PredictTreesProblem& problem,
               const PredictTreesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.row_count == 0 || problem.tree_begin == problem.tree_end) return {};
  if (stop_requested(context)) return fail(StatusCode::kCancelled, "predict_trees was stopped");
  if (const LeafTable* table = table_of(problem, args)) {
    predict_by_table(*table, problem, args);
    return {};
  }
  if (packing_pays(problem) && PackedTrees::can_hold(problem, args.forest)) {
    ASSAY_RETURN_IF_ERROR(predict_packed(context, problem, args));
  } else {
    ASSAY_RETURN_IF_ERROR(context.executor->parallel_for(
        chunk_count_of(problem.row_count, kRowsPerTask), [&](int64_t chunk, int) {
          if (stop_requested(context)) return;
          predict_single_rows(problem, args, chunk_range(problem.row_count, kRowsPerTask, chunk));
        }));
  }
  if (stop_requested(context)) return fail(StatusCode::kCancelled, "predict_trees was stopped");
  return {};
}

Status run(const kernels::OpContext& context, const PredictTreesProblem& problem,
           const PredictTreesArgs& args) {
  try {
    return predict(context, problem, args);
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "predict_trees: no memory for {} trees",
                problem.tree_end - problem.tree_begin);
  }
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const PredictTreesProblem&) {
  return std::nullopt;
}

double cost(const kernels::DeviceInfo&, const PredictTreesProblem& problem) {
  return static_cast<double>(problem.row_count) *
         static_cast<double>(problem.tree_end - problem.tree_begin) * 6;
}

}  // namespace

void register_predict_trees(kernels::KernelSet& kernels) {
  kernels.table<kernels::PredictTrees>().add({"cpu.blocked", "cpu", decline, cost, run});
}

}  // namespace assay::backends::cpu
