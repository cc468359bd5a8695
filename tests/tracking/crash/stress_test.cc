// Many processes and many threads write to one workspace at once while readers list and load: every
// acknowledged thing is there in the end, and no reader ever sees half of one, or less than before.
// Only runs that writers deleted may leave a reader's sight.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "kernels/base/rng.h"
#include "tests/tracking/crash/crash_child.h"
#include "tests/tracking/crash/power_loss.h"
#include "tests/tracking/crash/run_script.h"
#include "tests/tracking/crash/store_check.h"
#include "tests/tracking/crash/trial_count.h"
#include "tests/tracking/crash/workload.h"
#include "tests/tracking/test_folder.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

constexpr uint64_t kSeed = 20240920;
constexpr int kWriters = kSanitized ? 12 : 64;
constexpr int kReaders = 2;

int actions_each() { return is_long_run() ? 60 : 12; }

// Looks at the store again and again until told to stop.
class Reader {
 public:
  explicit Reader(std::string store) : store_(std::move(store)), thread_([this] { read(); }) {}
  ~Reader() { stop(); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Looks once more, then gives what was wrong.
  Problems stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
    return problems_;
  }
  int looks() const { return looks_; }
  // The last look found this run.
  bool sees(const std::string& run_id) const { return seen_.contains(run_id); }
  // Runs that were there at some look, and not later on.
  const std::set<std::string>& vanished() const { return vanished_; }

 private:
  void read() {
    for (bool last = false; !last && problems_.size() < 10; ++looks_) {
      last = stopped_;
      look();
    }
  }

  void look() {
    const auto workspace = Workspace::open(store_);
    const auto list = workspace ? list_runs(**workspace) : Result<RunList>(tl::unexpected(Error()));
    if (!list) {
      problems_.push_back("the runs cannot be listed: " + list.error().message);
      return;
    }
    for (const std::string& damaged : list->damaged) problems_.push_back(damaged);
    std::map<std::string, int64_t> lengths;
    for (const RunInfo& info : list->runs) {
      const auto record = load_run(**workspace, info.run_id);
      if (!record) {
        vanished_.insert(info.run_id);
        if (record.error().code != StatusCode::kNotFound) {
          problems_.push_back(record.error().message);
        }
        continue;
      }
      const RunScript script(info.name);
      const std::string differs = script.difference(*record);
      if (!differs.empty()) problems_.push_back(info.run_id + " " + differs);
      lengths[info.run_id] = script.length_of(*record);
    }
    for (const auto& [run_id, length] : seen_) {
      const auto it = lengths.find(run_id);
      if (it == lengths.end()) {
        vanished_.insert(run_id);
      } else if (it->second < length) {
        problems_.push_back(fmt::format("run {} had {} changes and now has fewer", run_id, length));
      }
    }
    seen_ = std::move(lengths);
  }

  const std::string store_;
  std::atomic<bool> stopped_{false};
  std::map<std::string, int64_t> seen_;
  std::set<std::string> vanished_;
  std::atomic<int> looks_{0};
  Problems problems_;
  std::thread thread_;
};

void stop_all(std::vector<std::unique_ptr<Reader>>& readers, const char* writers,
              const Ledger& ledger) {
  int looks = 0;
  for (auto& reader : readers) {
    for (const std::string& problem : reader->stop()) ADD_FAILURE() << "a reader: " << problem;
    for (const auto& [run_id, state] : ledger.runs) {
      if (ledger.place_of(run_id).place != Ledger::Place::kListed) continue;
      EXPECT_TRUE(reader->sees(run_id)) << run_id << " is not listed";
    }
    for (const std::string& run_id : reader->vanished()) {
      EXPECT_TRUE(ledger.moved.contains(run_id)) << run_id << " vanished, and nobody deleted it";
    }
    looks += reader->looks();
  }
  report(
      fmt::format("{} {} and {} readers at once: {} runs, {} versions and {} blobs kept, "
                  "{} looks saw only whole runs",
                  kWriters, writers, kReaders, ledger.runs.size(), ledger.models.size(),
                  ledger.blobs.size(), looks));
}

std::vector<std::unique_ptr<Reader>> start_readers(const std::string& store) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < kReaders; ++i) readers.push_back(std::make_unique<Reader>(store));
  return readers;
}

TEST(Stress, ProcessesAtOnceLoseAndTearNothing) {
  const TestFolder folder(fast_folder());
  const std::string store = folder / "store";
  ASSERT_TRUE(Workspace::create(store, "stress"));
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (int i = 0; i < kWriters; ++i) {
    const uint64_t seed = derive_seed(kSeed, "process", static_cast<uint64_t>(i));
    children.push_back(std::make_unique<ChildProcess>(workload_words(store, seed, actions_each())));
  }
  auto readers = start_readers(store);
  Ledger ledger;
  std::vector<std::string> others;
  for (auto& child : children) {
    read_facts(*child, ledger, others);
    EXPECT_EQ(child->wait(), 0);
  }
  for (const std::string& line : others) ADD_FAILURE() << line;
  stop_all(readers, "processes", ledger);
  EXPECT_GE(ledger.runs.size(), static_cast<size_t>(kWriters));
  EXPECT_FALSE(ledger.models.empty());
  for (const std::string& problem : recover_and_check(store, ledger)) ADD_FAILURE() << problem;
}

TEST(Stress, ThreadsAtOnceLoseAndTearNothing) {
  const TestFolder folder(fast_folder());
  const std::string store = folder / "store";
  Ledger ledger;
  {
    const auto workspace = Workspace::create(store, "stress");
    ASSERT_TRUE(workspace);
    tune_journal(**workspace, 0);
    auto readers = start_readers(store);
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (int i = 0; i < kWriters; ++i) {
      threads.emplace_back([&, i] {
        const uint64_t seed = derive_seed(kSeed, "thread", static_cast<uint64_t>(i));
        Workload workload(*workspace, seed, fmt::format("t{}", i), [&](const Fact& fact) {
          const std::scoped_lock lock(mutex);
          ledger.note(fact);
        });
        Status status;
        for (int left = actions_each(); left > 0 && status; --left) status = workload.step();
        if (status) status = workload.finish();
        EXPECT_TRUE(status) << status.error().message;
      });
    }
    for (std::thread& thread : threads) thread.join();
    stop_all(readers, "threads", ledger);
  }
  for (const std::string& problem : recover_and_check(store, ledger)) ADD_FAILURE() << problem;
}

TEST(Stress, ThreadsAtOnceLogToOneRun) {
  constexpr int64_t kPoints = kSanitized ? 200 : 5000;
  const TestFolder folder(fast_folder());
  const auto workspace = Workspace::create(folder / "store", "stress");
  ASSERT_TRUE(workspace);
  const auto run = Run::create(*workspace, {});
  ASSERT_TRUE(run);
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      const std::string key = "thread/" + std::to_string(i);
      for (int64_t step = 0; step < kPoints; ++step) {
        EXPECT_TRUE((*run)->log_metric(key, static_cast<double>(step) / (i + 1), step));
        if (step % 1000 != 500 || i % 16 != 0) continue;
        EXPECT_TRUE((*run)->checkpoint());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE((*run)->finish(RunStatus::kCompleted));
  const auto record = load_run(**workspace, (*run)->id());
  ASSERT_TRUE(record) << record.error().message;
  for (int i = 0; i < kWriters; ++i) {
    const auto& points = record->metrics.at("thread/" + std::to_string(i));
    ASSERT_EQ(points.size(), static_cast<size_t>(kPoints)) << i;
    for (int64_t step = 0; step < kPoints; ++step) {
      const MetricPoint& point = points[static_cast<size_t>(step)];
      ASSERT_EQ(point.step, step) << i;
      ASSERT_EQ(point.value, static_cast<double>(step) / (i + 1)) << i;
    }
  }
}

}  // namespace
}  // namespace assay::tracking
