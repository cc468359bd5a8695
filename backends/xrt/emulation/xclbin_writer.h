// Makes the xclbin of an emulated card: XRT's container ("xclbin2") with the kernels' library as
// its bitstream, and the metadata that v++ would write, derived from the kernels' signatures. One
// memory bank, to which every buffer argument is connected. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backends/xrt/emulation/kernel_table.h"

namespace assay::backends::xrt::emulation {

// What XRT's emulation gives a device that no emconfig.json describes.
inline constexpr uint64_t kBankBytes = uint64_t{4} << 30;

// The EMBEDDED_METADATA section.
std::string kernel_metadata(std::span<const EmulatedKernel> kernels);
// The whole file. Its uuid is a hash of its contents.
std::vector<std::byte> write_xclbin(std::span<const EmulatedKernel> kernels,
                                    std::span<const std::byte> library);

}  // namespace assay::backends::xrt::emulation
