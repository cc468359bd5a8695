#include "backends/xrt/xclbin_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

namespace assay::backends::xrt {
namespace {

// The container "xclbin2" as XRT's xclbin.h has it (axlf): where its fields are.
constexpr size_t kLengthAt = 304;
constexpr size_t kModeAt = 332;
constexpr size_t kPlatformAt = 352;
constexpr size_t kPlatformBytes = 64;
constexpr size_t kUuidAt = 416;
constexpr size_t kUuidBytes = 16;
constexpr size_t kSectionCountAt = 448;
constexpr size_t kSectionsAt = 456;
constexpr size_t kSectionBytes = 40;
constexpr size_t kSectionNameBytes = 16;
constexpr uint32_t kMostSections = 0x10000;
// Modes of emulations: XCLBIN_HW_EMU, XCLBIN_SW_EMU, XCLBIN_HW_EMU_PR.
constexpr uint16_t kFirstEmulation = 4;
constexpr uint16_t kLastEmulation = 6;

struct Wanted {
  uint32_t kind;
  const char* name;
};
// Without these XRT finds no kernel, and no memory for buffers.
constexpr Wanted kWanted[] = {{6, "MEM_TOPOLOGY"}, {8, "IP_LAYOUT"}};

template <class T>
T field(std::span<const std::byte> file, size_t at) {
  T value;
  std::memcpy(&value, file.data() + at, sizeof(T));
  return value;
}

std::string text_at(std::span<const std::byte> file, size_t at, size_t bytes) {
  std::string text;
  for (const std::byte byte : file.subspan(at, bytes)) {
    const auto letter = std::to_integer<char>(byte);
    if (letter == 0) break;
    text += letter >= ' ' && letter <= '~' ? letter : '?';
  }
  return text;
}

Status check_sections(std::span<const std::byte> file, uint32_t count) {
  if (count > kMostSections || count > (file.size() - kSectionsAt) / kSectionBytes) {
    return fail(StatusCode::kDevice, "is damaged: it should have {} sections", count);
  }
  std::vector<uint32_t> kinds;
  for (uint32_t i = 0; i < count; ++i) {
    const size_t at = kSectionsAt + i * kSectionBytes;
    kinds.push_back(field<uint32_t>(file, at));
    const auto offset = field<uint64_t>(file, at + 24);
    const auto bytes = field<uint64_t>(file, at + 32);
    if (offset > file.size() || bytes > file.size() - offset) {
      return fail(StatusCode::kDevice,
                  "is damaged: section {} ('{}') ends beyond the file's {} bytes", i,
                  text_at(file, at + 4, kSectionNameBytes), file.size());
    }
  }
  for (const Wanted& wanted : kWanted) {
    if (std::find(kinds.begin(), kinds.end(), wanted.kind) != kinds.end()) continue;
    return fail(StatusCode::kDevice, "has no section {}: it was not linked for a card (v++ -l)",
                wanted.name);
  }
  return {};
}

}  // namespace

Result<XclbinInfo> read_xclbin(std::span<const std::byte> file) {
  if (file.size() < kSectionsAt || std::memcmp(file.data(), "xclbin2", 8) != 0) {
    return fail(StatusCode::kDevice, "is no xclbin");
  }
  const auto length = field<uint64_t>(file, kLengthAt);
  if (length != file.size()) {
    return fail(StatusCode::kDevice, "has {} bytes, but should have {}", file.size(), length);
  }
  const auto count = field<uint32_t>(file, kSectionCountAt);
  ASSAY_RETURN_IF_ERROR(check_sections(file, count));
  XclbinInfo info;
  info.bytes = file.size();
  info.platform = text_at(file, kPlatformAt, kPlatformBytes);
  const auto mode = field<uint16_t>(file, kModeAt);
  info.emulated = mode >= kFirstEmulation && mode <= kLastEmulation;
  const auto uuid = file.subspan(kUuidAt, kUuidBytes);
  for (const std::byte byte : uuid) info.uuid += fmt::format("{:02x}", std::to_integer<int>(byte));
  if (info.uuid.find_first_not_of('0') == std::string::npos) {
    return fail(StatusCode::kDevice, "is damaged: it has no uuid");
  }
  if (info.platform == kEmulatedPlatform) {
    uint8_t own[kUuidBytes];
    hash_contents(file.subspan(kSectionsAt + count * kSectionBytes), own);
    if (std::memcmp(own, uuid.data(), kUuidBytes) != 0) {
      return fail(StatusCode::kDevice, "is damaged: its contents are not what it was written with");
    }
  }
  return info;
}

Result<XclbinInfo> read_xclbin(const std::string& path) {
  std::error_code failed;
  const uint64_t size = std::filesystem::file_size(path, failed);  // of a plain file only
  if (failed) {
    return fail(StatusCode::kIo, "xclbin '{}' cannot be read: {}", path, failed.message());
  }
  std::vector<std::byte> bytes(size);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) {
    return fail(StatusCode::kIo, "xclbin '{}' cannot be read: {}", path, std::strerror(errno));
  }
  auto info = read_xclbin(bytes);
  if (!info) return fail(StatusCode::kDevice, "xclbin '{}' {}", path, info.error().message);
  return info;
}

}  // namespace assay::backends::xrt
