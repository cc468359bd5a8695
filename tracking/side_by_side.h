// Work on many files at once. A file that is synced waits for the disk, not for a processor, and a
// disk syncs several files in about the time of one: with eight at once a file takes an eighth of
// the time or less.
#pragma once

#include <cstddef>
#include <optional>

#include "kernels/base/clock.h"
#include "kernels/base/function_ref.h"

namespace assay::tracking {

inline constexpr size_t kFilesAtOnce = 8;
// Without a deadline: at the end of a batch threads wait for the last of its files.
inline constexpr size_t kLeisurelyBatch = 64;

// Calls body(i) once for each i in [0, count), on up to kFilesAtOnce threads, the caller's among
// them, in any order; returns when all have returned. If no thread can be made the caller's does it
// all. `body` must not throw.
void side_by_side(size_t count, FunctionRef<void(size_t)> body);

// How many files a batch has. Before a deadline from how long the last batch took: few where the
// disk is slow, so that the batch under way when time is up is a small one. Not thread-safe.
class BatchSize {
 public:
  // `stop` may be null and must outlive it; without a deadline all batches have kLeisurelyBatch
  // files.
  explicit BatchSize(const StopToken* stop) : stop_(stop) {}
  // Of the batch that begins now.
  size_t next();

 private:
  const StopToken* stop_;
  std::optional<double> left_before_;  // seconds, when the last one began
  size_t size_ = 1;
};

}  // namespace assay::tracking
