#include "backends/xrt/fpga_devices.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "backends/xrt/emulation/xclbin_writer.h"
#include "backends/xrt/installation.h"
#include "backends/xrt/xrt_device.h"

namespace assay::backends::xrt {
namespace {

constexpr char kXclbinVariable[] = "ASSAY_FPGA_XCLBIN";
constexpr auto kEmulatedBytes = static_cast<int64_t>(emulation::kBankBytes);
// More than cards have.
constexpr int64_t kMostCardBytes = int64_t{128} << 30;

void open_cards(const Installation& installation, int64_t memory_bytes, FpgaDevices& found) {
  std::error_code ignored;
  const uint32_t count = count_cards();
  const char* xclbin = std::getenv(kXclbinVariable);
  if (count == 0) {
    found.no_card = no_card_text();
    if (xclbin == nullptr) return;
    found.unavailable.push_back(
        fmt::format("{} names '{}'{}, but {}", kXclbinVariable, xclbin,
                    std::filesystem::is_regular_file(xclbin, ignored) ? "" : " (which is no file)",
                    found.no_card));
    found.no_card.clear();
    return;
  }
  if (xclbin == nullptr) {
    found.unavailable.push_back(
        fmt::format("{} {}, but {} names no xclbin for {} (docs/fpga.md says how one is built)",
                    count, count == 1 ? "card is there" : "cards are there", kXclbinVariable,
                    count == 1 ? "it" : "them"));
    return;
  }
  for (uint32_t card = 0; card < count; ++card) {
    auto device = XrtDevice::open(real_card(installation, card, xclbin), "card", false,
                                  std::min(kMostCardBytes, memory_bytes / 2));
    if (device) {
      found.devices.push_back(std::move(*device));
    } else {
      found.unavailable.push_back(device.error().message);
    }
  }
}

Status open_emulated(const Installation& installation, int64_t memory_bytes, FpgaDevices& found) {
  ASSAY_ASSIGN_OR_RETURN(WorkerSpec spec,
                         emulated_card(installation, installation.emulated_xclbin()));
  ASSAY_ASSIGN_OR_RETURN(auto device, XrtDevice::open(std::move(spec), "card emulated by XRT", true,
                                                      std::min(kEmulatedBytes, memory_bytes / 2)));
  found.devices.push_back(std::move(device));
  return {};
}

}  // namespace

FpgaDevices open_fpga_devices(int64_t memory_bytes) {
  FpgaDevices found;
  const auto installation = find_installation();
  if (!installation) {
    found.unavailable.push_back(installation.error().message);
    return found;
  }
  open_cards(*installation, memory_bytes, found);
  const Status emulated = open_emulated(*installation, memory_bytes, found);
  if (!emulated) found.unavailable.push_back(emulated.error().message);
  return found;
}

}  // namespace assay::backends::xrt
