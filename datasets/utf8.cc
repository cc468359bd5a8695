#include <cstring>

#include "datasets/utf8_internal.h"

namespace assay::datasets {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080u;
constexpr uint64_t kLowBits = 0x0101010101010101u;

uint64_t load_word(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, 8);
  return word;
}

// Length of the well-formed sequence at `at`, 0 if there is none. `at` < end, *at >= 0x80.
int64_t sequence_length(const unsigned char* at, int64_t left) {
  const auto continues = [&](int64_t i) { return i < left && (at[i] & 0xC0) == 0x80; };
  const unsigned char lead = at[0];
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && at[1] < 0xA0) return 0;
    if (lead == 0xED && at[1] > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xF0 && at[1] < 0x90) return 0;
    if (lead == 0xF4 && at[1] > 0x8F) return 0;
    return 4;
  }
  return 0;
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
    const int64_t length =
        *at == 0 ? 0 : sequence_length(reinterpret_cast<const unsigned char*>(at), end - at);
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
