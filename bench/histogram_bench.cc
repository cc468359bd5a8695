// The sums of a node's bins, row by row as grow_tree has them and column by column, which reads one
// byte of each row at a time: why there is no choice between the two. Arguments: rows of the table,
// features, and how many of 100 rows the node has.
#include <benchmark/benchmark.h>

#include <vector>

#include "backends/cpu/grow_tree_accumulate.h"
#include "kernels/base/rng.h"

namespace assay::bench {
namespace {

using backends::cpu::ColumnGroup;
using backends::cpu::gradient_word;

constexpr size_t kBins = 255;

// A block of at most 64 features in both forms, with all bins equally frequent.
struct Node {
  size_t row_count;
  size_t features;
  std::vector<uint8_t> by_row;     // [rows, features]
  std::vector<uint8_t> by_column;  // [features, rows]
  std::vector<uint32_t> packed;
  std::vector<uint32_t> rows;
  std::vector<int64_t> words;

  explicit Node(const benchmark::State& state)
      : row_count(static_cast<size_t>(state.range(0))),
        features(static_cast<size_t>(state.range(1))),
        by_row(row_count * features),
        by_column(row_count * features),
        packed(row_count),
        words(features * kBins) {
    Rng rng(11);
    for (size_t row = 0; row < row_count; ++row) {
      packed[row] = static_cast<uint32_t>(rng.below(1u << 31));
      if (rng.below(100) < static_cast<uint64_t>(state.range(2))) {
        rows.push_back(static_cast<uint32_t>(row));
      }
      for (size_t f = 0; f < features; ++f) {
        const auto bin = static_cast<uint8_t>(rng.below(kBins));
        by_row[row * features + f] = by_column[f * row_count + row] = bin;
      }
    }
  }

  void report(benchmark::State& state) const {
    benchmark::DoNotOptimize(words.data());
    state.counters["additions_per_second"] = benchmark::Counter(
        static_cast<double>(rows.size() * features), benchmark::Counter::kIsIterationInvariantRate);
  }
};

void histogram_by_rows(benchmark::State& state) {
  Node node(state);
  ColumnGroup group;
  group.cells = node.by_row.data();
  group.width = static_cast<int64_t>(node.features);
  group.row_count = static_cast<int64_t>(node.row_count);
  group.starts.assign(128, 0);
  for (size_t f = 0; f < node.features; ++f) {
    group.columns.push_back(static_cast<uint16_t>(f));
    group.starts[f] = static_cast<uint16_t>(f * kBins);
  }
  const backends::cpu::GainRules rules;
  for (auto _ : state) {
    accumulate_rows(rules, group, node.rows, node.packed.data(), node.words.data());
  }
  node.report(state);
}

// The rows' words are unpacked once; two histograms by turns, so that no addition waits for the one
// before it, and cells are asked for ahead.
void histogram_by_columns(benchmark::State& state) {
  constexpr size_t kAhead = 64;
  Node node(state);
  std::vector<int64_t> unpacked(node.rows.size());
  std::vector<int64_t> second(256);
  const size_t count = node.rows.size();
  for (auto _ : state) {
    for (size_t i = 0; i < count; ++i) unpacked[i] = gradient_word(node.packed[node.rows[i]]);
    for (size_t f = 0; f < node.features; ++f) {
      const uint8_t* cells = node.by_column.data() + f * node.row_count;
      int64_t* own = node.words.data() + f * kBins;
      std::fill(second.begin(), second.end(), 0);
      size_t i = 0;
      for (; i + kAhead + 1 < count; i += 2) {
        __builtin_prefetch(cells + node.rows[i + kAhead]);
        own[cells[node.rows[i]]] += unpacked[i];
        second[cells[node.rows[i + 1]]] += unpacked[i + 1];
      }
      for (; i < count; ++i) own[cells[node.rows[i]]] += unpacked[i];
      for (size_t bin = 0; bin < kBins; ++bin) own[bin] += second[bin];
    }
  }
  node.report(state);
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rows", "features", "percent"})->Unit(benchmark::kMicrosecond);
  for (const int64_t rows : {10'000, 1'000'000}) {
    for (const int64_t features : {4, 8, 11, 14, 16, 28, 64}) {
      for (const int64_t percent : {100, 30, 3}) bench->Args({rows, features, percent});
    }
  }
}

BENCHMARK(histogram_by_rows)->Apply(sizes);
BENCHMARK(histogram_by_columns)->Apply(sizes);

}  // namespace
}  // namespace assay::bench
