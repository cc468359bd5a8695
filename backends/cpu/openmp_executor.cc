// The only file with OpenMP pragmas.
//
// A region always asks for the whole team: libgomp ends threads that a smaller team leaves over and
// makes them anew for the next larger one, which costs more than waking them.
#include "backends/cpu/openmp_executor.h"

#include <omp.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <mutex>
#include <new>

namespace assay::backends::cpu {
namespace {

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

OpenMpExecutor::OpenMpExecutor(int thread_count) : thread_count_(std::max(1, thread_count)) {}

Status OpenMpExecutor::parallel_for(int64_t chunk_count,
                                    FunctionRef<void(int64_t chunk, int thread)> body) {
  LowestFailure failure;
  if (thread_count_ == 1 || chunk_count <= 1) {
    for (int64_t chunk = 0; chunk < chunk_count; ++chunk) {
      if (Status status = run_chunk(body, chunk, 0); !status) failure.add(chunk, std::move(status));
    }
    return failure.take();
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(thread_count_)
  for (int64_t chunk = 0; chunk < chunk_count; ++chunk) {
    if (Status status = run_chunk(body, chunk, omp_get_thread_num()); !status) {
      failure.add(chunk, std::move(status));
    }
  }
  return failure.take();
}

}  // namespace assay::backends::cpu
