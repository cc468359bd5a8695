#include "kernels/base/crc32c.h"
#include "tests/bytes_of.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace assay {
namespace {

// RFC 3720, appendix B.4, and the usual check value of the polynomial.
TEST(Crc32c, MatchesPublishedAnswers) {
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  const std::string falling(rising.rbegin(), rising.rend());
  const std::vector<std::pair<std::string, uint32_t>> answers = {
      {"", 0},
      {"123456789", 0xe3069283},
      {std::string(32, '\0'), 0x8a9136aa},
      {std::string(32, '\xff'), 0x62a8ab43},
      {rising, 0x46dd794e},
      {falling, 0x113fdb5c}};
  for (const auto& [text, answer] : answers) {
    EXPECT_EQ(crc32c(text), answer) << text;
    EXPECT_EQ(crc32c_portable(bytes_of(text)), answer) << text;
  }
}

TEST(Crc32c, PartsGiveTheWhole) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 7);
  const uint32_t whole = crc32c(text);
  EXPECT_EQ(crc32c_portable(bytes_of(text)), whole);
  for (const size_t cut : {0, 1, 7, 8, 9, 500, 999, 1000}) {
    const std::string_view all = text;
    EXPECT_EQ(crc32c(all.substr(cut), crc32c(all.substr(0, cut))), whole) << cut;
  }
}

}  // namespace
}  // namespace assay
