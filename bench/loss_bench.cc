#include "bench/kernel_bench.h"
#include "kernels/base/rng.h"

namespace assay::bench {
namespace {

using kernels::Loss;

struct LossArrays {
  const double* scores = nullptr;
  const double* targets = nullptr;
  const int32_t* classes = nullptr;
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
    targets.push_back(rng.next_double());
    classes.push_back(static_cast<int32_t>(rng.below(levels)));
  }
  return {bed.place(scores), bed.place(targets), bed.place(classes)};
}

kernels::LossProblem problem_of(const benchmark::State& state) {
  const int64_t rows = state.range(0);
  return {static_cast<Loss>(state.range(1)), rows, rows, static_cast<int32_t>(state.range(2))};
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
  args.value = &value;
  bed.run<kernels::LossValue>(state, problem, args);
  report(bed, state, problem, sizeof(double));
  bed.clear();
}

// loss: 0 squared, 1 logistic, 2 softmax.
void problems(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rows", "loss", "outputs"})
      ->Args({500'000, 0, 1})
      ->Args({500'000, 1, 1})
      ->Args({100'000, 2, 7})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

BENCHMARK(loss_gradients)->Apply(problems);
BENCHMARK(loss_value)->Apply(problems);

}  // namespace
}  // namespace assay::bench
