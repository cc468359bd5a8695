// How fast the run store is. Everything is written below ASSAY_BENCH_FOLDER (else the temporary
// folder): put it on the disk in question. `disk/...` is what that disk does by itself.
//   log/...       points of metrics per second: buffered, and until durable() returns
//   commit        one point made durable, alone: p50 and p99
//   run/...       creating and finishing runs
//   sweep/...     trials of 5 ms of work that log what a sweep's trials log: the share of the
//                 slots' time that calls of the store take (wall_percent: what others do with the
//                 processors counts, too; cpu_percent: of processor time alone), the processor time
//                 of the store's own threads beside that of the slots, and how long the rest takes
//                 after the last trial
//   read/...      listing a store whose runs are in a journal
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tracking/run.h"
#include "tracking/run_query.h"

namespace {

using namespace assay::tracking;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A workspace of its own, removed at the end.
class Store {
 public:
  Store() {
    const char* base = std::getenv("ASSAY_BENCH_FOLDER");
    const std::filesystem::path folder =
        base != nullptr ? std::filesystem::path(base) : std::filesystem::temp_directory_path();
    static int number = 0;
    path_ = folder / fmt::format("assay-store-{}-{}", ::getpid(), number++);
    auto made = Workspace::create(path_, "bench");
    if (made) workspace_ = *made;
  }
  ~Store() {
    workspace_.reset();
    std::filesystem::remove_all(path_);
  }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  const std::shared_ptr<Workspace>& workspace() const { return workspace_; }
  std::string path() const { return path_; }
  std::unique_ptr<Run> start(std::string kind = "job") const {
    return std::move(*Run::create(workspace_, {.kind = std::move(kind)}));
  }

 private:
  std::filesystem::path path_;
  std::shared_ptr<Workspace> workspace_;
};

void expect(benchmark::State& state, const assay::Status& status) {
  if (!status) state.SkipWithError(status.error().message.c_str());
}

void disk_sync(benchmark::State& state) {
  const Store store;
  assay::PosixFileLayer files;
  auto file = std::move(*files.create(store.path() + "/tmp.bin"));
  const std::vector<std::byte> bytes(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    expect(state, file->append(bytes));
    expect(state, file->sync());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(disk_sync)->Name("disk/append_fdatasync")->Arg(4096)->Arg(1 << 20)->UseRealTime();

constexpr int kBurst = 1'000'000;

// A burst that the two buffers hold; what the committer does meanwhile is in it.
void log_handle(benchmark::State& state) {
  const Store store;
  for (auto _ : state) {
    state.PauseTiming();
    auto run = store.start();
    auto metric = *run->metric("loss");
    state.ResumeTiming();
    for (int i = 0; i < kBurst; ++i) benchmark::DoNotOptimize(metric.log(i * 0.5, i));
    state.PauseTiming();
    expect(state, run->durable());
    run.reset();
    expect(state, store.workspace()->flush());
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kBurst);
}
BENCHMARK(log_handle)->Name("log/buffered")->UseRealTime()->Unit(benchmark::kMillisecond);

void log_by_name(benchmark::State& state) {
  const Store store;
  const auto run = store.start();
  int64_t step = 0;
  for (auto _ : state) benchmark::DoNotOptimize(run->log_metric("valid_loss", 0.5, step++));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(log_by_name)->Name("log/by_name")->Iterations(1 << 20)->UseRealTime();

// `range(0)` points, then durable(): batches of a training loop.
void log_durable(benchmark::State& state) {
  const Store store;
  const auto run = store.start();
  auto metric = *run->metric("loss");
  int64_t step = 0;
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(0); ++i) benchmark::DoNotOptimize(metric.log(0.5, step++));
    expect(state, run->durable());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(log_durable)
    ->Name("log/durable")
    ->Arg(1000)
    ->Arg(20'000)
    ->Arg(100'000)
    ->MinTime(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void commit_latency(benchmark::State& state) {
  const Store store;
  const auto run = store.start();
  std::vector<double> latencies;
  int64_t step = 0;
  for (auto _ : state) {
    const auto start = Clock::now();
    benchmark::DoNotOptimize(run->log_metric("loss", 0.5, step++));
    expect(state, run->durable());
    latencies.push_back(seconds_since(start));
  }
  std::sort(latencies.begin(), latencies.end());
  state.counters["p50_ms"] = 1e3 * latencies[latencies.size() / 2];
  state.counters["p99_ms"] = 1e3 * latencies[latencies.size() * 99 / 100];
}
BENCHMARK(commit_latency)->Name("commit")->MinTime(2)->UseRealTime();

void run_create(benchmark::State& state) {
  const Store store;
  std::vector<std::unique_ptr<Run>> runs;
  for (auto _ : state) runs.push_back(store.start("trial"));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(run_create)->Name("run/create")->Iterations(2000)->UseRealTime();

// What a trial of a sweep logs.
void log_trial(Run& run) {
  for (int i = 0; i < 12; ++i) (void)run.log_param(fmt::format("parameter_{}", i), 0.1 * i);
  for (const char* tag : {"learner", "origin", "device", "seed"}) (void)run.set_tag(tag, "value");
  for (int fold = 0; fold < 5; ++fold) {
    (void)run.log_metrics(std::vector<MetricValue>{{"roc_auc/fold", 0.9},
                                                   {"fit_seconds/fold", 0.1},
                                                   {"iterations/fold", 100},
                                                   {"best_iteration/fold", 90}},
                          fold);
  }
  NamedTable table{"feature_importance", {}};
  std::vector<std::string> names;
  for (int i = 0; i < 30; ++i) names.push_back(fmt::format("feature_{}", i));
  table.columns.push_back({"feature", std::move(names)});
  table.columns.push_back({"importance", std::vector<double>(30, 0.5)});
  (void)run.log_table(std::move(table));
  (void)run.set_score("roc_auc", 0.9);
}

void run_finish(benchmark::State& state) {
  const Store store;
  const auto mode = state.range(0) == 0 ? FinishMode::kPublish : FinishMode::kDeferred;
  for (auto _ : state) {
    auto run = store.start("trial");
    log_trial(*run);
    expect(state, run->finish(RunStatus::kCompleted, "", mode));
  }
  const auto start = Clock::now();
  expect(state, store.workspace()->flush());
  state.counters["flush_s"] = seconds_since(start);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(run_finish)
    ->Name("run/whole_trial")
    ->ArgName("deferred")
    ->Arg(0)
    ->Arg(1)
    ->Iterations(500)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

double cpu_seconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}
double thread_seconds() { return cpu_seconds(CLOCK_THREAD_CPUTIME_ID); }

// 5 ms of processor time.
void work() {
  const double end = thread_seconds() + 5e-3;
  while (thread_seconds() < end) {
  }
}

// Time of a slot.
struct SlotTime {
  double calls = 0;      // of the store, wall
  double calls_cpu = 0;  // and processor
  double cpu = 0;        // of everything
};

SlotTime run_slot(Run& parent, int trials) {
  SlotTime time;
  const double begin_cpu = thread_seconds();
  for (int i = 0; i < trials; ++i) {
    auto begin = Clock::now();
    double cpu = thread_seconds();
    auto run = std::move(*parent.start_child({.kind = "trial"}));
    time.calls_cpu += thread_seconds() - cpu;
    time.calls += seconds_since(begin);
    work();
    begin = Clock::now();
    cpu = thread_seconds();
    log_trial(*run);
    (void)run->finish(RunStatus::kCompleted, "", FinishMode::kDeferred);
    run.reset();
    time.calls_cpu += thread_seconds() - cpu;
    time.calls += seconds_since(begin);
  }
  time.cpu = thread_seconds() - begin_cpu;
  return time;
}

void sweep(benchmark::State& state) {
  constexpr int kTrials = 2000;
  const auto slots = static_cast<int>(state.range(0));
  for (auto _ : state) {
    const Store store;
    const auto parent = store.start("sweep");
    std::vector<SlotTime> times(static_cast<size_t>(slots));
    const auto start = Clock::now();
    const double process_cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    std::vector<std::thread> threads;
    for (SlotTime& time : times) {
      threads.emplace_back([&] { time = run_slot(*parent, kTrials / slots); });
    }
    for (std::thread& thread : threads) thread.join();
    const double trials_s = seconds_since(start);
    const double trials_cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - process_cpu;
    expect(state, parent->finish(RunStatus::kCompleted));
    expect(state, store.workspace()->close());
    SlotTime all;
    for (const SlotTime& time : times) {
      all.calls += time.calls;
      all.calls_cpu += time.calls_cpu;
      all.cpu += time.cpu;
    }
    state.counters["wall_percent"] = 100 * all.calls / (trials_s * slots);
    state.counters["cpu_percent"] = 100 * all.calls_cpu / all.cpu;
    state.counters["threads_percent"] = 100 * (trials_cpu - all.cpu) / all.cpu;
    state.counters["trials_s"] = trials_s;
    state.counters["tail_s"] = seconds_since(start) - trials_s;
  }
}
BENCHMARK(sweep)
    ->Name("sweep/2000_trials")
    ->ArgName("slots")
    ->Arg(1)
    ->Arg(2)
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kSecond);

void list_journal(benchmark::State& state) {
  const Store store;
  std::vector<std::unique_ptr<Run>> runs;
  for (int i = 0; i < 2000; ++i) {
    runs.push_back(store.start("trial"));
    log_trial(*runs.back());
  }
  expect(state, runs.back()->durable());
  for (auto _ : state) {
    const auto list = list_runs(*store.workspace());
    if (!list || list->runs.size() != runs.size()) state.SkipWithError("not all runs are listed");
  }
}
BENCHMARK(list_journal)
    ->Name("read/list_2000_journaled")
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
