// OpTable<Op>: the implementations of one op, filled by plain register calls in one visible list
// (backends/devices). An Op is a struct with kName, Problem (sizes and parameters, host values) and
// Args (addresses valid on the device that runs it).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cost_fit.h"
#include "kernels/device.h"

namespace assay::kernels {

template <class Op>
struct Implementation {
  using Problem = typename Op::Problem;
  using Args = typename Op::Args;

  std::string_view name;         // "cpu.row_wise", unique in the table
  std::string_view device_kind;  // "cpu", "cuda", "fpga"
  // Why it cannot do this problem on this device, or nothing if it can.
  std::optional<std::string> (*decline)(const DeviceInfo&, const Problem&) = nullptr;
  // Predicted logical cost units (about a nanosecond on one core): only their order within a
  // device matters to the choice. A pure function of its arguments.
  double (*cost)(const DeviceInfo&, const Problem&) = nullptr;
  Status (*run)(const OpContext&, const Problem&, const Args&) = nullptr;
};

// What a device is told by when it was calibrated: another card in its place has another name or
// memory. (A CPU's memory is a budget: 0 stands for it.)
struct DeviceIdentity {
  std::string name;
  int64_t memory_bytes = 0;
  bool operator==(const DeviceIdentity&) const = default;

  static DeviceIdentity of(const DeviceInfo& info) { return {info.name, memory_of(info)}; }
  bool is(const DeviceInfo& info) const {
    return name == info.name && memory_bytes == memory_of(info);
  }

 private:
  static int64_t memory_of(const DeviceInfo& info) {
    return info.shares_host_memory ? 0 : info.memory_bytes;
  }
};

template <class Op>
class OpTable {
 public:
  void add(const Implementation<Op>& implementation) { items_.push_back(implementation); }
  std::span<const Implementation<Op>> items() const { return items_; }
  // What costs of an implementation on such devices are worth. The last fit of a pair stands; names
  // that the table does not have do no harm.
  void set_fit(DeviceIdentity device, std::string implementation, const CostFit& fit) {
    fits_.insert(fits_.begin(), {std::move(device), std::move(implementation), fit});
  }
  // Null where it was not calibrated.
  const CostFit* fit(const Implementation<Op>& item, const DeviceInfo& device) const {
    for (const Fit& known : fits_) {
      if (known.implementation == item.name && known.device.is(device)) return &known.fit;
    }
    return nullptr;
  }
  // Whether devices of this kind declare the op at all. If not, it is host work there.
  bool declared_by(std::string_view device_kind) const {
    for (const auto& item : items_) {
      if (item.device_kind == device_kind) return true;
    }
    return false;
  }

 private:
  struct Fit {
    DeviceIdentity device;
    std::string implementation;
    CostFit fit;
  };
  std::vector<Implementation<Op>> items_;
  std::vector<Fit> fits_;
};

}  // namespace assay::kernels
