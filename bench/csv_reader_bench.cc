// How fast read_csv is, on tables it writes to the temporary folder first:
//   numbers   7 significant digits, 29 columns (as the Higgs set in CSV has them after rounding)
//   digits    17 significant digits: the long way through std::from_chars
//   strings   categories, quoted text and ids
//   turning   numbers whose last row is a string, so that the file is read twice
// Arguments are the rows in thousands and the threads. `bytes_per_second` is of the file.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "backends/cpu/thread_pool.h"
#include "datasets/csv_reader.h"
#include "kernels/base/rng.h"

namespace {

using assay::Rng;

enum Kind { kNumbers, kDigits, kStrings, kTurning };

constexpr int kColumns = 29;

std::string row_text(Kind kind, int64_t row, Rng& rng) {
  std::string text;
  for (int c = 0; c < kColumns; ++c) {
    if (c > 0) text += ',';
    const double value = rng.next_double() * 4 - 2;
    if (kind == kStrings && c % 3 == 0) {
      text += fmt::format("level_{}", rng.below(40));
    } else if (kind == kStrings && c % 3 == 1) {
      text += fmt::format("\"quoted, {}\"", rng.below(1000));
    } else if (kind == kStrings && c == 2) {
      text += fmt::format("id-{:08d}", row);
    } else {
      text += kind == kDigits ? fmt::format("{:.17g}", value) : fmt::format("{:.5f}", value);
    }
  }
  return text + '\n';
}

// Written once for each kind and size; removed at the end of the program.
class Files {
 public:
  ~Files() { std::filesystem::remove_all(folder_); }
  std::string path(Kind kind, int64_t rows) {
    std::filesystem::create_directories(folder_);
    const std::string path = folder_ / fmt::format("{}_{}.csv", static_cast<int>(kind), rows);
    if (std::filesystem::exists(path)) return path;
    std::ofstream file(path, std::ios::binary);
    for (int c = 0; c < kColumns; ++c) file << (c ? "," : "") << "column" << c;
    file << '\n';
    Rng rng(1);
    for (int64_t row = 0; row < rows; ++row) file << row_text(kind, row, rng);
    if (kind == kTurning) {
      for (int c = 0; c < kColumns; ++c) file << (c ? ",1" : "word");
    }
    return path;
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / fmt::format("assay_bench_{}", ::getpid());
};

void read_file(benchmark::State& state, Kind kind) {
  static Files files;
  const std::string path = files.path(kind, state.range(0) * 1000);
  assay::backends::cpu::ThreadPool executor(static_cast<int>(state.range(1)));
  const assay::StopToken stop;
  for (auto _ : state) {
    auto table = assay::datasets::read_csv(path, {}, executor, stop);
    if (!table) {
      state.SkipWithError(table.error().message.c_str());
      return;
    }
    benchmark::DoNotOptimize(table);
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(std::filesystem::file_size(path)));
  state.counters["rows_per_second"] = benchmark::Counter(
      static_cast<double>(state.iterations() * state.range(0) * 1000), benchmark::Counter::kIsRate);
}

void sizes(benchmark::internal::Benchmark* bench) {
  const int most = std::max(2, assay::usable_cpu_count());
  for (const int64_t rows : {100, 1000}) {
    for (const int threads : {1, most}) bench->Args({rows, threads});
  }
  bench->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime();
}

BENCHMARK_CAPTURE(read_file, numbers, kNumbers)->Apply(sizes);
BENCHMARK_CAPTURE(read_file, digits, kDigits)->Apply(sizes);
BENCHMARK_CAPTURE(read_file, strings, kStrings)->Apply(sizes);
BENCHMARK_CAPTURE(read_file, turning, kTurning)->Apply(sizes);

}  // namespace

BENCHMARK_MAIN();
