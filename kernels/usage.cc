#include "kernels/usage.h"

#include <utility>

namespace assay::kernels {
namespace {

thread_local Usage* current_usage = nullptr;

}  // namespace

Usage* Usage::current() { return current_usage; }

void Usage::count(std::string_view device, std::string_view op, std::string_view kernel,
                  int64_t bytes) {
  add(device, op, kernel, {1, bytes});
}

void Usage::add(const KernelUse& use) {
  add(use.device, use.op, use.kernel, {use.calls, use.bytes});
}

void Usage::add(std::string_view device, std::string_view op, std::string_view kernel, Total more) {
  const std::lock_guard lock(mutex_);
  Total& total = totals_[Key(device, op, kernel)];
  total.calls += more.calls;
  total.bytes += more.bytes;
}

std::vector<KernelUse> Usage::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<KernelUse> uses;
  for (const auto& [key, total] : totals_) {
    const auto& [device, op, kernel] = key;
    uses.push_back({device, op, kernel, total.calls, total.bytes});
  }
  return uses;
}

UsageScope::UsageScope(Usage* usage) : outer_(std::exchange(current_usage, usage)) {}

UsageScope::~UsageScope() { current_usage = outer_; }

}  // namespace assay::kernels
