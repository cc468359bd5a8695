#include "bench/kernel_bench.h"
#include "kernels/base/rng.h"

namespace assay::bench {
namespace {

std::vector<float> draw(int64_t count) {
  Rng rng(4);
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(rng.next_double()));
  return values;
}

void gemm(benchmark::State& state) {
  Bed& bed = Bed::instance();
  kernels::GemmProblem problem;
  problem.m = state.range(0);
  problem.n = state.range(1);
  problem.k = state.range(2);
  problem.transpose_a = state.range(3) != 0;
  const kernels::GemmArgs args{bed.place(draw(problem.m * problem.k)),
                               bed.place(draw(problem.k * problem.n)),
                               bed.make<float>(problem.m * problem.n)};
  bed.run<kernels::Gemm>(state, problem, args);
  const double m = static_cast<double>(problem.m);
  const double n = static_cast<double>(problem.n);
  const double k = static_cast<double>(problem.k);
  bed.report_flops(state, 2 * m * n * k);
  bed.report_bytes(state, 4 * (m * k + k * n + m * n));
  bed.clear();
}

// Square, the shapes of linear models (X w, X^T g, X^T X), and a thin product.
BENCHMARK(gemm)
    ->ArgNames({"m", "n", "k", "transpose_a"})
    ->Args({256, 256, 256, 0})
    ->Args({1024, 1024, 1024, 0})
    ->Args({2048, 2048, 2048, 0})
    ->Args({1'000'000, 1, 54, 0})
    ->Args({54, 1, 1'000'000, 1})
    ->Args({4096, 1, 8192, 0})
    ->Args({128, 128, 200'000, 1})
    ->Args({200'000, 10, 100, 0})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

template <class Op, class Number, class Sum>
void gemm_narrow(benchmark::State& state) {
  Bed& bed = Bed::instance();
  const kernels::GemmNarrowProblem problem{state.range(0), state.range(1), state.range(2)};
  // Of small numbers, whatever the kind.
  const auto draw_cells = [](int64_t count) {
    return std::vector<Number>(static_cast<size_t>(count), Number{63});
  };
  const typename Op::Args args{bed.place(draw_cells(problem.m * problem.k)),
                               bed.place(draw_cells(problem.k * problem.n)),
                               bed.make<Sum>(problem.m * problem.n)};
  bed.run<Op>(state, problem, args);
  bed.report_flops(state, 2 * static_cast<double>(problem.m) * static_cast<double>(problem.n) *
                              static_cast<double>(problem.k));
  bed.clear();
}
void gemm_bf16(benchmark::State& state) { gemm_narrow<kernels::GemmBf16, uint16_t, float>(state); }
void gemm_int8(benchmark::State& state) { gemm_narrow<kernels::GemmInt8, int8_t, int32_t>(state); }

BENCHMARK(gemm_bf16)
    ->ArgNames({"m", "n", "k"})
    ->Args({1024, 1024, 1024})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(gemm_int8)
    ->ArgNames({"m", "n", "k"})
    ->Args({1024, 1024, 1024})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace assay::bench
