// OpTable<Op>: the implementations of one op, filled by plain register calls in one visible list
// (backends/devices). An Op is a struct with kName, Problem (sizes and parameters, host values) and
// Args (addresses valid on the device that runs it).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

template <class Op>
class OpTable {
 public:
  void add(const Implementation<Op>& implementation) { items_.push_back(implementation); }
  std::span<const Implementation<Op>> items() const { return items_; }
  // Whether devices of this kind declare the op at all. If not, it is host work there.
  bool declared_by(std::string_view device_kind) const {
    for (const auto& item : items_) {
      if (item.device_kind == device_kind) return true;
    }
    return false;
  }

 private:
  std::vector<Implementation<Op>> items_;
};

}  // namespace assay::kernels
