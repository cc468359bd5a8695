// An xclbin's container: what is refused says why, and what is taken is whole. (No byte outside of
// the input is read: AddressSanitizer sees to that.)
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "backends/xrt/xclbin_file.h"

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "xclbin: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace xrt = assay::backends::xrt;
  // On the heap, as long as the input is.
  std::vector<std::byte> file(size);
  if (size > 0) std::memcpy(file.data(), data, size);
  const auto info = xrt::read_xclbin(file);
  if (!info) {
    require(info.error().code == assay::StatusCode::kDevice, "another code than device");
    require(!info.error().message.empty(), "no reason");
    return 0;
  }
  require(info->bytes == size, "another length than the file's");
  require(info->uuid.size() == 32, "a uuid of another length");
  require(info->platform.size() <= 64, "a platform beyond its field");
  // Nothing may be missing, and of the emulated card's nothing may be changed.
  file.pop_back();
  require(!xrt::read_xclbin(file).has_value(), "took a file without its last byte");
  if (info->platform == xrt::kEmulatedPlatform && size > 456 + 2 * 40) {
    file.assign(reinterpret_cast<const std::byte*>(data),
                reinterpret_cast<const std::byte*>(data) + size);
    uint32_t sections = 0;
    std::memcpy(&sections, file.data() + 448, sizeof(sections));
    if (size > 456 + sections * size_t{40}) {
      file.back() ^= std::byte{1};
      require(!xrt::read_xclbin(file).has_value(), "took a file with another last byte");
    }
  }
  return 0;
}
