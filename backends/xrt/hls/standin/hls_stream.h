// hls::stream for machines without the vendor's tools: a queue with the vendor's interface, on the
// include path of the emulation alone. Unbounded, as in the vendor's C simulation, so a region of
// processes can run one after the other; `peak` says how deep it got. Not thread-safe: a stream
// belongs to one call of a kernel.
//
// What streams of a name carried is counted (`stream_traffic`), so that a test can hold the
// formulas of a kernel's traffic to what the kernel does.
//
// What would hang a card ends the process here, named: reading an empty stream, looking into one
// again and again, and a stream that dies with data in it (its reader took too few, so its writer
// would have waited for ever).
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

namespace hls {

[[noreturn]] inline void stream_fault(const char* name, const char* what, std::size_t left) {
  std::fprintf(stderr, "hls::stream '%s': %s (%zu left)\n", name, what, left);
  std::fflush(stderr);
  std::abort();
}

// Not of the vendor's: items that the streams of a name have carried in this thread. A stream adds
// to it when it ends.
struct StreamTraffic {
  const char* name;
  std::size_t items;
};
inline std::vector<StreamTraffic>& stream_traffic() {
  static thread_local std::vector<StreamTraffic> traffic;
  return traffic;
}
inline void count_traffic(const char* name, std::size_t items) {
  for (StreamTraffic& entry : stream_traffic()) {
    if (std::strcmp(entry.name, name) == 0) {
      entry.items += items;
      return;
    }
  }
  stream_traffic().push_back({name, items});
}

// Not of the vendor's: what happens in this thread when a stream is looked into in vain, in place
// of the processes that would go on meanwhile. Nothing, if a test does not say otherwise.
inline std::function<void()>& missed_poll() {
  static thread_local std::function<void()> missed;
  return missed;
}
// In vain, one after the other: in a run of one process after the other nothing comes any more.
constexpr std::size_t kMostMissedPolls = 1000;

// DEPTH is what the hardware's queue would hold; 0 leaves it to a pragma.
template <typename T, int DEPTH = 0>
class stream {
 public:
  stream() = default;
  explicit stream(const char* name) : name_(name) {}
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream() {
    if (!empty()) stream_fault(name_, "destroyed before it was empty", size());
    count_traffic(name_, written_);
  }

  bool empty() const { return head_ == items_.size(); }
  bool full() const { return DEPTH > 0 && size() >= static_cast<std::size_t>(DEPTH); }
  std::size_t size() const { return items_.size() - head_; }
  // Not of the vendor's class: the most items that it held at once.
  std::size_t peak() const { return peak_; }

  T read() {
    if (empty()) stream_fault(name_, "read while empty", 0);
    T item = std::move(items_[head_++]);
    if (empty()) {
      items_.clear();
      head_ = 0;
    }
    return item;
  }
  void read(T& item) { item = read(); }
  bool read_nb(T& item) {
    if (empty()) {
      if (++missed_ > kMostMissedPolls) stream_fault(name_, "polled for ever", 0);
      if (missed_poll()) missed_poll()();
      return false;
    }
    missed_ = 0;
    item = read();
    return true;
  }
  void write(const T& item) {
    items_.push_back(item);
    ++written_;
    if (size() > peak_) peak_ = size();
  }
  bool write_nb(const T& item) {
    if (full()) return false;
    write(item);
    return true;
  }
  void operator>>(T& item) { read(item); }
  void operator<<(const T& item) { write(item); }

 private:
  const char* name_ = "unnamed";
  std::vector<T> items_;  // from head_ on
  std::size_t head_ = 0;
  std::size_t peak_ = 0;
  std::size_t written_ = 0;
  std::size_t missed_ = 0;
};

}  // namespace hls
