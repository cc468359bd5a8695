// What an xclbin says of itself, read by us before XRT is given it: XRT believes every length in
// the file, and says of what it refuses no more than that it does. Needs no XRT. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "kernels/base/status.h"

namespace assay::backends::xrt {

struct XclbinInfo {
  std::string uuid;       // 32 hex digits
  std::string platform;   // the shell that it was built for, as v++ calls it
  bool emulated = false;  // for an emulation, XRT's or the vendor's: no card takes it
  uint64_t bytes = 0;
};

// Of a file whose whole contents are given.
// Fails: device if it is no xclbin, or is damaged (its length, a section beyond its end, a section
// that is missing, no uuid; in an xclbin of the emulated card any byte), saying how.
Result<XclbinInfo> read_xclbin(std::span<const std::byte> file);
// Of the file at `path`, which messages name. Fails: io if it cannot be read; device as above.
Result<XclbinInfo> read_xclbin(const std::string& path);

// What write_xclbin (emulation/xclbin_writer.h) gives an xclbin of the emulated card as its
// platform and, made from all that follows the headers of its sections, as its uuid.
inline constexpr char kEmulatedPlatform[] = "assay_emulated";
// 128 bits of FNV-1a, twice with different starts: damage is seen, and the file told from others.
inline void hash_contents(std::span<const std::byte> contents, uint8_t (&uuid)[16]) {
  for (int half = 0; half < 2; ++half) {
    uint64_t hash = 0xcbf29ce484222325 + static_cast<uint64_t>(half) * 0x9e3779b97f4a7c15;
    for (const std::byte byte : contents) {
      hash = (hash ^ std::to_integer<uint64_t>(byte)) * 0x100000001b3;
    }
    std::memcpy(uuid + 8 * half, &hash, 8);
  }
}

}  // namespace assay::backends::xrt
