#include "kernels/base/utf8.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace assay {
namespace {

// By the bit patterns of RFC 3629, also for code points that have no UTF-8.
std::string encoded(uint32_t code, int length) {
  if (length == 1) return std::string(1, static_cast<char>(code));
  std::string text;
  for (int i = length - 1; i > 0; --i) {
    text.insert(text.begin(), static_cast<char>(0x80 | (code & 0x3f)));
    code >>= 6;
  }
  constexpr std::array<uint32_t, 5> kLeads = {0, 0, 0xc0, 0xe0, 0xf0};
  text.insert(text.begin(), static_cast<char>(kLeads[static_cast<size_t>(length)] | code));
  return text;
}

TEST(Utf8Length, KnowsEveryCodePoint) {
  int wrong = 0;
  for (uint32_t code = 0; code <= 0x1fffff; ++code) {
    const int shortest = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    const bool none = (code >= 0xd800 && code < 0xe000) || code > 0x10ffff;
    for (int length = shortest; length <= 4; ++length) {
      const size_t expected = none || length > shortest ? 0 : static_cast<size_t>(shortest);
      const std::string text = encoded(code, length);
      wrong += utf8_length(text) == expected ? 0 : 1;
      wrong += utf8_length(text + "z") == expected ? 0 : 1;
      if (length > 1) wrong += utf8_length(text.substr(0, text.size() - 1)) == 0 ? 0 : 1;
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Utf8Length, IsNoneOfWhatBeginsNoCharacter) {
  EXPECT_EQ(utf8_length(""), 0U);
  for (const char* text : {"\x80", "\xbf", "\xc0\xaf", "\xc1\x81", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(utf8_length(text), 0U);
  }
}

}  // namespace
}  // namespace assay
