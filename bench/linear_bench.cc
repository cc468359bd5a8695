// What a step of training a linear model costs: scores of dense rows, and sums of their gradients.
#include <vector>

#include "bench/kernel_bench.h"
#include "kernels/linear.h"

namespace assay::bench {
namespace {

kernels::LinearProblem linear_problem(const benchmark::State& state) {
  const int64_t rows = state.range(0);
  return {rows, rows, static_cast<int32_t>(state.range(1)), static_cast<int32_t>(state.range(2))};
}

// What is read and written at least.
void report_linear(Bed& bed, benchmark::State& state, const kernels::LinearProblem& problem,
                   double bytes_a_score) {
  const auto rows = static_cast<double>(problem.row_count);
  bed.report_bytes(state,
                   rows * (4.0 * problem.column_count + bytes_a_score * problem.output_count));
  state.counters["rows_per_second"] =
      benchmark::Counter(rows, benchmark::Counter::kIsIterationInvariantRate);
  bed.clear();
}

void linear_scores(benchmark::State& state) {
  Bed& bed = Bed::instance();
  const kernels::LinearProblem problem = linear_problem(state);
  const std::vector<double> parameters(
      static_cast<size_t>((problem.column_count + 1) * problem.output_count), 0.25);
  kernels::LinearScoresArgs args;
  args.features = bed.draw(problem.row_count * problem.column_count, 1);
  args.parameters = bed.place(parameters);
  args.scores = bed.make<double>(problem.row_count * problem.output_count);
  bed.run<kernels::LinearScores>(state, problem, args);
  report_linear(bed, state, problem, sizeof(double));
}

void linear_gradient(benchmark::State& state) {
  Bed& bed = Bed::instance();
  const kernels::LinearProblem problem = linear_problem(state);
  std::vector<double> sums(static_cast<size_t>((problem.column_count + 1) * problem.output_count));
  kernels::LinearGradientArgs args;
  args.features = bed.draw(problem.row_count * problem.column_count, 1);
  args.gradients = bed.draw(problem.row_count * problem.output_count, 2);
  args.sums = sums.data();
  bed.run<kernels::LinearGradient>(state, problem, args);
  report_linear(bed, state, problem, sizeof(float));
}

void set_linear_shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rows", "columns", "outputs"});
  for (const int64_t outputs : {1, 7}) bench->Args({500'000, 100, outputs});
}
BENCHMARK(linear_scores)->Apply(set_linear_shapes)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(linear_gradient)->Apply(set_linear_shapes)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace assay::bench
