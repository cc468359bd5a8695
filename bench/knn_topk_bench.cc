#include "bench/kernel_bench.h"
#include "kernels/base/rng.h"

namespace assay::bench {
namespace {

std::vector<float> draw(int64_t count) {
  Rng rng(5);
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(rng.next_double()));
  return values;
}

void knn_topk(benchmark::State& state) {
  Bed& bed = Bed::instance();
  kernels::KnnTopkProblem problem;
  problem.point_count = state.range(0);
  problem.query_count = state.range(1);
  problem.dim = static_cast<int32_t>(state.range(2));
  problem.k = static_cast<int32_t>(state.range(3));
  const int64_t places = problem.query_count * problem.k;
  const kernels::KnnTopkArgs args{bed.place(draw(problem.point_count * problem.dim)),
                                  bed.place(draw(problem.query_count * problem.dim)),
                                  bed.make<int32_t>(places), bed.make<float>(places)};
  bed.run<kernels::KnnTopk>(state, problem, args);
  const double pairs =
      static_cast<double>(problem.point_count) * static_cast<double>(problem.query_count);
  bed.report_flops(state, 3 * pairs * static_cast<double>(problem.dim));
  bed.clear();
}

BENCHMARK(knn_topk)
    ->ArgNames({"points", "queries", "dim", "k"})
    ->Args({100'000, 1'000, 64, 10})
    ->Args({100'000, 1, 64, 10})
    ->Args({10'000, 10'000, 16, 50})
    ->Args({20'000, 200, 1'024, 10})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace assay::bench
