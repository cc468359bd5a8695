// The FPGA cards of this machine, and the emulated one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/device.h"

namespace assay::backends::xrt {

struct FpgaDevices {
  std::vector<std::unique_ptr<kernels::Device>> devices;  // cards by number, then the emulated one
  std::vector<std::string> unavailable;                   // why what is there cannot be used
  // What was looked for in vain, for who asks for a card; empty if there are cards.
  std::string no_card;
};

// Cards are used with the xclbin at the path `xclbin`, or, if that is empty, the one that
// ASSAY_FPGA_XCLBIN names; if one is named and there is no card, that is said in `unavailable`. The
// emulated card is there wherever its files are. None is brought up. `memory_bytes`: what the host
// may plan with; a device takes half of it at most, as every buffer has a side on the host.
FpgaDevices open_fpga_devices(int64_t memory_bytes, const std::string& xclbin);

}  // namespace assay::backends::xrt
