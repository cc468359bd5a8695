#include <cstdint>

#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kMaxKeyBytes = 512;

// Length of the well-formed character at the beginning of `text`, or 0.
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool surrogate = first == 0xed && byte(1) > 0x9f;
  const bool too_high = first == 0xf4 && byte(1) > 0x8f;
  return overlong || surrogate || too_high ? 0 : length;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string clean_utf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const size_t length = text[0] == '\0' ? 0 : character_length(text);
    if (length == 0) {
      clean += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      clean += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return clean;
}

std::string cut_utf8(std::string text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text;
}

Status check_key(std::string_view what, std::string_view key) {
  if (key.empty()) return fail(StatusCode::kInvalidArgument, "{} key is empty", what);
  if (key.size() > kMaxKeyBytes) {
    return fail(StatusCode::kInvalidArgument, "{} key '{}...' has {} bytes (must be at most {})",
                what, clean_utf8(cut_utf8(std::string(key), 40)), key.size(), kMaxKeyBytes);
  }
  if (key.find('\0') != std::string_view::npos || !is_utf8(key)) {
    return fail(StatusCode::kInvalidArgument, "{} key '{}' is not UTF-8 text", what,
                clean_utf8(key));
  }
  return {};
}

}  // namespace assay::tracking
