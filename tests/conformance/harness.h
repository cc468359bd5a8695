// The conformance suite: runs an implementation of an op against the op's serial reference, and
// says what is wrong. An op gives a list of OpCase; implementations and devices come from tables,
// so that a new backend is covered by being registered.
//
// What one check does, for two runs with different sentinels, the second with every array shifted
// by one element (ops may ask for no more than the alignment of an element):
//   * every array stands between guard bytes; outputs are filled with the sentinel;
//   * afterwards guards and inputs must be unchanged;
//   * outputs must equal those of the reference run with the same sentinel: bit for bit, also where
//     the reference leaves the sentinel, or as the case's `compare` says;
//   * the two runs must have the same bits wherever the reference's have;
//   * a run with a stop token already set must succeed or fail with `cancelled`, guards intact.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <any>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "backends/cpu/simd_target.h"
#include "kernels/kernel_set.h"

namespace assay::conformance {

// Whether this is a ThreadSanitizer build, where every case costs some twenty times as much.
bool with_thread_sanitizer();

// An output after a run, in the host's memory.
struct OutputBytes {
  std::string name;
  std::vector<std::byte> bytes;
  size_t element_size = 1;
  // The element at an address, as text; null for outputs that are shown as bytes.
  std::string (*show)(const std::byte*) = nullptr;
};

// The arrays of one run of one case. Cases call input, output, ... to place them and get addresses
// for the op's Args. Owns everything until destroyed. Not thread-safe.
class CaseBuffers {
 public:
  // `shift` moves arrays by that many elements off the allocation's alignment. `poison` makes
  // AddressSanitizer report any access to the guards of arrays that the host can see.
  CaseBuffers(kernels::Device& device, uint8_t sentinel, int shift, bool poison);
  ~CaseBuffers();
  CaseBuffers(const CaseBuffers&) = delete;
  CaseBuffers& operator=(const CaseBuffers&) = delete;

  // Arrays on the device. Names appear in messages.
  template <class T>
  const T* input(const std::string& name, const std::vector<T>& values) {
    return static_cast<const T*>(add_block<T>(name, std::as_bytes(std::span(values)), true, true));
  }
  template <class T>
  T* output(const std::string& name, int64_t size) {
    const std::vector<std::byte> fill(static_cast<size_t>(size) * sizeof(T), std::byte{sentinel_});
    return static_cast<T*>(add_block<T>(name, fill, false, true));
  }
  template <class T>
  T* in_out(const std::string& name, const std::vector<T>& values) {
    return static_cast<T*>(add_block<T>(name, std::as_bytes(std::span(values)), false, true));
  }
  // Arrays in the host's memory.
  template <class T>
  const T* host_input(const std::string& name, const std::vector<T>& values) {
    return static_cast<const T*>(add_block<T>(name, std::as_bytes(std::span(values)), true, false));
  }
  template <class T>
  T* host_output(const std::string& name, int64_t size) {
    const std::vector<std::byte> fill(static_cast<size_t>(size) * sizeof(T), std::byte{sentinel_});
    return static_cast<T*>(add_block<T>(name, fill, false, false));
  }
  // An object that the op replaces; `bytes_of` makes what is compared. It starts as `initial`,
  // which should not be empty, so that not replacing it is seen.
  template <class T>
  T* host_object(const std::string& name, T initial,
                 std::function<std::vector<std::byte>(const T&)> bytes_of) {
    auto object = std::make_shared<T>(std::move(initial));
    T* address = object.get();
    objects_.push_back({name, [object, bytes_of] { return bytes_of(*object); }});
    return address;
  }
  // Keeps any value alive as long as the buffers.
  template <class T>
  T* keep(T value) {
    auto object = std::make_shared<T>(std::move(value));
    T* address = object.get();
    kept_.emplace_back(std::move(object));
    return address;
  }

  // Empty if every array could be placed.
  const std::string& placing_error() const { return placing_error_; }
  // What is wrong with guards and inputs: one line each.
  std::vector<std::string> check_integrity();
  Result<std::vector<OutputBytes>> outputs();

 private:
  struct Block {
    std::string name;
    void* address = nullptr;  // of the allocation
    int64_t data_offset = 0;
    std::vector<std::byte> placed;  // the whole allocation as it was before the run
    int64_t data_size = 0;
    bool read_only = false;
    bool on_device = false;
    size_t element_size = 1;
    std::string (*show)(const std::byte*) = nullptr;
  };
  struct Object {
    std::string name;
    std::function<std::vector<std::byte>()> bytes;
  };
  template <class T>
  static std::string show_element(const std::byte* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    return fmt::format("{}", value);
  }
  template <class T>
  void* add_block(const std::string& name, std::span<const std::byte> data, bool read_only,
                  bool on_device) {
    static_assert(std::is_trivially_copyable_v<T>);
    Block block;
    block.name = name;
    block.read_only = read_only;
    block.on_device = on_device;
    block.element_size = sizeof(T);
    if constexpr (std::is_arithmetic_v<T>) block.show = &show_element<T>;
    return place(std::move(block), data);
  }
  void* place(Block block, std::span<const std::byte> data);
  Status fetch(const Block& block, std::span<std::byte> target);
  void set_poison(const Block& block, bool poisoned);
  static std::optional<std::string> find_damage(const Block& block, std::span<const std::byte> now);

  kernels::Device& device_;
  uint8_t sentinel_;
  int shift_;
  [[maybe_unused]] bool poison_;  // read under AddressSanitizer only
  std::string placing_error_;
  std::vector<Block> blocks_;
  std::vector<Object> objects_;
  std::vector<std::any> kept_;
};

// One problem with its data, for any device.
template <class Op>
struct OpCase {
  std::string name;
  typename Op::Problem problem;
  std::function<typename Op::Args(CaseBuffers&)> place;
  // Whether an output that differs in bits is near enough: what is wrong with it, or nothing. Null:
  // bits must be equal.
  std::function<std::optional<std::string>(const OutputBytes& expected, const OutputBytes& actual)>
      compare;
  // How long an emulated FPGA card takes for it, in about 5 ms.
  int64_t card_steps = 0;
  // The table is in the host's memory (BinnedView::on_host): for devices that stream it, or whose
  // memory that is.
  bool table_on_host = false;
};

// The same case with its table, of these bins, in the host's memory.
template <class Op>
OpCase<Op> with_table_on_host(OpCase<Op> item, std::vector<uint8_t> bins) {
  item.name += ", on the host";
  item.table_on_host = true;
  item.place = [place = std::move(item.place), bins = std::move(bins)](CaseBuffers& buffers) {
    typename Op::Args args = place(buffers);
    args.bins.bins = buffers.host_input("host bins", bins);
    args.bins.on_host = true;
    return args;
  };
  return item;
}

template <class Op>
using Run = Status (*)(const kernels::OpContext&, const typename Op::Problem&,
                       const typename Op::Args&);

// The outputs of one run and what was wrong with it.
struct RunRecord {
  std::vector<OutputBytes> outputs;
  std::vector<std::string> failures;
};

// The two sentinels of a check.
inline constexpr uint8_t kSentinels[2] = {0xA5, 0x3C};

template <class Op>
RunRecord run_case(const OpCase<Op>& item, Run<Op> run, const kernels::OpContext& context,
                   int sentinel_index, bool poison) {
  RunRecord record;
  CaseBuffers buffers(*context.device, kSentinels[sentinel_index], sentinel_index, poison);
  const typename Op::Args args = item.place(buffers);
  if (!buffers.placing_error().empty()) {
    record.failures.push_back(buffers.placing_error());
    return record;
  }
  const Status status = run(context, item.problem, args);
  record.failures = buffers.check_integrity();
  const bool stopped = context.stop != nullptr && context.stop->requested();
  if (!status && !(stopped && status.error().code == StatusCode::kCancelled)) {
    record.failures.push_back(fmt::format("failed: {}", status.error().message));
  }
  if (!status || stopped) return record;
  Result<std::vector<OutputBytes>> outputs = buffers.outputs();
  if (!outputs) {
    record.failures.push_back(fmt::format("outputs: {}", outputs.error().message));
  } else {
    record.outputs = std::move(*outputs);
  }
  return record;
}

// The first difference in bits, as text, or nothing.
std::optional<std::string> compare_bits(const OutputBytes& expected, const OutputBytes& actual);
// As compare_bits, only at bytes where `mask_a` and `mask_b` agree.
std::optional<std::string> compare_common_bits(const OutputBytes& first, const OutputBytes& second,
                                               const OutputBytes& mask_a,
                                               const OutputBytes& mask_b);

// What the reference makes of a case, one record a sentinel. `host` shares the host's memory.
template <class Op>
struct Expected {
  RunRecord records[2];
};

template <class Op>
Expected<Op> expect_of(const OpCase<Op>& item, Run<Op> reference, kernels::Device& host) {
  SerialExecutor serial;
  Expected<Op> expected;
  for (int i = 0; i < 2; ++i) {
    expected.records[i] =
        run_case<Op>(item, reference, kernels::OpContext{&host, &serial, nullptr}, i, true);
  }
  return expected;
}

// The outcome of one check; `first` are the outputs of the first run.
struct CheckOutcome {
  std::vector<std::string> failures;
  std::vector<OutputBytes> first;
};

template <class Op>
void compare_run(const OpCase<Op>& item, const RunRecord& expected, const RunRecord& actual,
                 std::vector<std::string>& failures) {
  for (const std::string& failure : expected.failures) failures.push_back("reference: " + failure);
  failures.insert(failures.end(), actual.failures.begin(), actual.failures.end());
  if (!failures.empty()) return;
  if (expected.outputs.size() != actual.outputs.size()) {
    failures.push_back("the number of outputs differs from the reference's");
    return;
  }
  for (size_t i = 0; i < expected.outputs.size(); ++i) {
    std::optional<std::string> difference = compare_bits(expected.outputs[i], actual.outputs[i]);
    if (difference && item.compare)
      difference = item.compare(expected.outputs[i], actual.outputs[i]);
    if (difference) failures.push_back(*difference);
  }
}

// Everything the header's list says, for one case, implementation, device and executor.
template <class Op>
CheckOutcome check_case(const OpCase<Op>& item, Run<Op> run, const Expected<Op>& expected,
                        kernels::Device& device, Executor& executor, bool poison = true) {
  CheckOutcome outcome;
  RunRecord runs[2];
  for (int i = 0; i < 2; ++i) {
    runs[i] = run_case<Op>(item, run, kernels::OpContext{&device, &executor, nullptr}, i, poison);
    compare_run<Op>(item, expected.records[i], runs[i], outcome.failures);
  }
  if (outcome.failures.empty()) {
    for (size_t i = 0; i < runs[0].outputs.size(); ++i) {
      if (auto difference =
              compare_common_bits(runs[0].outputs[i], runs[1].outputs[i],
                                  expected.records[0].outputs[i], expected.records[1].outputs[i])) {
        outcome.failures.push_back("two runs differ: " + *difference);
      }
    }
    StopToken stop;
    stop.request();
    const RunRecord stopped =
        run_case<Op>(item, run, kernels::OpContext{&device, &executor, &stop}, 0, poison);
    for (const std::string& failure : stopped.failures) {
      outcome.failures.push_back("stopped run: " + failure);
    }
  }
  outcome.first = std::move(runs[0].outputs);
  return outcome;
}

// The devices of the suite and the kernels on them: what open_devices gives, the discrete device
// with its kernels, and the emulated GPU; or of these the ones that ASSAY_CONFORMANCE_DEVICES names
// ("cuda:0,cpu"). Opened once for the process.
struct Suite {
  kernels::Device* host = nullptr;
  std::vector<kernels::Device*> devices;
  const kernels::KernelSet* kernels = nullptr;
};
const Suite& suite();

// SIMD targets that matter on a device: all of them where ops run on the CPU, else one null.
std::vector<const backends::cpu::SimdTarget*> targets_of(const kernels::DeviceInfo& device);
// The executors of the suite: 1, 2 and 7 threads.
std::span<const std::unique_ptr<Executor>> executors();
// Those of them that a device is checked with: all, but for GPUs, which use no threads of the host,
// and for a card that XRT emulates, where they do little.
std::span<const std::unique_ptr<Executor>> executors_for(const kernels::DeviceInfo& device);
// Whether a device is checked with a case of so many card_steps: every one is, but that a card
// which XRT emulates leaves out long ones. Its worker is looked at in tests/backends/xrt.
bool takes_case(const kernels::DeviceInfo& device, int64_t card_steps);
// Whether its ops on trees take tables in the host's memory.
inline bool reads_host_tables(const kernels::DeviceInfo& device) {
  return device.shares_host_memory || device.streams_tables;
}

// Reports to GoogleTest, at most a few lines for each implementation.
class Reporter {
 public:
  Reporter(std::string_view op, std::string subject) : op_(op), subject_(std::move(subject)) {}
  ~Reporter();
  void ran(const std::string& target);
  void declined(const std::string& reason);
  void failures(const std::string& where, const std::vector<std::string>& lines);

 private:
  std::string_view op_;
  std::string subject_;
  int64_t runs_ = 0;
  int64_t declined_ = 0;
  int64_t failed_ = 0;
  std::string last_reason_;
  std::vector<std::string> targets_;
};

template <class Op>
void check_implementation(const kernels::Implementation<Op>& item, kernels::Device& device,
                          std::span<const OpCase<Op>> cases,
                          std::span<const Expected<Op>> expected) {
  const auto readable = [&](const OpCase<Op>& some) {
    return !some.table_on_host || reads_host_tables(device.info());
  };
  if (!cases.empty() && std::none_of(cases.begin(), cases.end(), readable)) return;
  Reporter reporter(Op::kName, fmt::format("{} on {}", item.name, device.info().id));
  for (size_t i = 0; i < cases.size(); ++i) {
    if (!takes_case(device.info(), cases[i].card_steps)) continue;
    if (!readable(cases[i])) continue;
    if (auto reason = item.decline(device.info(), cases[i].problem)) {
      reporter.declined(fmt::format("{}: {}", cases[i].name, *reason));
      continue;
    }
    const double cost = item.cost(device.info(), cases[i].problem);
    if (!(cost >= 0) || cost != item.cost(device.info(), cases[i].problem)) {
      reporter.failures(cases[i].name, {fmt::format("cost {} is not a cost", cost)});
    }
    for (const backends::cpu::SimdTarget* target : targets_of(device.info())) {
      backends::cpu::force_simd_target(target);
      const std::string target_name = target == nullptr ? "device code" : target->name;
      reporter.ran(target_name);
      std::vector<OutputBytes> one_thread;
      for (const auto& executor : executors_for(device.info())) {
        const CheckOutcome outcome =
            check_case<Op>(cases[i], item.run, expected[i], device, *executor);
        std::vector<std::string> failures = outcome.failures;
        if (failures.empty() && !one_thread.empty()) {
          for (size_t k = 0; k < one_thread.size(); ++k) {
            if (auto difference = compare_bits(one_thread[k], outcome.first[k])) {
              failures.push_back("bits depend on the thread count: " + *difference);
            }
          }
        }
        if (one_thread.empty()) one_thread = outcome.first;
        reporter.failures(
            fmt::format("{}, {}, {} threads", cases[i].name, target_name, executor->thread_count()),
            failures);
      }
    }
    backends::cpu::force_simd_target(nullptr);
  }
}

// Runs every implementation of the op on every device of the suite over the cases.
template <class Op>
void check_op(Run<Op> reference, const std::vector<OpCase<Op>>& cases) {
  std::vector<Expected<Op>> expected;
  for (const OpCase<Op>& item : cases) {
    expected.push_back(expect_of<Op>(item, reference, *suite().host));
  }
  int64_t implementations = 0;
  for (kernels::Device* device : suite().devices) {
    for (const auto& item : suite().kernels->table<Op>().items()) {
      if (item.device_kind != device->info().kind) continue;
      ++implementations;
      check_implementation<Op>(item, *device, cases, expected);
    }
  }
  EXPECT_GT(implementations, 0) << Op::kName << " has no implementation on any device";
}

}  // namespace assay::conformance
