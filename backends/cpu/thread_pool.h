// ThreadPool: an Executor on threads of its own. Chunks are handed out one at a time to whoever is
// free, the caller among them.
//
// A loop ends when its chunks are done. It does not wait for threads that have not come to it yet:
// where other programs use the processors, the caller does their share instead of waiting for their
// next turn. Threads that have nothing to do look for the next loop for some ten microseconds, then
// sleep: loops follow each other closely while a tree grows, and spinning any longer would take the
// time of other trials.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/base/executor.h"

namespace assay::backends::cpu {

class ThreadPool final : public Executor {
 public:
  // `thread_count`, the caller's among them, is raised to 1 if smaller. The first loop with more
  // than one chunk starts the threads; if the system grants fewer, the loops run on those.
  explicit ThreadPool(int thread_count);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int thread_count() const override { return thread_count_; }
  Status parallel_for(int64_t chunk_count,
                      FunctionRef<void(int64_t chunk, int thread)> body) override;

 private:
  struct Loop;

  void start_threads();
  void serve(int thread);
  uint64_t await_loop(uint64_t served);
  bool enter(uint64_t gate);
  void leave();
  void open(Loop& loop);
  void close();

  const int thread_count_;
  std::vector<std::thread> threads_;

  // Who may work on which loop: the number of the loop, whether it is open, and how many threads
  // beside the caller are inside. A loop that is left by all is the caller's again.
  alignas(64) std::atomic<uint64_t> gate_{0};
  Loop* loop_ = nullptr;             // read by those inside
  std::atomic<uint64_t> wanted_{0};  // how many may be inside

  alignas(64) std::atomic<int> sleeping_{0};  // threads that wait for a loop
  std::atomic<bool> caller_sleeps_{false};
  std::mutex mutex_;  // for sleeping only
  std::condition_variable opened_;
  std::condition_variable left_;
};

}  // namespace assay::backends::cpu
