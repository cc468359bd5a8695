#include "backends/xrt/emulation/compute_unit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "backends/xrt/emulation/event_log.h"
#include "backends/xrt/emulation/fault_note.h"

namespace assay::backends::xrt::emulation {
namespace {

thread_local const ComputeUnit* t_running = nullptr;

constexpr std::byte kStartBit{1};
constexpr uint32_t kRunningBits = 1;
constexpr uint32_t kDoneBits = 6;  // done and idle
constexpr uint32_t kIdleBits = 4;

// The index-th of names with one blank between them.
std::string_view name_at(std::string_view names, int32_t index) {
  for (; index > 0; --index) names.remove_prefix(std::min(names.size(), names.find(' ') + 1));
  return names.substr(0, names.find(' '));
}

}  // namespace

ComputeUnit::ComputeUnit(const EmulatedKernel& kernel, int32_t number, const DeviceMemory& memory)
    : kernel_(kernel),
      name_(fmt::format("{}_{}", kernel.name, number)),
      memory_(memory),
      registers_(kRegisterBytes),
      thread_([this] { work(); }) {}

ComputeUnit::~ComputeUnit() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

const ComputeUnit* ComputeUnit::running_here() { return t_running; }

void ComputeUnit::write(uint64_t offset, std::span<const std::byte> data) {
  if (data.empty() || offset > registers_.size() || data.size() > registers_.size() - offset) {
    end_with_note(fmt::format("{}: {} bytes were written at register 0x{:x} (there are 0x{:x})",
                              name_, data.size(), offset, registers_.size()));
  }
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kRunning) {
      end_with_note(fmt::format("{}: registers were written while it ran", name_));
    }
    std::memcpy(registers_.data() + offset, data.data(), data.size());
    if (offset != 0 || (data[0] & kStartBit) == std::byte{0}) return;
    state_ = State::kRunning;
  }
  wake_.notify_all();
}

std::vector<std::byte> ComputeUnit::read(uint64_t offset, uint64_t bytes) const {
  const std::lock_guard lock(mutex_);
  if (offset > registers_.size() || bytes > registers_.size() - offset) {
    return std::vector<std::byte>(std::min<uint64_t>(bytes, kRegisterBytes));
  }
  const auto begin = registers_.begin() + static_cast<int64_t>(offset);
  std::vector<std::byte> values(begin, begin + static_cast<int64_t>(bytes));
  if (offset == 0 && bytes >= sizeof(uint32_t)) {
    const uint32_t control = state_ == State::kRunning ? kRunningBits
                             : state_ == State::kDone  ? kDoneBits
                                                       : kIdleBits;
    std::memcpy(values.data(), &control, sizeof(control));
  }
  return values;
}

// The arguments as the kernel gets them.
std::vector<uint64_t> ComputeUnit::arguments() const {
  std::vector<uint64_t> words(static_cast<size_t>(kernel_.arg_count), 0);
  for (int32_t i = 0; i < kernel_.arg_count; ++i) {
    uint64_t& word = words[static_cast<size_t>(i)];
    std::memcpy(&word, registers_.data() + arg_offset(kernel_, i), kernel_.args[i].bytes);
    if (!kernel_.args[i].buffer) continue;
    std::byte* place = memory_.find(word, 1);
    if (place == nullptr) {
      end_with_note(fmt::format("{}: argument {} ({}) is 0x{:x}, which is in no live buffer", name_,
                                i, name_at(kernel_.arg_names, i), word));
    }
    word = reinterpret_cast<uint64_t>(place);
  }
  return words;
}

void ComputeUnit::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return ending_ || state_ == State::kRunning; });
    if (ending_) return;
    const std::vector<uint64_t> words = arguments();
    lock.unlock();
    t_running = this;
    log_event("start", name_);
    kernel_.call(words.data());
    log_event("end", name_);
    t_running = nullptr;
    lock.lock();
    state_ = State::kDone;
  }
}

}  // namespace assay::backends::xrt::emulation
