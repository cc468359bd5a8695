#include "bench/kernel_bench.h"
#include "kernels/base/rng.h"

namespace assay::bench {
namespace {

void multiply(benchmark::State& state, bool tf32) {
  Bed& bed = Bed::instance();
  kernels::GemmProblem problem;
  problem.tf32 = tf32;
  problem.m = state.range(0);
  problem.n = state.range(1);
  problem.k = state.range(2);
  problem.transpose_a = state.range(3) != 0;
  const kernels::GemmArgs args{bed.draw(problem.m * problem.k, 4),
                               bed.draw(problem.k * problem.n, 5),
                               bed.make<float>(problem.m * problem.n)};
  bed.run<kernels::Gemm>(state, problem, args);
  const double m = static_cast<double>(problem.m);
  const double n = static_cast<double>(problem.n);
  const double k = static_cast<double>(problem.k);
  bed.report_flops(state, 2 * m * n * k);
  bed.report_bytes(state, 4 * (m * k + k * n + m * n));
  bed.clear();
}

void gemm(benchmark::State& state) { multiply(state, false); }
void gemm_tf32(benchmark::State& state) { multiply(state, true); }

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({256, 256, 256, 0});
  bench->Args({1024, 1024, 1024, 0});
  bench->Args({2048, 2048, 2048, 0});
  bench->Args({1'000'000, 1, 54, 0});
  bench->Args({54, 1, 1'000'000, 1});
  bench->Args({4096, 1, 8192, 0});
  bench->Args({128, 128, 200'000, 1});
  bench->Args({200'000, 10, 100, 0});
  if (on_gpu()) bench->Args({8192, 8192, 8192, 0});
}

// Square, the shapes of linear models (X w, X^T g, X^T X), and a thin product.
BENCHMARK(gemm)
    ->ArgNames({"m", "n", "k", "transpose_a"})
    ->Apply(sizes)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

BENCHMARK(gemm_tf32)
    ->ArgNames({"m", "n", "k", "transpose_a"})
    ->Args({1024, 1024, 1024, 0})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

uint16_t number_of(uint32_t word, uint16_t) {
  return static_cast<uint16_t>(0x3f00 | (word & 0x80ff));  // of magnitudes in [0.5, 2)
}
int8_t number_of(uint32_t word, int8_t) { return static_cast<int8_t>(word); }

template <class Number>
const Number* draw_narrow(int64_t count, uint64_t seed) {
  Rng rng(seed);
  std::vector<Number> numbers(static_cast<size_t>(count));
  for (Number& number : numbers) number = number_of(rng.next_u32(), Number{});
  return Bed::instance().place(numbers);
}

template <class Op, class Number, class Sum>
void gemm_narrow(benchmark::State& state, bool any_order) {
  Bed& bed = Bed::instance();
  const kernels::GemmNarrowProblem problem{state.range(0), state.range(1), state.range(2),
                                           any_order};
  const typename Op::Args args{draw_narrow<Number>(problem.m * problem.k, 4),
                               draw_narrow<Number>(problem.k * problem.n, 5),
                               bed.make<Sum>(problem.m * problem.n)};
  bed.run<Op>(state, problem, args);
  bed.report_flops(state, 2 * static_cast<double>(problem.m) * static_cast<double>(problem.n) *
                              static_cast<double>(problem.k));
  bed.clear();
}
void gemm_bf16(benchmark::State& state) {
  gemm_narrow<kernels::GemmBf16, uint16_t, float>(state, false);
}
void gemm_bf16_any_order(benchmark::State& state) {
  gemm_narrow<kernels::GemmBf16, uint16_t, float>(state, true);
}
void gemm_int8(benchmark::State& state) {
  gemm_narrow<kernels::GemmInt8, int8_t, int32_t>(state, false);
}

void narrow_sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"m", "n", "k"});
  bench->Args({1024, 1024, 1024});
  if (on_gpu()) bench->Args({8192, 8192, 8192});
  bench->Unit(benchmark::kMillisecond)->UseRealTime();
}

// The shapes of a network's layers: rows of a batch, and a square.
void gemm_in_order(benchmark::State& state) {
  Bed& bed = Bed::instance();
  kernels::GemmProblem problem{state.range(0), state.range(1), state.range(2)};
  problem.in_order = true;
  const kernels::GemmArgs args{bed.draw(problem.m * problem.k, 4),
                               bed.draw(problem.k * problem.n, 5),
                               bed.make<float>(problem.m * problem.n)};
  bed.run<kernels::Gemm>(state, problem, args);
  bed.report_flops(state, 2 * static_cast<double>(problem.m) * static_cast<double>(problem.n) *
                              static_cast<double>(problem.k));
  bed.clear();
}
BENCHMARK(gemm_in_order)
    ->ArgNames({"m", "n", "k"})
    ->Args({1024, 1024, 1024})
    ->Args({256, 128, 128})
    ->Args({256, 128, 40})
    ->Args({256, 1, 128})
    ->Args({1, 128, 128})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

BENCHMARK(gemm_bf16)->Apply(narrow_sizes);
BENCHMARK(gemm_bf16_any_order)->Apply(narrow_sizes);
BENCHMARK(gemm_int8)->Apply(narrow_sizes);

}  // namespace
}  // namespace assay::bench
