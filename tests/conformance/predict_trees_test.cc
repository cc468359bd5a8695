#include <algorithm>
#include <cstring>
#include <span>

#include "kernels/reference/reference_ops.h"
#include "tests/conformance/harness.h"
#include "tests/conformance/tree_problems.h"

namespace assay::conformance {
namespace {

using kernels::Forest;
using kernels::PredictTrees;
using kernels::PredictTreesArgs;

// A forest with rows to predict.
struct PredictData {
  std::string name;
  BinnedTable table;
  Forest forest;
  std::vector<uint32_t> rows;  // empty: all
  kernels::PredictTreesProblem problem;
};

struct PredictShape {
  int64_t row_count = 0;
  int32_t feature_count = 0;
  int32_t leaf_width = 1;
  int32_t output_count = 1;
  int64_t tree_count = 0;
  int32_t split_count = 0;  // of a tree
  double categorical_share = 0;
  bool picked_rows = false;
};

PredictData draw(const PredictShape& shape, uint64_t seed) {
  Rng rng(seed);
  PredictData data{
      fmt::format("seed {}: {} rows x {}, {} trees of {} splits", seed, shape.row_count,
                  shape.feature_count, shape.tree_count, shape.split_count),
      random_table({shape.row_count, shape.feature_count, shape.categorical_share, 0.5}, rng),
      Forest(shape.leaf_width, shape.output_count),
      {},
      {}};
  for (int64_t t = 0; t < shape.tree_count; ++t) {
    data.forest.append(random_tree({shape.split_count, shape.leaf_width}, data.table, rng));
  }
  data.problem = {shape.row_count,  shape.feature_count, 0,
                  shape.tree_count, shape.leaf_width,    shape.output_count};
  if (shape.picked_rows) {
    data.problem.row_count = shape.row_count / 2;
    for (int64_t i = 0; i < data.problem.row_count; ++i) {
      data.rows.push_back(static_cast<uint32_t>(rng.below(static_cast<uint64_t>(shape.row_count))));
    }
    data.problem.tree_begin = shape.tree_count / 3;
  }
  return data;
}

OpCase<PredictTrees> case_of(const PredictShape& shape, uint64_t seed) {
  const PredictData data = draw(shape, seed);
  OpCase<PredictTrees> item;
  item.name = data.name;
  item.problem = data.problem;
  item.place = [data](CaseBuffers& buffers) {
    PredictTreesArgs args;
    args.bins = data.table.view(buffers.input("bins", data.table.bins));
    args.bins.bin_counts = buffers.host_input("bin_counts", data.table.bin_counts);
    args.bins.kinds = buffers.host_input("kinds", data.table.kinds);
    args.forest = place_forest(data.forest, buffers);
    if (!data.rows.empty()) args.rows = buffers.input("rows", data.rows);
    std::vector<double> scores;
    Rng rng(3);
    for (int64_t i = 0; i < data.problem.row_count * data.problem.output_count; ++i) {
      scores.push_back(rng.next_double());
    }
    args.scores = buffers.in_out("scores", scores);
    return args;
  };
  return item;
}

// The same with the table in the host's memory.
OpCase<PredictTrees> streamed_case_of(const PredictShape& shape, uint64_t seed) {
  return with_table_on_host(case_of(shape, seed), draw(shape, seed).table.bins);
}

// The same with a cache that has seen enough rows for all that may be kept.
OpCase<PredictTrees> kept_case_of(const PredictShape& shape, uint64_t seed) {
  OpCase<PredictTrees> item = case_of(shape, seed);
  item.name += ", kept";
  item.place = [place = item.place](CaseBuffers& buffers) {
    PredictTreesArgs args = place(buffers);
    args.cache = buffers.keep(std::make_shared<kernels::ForestCache>())->get();
    args.cache->count_rows(1000);
    return args;
  };
  return item;
}

// The class that a rule finds in scores, -1 for none.
int64_t class_of(const kernels::DecisionRule& rule, std::span<const double> scores) {
  using Kind = kernels::DecisionRule::Kind;
  if (rule.kind == Kind::kSide) {
    return scores[0] > rule.high ? 1 : (scores[0] < rule.low ? 0 : -1);
  }
  const auto best = std::max_element(scores.begin(), scores.end());
  const double margin = rule.margin * (rule.kind == Kind::kLargestShare ? *best : 1);
  for (auto other = scores.begin(); other != scores.end(); ++other) {
    if (other != best && !(*other < *best - margin)) return -1;
  }
  return best - scores.begin();
}

// Rows that are decided must be decided alike; the others have the same bits.
std::optional<std::string> compare_decisions(const kernels::DecisionRule& rule, size_t outputs,
                                             const OutputBytes& expected,
                                             const OutputBytes& actual) {
  std::vector<double> scores[2];
  for (const OutputBytes* output : {&expected, &actual}) {
    std::vector<double>& own = scores[output == &expected ? 0 : 1];
    own.resize(output->bytes.size() / sizeof(double));
    std::memcpy(own.data(), output->bytes.data(), own.size() * sizeof(double));
  }
  if (scores[0].size() != scores[1].size()) return "other sizes";
  for (size_t at = 0; at < scores[0].size(); at += outputs) {
    const auto wanted = std::span(scores[0]).subspan(at, outputs);
    const auto got = std::span(scores[1]).subspan(at, outputs);
    const int64_t decided = class_of(rule, wanted);
    const bool same = std::memcmp(wanted.data(), got.data(), outputs * sizeof(double)) == 0;
    if (class_of(rule, got) != decided || (decided < 0 && !same)) {
      return fmt::format("row {}: decides for {} (must be {})", at / outputs, class_of(rule, got),
                         decided);
    }
  }
  return std::nullopt;
}

// With early exit. Cases of leaf width 1 have leaves of any sign.
OpCase<PredictTrees> exit_case_of(const PredictShape& shape, const kernels::DecisionRule& rule,
                                  uint64_t seed) {
  OpCase<PredictTrees> item = kept_case_of(shape, seed);
  item.name += ", exit";
  const PredictData data = draw(shape, seed);
  const std::shared_ptr<const kernels::LeafBounds> bounds =
      kernels::LeafBounds::make(data.forest.view());
  item.place = [place = item.place, bounds, rule](CaseBuffers& buffers) {
    PredictTreesArgs args = place(buffers);
    args.exit = buffers.keep(kernels::EarlyExit{rule, bounds.get()});
    return args;
  };
  item.compare = [rule, outputs = static_cast<size_t>(shape.output_count)](
                     const OutputBytes& expected, const OutputBytes& actual) {
    return compare_decisions(rule, outputs, expected, actual);
  };
  return item;
}

TEST(PredictTrees, AgreesWithWhatIsKept) {
  std::vector<OpCase<PredictTrees>> cases;
  uint64_t seed = 100;
  for (const int64_t rows : {1, 3, 23, 257}) {
    for (const int32_t splits : {1, 30, 31, 32, 63, 64, 127, 128}) {
      cases.push_back(kept_case_of({rows, 9, 1, 1, 40, splits, 0.3}, ++seed));
    }
    cases.push_back(
        kept_case_of({rows, 9, 1, 3, 40, 20, 0.5, true}, ++seed));  // from the middle on
    cases.push_back(kept_case_of({rows, 70, 1, 5, 45, 31, 0.5}, ++seed));
    cases.push_back(kept_case_of({rows, 7, 2, 4, 21, 40, 1}, ++seed));
    cases.push_back(kept_case_of({rows, 600, 1, 1, 200, 3}, ++seed));  // a row on the heap
    cases.push_back(kept_case_of({rows, 90, 1, 1, 3, 60}, ++seed));    // too wide to pay
    cases.push_back(kept_case_of({rows, 9, 1, 1, 20, 0}, ++seed));
  }
  check_op<PredictTrees>(kernels::reference::predict_trees, cases);
}

TEST(PredictTrees, DecidesAlikeWithEarlyExit) {
  using Kind = kernels::DecisionRule::Kind;
  std::vector<OpCase<PredictTrees>> cases;
  uint64_t seed = 200;
  for (const int64_t rows : {1, 100, 700, 1200}) {
    for (const double cut : {-20.0, -7.0, 0.0, 12.0}) {
      cases.push_back(exit_case_of({rows, 9, 1, 1, 70, 20, 0.3},
                                   {Kind::kSide, cut - 1e-3, cut + 1e-3, 0}, ++seed));
    }
    cases.push_back(
        exit_case_of({rows, 9, 1, 1, 50, 400, 0.3, true}, {Kind::kSide, -20, -20, 0}, ++seed));
    cases.push_back(exit_case_of({rows, 9, 1, 4, 90, 20}, {Kind::kLargest, 0, 0, 1e-6}, ++seed));
    cases.push_back(
        exit_case_of({rows, 9, 3, 3, 60, 300, 0.3}, {Kind::kLargest, 0, 0, 1e-6}, ++seed));
    cases.push_back(
        exit_case_of({rows, 9, 3, 3, 60, 20}, {Kind::kLargestShare, 0, 0, 1e-6}, ++seed));
  }
  check_op<PredictTrees>(kernels::reference::predict_trees, cases);
}

TEST(PredictTrees, Agrees) {
  std::vector<OpCase<PredictTrees>> cases;
  uint64_t seed = 0;
  for (const int64_t rows : {0, 1, 2, 15, 63, 257, 1021}) {
    cases.push_back(case_of({rows, 5, 1, 1, 7, 12}, ++seed));
    cases.push_back(case_of({rows, 28, 1, 3, 9, 30, 0.3, true}, ++seed));
    cases.push_back(case_of({rows, 65, 3, 3, 4, 100, 0.5}, ++seed));
    cases.push_back(case_of({rows, 130, 1, 1, 5, 300, 0, true}, ++seed));
  }
  cases.push_back(case_of({300, 1, 1, 1, 3, 0}, ++seed));      // stumps
  cases.push_back(case_of({300, 3, 1, 1, 0, 5}, ++seed));      // no trees
  cases.push_back(case_of({300, 3, 2, 6, 12, 9, 1}, ++seed));  // width between 1 and all
  cases.push_back(case_of({5000, 28, 1, 1, 40, 63}, ++seed));
  cases.push_back(case_of({300, 28, 1, 1, 2, 5000}, ++seed));      // larger than a cache
  cases.push_back(case_of({100, 500, 1, 1, 1, 20, 0.2}, ++seed));  // few trees on wide rows
  cases.push_back(case_of({100, 2100, 1, 1, 9, 20}, ++seed));      // wider than short nodes
  check_op<PredictTrees>(kernels::reference::predict_trees, cases);
}

TEST(PredictTrees, AgreesOnTablesInTheHostsMemory) {
  std::vector<OpCase<PredictTrees>> cases;
  uint64_t seed = 300;
  for (const int64_t rows : {0, 1, 63, 257, 1021}) {
    cases.push_back(streamed_case_of({rows, 5, 1, 1, 7, 12}, ++seed));
    cases.push_back(streamed_case_of({rows, 28, 1, 3, 9, 30, 0.3, true}, ++seed));
    cases.push_back(streamed_case_of({rows, 130, 3, 3, 5, 100, 0.5, true}, ++seed));
  }
  cases.push_back(streamed_case_of({9000, 70, 1, 1, 3, 63}, ++seed));
  check_op<PredictTrees>(kernels::reference::predict_trees, cases);
}

}  // namespace
}  // namespace assay::conformance
