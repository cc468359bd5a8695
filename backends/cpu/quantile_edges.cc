// quantile_edges on the host. The work of a column is sorting its sample: a radix sort of the
// values as order-preserving 64-bit integers, 11 bits a pass, passes whose digit is the same
// everywhere left out. A column is one thread's work: columns run side by side in the caller.
#include "kernels/quantile_edges.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <utility>

#include "backends/cpu/cpu_kernels.h"

namespace assay::backends::cpu {
namespace {

using kernels::DeviceInfo;
using kernels::OpContext;
using kernels::QuantileEdges;
using kernels::QuantileEdgesArgs;
using kernels::QuantileEdgesProblem;

constexpr int64_t kCountedRows = 4096;
constexpr int kDigitBits = 11;
constexpr int kPasses = 6;  // 66 bits
constexpr size_t kDigits = size_t{1} << kDigitBits;

// Order-preserving: negative numbers are inverted, others get the top bit.
uint64_t key_of(double x) {
  const auto bits = std::bit_cast<uint64_t>(x + 0.0);  // -0 becomes 0
  return (bits >> 63) != 0 ? ~bits : bits | (uint64_t{1} << 63);
}

double value_of(uint64_t key) {
  return std::bit_cast<double>((key >> 63) != 0 ? key & ~(uint64_t{1} << 63) : ~key);
}

void sort_keys(std::vector<uint64_t>& keys) {
  std::vector<std::array<uint32_t, kDigits>> counts(kPasses);
  for (auto& count : counts) count.fill(0);
  for (const uint64_t key : keys) {
    for (int pass = 0; pass < kPasses; ++pass) {
      ++counts[static_cast<size_t>(pass)][(key >> (pass * kDigitBits)) % kDigits];
    }
  }
  std::vector<uint64_t> other(keys.size());
  for (int pass = 0; pass < kPasses; ++pass) {
    auto& count = counts[static_cast<size_t>(pass)];
    const int shift = pass * kDigitBits;
    if (keys.empty() || count[(keys[0] >> shift) % kDigits] == keys.size()) continue;
    uint32_t next = 0;
    for (uint32_t& slot : count) {
      const uint32_t here = slot;
      slot = next;
      next += here;
    }
    for (const uint64_t key : keys) other[count[(key >> shift) % kDigits]++] = key;
    keys.swap(other);
  }
}

// The keys of the finite values, or of the sample of them. Counts are taken a block of rows at a
// time, so that a sampled value is found without a copy of the column.
std::vector<uint64_t> gather_keys(const QuantileEdgesProblem& problem, const double* values) {
  std::vector<int64_t> finite_before{0};
  for (int64_t begin = 0; begin < problem.row_count; begin += kCountedRows) {
    const int64_t end = std::min(begin + kCountedRows, problem.row_count);
    int64_t finite = 0;
    for (int64_t row = begin; row < end; ++row) finite += std::isfinite(values[row]) ? 1 : 0;
    finite_before.push_back(finite_before.back() + finite);
  }
  const int64_t total = finite_before.back();
  std::vector<uint64_t> keys;
  keys.reserve(static_cast<size_t>(std::min(total, problem.sample_limit)));
  if (total <= problem.sample_limit) {
    for (int64_t row = 0; row < problem.row_count; ++row) {
      if (std::isfinite(values[row])) keys.push_back(key_of(values[row]));
    }
    return keys;
  }
  size_t block = 0;
  int64_t row = 0;
  int64_t seen = 0;  // finite values before `row`
  std::array<int64_t, 4> positions{};
  for (int64_t j = 0; j < problem.sample_limit; ++j) {
    if (j % 4 == 0) positions = sample_positions(problem, total, j / 4);
    const int64_t wanted = positions[static_cast<size_t>(j % 4)];
    if (total == problem.row_count) {
      keys.push_back(key_of(values[wanted]));
      continue;
    }
    // Strata ascend, draws of neighbours may not: go back to the block's start if need be.
    while (finite_before[block + 1] <= wanted) ++block;
    const int64_t block_row = static_cast<int64_t>(block) * kCountedRows;
    if (row < block_row || seen > wanted) {
      row = block_row;
      seen = finite_before[block];
    }
    while (seen <= wanted) seen += std::isfinite(values[row++]) ? 1 : 0;
    keys.push_back(key_of(values[row - 1]));
  }
  return keys;
}

struct ValueCount {
  double value = 0;
  int64_t count = 0;
};

std::vector<ValueCount> count_runs(const std::vector<uint64_t>& keys) {
  std::vector<ValueCount> runs;
  for (size_t i = 0; i < keys.size();) {
    size_t end = i + 1;
    while (end < keys.size() && keys[end] == keys[i]) ++end;
    runs.push_back({value_of(keys[i]), static_cast<int64_t>(end - i)});
    i = end;
  }
  return runs;
}

// The same where few values are distinct, as whole numbers and flags have them: counted in a hash
// table instead of sorted. Nothing if there are more than kFewValues.
std::optional<std::vector<ValueCount>> count_few(const std::vector<uint64_t>& keys) {
  constexpr size_t kFewValues = 254;
  constexpr int kSlotBits = 10;
  constexpr size_t kSlots = size_t{1} << kSlotBits;
  struct Slot {
    uint64_t key = 0;
    int64_t count = 0;
  };
  std::vector<Slot> slots(kSlots);
  size_t used = 0;
  for (const uint64_t key : keys) {
    size_t at = (key * 0x9E3779B97F4A7C15) >> (64 - kSlotBits);
    while (slots[at].count != 0 && slots[at].key != key) at = (at + 1) % kSlots;
    if (slots[at].count == 0 && ++used > kFewValues) return std::nullopt;
    slots[at].key = key;
    ++slots[at].count;
  }
  std::erase_if(slots, [](const Slot& slot) { return slot.count == 0; });
  std::sort(slots.begin(), slots.end(), [](const Slot& a, const Slot& b) { return a.key < b.key; });
  std::vector<ValueCount> runs;
  for (const Slot& slot : slots) runs.push_back({value_of(slot.key), slot.count});
  return runs;
}

double edge_between(double a, double b) {
  const double middle = a + (b - a) / 2;
  return std::isfinite(middle) && middle < b ? middle : a;
}

// Fills bins as the contract says; an edge stands where a value begins a bin.
class BinFiller {
 public:
  BinFiller(const std::vector<ValueCount>& runs, int64_t max_bins)
      : max_bins_(max_bins), rest_bins_(max_bins) {
    for (const ValueCount& run : runs) total_ += run.count;
    for (const ValueCount& run : runs) {
      if (heavy(run)) {
        --rest_bins_;
      } else {
        rest_count_ += run.count;
      }
    }
  }
  // Whether the next value begins a bin.
  bool begins_bin(const ValueCount& run) {
    if (heavy(run)) {
      if (open_) close();
      return true;
    }
    if (!open_ && rest_bins_ == 0) return false;
    const bool begins = !open_;
    open_ = true;
    in_bin_ += run.count;
    if (in_bin_ * rest_bins_ >= rest_count_) close();
    return begins;
  }

 private:
  bool heavy(const ValueCount& run) const { return run.count * max_bins_ >= total_; }
  void close() {
    rest_count_ -= in_bin_;
    --rest_bins_;
    in_bin_ = 0;
    open_ = false;
  }

  int64_t max_bins_;
  int64_t total_ = 0;
  int64_t rest_count_ = 0;
  int64_t rest_bins_;
  int64_t in_bin_ = 0;
  bool open_ = false;
};

Status run(const OpContext& context, const QuantileEdgesProblem& problem,
           const QuantileEdgesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  if (context.stop != nullptr && context.stop->requested()) {
    return fail(StatusCode::kCancelled, "stopped by request");
  }
  std::vector<uint64_t> keys = gather_keys(problem, args.values);
  std::optional<std::vector<ValueCount>> few = count_few(keys);
  if (!few) sort_keys(keys);
  const std::vector<ValueCount> runs = few ? std::move(*few) : count_runs(keys);
  const bool each_alone = static_cast<int64_t>(runs.size()) <= problem.max_value_bins;
  BinFiller filler(runs, problem.max_value_bins);
  args.edges->clear();
  for (size_t i = 0; i < runs.size(); ++i) {
    const bool begins = each_alone || filler.begins_bin(runs[i]);
    if (i > 0 && begins) args.edges->push_back(edge_between(runs[i - 1].value, runs[i].value));
  }
  return {};
}

std::optional<std::string> decline(const DeviceInfo&, const QuantileEdgesProblem&) { return {}; }

double cost(const DeviceInfo&, const QuantileEdgesProblem& problem) {
  const auto rows = static_cast<double>(problem.row_count);
  return rows + 15 * std::min(rows, static_cast<double>(problem.sample_limit));
}

}  // namespace

void register_quantile_edges(kernels::KernelSet& kernels) {
  kernels.table<QuantileEdges>().add(
      {.name = "cpu.radix", .device_kind = "cpu", .decline = decline, .cost = cost, .run = run});
}

}  // namespace assay::backends::cpu
