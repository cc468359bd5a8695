#include "backends/cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <new>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace assay::backends::cpu {
namespace {

TEST(ThreadPool, RunsEveryChunkOnce) {
  for (const int threads : {1, 2, 7}) {
    ThreadPool executor(threads);
    EXPECT_EQ(executor.thread_count(), threads);
    for (const int64_t chunks : {0, 1, 2, 6, 7, 8, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(chunks));
      std::atomic<int> bad_threads{0};
      const Status status = executor.parallel_for(chunks, [&](int64_t chunk, int thread) {
        ++calls[static_cast<size_t>(chunk)];
        if (thread < 0 || thread >= threads) ++bad_threads;
      });
      EXPECT_TRUE(status.has_value());
      for (const auto& count : calls) EXPECT_EQ(count, 1);
      EXPECT_EQ(bad_threads, 0);
    }
  }
}

TEST(ThreadPool, UsesItsThreads) {
  ThreadPool executor(3);
  std::atomic<int> waiting{0};
  // Every chunk waits for the others, so that one thread cannot run two.
  const Status status = executor.parallel_for(3, [&](int64_t, int) {
    ++waiting;
    while (waiting < 3) std::this_thread::yield();
  });
  EXPECT_TRUE(status.has_value());
}

TEST(ThreadPool, WakesItsThreadsAndItsCaller) {
  ThreadPool executor(3);
  for (int round = 0; round < 20; ++round) {
    // Long enough for the threads to fall asleep.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::atomic<int> waiting{0};
    std::atomic<bool> slow_done{false};
    const Status status = executor.parallel_for(3, [&](int64_t, int thread) {
      ++waiting;
      while (waiting < 3) std::this_thread::yield();
      if (thread != 1) return;
      // Long enough for the caller to.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      slow_done = true;
    });
    EXPECT_TRUE(status.has_value());
    EXPECT_TRUE(slow_done) << "a loop ends when its chunks are done";
  }
}

TEST(ThreadPool, LoopsThatFollowEachOtherDoNotMix) {
  ThreadPool executor(4);
  int64_t total = 0;
  for (int64_t loop = 0; loop < 20'000; ++loop) {
    const int64_t chunks = 2 + loop % 7;
    std::atomic<int64_t> sum{0};
    const Status status = executor.parallel_for(chunks, [&, loop](int64_t, int) { sum += loop; });
    ASSERT_TRUE(status.has_value());
    ASSERT_EQ(sum, chunks * loop);
    total += sum;
  }
  EXPECT_GT(total, 0);
}

TEST(ThreadPool, ServesCallersOfSeveralThreadsOneAfterTheOther) {
  ThreadPool executor(3);
  for (int caller = 0; caller < 5; ++caller) {
    std::thread([&] {
      std::atomic<int> ran{0};
      EXPECT_TRUE(executor.parallel_for(10, [&](int64_t, int) { ++ran; }));
      EXPECT_EQ(ran, 10);
    }).join();
  }
}

TEST(ThreadPool, ThreadCountIsAtLeastOne) {
  EXPECT_EQ(ThreadPool(0).thread_count(), 1);
  EXPECT_EQ(ThreadPool(-3).thread_count(), 1);
}

TEST(ThreadPool, ReportsTheFailureOfTheLowestChunkAndRunsTheOthers) {
  for (const int threads : {1, 2, 7}) {
    ThreadPool executor(threads);
    std::atomic<int> ran{0};
    const Status status = executor.parallel_for(50, [&](int64_t chunk, int) {
      if (chunk == 40) throw std::bad_alloc();
      if (chunk == 13) throw std::runtime_error("thirteen");
      if (chunk == 45) throw 45;
      ++ran;
    });
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, StatusCode::kInternal);
    EXPECT_EQ(status.error().message, "exception in a parallel loop: thirteen");
    EXPECT_EQ(ran, 47);
  }
}

TEST(ThreadPool, OutOfMemoryBecomesResourceExhausted) {
  ThreadPool executor(2);
  const Status status = executor.parallel_for(4, [](int64_t, int) { throw std::bad_alloc(); });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, StatusCode::kResourceExhausted);
}

TEST(ThreadPool, SeveralWorkAtOnceOnThreadsOfTheirOwn) {
  constexpr int kSlots = 4;
  std::vector<int64_t> sums(kSlots, 0);
  std::vector<std::thread> slots;
  for (int slot = 0; slot < kSlots; ++slot) {
    slots.emplace_back([slot, &sums] {
      ThreadPool executor(1 + slot);
      for (int round = 0; round < 50; ++round) {
        std::vector<int64_t> parts(100, 0);
        const Status status = executor.parallel_for(
            100, [&](int64_t chunk, int) { parts[static_cast<size_t>(chunk)] = chunk; });
        ASSERT_TRUE(status.has_value());
        for (const int64_t part : parts) sums[static_cast<size_t>(slot)] += part;
      }
    });
  }
  for (std::thread& slot : slots) slot.join();
  for (const int64_t sum : sums) EXPECT_EQ(sum, 50 * 4950);
}

}  // namespace
}  // namespace assay::backends::cpu
