#include "tracking/side_by_side.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <system_error>
#include <thread>
#include <vector>

namespace assay::tracking {

void side_by_side(size_t count, FunctionRef<void(size_t)> body) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < count; i = next++) body(i);
  };
  std::vector<std::thread> threads;
  try {
    while (threads.size() + 1 < std::min(count, kFilesAtOnce)) threads.emplace_back(work);
  } catch (const std::system_error&) {
    // The others do its share.
  }
  work();
  for (std::thread& thread : threads) thread.join();
}

size_t BatchSize::next() {
  const double left =
      stop_ == nullptr ? std::numeric_limits<double>::infinity() : stop_->seconds_left();
  if (std::isinf(left)) return kLeisurelyBatch;
  constexpr double kBatchShare = 1.0 / 16;  // of the time left
  if (left_before_) {
    const bool quick = *left_before_ - left <= kBatchShare * left;
    size_ = quick ? std::min(kFilesAtOnce, 2 * size_) : std::max<size_t>(1, size_ / 2);
  }
  left_before_ = left;
  return size_;
}

}  // namespace assay::tracking
