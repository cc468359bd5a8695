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

// What cards are used with, and who says so.
struct NamedXclbin {
  std::string path;  // a full one: workers have folders of their own
  std::string by;
};

NamedXclbin named_xclbin(const std::string& wanted) {
  NamedXclbin named{wanted, "fpga_xclbin"};
  if (wanted.empty()) {
    const char* variable = std::getenv(kXclbinVariable);
    named = {variable == nullptr ? "" : variable, kXclbinVariable};
  }
  std::error_code failed;
  const auto full = std::filesystem::absolute(named.path, failed);
  if (!named.path.empty() && !failed) named.path = full.string();
  return named;
}

void open_cards(const Installation& installation, int64_t memory_bytes, const std::string& wanted,
                FpgaDevices& found) {
  std::error_code ignored;
  const uint32_t count = count_cards();
  const auto [xclbin, by] = named_xclbin(wanted);
  if (count == 0) {
    found.no_card = no_card_text();
    if (xclbin.empty()) return;
    found.unavailable.push_back(
        fmt::format("{} names '{}'{}, but {}", by, xclbin,
                    std::filesystem::is_regular_file(xclbin, ignored) ? "" : " (which is no file)",
                    found.no_card));
    found.no_card.clear();
    return;
  }
  if (xclbin.empty()) {
    found.unavailable.push_back(fmt::format(
        "{} {}, but {} names no xclbin for {} (docs/fpga.md says how one is built)", count,
        count == 1 ? "card is there" : "cards are there", by, count == 1 ? "it" : "them"));
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

FpgaDevices open_fpga_devices(int64_t memory_bytes, const std::string& xclbin) {
  FpgaDevices found;
  const auto installation = find_installation();
  if (!installation) {
    found.unavailable.push_back(installation.error().message);
    return found;
  }
  open_cards(*installation, memory_bytes, xclbin, found);
  const Status emulated = open_emulated(*installation, memory_bytes, found);
  if (!emulated) found.unavailable.push_back(emulated.error().message);
  return found;
}

}  // namespace assay::backends::xrt
