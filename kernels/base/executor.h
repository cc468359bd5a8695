// Executor runs the chunks of a parallel loop. The composition root injects one for each slot; ops
// never make threads of their own. Chunk counts are fixed by the problem, never by the number of
// threads, so that what is computed does not depend on it.
#pragma once

#include <cstdint>

#include "kernels/base/function_ref.h"
#include "kernels/base/status.h"

namespace assay {

// One Executor serves one caller at a time; different Executors may run side by side.
class Executor {
 public:
  virtual ~Executor() = default;
  // At least 1. `thread` arguments of bodies are below it.
  virtual int thread_count() const = 0;
  // Calls body(chunk, thread) once for each chunk in [0, chunk_count), in any order, on up to
  // thread_count() threads, and returns when all are done. Bodies must not call parallel_for of
  // the same Executor. An exception in a body is caught and becomes the Status:
  // resource_exhausted for bad_alloc, else internal; the other chunks still run.
  virtual Status parallel_for(int64_t chunk_count,
                              FunctionRef<void(int64_t chunk, int thread)> body) = 0;
};

// Runs everything on the calling thread, in order.
class SerialExecutor final : public Executor {
 public:
  int thread_count() const override { return 1; }
  Status parallel_for(int64_t chunk_count,
                      FunctionRef<void(int64_t chunk, int thread)> body) override;
};

// A contiguous part [begin, end) of a range.
struct ChunkRange {
  int64_t begin = 0;
  int64_t end = 0;
};

// Number of chunks of at most `chunk_size` that cover `count` items; 0 for count 0.
constexpr int64_t chunk_count_of(int64_t count, int64_t chunk_size) {
  return (count + chunk_size - 1) / chunk_size;
}

// The items of chunk number `chunk`.
constexpr ChunkRange chunk_range(int64_t count, int64_t chunk_size, int64_t chunk) {
  const int64_t begin = chunk * chunk_size;
  const int64_t end = begin + chunk_size;
  return {begin, end < count ? end : count};
}

// CPUs this process may use: the affinity mask, cut by the cgroup's CPU quota (v1 or v2, rounded
// up). At least 1.
int usable_cpu_count();

// Bytes of memory this process may use: physical memory, cut by the cgroup's limit.
int64_t usable_memory_bytes();

}  // namespace assay
