// Usage: what a piece of work (a trial, say) really ran on: implementations of ops and kernels of
// devices with the number of their calls, and the bytes that were copied to and from devices. While
// a UsageScope lives, what its thread does is counted in its Usage: ops by run_op, the rest by
// devices. A parallel loop whose bodies run ops opens a scope in each. Usage is thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace assay::kernels {

// So many calls of one thing on one device.
struct KernelUse {
  std::string device;  // its id
  std::string op;      // "grow_tree" of an implementation, "copy", or empty: a device's own kernel
  std::string kernel;  // "cpu.row_wise", "to_device", "to_host", "tree_histogram"
  int64_t calls = 0;
  int64_t bytes = 0;  // of copies
  bool operator==(const KernelUse&) const = default;
};

inline constexpr std::string_view kCopyOp = "copy";
inline constexpr std::string_view kToDevice = "to_device";
inline constexpr std::string_view kToHost = "to_host";

class Usage {
 public:
  // One call.
  void count(std::string_view device, std::string_view op, std::string_view kernel,
             int64_t bytes = 0);
  void add(const KernelUse& use);
  // In order of device, op and kernel.
  std::vector<KernelUse> list() const;

  // Of the calling thread's innermost scope; null without one.
  static Usage* current();

 private:
  struct Total {
    int64_t calls = 0;
    int64_t bytes = 0;
  };
  void add(std::string_view device, std::string_view op, std::string_view kernel, Total more);
  mutable std::mutex mutex_;
  std::vector<KernelUse> uses_;
};

// Counts in the current Usage, if there is one.
inline void count_use(std::string_view device, std::string_view op, std::string_view kernel,
                      int64_t bytes = 0) {
  if (Usage* const usage = Usage::current()) usage->count(device, op, kernel, bytes);
}

// Of the thread that makes it; ends on the same. `usage` may be null: nothing is counted.
class UsageScope {
 public:
  explicit UsageScope(Usage* usage);
  ~UsageScope();
  UsageScope(const UsageScope&) = delete;
  UsageScope& operator=(const UsageScope&) = delete;

 private:
  Usage* outer_;
};

}  // namespace assay::kernels
