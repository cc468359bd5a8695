#include "bench/kernel_bench.h"

namespace assay::bench {
namespace {

void knn_topk(benchmark::State& state) {
  Bed& bed = Bed::instance();
  kernels::KnnTopkProblem problem;
  problem.point_count = state.range(0);
  problem.query_count = state.range(1);
  problem.dim = static_cast<int32_t>(state.range(2));
  problem.k = static_cast<int32_t>(state.range(3));
  const int64_t places = problem.query_count * problem.k;
  const kernels::KnnTopkArgs args{bed.draw(problem.point_count * problem.dim, 5),
                                  bed.draw(problem.query_count * problem.dim, 6),
                                  bed.make<int32_t>(places), bed.make<float>(places)};
  bed.run<kernels::KnnTopk>(state, problem, args);
  const double pairs =
      static_cast<double>(problem.point_count) * static_cast<double>(problem.query_count);
  bed.report_flops(state, 3 * pairs * static_cast<double>(problem.dim));
  bed.clear();
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({100'000, 1'000, 64, 10});
  bench->Args({100'000, 1, 64, 10});
  bench->Args({10'000, 10'000, 16, 50});
  bench->Args({20'000, 200, 1'024, 10});
  if (!on_gpu()) return;
  bench->Args({1'000'000, 10'000, 128, 10});
  bench->Args({1'000'000, 10'000, 128, 100});
  bench->Args({1'000'000, 1, 128, 10});
}

BENCHMARK(knn_topk)
    ->ArgNames({"points", "queries", "dim", "k"})
    ->Apply(sizes)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace assay::bench
