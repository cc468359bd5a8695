// Measures Assay's run store as peers.py measures others: the same runs, the same names of values,
// one JSON object on standard output.
//   store_peer --folder DIR [--runs N] [--seconds S]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tracking/environment.h"
#include "tracking/run.h"
#include "tracking/run_query.h"

namespace {

using namespace assay::tracking;
using Clock = std::chrono::steady_clock;

constexpr int kBurst = 1'000'000;      // points that the buffers of the journal hold
constexpr int kBatch = 100'000;        // points of a commit when many are logged
constexpr int kRunPoints = 4'000'000;  // then the next run is begun
constexpr size_t kMostCalls = 2000;

struct Options {
  std::string folder{};
  int64_t runs = 1000;
  double seconds = 5;
};

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Stops the program: a measurement of a call that failed means nothing.
void expect(const assay::Status& status) {
  if (status) return;
  std::fprintf(stderr, "store_peer: %s\n", status.error().message.c_str());
  std::exit(5);
}

class Measures {
 public:
  explicit Measures(Options options) : options_(std::move(options)) {
    auto made = Workspace::create(options_.folder + "/store", "bench");
    if (!made) expect(tl::unexpected(made.error()));
    workspace_ = *made;
  }

  void create_runs() {
    std::vector<std::unique_ptr<Run>> runs;
    latencies("create_run", static_cast<size_t>(options_.runs / 2),
              [&](int64_t) { runs.push_back(start()); });
    for (auto& run : runs) finish_later(*run);
    runs.clear();
    expect(workspace_->flush());
  }

  void log_points() {
    rate("points_each_per_s", 1,
         [&](Run& run, int64_t step) { expect(run.log_metric("loss", 0.5, step)); });
    double inside = 0;
    int64_t points = 0;
    const auto begin = Clock::now();
    while (since(begin) < options_.seconds) {
      const auto run = start();
      Metric metric = *run->metric("loss");
      const auto burst = Clock::now();
      for (int i = 0; i < kBurst; ++i) expect(metric.log(i * 0.5, i));
      inside += since(burst);
      points += kBurst;
      expect(run->finish(RunStatus::kCompleted));
    }
    values_["points_buffered_per_s"] = static_cast<double>(points) / inside;
    rate("points_durable_per_s", kBatch, [&](Run& run, int64_t step) {
      Metric metric = *run.metric("loss");
      for (int64_t i = 0; i < kBatch; ++i) expect(metric.log(0.5, step + i));
      expect(run.durable());
    });
    const auto run = start();
    latencies("commit", kMostCalls, [&](int64_t step) {
      expect(run->log_metric("loss", 0.5, step));
      expect(run->durable());
    });
    expect(run->finish(RunStatus::kCompleted));
  }

  void typical_runs() {
    std::string id;
    latencies("typical_run", 50, [&](int64_t) { id = typical_run(); });
    const std::string file = run_file_of(*workspace_, id);
    values_["typical_run_bytes"] = static_cast<double>(std::filesystem::file_size(file));
  }

  void list() {
    auto all = list_runs(*workspace_);
    if (!all) expect(tl::unexpected(all.error()));
    for (int64_t have = static_cast<int64_t>(all->runs.size()); have < options_.runs; ++have) {
      finish_later(*start());
    }
    expect(workspace_->flush());
    double best = 1e9;
    for (int i = 0; i < 3; ++i) {
      const auto begin = Clock::now();
      all = list_runs(*workspace_, {.limit = options_.runs});
      best = std::min(best, since(begin));
    }
    values_["list_runs_ms"] = 1000 * best;
    expect(workspace_->close());
  }

  std::string json() const {
    std::string text =
        fmt::format("{{\"version\": \"{}\", \"note\": \"durable: fdatasync\", \"runs\": {}",
                    assay_version(), options_.runs);
    for (const auto& [name, value] : values_) text += fmt::format(", \"{}\": {}", name, value);
    return text + "}\n";
  }

 private:
  std::unique_ptr<Run> start() const {
    auto run = Run::create(workspace_, {.experiment = "bench"});
    if (!run) expect(tl::unexpected(run.error()));
    return std::move(*run);
  }

  static void finish_later(Run& run) {
    expect(run.finish(RunStatus::kCompleted, "", FinishMode::kDeferred));
  }

  void latencies(const std::string& name, size_t most, const std::function<void(int64_t)>& action) {
    std::vector<double> times;
    const auto begin = Clock::now();
    while (times.size() < most && (since(begin) < options_.seconds || times.size() < 5)) {
      const auto call = Clock::now();
      action(static_cast<int64_t>(times.size()));
      times.push_back(1000 * since(call));
    }
    std::sort(times.begin(), times.end());
    values_[name + "_p50_ms"] = times[times.size() / 2];
    values_[name + "_p99_ms"] = times[std::min(times.size() - 1, times.size() * 99 / 100)];
  }

  // `action(run, step)` records `points` points from that step on.
  void rate(const std::string& name, int64_t points,
            const std::function<void(Run&, int64_t)>& action) {
    auto run = start();
    int64_t step = 0;
    int64_t done = 0;
    const auto begin = Clock::now();
    while (since(begin) < options_.seconds) {
      action(*run, step);
      step += points;
      done += points;
      if (step < kRunPoints) continue;
      finish_later(*run);
      run = start();
      step = 0;
    }
    values_[name] = static_cast<double>(done) / since(begin);
    expect(run->finish(RunStatus::kCompleted));
    expect(workspace_->flush());
  }

  std::string typical_run() const {
    const auto run = start();
    std::vector<std::string> keys;
    for (int i = 0; i < 10; ++i) keys.push_back(fmt::format("metric_{}", i));
    for (int i = 0; i < 20; ++i) expect(run->log_param(fmt::format("param_{}", i), i * 0.1));
    for (int64_t step = 0; step < 100; ++step) {
      std::vector<MetricValue> values;
      for (const std::string& key : keys) values.push_back({key, static_cast<double>(step) * 0.5});
      expect(run->log_metrics(values, step));
    }
    for (int i = 0; i < 117; ++i) {
      expect(run->log_text(TextStream::kStdout, "a line of the log of a typical run\n"));
    }
    expect(run->finish(RunStatus::kCompleted));
    return run->id();
  }

  const Options options_;
  std::shared_ptr<Workspace> workspace_;
  std::map<std::string, double> values_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--folder") options.folder = argv[i + 1];
    if (flag == "--runs") options.runs = std::atoll(argv[i + 1]);
    if (flag == "--seconds") options.seconds = std::atof(argv[i + 1]);
  }
  if (options.folder.empty() || options.runs < 10 || options.seconds <= 0) {
    std::fputs("usage: store_peer --folder DIR [--runs N (10 or more)] [--seconds S]\n", stderr);
    return 2;
  }
  Measures measures(options);
  measures.create_runs();
  measures.log_points();
  measures.typical_runs();
  measures.list();
  std::fputs(measures.json().c_str(), stdout);
  return 0;
}
