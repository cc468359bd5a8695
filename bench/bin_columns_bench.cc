#include "bench/kernel_bench.h"
#include "kernels/base/rng.h"

namespace assay::bench {
namespace {

// Numeric columns of uniform values with equally spaced edges.
void bin_columns(benchmark::State& state) {
  Bed& bed = Bed::instance();
  const int64_t rows = state.range(0);
  const auto features = static_cast<int32_t>(state.range(1));
  const auto edge_count = static_cast<int32_t>(state.range(2));
  Rng rng(1);
  std::vector<double> edges;
  for (int32_t k = 0; k < edge_count; ++k) edges.push_back((k + 0.5) / edge_count);
  const double* placed_edges = edges.empty() ? nullptr : bed.place(edges);
  std::vector<kernels::ColumnSource> columns;
  for (int32_t f = 0; f < features; ++f) {
    std::vector<double> numbers;
    for (int64_t row = 0; row < rows; ++row) numbers.push_back(rng.next_double());
    kernels::ColumnSource column;
    column.numbers = bed.place(numbers);
    column.edges = placed_edges;
    column.edge_count = edge_count;
    columns.push_back(column);
  }
  const kernels::BinColumnsArgs args{columns.data(), bed.make<uint8_t>(rows * features)};
  bed.run<kernels::BinColumns>(state, {rows, features}, args);
  const double cells = static_cast<double>(rows) * features;
  bed.report_bytes(state, cells * (sizeof(double) + 1));
  state.counters["ns/cell"] = benchmark::Counter(
      cells * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  bed.clear();
}

BENCHMARK(bin_columns)
    ->ArgNames({"rows", "features", "edges"})
    ->Args({200'000, 54, 253})
    ->Args({200'000, 54, 15})
    ->Args({1'000'000, 8, 253})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void quantile_edges(benchmark::State& state) {
  Bed& bed = Bed::instance();
  Rng rng(2);
  std::vector<double> values;
  for (int64_t row = 0; row < state.range(0); ++row) values.push_back(rng.next_double());
  std::vector<double> edges;
  kernels::QuantileEdgesProblem problem;
  problem.row_count = state.range(0);
  bed.run<kernels::QuantileEdges>(state, problem, {bed.place(values), &edges});
  bed.report_bytes(state, static_cast<double>(state.range(0)) * sizeof(double));
  bed.clear();
}

BENCHMARK(quantile_edges)
    ->ArgName("rows")
    ->Arg(10'000)
    ->Arg(200'000)
    ->Arg(2'000'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace assay::bench
