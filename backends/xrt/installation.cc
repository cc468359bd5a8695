#include "backends/xrt/installation.h"

#include <unistd.h>

#include <filesystem>
#include <string_view>

#include "kernels/base/program_path.h"

namespace assay::backends::xrt {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPlace = "libexec/assay/xrt";
// Where cards with XRT's driver are listed, by address: "0000:03:00.1".
constexpr char kDriverFolder[] = "/sys/bus/pci/drivers/xocl";

bool exists(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

Result<Installation> find_installation() {
  fs::path folder = program_folder();
  for (; !folder.empty(); folder = folder.parent_path()) {
    const Installation found{(folder / kPlace).string()};
    if (exists(found.worker())) return found;
    if (folder == folder.root_path()) break;
  }
  return fail(StatusCode::kDevice,
              "this build has no FPGA backend (it is built where libxrt-dev is installed)");
}

Result<WorkerSpec> emulated_card(const Installation& installation, const std::string& xclbin) {
  const std::string home = installation.emulation();
  const std::string driver = home + "/lib/libxrt_swemu.so.2";
  const std::string model =
      home + "/data/emulation/unified/cpu_em/generic_pcie/model/genericpciemodel";
  for (const std::string& part : {driver, model, xclbin}) {
    if (!exists(part)) {
      return fail(StatusCode::kDevice, "the emulated card lacks {}", part);
    }
  }
  WorkerSpec spec;
  spec.device = "fpga:emu0";
  spec.program = installation.worker();
  spec.xclbin = xclbin;
  // The driver puts its socket into /tmp/$USER and its files into the run folder: into the worker's
  // own, which goes with it.
  spec.environment.set = {{"XCL_EMULATION_MODE", "sw_emu"}, {"XILINX_XRT", home},
                          {"XILINX_VITIS", home},           {"USER", "{name}"},
                          {"SDACCEL_EM_RUN_DIR", "{run}"},  {"XRT_INI_PATH", "{run}/xrt.ini"},
                          {"EMCONFIG_PATH", "{run}"}};
  return spec;
}

WorkerSpec real_card(const Installation& installation, uint32_t card, const std::string& xclbin) {
  WorkerSpec spec;
  spec.device = fmt::format("fpga:{}", card);
  spec.program = installation.worker();
  spec.xclbin = xclbin;
  spec.card = card;
  // A shell that was set up for the vendor's emulation must not turn the card into one.
  spec.environment.unset = emulation_variables();
  return spec;
}

std::string no_card_text() {
  return fmt::format(
      "there is no card: XRT's driver lists none in {} (is a card plugged in and the driver xocl "
      "loaded? `lspci -d 10ee:` and `xbutil examine` tell)",
      kDriverFolder);
}

uint32_t count_cards() {
  std::error_code ignored;
  uint32_t count = 0;
  for (fs::directory_iterator at(kDriverFolder, ignored), end; at != end; at.increment(ignored)) {
    const std::string name = at->path().filename().string();
    if (name.size() > 4 && name[4] == ':') ++count;
    if (ignored) break;
  }
  return count;
}

}  // namespace assay::backends::xrt
