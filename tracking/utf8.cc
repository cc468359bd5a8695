#include "tracking/utf8_internal.h"

#include "kernels/base/utf8.h"

namespace assay::tracking {
namespace {

constexpr size_t kMaxKeyBytes = 512;

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string clean_utf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const size_t length = text[0] == '\0' ? 0 : utf8_length(text);
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
