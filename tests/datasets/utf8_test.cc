#include <gtest/gtest.h>

#include <string>

#include "datasets/utf8_internal.h"

namespace assay::datasets {
namespace {

// Offset of the bad byte, -1 if there is none; tried at all alignments.
int64_t bad_at(const std::string& text) {
  int64_t result = -2;
  for (size_t shift = 0; shift < 9; ++shift) {
    const std::string padded = std::string(shift, 'x') + text + std::string(9 - shift, 'y');
    const char* const end = padded.data() + padded.size();
    const char* const bad = find_bad_byte(padded.data(), end);
    const int64_t at = bad == end ? -1 : bad - padded.data() - static_cast<int64_t>(shift);
    if (result == -2) result = at;
    EXPECT_EQ(at, result) << text;
  }
  return result;
}

TEST(FindBadByte, AcceptsWellFormedText) {
  for (const char* text : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z"}) {
    EXPECT_EQ(bad_at(text), -1) << text;
  }
}

TEST(FindBadByte, FindsWhatIsNotUtf8) {
  EXPECT_EQ(bad_at("ab\x80"), 2);            // a continuation alone
  EXPECT_EQ(bad_at("\xc0\xaf"), 0);          // overlong
  EXPECT_EQ(bad_at("\xe0\x9f\xbf"), 0);      // overlong
  EXPECT_EQ(bad_at("\xf0\x8f\xbf\xbf"), 0);  // overlong
  EXPECT_EQ(bad_at("\xed\xa0\x80"), 0);      // surrogate
  EXPECT_EQ(bad_at("\xf4\x90\x80\x80"), 0);  // beyond U+10FFFF
  EXPECT_EQ(bad_at("\xff"), 0);
  EXPECT_EQ(bad_at("caf\xe9 au lait"), 3);   // Latin-1
  EXPECT_EQ(bad_at("12345678\xe2\x82"), 8);  // cut short
  EXPECT_EQ(bad_at(std::string("abc\0d", 5)), 3);
  EXPECT_EQ(bad_at(std::string("\0", 1)), 0);
}

TEST(CountNewlines, CountsOnlyNewlines) {
  std::string text;
  int64_t expected = 0;
  for (int i = 0; i < 1000; ++i) {
    const char c = static_cast<char>(i * 37 % 256);
    text += c;
    expected += c == '\n';
    ASSERT_EQ(count_newlines(text.data(), text.data() + text.size()), expected) << i;
  }
  const std::string all(100, '\n');
  EXPECT_EQ(count_newlines(all.data(), all.data() + 100), 100);
}

}  // namespace
}  // namespace assay::datasets
