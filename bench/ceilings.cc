#include "bench/ceilings.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "kernels/base/rng.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/ceilings.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace assay::bench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sixteen chains of fused multiply-adds; gives back operations done, and a value to keep.
int64_t run_fma(int64_t rounds, float* sink) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, 0.999f);
  const auto term = hn::Set(d, 1e-3f);
  auto a0 = hn::Set(d, 0.1f), a1 = hn::Set(d, 0.2f), a2 = hn::Set(d, 0.3f), a3 = hn::Set(d, 0.4f);
  auto a4 = hn::Set(d, 0.5f), a5 = hn::Set(d, 0.6f), a6 = hn::Set(d, 0.7f), a7 = hn::Set(d, 0.8f);
  auto b0 = a0, b1 = a1, b2 = a2, b3 = a3, b4 = a4, b5 = a5, b6 = a6, b7 = a7;
  for (int64_t i = 0; i < rounds; ++i) {
    a0 = hn::MulAdd(a0, factor, term), a1 = hn::MulAdd(a1, factor, term);
    a2 = hn::MulAdd(a2, factor, term), a3 = hn::MulAdd(a3, factor, term);
    a4 = hn::MulAdd(a4, factor, term), a5 = hn::MulAdd(a5, factor, term);
    a6 = hn::MulAdd(a6, factor, term), a7 = hn::MulAdd(a7, factor, term);
    b0 = hn::MulAdd(b0, factor, term), b1 = hn::MulAdd(b1, factor, term);
    b2 = hn::MulAdd(b2, factor, term), b3 = hn::MulAdd(b3, factor, term);
    b4 = hn::MulAdd(b4, factor, term), b5 = hn::MulAdd(b5, factor, term);
    b6 = hn::MulAdd(b6, factor, term), b7 = hn::MulAdd(b7, factor, term);
  }
  const auto a =
      hn::Add(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)), hn::Add(hn::Add(a4, a5), hn::Add(a6, a7)));
  const auto b =
      hn::Add(hn::Add(hn::Add(b0, b1), hn::Add(b2, b3)), hn::Add(hn::Add(b4, b5), hn::Add(b6, b7)));
  *sink = hn::GetLane(hn::Add(a, b));
  return rounds * 16 * 2 * static_cast<int64_t>(hn::Lanes(d));
}

}  // namespace HWY_NAMESPACE
}  // namespace assay::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::bench {
namespace {

HWY_EXPORT(run_fma);

constexpr int kRuns = 5;

template <class Work>
double seconds_of(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

double triad_bytes_per_second(Executor& executor) {
  constexpr int64_t kSize = 16 << 20;  // 128 MiB an array
  constexpr int64_t kChunk = 1 << 16;
  std::vector<double> a(kSize, 1), b(kSize, 2), c(kSize, 3);
  double best = 1e300;
  for (int run = 0; run < kRuns; ++run) {
    best = std::min(best, seconds_of([&] {
                      (void)executor.parallel_for(kSize / kChunk, [&](int64_t chunk, int) {
                        const int64_t begin = chunk * kChunk;
                        double* x = a.data() + begin;
                        const double* y = b.data() + begin;
                        const double* z = c.data() + begin;
                        for (int64_t i = 0; i < kChunk; ++i) x[i] = y[i] + 3.0 * z[i];
                      });
                    }));
  }
  return 3.0 * kSize * sizeof(double) / best;
}

double fma_flops_per_second(Executor& executor) {
  constexpr int64_t kRounds = 1 << 20;
  const int threads = executor.thread_count();
  std::vector<float> sinks(static_cast<size_t>(threads));
  std::vector<int64_t> operations(static_cast<size_t>(threads));
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const double seconds = seconds_of([&] {
      (void)executor.parallel_for(threads, [&](int64_t chunk, int) {
        const auto slot = static_cast<size_t>(chunk);
        operations[slot] = HWY_DYNAMIC_DISPATCH(run_fma)(kRounds, &sinks[slot]);
      });
    });
    double done = 0;
    for (const int64_t count : operations) done += static_cast<double>(count);
    best = std::max(best, done / seconds);
  }
  return best;
}

double histogram_updates_per_second(Executor& executor) {
  constexpr int64_t kRows = 1'000'000;
  constexpr int64_t kFeatures = 28;
  constexpr int64_t kChunk = 10'000;
  std::vector<uint8_t> cells(kRows * kFeatures);
  std::vector<int64_t> words(kRows);
  Rng rng(3);
  for (uint8_t& cell : cells) cell = static_cast<uint8_t>(rng.below(255));
  for (int64_t& word : words) word = static_cast<int64_t>(rng.below(1u << 15));
  std::vector<std::vector<int64_t>> sums(static_cast<size_t>(executor.thread_count()));
  for (auto& own : sums) own.assign(kFeatures * 256, 0);
  double best = 1e300;
  for (int run = 0; run < kRuns; ++run) {
    best = std::min(best, seconds_of([&] {
                      (void)executor.parallel_for(kRows / kChunk, [&](int64_t chunk, int thread) {
                        int64_t* own = sums[static_cast<size_t>(thread)].data();
                        for (int64_t row = chunk * kChunk; row < (chunk + 1) * kChunk; ++row) {
                          const uint8_t* row_cells = cells.data() + row * kFeatures;
                          const int64_t word = words[static_cast<size_t>(row)];
                          for (int64_t f = 0; f < kFeatures; ++f)
                            own[f * 256 + row_cells[f]] += word;
                        }
                      });
                    }));
  }
  return kRows * kFeatures / best;
}

}  // namespace assay::bench
#endif  // HWY_ONCE
