#include "kernels/usage.h"

#include <algorithm>
#include <tuple>
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

// There are a few: looking at each is quicker than making a key.
void Usage::add(std::string_view device, std::string_view op, std::string_view kernel, Total more) {
  const std::lock_guard lock(mutex_);
  const auto same = [&](const KernelUse& use) {
    return use.kernel == kernel && use.op == op && use.device == device;
  };
  auto use = std::find_if(uses_.begin(), uses_.end(), same);
  if (use == uses_.end()) {
    use = uses_.insert(use, {std::string(device), std::string(op), std::string(kernel)});
  }
  use->calls += more.calls;
  use->bytes += more.bytes;
}

std::vector<KernelUse> Usage::list() const {
  std::vector<KernelUse> uses;
  {
    const std::lock_guard lock(mutex_);
    uses = uses_;
  }
  std::sort(uses.begin(), uses.end(), [](const KernelUse& a, const KernelUse& b) {
    return std::tie(a.device, a.op, a.kernel) < std::tie(b.device, b.op, b.kernel);
  });
  return uses;
}

UsageScope::UsageScope(Usage* usage) : outer_(std::exchange(current_usage, usage)) {}

UsageScope::~UsageScope() { current_usage = outer_; }

}  // namespace assay::kernels
