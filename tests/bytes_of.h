// Text as the bytes that the store and the hashes take.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace assay {

// The bytes of `text`, which must outlive them.
inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

}  // namespace assay
