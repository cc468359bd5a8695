// Where the FPGA backend's programs and files are, and what a device worker is started with. They
// lie in libexec/assay/xrt below some folder above this process's program: the prefix of an
// installation, or a build tree.
#pragma once

#include <string>

#include "backends/xrt/worker_client.h"

namespace assay::backends::xrt {

struct Installation {
  std::string folder;

  std::string worker() const { return folder + "/assay-device-worker"; }
  // The emulated card's own xclbin.
  std::string emulated_xclbin() const { return folder + "/emulated.xclbin"; }
  std::string emulation() const { return folder + "/emulation"; }
};

// Fails: device if this build has no FPGA backend.
Result<Installation> find_installation();

// A worker for the emulated card of number `card`, which is always "fpga:emu0".
// Fails: device if a part of the emulation is missing, naming it.
Result<WorkerSpec> emulated_card(const Installation& installation, const std::string& xclbin);

// A worker for the card of number `card`.
WorkerSpec real_card(const Installation& installation, uint32_t card, const std::string& xclbin);
// Cards whose driver is loaded.
uint32_t count_cards();
// What was looked for where count_cards found none, and what to do about it.
std::string no_card_text();

}  // namespace assay::backends::xrt
