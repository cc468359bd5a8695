// OpenMpExecutor: an Executor on OpenMP threads. Chunks are handed out dynamically, one at a time.
// Several executors may work at once, each called from a thread of its own: every calling thread
// has its own team.
#pragma once

#include "kernels/base/executor.h"

namespace assay::backends::cpu {

class OpenMpExecutor final : public Executor {
 public:
  // `thread_count` is raised to 1 if smaller.
  explicit OpenMpExecutor(int thread_count);

  int thread_count() const override { return thread_count_; }
  Status parallel_for(int64_t chunk_count,
                      FunctionRef<void(int64_t chunk, int thread)> body) override;

 private:
  int thread_count_;
};

}  // namespace assay::backends::cpu
