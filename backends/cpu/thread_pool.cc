#include "backends/cpu/thread_pool.h"

#include <hwy/cache_control.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <limits>
#include <new>
#include <utility>

namespace assay::backends::cpu {
namespace {

// Of the gate: the lowest bits count those inside.
constexpr uint64_t kInside = (uint64_t{1} << 16) - 1;
constexpr uint64_t kOpen = uint64_t{1} << 16;
constexpr uint64_t kStopped = uint64_t{1} << 17;
constexpr uint64_t kLoopNumber = ~(kInside | kOpen | kStopped);
constexpr uint64_t kNextLoop = uint64_t{1} << 18;
constexpr int kMostThreads = 1 << 15;

constexpr std::chrono::microseconds kLookingTime{50};
constexpr int kLooksPerClock = 32;

// Whether `holds` becomes true while one looks.
template <class Condition>
bool look_for(Condition holds) {
  const auto begin = std::chrono::steady_clock::now();
  do {
    for (int look = 0; look < kLooksPerClock; ++look) {
      if (holds()) return true;
      hwy::Pause();
    }
  } while (std::chrono::steady_clock::now() - begin < kLookingTime);
  return false;
}

// Runs one chunk; what it throws becomes a Status.
Status run_chunk(FunctionRef<void(int64_t, int)> body, int64_t chunk, int thread) {
  try {
    body(chunk, thread);
    return {};
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "out of memory in a parallel loop");
  } catch (const std::exception& e) {
    return fail(StatusCode::kInternal, "exception in a parallel loop: {}", e.what());
  } catch (...) {
    return fail(StatusCode::kInternal, "exception of unknown type in a parallel loop");
  }
}

// The failure of the lowest chunk, so that the answer does not depend on who was first.
class LowestFailure {
 public:
  void add(int64_t chunk, Status status) {
    const std::lock_guard lock(mutex_);
    if (chunk >= chunk_) return;
    chunk_ = chunk;
    status_ = std::move(status);
  }
  Status take() { return std::move(status_); }

 private:
  std::mutex mutex_;
  int64_t chunk_ = std::numeric_limits<int64_t>::max();
  Status status_;
};

}  // namespace

struct ThreadPool::Loop {
  FunctionRef<void(int64_t, int)> body;
  int64_t chunk_count;
  alignas(64) std::atomic<int64_t> next{0};
  LowestFailure failure{};

  void work(int thread) {
    for (int64_t chunk = next++; chunk < chunk_count; chunk = next++) {
      if (Status status = run_chunk(body, chunk, thread); !status) {
        failure.add(chunk, std::move(status));
      }
    }
  }
};

ThreadPool::ThreadPool(int thread_count)
    : thread_count_(std::clamp(thread_count, 1, kMostThreads)) {}

ThreadPool::~ThreadPool() {
  gate_ |= kStopped;
  {
    const std::lock_guard lock(mutex_);
    opened_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::start_threads() {
  try {
    threads_.reserve(static_cast<size_t>(thread_count_ - 1));
    for (int thread = 1; thread < thread_count_; ++thread) {
      threads_.emplace_back([this, thread] { serve(thread); });
      (void)pthread_setname_np(threads_.back().native_handle(), "assay-pool");
    }
  } catch (const std::exception&) {
    // The system grants no more of them, or no memory for them.
  }
}

void ThreadPool::serve(int thread) {
  uint64_t served = 0;
  while (true) {
    const uint64_t gate = await_loop(served);
    if ((gate & kStopped) != 0) return;
    served = gate & kLoopNumber;
    if (!enter(gate)) continue;
    loop_->work(thread);
    leave();
  }
}

// The gate once a loop is open that was not served, or the pool ends.
uint64_t ThreadPool::await_loop(uint64_t served) {
  uint64_t gate = 0;
  const auto called = [&] {
    gate = gate_;
    return (gate & kStopped) != 0 || ((gate & kOpen) != 0 && (gate & kLoopNumber) != served);
  };
  if (look_for(called)) return gate;
  std::unique_lock lock(mutex_);
  ++sleeping_;
  opened_.wait(lock, called);
  --sleeping_;
  return gate;
}

// False if that loop is closed, or has as many threads as chunks. What is wanted is that loop's as
// long as the gate has its number.
bool ThreadPool::enter(uint64_t gate) {
  const uint64_t number = gate & kLoopNumber;
  while ((gate & kOpen) != 0 && (gate & kLoopNumber) == number && (gate & kInside) < wanted_) {
    if (gate_.compare_exchange_weak(gate, gate + 1)) return true;
  }
  return false;
}

void ThreadPool::leave() {
  const uint64_t gate = --gate_;
  if ((gate & (kInside | kOpen)) != 0 || !caller_sleeps_) return;
  const std::lock_guard lock(mutex_);
  left_.notify_one();
}

void ThreadPool::open(Loop& loop) {
  loop_ = &loop;
  wanted_ = static_cast<uint64_t>(std::min<int64_t>(loop.chunk_count, thread_count_) - 1);
  gate_ = (gate_ & kLoopNumber) + kNextLoop + kOpen;
  const int sleeping = sleeping_;
  if (sleeping == 0) return;
  const std::lock_guard lock(mutex_);
  if (loop.chunk_count > sleeping) return opened_.notify_all();
  for (int64_t i = 1; i < loop.chunk_count; ++i) opened_.notify_one();
}

void ThreadPool::close() {
  gate_ &= ~kOpen;
  const auto empty = [&] { return (gate_ & kInside) == 0; };
  if (look_for(empty)) return;
  std::unique_lock lock(mutex_);
  caller_sleeps_ = true;
  left_.wait(lock, empty);
  caller_sleeps_ = false;
}

Status ThreadPool::parallel_for(int64_t chunk_count,
                                FunctionRef<void(int64_t chunk, int thread)> body) {
  Loop loop{body, chunk_count};
  if (thread_count_ > 1 && chunk_count > 1) {
    if (threads_.empty()) start_threads();
    open(loop);
    loop.work(0);
    close();
  } else {
    loop.work(0);
  }
  return loop.failure.take();
}

}  // namespace assay::backends::cpu
