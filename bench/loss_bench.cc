#include <algorithm>
#include <utility>
#include <vector>

#include "bench/kernel_bench.h"
#include "kernels/base/rng.h"

namespace assay::bench {
namespace {

using kernels::Loss;

constexpr int64_t kGroupRows = 100;

struct LossArrays {
  const double* scores = nullptr;
  const double* targets = nullptr;
  const int32_t* classes = nullptr;
  std::vector<int64_t> group_ends;
};

LossArrays draw(Bed& bed, const kernels::LossProblem& problem) {
  Rng rng(3);
  std::vector<double> scores;
  std::vector<double> targets;
  std::vector<int32_t> classes;
  const uint64_t levels =
      problem.loss == Loss::kSoftmax ? static_cast<uint64_t>(problem.output_count) : 2;
  for (int64_t row = 0; row < problem.row_count; ++row) {
    for (int32_t k = 0; k < problem.output_count; ++k) scores.push_back(6 * rng.next_double() - 3);
    const bool ranks = problem.loss == Loss::kLambdaRank;
    targets.push_back(ranks ? static_cast<double>(rng.below(5)) : rng.next_double());
    classes.push_back(static_cast<int32_t>(rng.below(levels)));
  }
  std::vector<int64_t> group_ends;
  for (int64_t g = 1; g <= problem.group_count; ++g) {
    group_ends.push_back(std::min(g * kGroupRows, problem.row_count));
  }
  return {bed.place(scores), bed.place(targets), bed.place(classes), std::move(group_ends)};
}

kernels::LossProblem problem_of(const benchmark::State& state) {
  const int64_t rows = state.range(0);
  kernels::LossProblem problem{static_cast<Loss>(state.range(1)), rows, rows,
                               static_cast<int32_t>(state.range(2))};
  if (problem.loss == Loss::kLambdaRank) {
    problem.parameter = 10;
    problem.group_count = (rows + kGroupRows - 1) / kGroupRows;
  }
  return problem;
}

void report(Bed& bed, benchmark::State& state, const kernels::LossProblem& problem,
            double bytes_a_cell) {
  const double cells = static_cast<double>(problem.row_count) * problem.output_count;
  bed.report_bytes(state, cells * bytes_a_cell);
  state.counters["ns/cell"] = benchmark::Counter(
      cells * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void loss_gradients(benchmark::State& state) {
  Bed& bed = Bed::instance();
  const kernels::LossProblem problem = problem_of(state);
  const LossArrays arrays = draw(bed, problem);
  std::vector<float> greatest(2 * static_cast<size_t>(problem.output_count));
  kernels::LossGradientsArgs args;
  args.scores = arrays.scores;
  args.targets = arrays.targets;
  args.classes = arrays.classes;
  args.group_ends = arrays.group_ends.data();
  args.gradients = bed.make<float>(problem.row_count * problem.output_count);
  args.hessians = bed.make<float>(problem.row_count * problem.output_count);
  args.max_abs_gradients = greatest.data();
  args.max_hessians = greatest.data() + problem.output_count;
  bed.run<kernels::LossGradients>(state, problem, args);
  report(bed, state, problem, sizeof(double) + 2 * sizeof(float));
  bed.clear();
}

void loss_value(benchmark::State& state) {
  Bed& bed = Bed::instance();
  const kernels::LossProblem problem = problem_of(state);
  const LossArrays arrays = draw(bed, problem);
  double value = 0;
  kernels::LossValueArgs args;
  args.scores = arrays.scores;
  args.targets = arrays.targets;
  args.classes = arrays.classes;
  args.group_ends = arrays.group_ends.data();
  args.value = &value;
  bed.run<kernels::LossValue>(state, problem, args);
  report(bed, state, problem, sizeof(double));
  bed.clear();
}

// loss: 0 squared, 1 logistic, 2 softmax, 9 lambdarank in groups of 100 rows.
void problems(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rows", "loss", "outputs"})
      ->Args({500'000, 0, 1})
      ->Args({500'000, 1, 1})
      ->Args({100'000, 2, 7})
      ->Args({500'000, 9, 1})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

BENCHMARK(loss_gradients)->Apply(problems);
BENCHMARK(loss_value)->Apply(problems);

}  // namespace
}  // namespace assay::bench
