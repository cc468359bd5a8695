// Time as an injected thing: all deadline logic takes a Clock, so that tests run in virtual time.
// StopToken is the cancellation point of every long computation.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>

namespace assay {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic nanoseconds since an arbitrary origin that is fixed for the process.
  virtual int64_t now_ns() const = 0;
};

// CLOCK_MONOTONIC.
class SystemClock final : public Clock {
 public:
  int64_t now_ns() const override;
};

// CLOCK_BOOTTIME: goes on while the machine sleeps. Its origin is the machine's start.
class BootClock final : public Clock {
 public:
  int64_t now_ns() const override;
};

// Moves only when told. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t start_ns = 0) : now_ns_(start_ns) {}
  int64_t now_ns() const override { return now_ns_.load(std::memory_order_relaxed); }
  void advance(int64_t ns) { now_ns_.fetch_add(ns, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> now_ns_;
};

// Nanoseconds that this process had lived when called, by its start time in /proc/self/stat
// (10 ms resolution). 0 if that cannot be read.
int64_t process_age_ns();

inline constexpr int64_t kNoDeadline = std::numeric_limits<int64_t>::max();

// Says when to stop: when its own flag or that of an ancestor is set, or when the deadline of
// either has passed. A deadline may move while work goes on: then a function, which must be
// thread-safe, says each time where it is (kNoDeadline: nowhere). A token that has said "stop" once
// says so ever after: work that was left out for it stays out. Cheap enough to ask every few
// microseconds of work. Thread-safe; it does not own its parent, clock or function, which must
// outlive it.
class StopToken {
 public:
  StopToken() = default;
  StopToken(const Clock* clock, int64_t deadline_ns, const StopToken* parent = nullptr)
      : clock_(clock), deadline_ns_(deadline_ns), parent_(parent) {}
  StopToken(const Clock* clock, const std::function<int64_t()>* deadline, const StopToken* parent)
      : clock_(clock), moving_deadline_(deadline), parent_(parent) {}
  explicit StopToken(const StopToken* parent) : parent_(parent) {}
  StopToken(const StopToken&) = delete;
  StopToken& operator=(const StopToken&) = delete;

  // Async-signal-safe.
  void request() { requested_.store(true, std::memory_order_relaxed); }
  bool requested() const {
    if (requested_.load(std::memory_order_relaxed)) return true;
    const int64_t end_ns = deadline_ns();
    if (end_ns != kNoDeadline && clock_->now_ns() >= end_ns) {
      requested_.store(true, std::memory_order_relaxed);
      return true;
    }
    return parent_ != nullptr && parent_->requested();
  }
  // What its deadline is read by, or without one what a parent's is; null if there is none.
  const Clock* clock() const {
    if (deadline_ns() != kNoDeadline) return clock_;
    return parent_ == nullptr ? nullptr : parent_->clock();
  }
  // Until the nearest deadline, its own or a parent's, by the clock of each; infinite without one.
  double seconds_left() const {
    double left =
        parent_ == nullptr ? std::numeric_limits<double>::infinity() : parent_->seconds_left();
    const int64_t end_ns = deadline_ns();
    if (end_ns != kNoDeadline) {
      left = std::min(left, static_cast<double>(end_ns - clock_->now_ns()) * 1e-9);
    }
    return left;
  }

 private:
  int64_t deadline_ns() const {
    if (clock_ == nullptr) return kNoDeadline;
    return moving_deadline_ == nullptr ? deadline_ns_ : (*moving_deadline_)();
  }

  mutable std::atomic<bool> requested_{false};
  const Clock* clock_ = nullptr;
  int64_t deadline_ns_ = kNoDeadline;
  const std::function<int64_t()>* moving_deadline_ = nullptr;
  const StopToken* parent_ = nullptr;
};

}  // namespace assay
