#include "datasets/utf8_internal.h"

#include <cstring>
#include <string_view>

#include "kernels/base/utf8.h"

namespace assay::datasets {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080u;
constexpr uint64_t kLowBits = 0x0101010101010101u;

uint64_t load_word(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, 8);
  return word;
}

}  // namespace

const char* find_bad_byte(const char* begin, const char* end) {
  const char* at = begin;
  while (at < end) {
    while (end - at >= 8) {
      const uint64_t word = load_word(at);
      // With all high bits clear, word - 1s borrows into a high bit only from a zero byte.
      if (((word | (word - kLowBits)) & kHighBits) != 0) break;
      at += 8;
    }
    if (at == end) break;
    if (static_cast<signed char>(*at) > 0) {
      ++at;
      continue;
    }
    const size_t length =
        *at == 0 ? 0 : utf8_length(std::string_view(at, static_cast<size_t>(end - at)));
    if (length == 0) return at;
    at += length;
  }
  return end;
}

int64_t count_newlines(const char* begin, const char* end) {
  constexpr uint64_t kNewlines = 0x0A0A0A0A0A0A0A0Au;
  constexpr uint64_t kLowSeven = ~kHighBits;
  int64_t count = 0;
  const char* at = begin;
  for (; end - at >= 8; at += 8) {
    const uint64_t word = load_word(at) ^ kNewlines;
    // High bit of each byte that is zero, exactly (no borrow between bytes).
    const uint64_t zeros = ~(((word & kLowSeven) + kLowSeven) | word | kLowSeven);
    count += static_cast<int64_t>(((zeros >> 7) * kLowBits) >> 56);
  }
  for (; at < end; ++at) count += *at == '\n';
  return count;
}

}  // namespace assay::datasets
