// The emulated device: what XRT's software emulation starts as `genericpciemodel` and talks to over
// a socket. It loads the library of kernels that came as the bitstream and serves the calls of
// wire.h; kernels run in threads of their units. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/xrt/emulation/compute_unit.h"
#include "backends/xrt/emulation/device_memory.h"
#include "backends/xrt/emulation/wire.h"

namespace assay::backends::xrt::emulation {

class DeviceModel {
 public:
  // The reply to a call, with its header. Nothing if the call is damaged or unknown.
  std::optional<std::vector<std::byte>> answer(uint32_t api, std::span<const std::byte> body);
  // Whether the host has closed the device for good.
  bool closed() const { return closed_; }

 private:
  bool load(const std::string& library);
  ComputeUnit* unit_at(uint64_t address, uint64_t& offset);
  bool write_device(const CallFields& fields);
  void read_device(const CallFields& fields, WireWriter& reply);
  void answer_close(const CallFields& fields, WireWriter& reply);
  void answer_control(Api api, const CallFields& fields, WireWriter& reply);

  DeviceMemory memory_;
  std::vector<EmulatedKernel> kernels_;
  std::map<uint64_t, std::unique_ptr<ComputeUnit>> units_;  // by address
  bool closed_ = false;
};

}  // namespace assay::backends::xrt::emulation
