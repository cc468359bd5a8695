#include "tests/conformance/harness.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "backends/cpu/thread_pool.h"
#include "backends/devices.h"
#include "backends/xrt/xrt_kernels.h"
#include "tests/conformance/discrete_device.h"
#include "tests/conformance/discrete_kernels.h"
#include "tests/conformance/emulated_gpu.h"

#if defined(__SANITIZE_ADDRESS__)
#define ASSAY_TESTS_WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASSAY_TESTS_WITH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define ASSAY_TESTS_WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ASSAY_TESTS_WITH_TSAN 1
#endif
#endif
#ifdef ASSAY_TESTS_WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace assay::conformance {
namespace {

#ifdef ASSAY_TESTS_WITH_TSAN
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif
constexpr int64_t kGuardBytes = 256;  // keeps the alignment of the allocation

// Guard bytes differ from place to place, so that a copied guard is seen too.
std::byte guard_byte(int64_t position) {
  return std::byte{static_cast<uint8_t>(0xC3 ^ (position * 29))};
}

// Of the devices those in a list of ids with commas between, if there is one.
void keep_named(std::vector<kernels::Device*>& devices, const char* names) {
  if (names == nullptr) return;
  const std::string list = fmt::format(",{},", names);
  std::erase_if(devices, [&](const kernels::Device* device) {
    return list.find(fmt::format(",{},", device->info().id)) == std::string::npos;
  });
}

std::string show(const OutputBytes& output, size_t element) {
  const std::byte* address = output.bytes.data() + element * output.element_size;
  if (output.show != nullptr) return output.show(address);
  return fmt::format("byte {}", static_cast<int>(*address));
}

std::string describe(const OutputBytes& expected, const OutputBytes& actual, size_t byte) {
  const size_t element = byte / expected.element_size;
  return fmt::format("{}[{}] is {}, must be {}", expected.name, element, show(actual, element),
                     show(expected, element));
}

}  // namespace

bool with_thread_sanitizer() { return kThreadSanitizer; }

CaseBuffers::CaseBuffers(kernels::Device& device, uint8_t sentinel, int shift, bool poison)
    : device_(device), sentinel_(sentinel), shift_(shift), poison_(poison) {}

CaseBuffers::~CaseBuffers() {
  for (const Block& block : blocks_) {
    set_poison(block, false);
    if (block.on_device) {
      device_.release(block.address);
    } else {
      std::free(block.address);
    }
  }
}

void* CaseBuffers::place(Block block, std::span<const std::byte> data) {
  block.data_size = static_cast<int64_t>(data.size());
  block.data_offset = kGuardBytes + shift_ * static_cast<int64_t>(block.element_size);
  const int64_t size = block.data_offset + block.data_size + kGuardBytes;
  block.placed.resize(static_cast<size_t>(size));
  for (int64_t i = 0; i < block.data_offset; ++i)
    block.placed[static_cast<size_t>(i)] = guard_byte(i);
  for (int64_t i = size - kGuardBytes; i < size; ++i) {
    block.placed[static_cast<size_t>(i)] = guard_byte(i);
  }
  std::copy(data.begin(), data.end(), block.placed.begin() + block.data_offset);
  if (block.on_device) {
    Result<void*> address = device_.allocate(size);
    if (!address) {
      placing_error_ = fmt::format("placing {}: {}", block.name, address.error().message);
      return nullptr;
    }
    block.address = *address;
    if (Status sent = device_.upload(block.address, block.placed); !sent) {
      placing_error_ = fmt::format("placing {}: {}", block.name, sent.error().message);
    }
  } else {
    block.address = std::aligned_alloc(64, static_cast<size_t>((size + 63) / 64 * 64));
    std::memcpy(block.address, block.placed.data(), block.placed.size());
  }
  set_poison(block, true);
  blocks_.push_back(std::move(block));
  return static_cast<std::byte*>(blocks_.back().address) + blocks_.back().data_offset;
}

void CaseBuffers::set_poison([[maybe_unused]] const Block& block, [[maybe_unused]] bool poisoned) {
#ifdef ASSAY_TESTS_WITH_ASAN
  if (!poison_ || (block.on_device && !device_.info().shares_host_memory)) return;
  auto* begin = static_cast<std::byte*>(block.address);
  if (!poisoned) {
    ASAN_UNPOISON_MEMORY_REGION(begin, block.placed.size());
    return;
  }
  std::byte* after = begin + block.data_offset + block.data_size;
  ASAN_POISON_MEMORY_REGION(begin, static_cast<size_t>(block.data_offset));
  ASAN_POISON_MEMORY_REGION(after, static_cast<size_t>(kGuardBytes));
#endif
}

Status CaseBuffers::fetch(const Block& block, std::span<std::byte> target) {
  set_poison(block, false);
  if (block.on_device) {
    return device_.download(target, block.address, static_cast<int64_t>(target.size()));
  }
  std::memcpy(target.data(), block.address, target.size());
  return {};
}

std::optional<std::string> CaseBuffers::find_damage(const Block& block,
                                                    std::span<const std::byte> now) {
  const auto data = static_cast<size_t>(block.data_offset);
  const size_t end = data + static_cast<size_t>(block.data_size);
  const auto first_difference = [&](size_t from, size_t to) {
    size_t i = from;
    if (std::memcmp(now.data() + from, block.placed.data() + from, to - from) == 0) return to;
    while (i < to && now[i] == block.placed[i]) ++i;
    return i;
  };
  for (const auto& [from, to] : {std::pair(size_t{0}, data), std::pair(end, now.size())}) {
    const size_t i = first_difference(from, to);
    if (i == to) continue;
    return fmt::format("{}: written out of bounds, at byte {} of {}", block.name,
                       static_cast<int64_t>(i) - block.data_offset, block.data_size);
  }
  if (!block.read_only) return std::nullopt;
  const size_t i = first_difference(data, end);
  if (i == end) return std::nullopt;
  return fmt::format("input {} was changed at byte {}", block.name, i - data);
}

std::vector<std::string> CaseBuffers::check_integrity() {
  std::vector<std::string> failures;
  for (const Block& block : blocks_) {
    std::vector<std::byte> now(block.placed.size());
    if (Status status = fetch(block, now); !status) {
      failures.push_back(fmt::format("{}: {}", block.name, status.error().message));
      continue;
    }
    if (auto failure = find_damage(block, now)) failures.push_back(*failure);
  }
  return failures;
}

Result<std::vector<OutputBytes>> CaseBuffers::outputs() {
  std::vector<OutputBytes> outputs;
  for (const Block& block : blocks_) {
    if (block.read_only) continue;
    std::vector<std::byte> now(block.placed.size());
    ASSAY_RETURN_IF_ERROR(fetch(block, now));
    const auto begin = now.begin() + block.data_offset;
    outputs.push_back({block.name, std::vector<std::byte>(begin, begin + block.data_size),
                       block.element_size, block.show});
  }
  for (const Object& object : objects_)
    outputs.push_back({object.name, object.bytes(), 1, nullptr});
  return outputs;
}

std::optional<std::string> compare_bits(const OutputBytes& expected, const OutputBytes& actual) {
  return compare_common_bits(expected, actual, expected, expected);
}

std::optional<std::string> compare_common_bits(const OutputBytes& first, const OutputBytes& second,
                                               const OutputBytes& mask_a,
                                               const OutputBytes& mask_b) {
  if (first.bytes.size() != second.bytes.size()) {
    return fmt::format("{} has {} bytes, must have {}", first.name, second.bytes.size(),
                       first.bytes.size());
  }
  if (first.bytes == second.bytes) return std::nullopt;
  for (size_t i = 0; i < first.bytes.size(); ++i) {
    if (first.bytes[i] == second.bytes[i]) continue;
    if (mask_a.bytes[i] == mask_b.bytes[i]) return describe(first, second, i);
  }
  return std::nullopt;
}

const Suite& suite() {
  struct Owner {
    backends::DeviceSet set;
    Suite suite;
  };
  static Owner* owner = [] {
    Result<backends::DeviceSet> opened = backends::open_devices({});
    if (!opened) {
      std::fprintf(stderr, "open_devices: %s\n", opened.error().message.c_str());
      std::abort();
    }
    static DiscreteDevice discrete("discrete:0", int64_t{1} << 30);
    static kernels::KernelSet kernels = opened->kernels();
    register_discrete_kernels(kernels);
    // Declared by no plan, and checked all the same.
    backends::xrt::register_gemm(kernels);
    auto* made = new Owner{std::move(*opened), {}};
    made->suite.host = &made->set.host();
    made->suite.devices = made->set.devices();
    made->suite.devices.push_back(&discrete);
    // The emulation makes no threads: there is nothing for ThreadSanitizer to see.
    static EmulatedGpu gpu = open_emulated_gpu(int64_t{256} << 20);
    if (!kThreadSanitizer) made->suite.devices.push_back(gpu.device.get());
    made->suite.kernels = &kernels;
    keep_named(made->suite.devices, std::getenv("ASSAY_CONFORMANCE_DEVICES"));
    return made;
  }();
  return owner->suite;
}

std::vector<const backends::cpu::SimdTarget*> targets_of(const kernels::DeviceInfo& device) {
  static const std::vector<backends::cpu::SimdTarget> all = backends::cpu::simd_targets();
  if (device.kind != "cpu") return {nullptr};
  std::vector<const backends::cpu::SimdTarget*> targets;
  for (const backends::cpu::SimdTarget& target : all) targets.push_back(&target);
  // Races do not depend on the instructions, and ThreadSanitizer is slow.
  if (kThreadSanitizer && targets.size() > 1) return {targets.front(), targets.back()};
  return targets;
}

std::span<const std::unique_ptr<Executor>> executors() {
  static const auto* all = [] {
    auto* made = new std::vector<std::unique_ptr<Executor>>;
    for (const int threads : {1, 2, 7}) {
      made->push_back(std::make_unique<backends::cpu::ThreadPool>(threads));
    }
    return made;
  }();
  return *all;
}

std::span<const std::unique_ptr<Executor>> executors_for(const kernels::DeviceInfo& device) {
  if (device.kind == "cuda") return executors().first(1);
  return device.kind == "fpga" && device.emulated ? executors().last(1) : executors();
}

bool takes_case(const kernels::DeviceInfo& device, int64_t card_steps) {
  constexpr int64_t kMostSteps = 12;
  return device.kind != "fpga" || !device.emulated || card_steps <= kMostSteps;
}

void Reporter::ran(const std::string& target) {
  ++runs_;
  if (std::find(targets_.begin(), targets_.end(), target) == targets_.end()) {
    targets_.push_back(target);
  }
}

void Reporter::declined(const std::string& reason) {
  ++declined_;
  last_reason_ = reason;
}

void Reporter::failures(const std::string& where, const std::vector<std::string>& lines) {
  constexpr int64_t kMostShown = 8;
  for (const std::string& line : lines) {
    if (++failed_ <= kMostShown) {
      ADD_FAILURE() << op_ << ": " << subject_ << ", " << where << ": " << line;
    }
  }
}

Reporter::~Reporter() {
  std::printf("%.*s: %s: %lld runs on", static_cast<int>(op_.size()), op_.data(), subject_.c_str(),
              static_cast<long long>(runs_));
  for (const std::string& target : targets_) std::printf(" %s", target.c_str());
  if (declined_ > 0) {
    std::printf(", %lld cases declined (%s)", static_cast<long long>(declined_),
                last_reason_.c_str());
  }
  if (failed_ > 0) std::printf(", %lld FAILURES", static_cast<long long>(failed_));
  std::printf("\n");
  if (runs_ == 0 && declined_ == 0)
    ADD_FAILURE() << op_ << ": " << subject_ << " ran no case at all";
}

}  // namespace assay::conformance
