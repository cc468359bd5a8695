#include <gtest/gtest.h>

#include "tracking/run_record.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

TEST(Utf8, AcceptsWellFormedText) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("größe 長い 🌳"));
  EXPECT_TRUE(is_utf8("\xf4\x8f\xbf\xbf"));  // U+10FFFF
}

TEST(Utf8, RefusesMalformedText) {
  EXPECT_FALSE(is_utf8("\xff"));
  EXPECT_FALSE(is_utf8("a\xc3"));             // cut
  EXPECT_FALSE(is_utf8("\xc0\xaf"));          // overlong '/'
  EXPECT_FALSE(is_utf8("\xe0\x9f\xbf"));      // overlong
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));      // surrogate
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));  // above U+10FFFF
  EXPECT_FALSE(is_utf8("\x80"));              // continuation alone
}

TEST(Utf8, ReplacesWhatIsMalformed) {
  EXPECT_EQ(clean_utf8("a\xff"
                       "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(clean_utf8(std::string_view("a\0b", 3)),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(clean_utf8("größe"), "größe");
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(cut_utf8("größe", 3), "gr");  // ö is bytes 2 and 3
  EXPECT_EQ(cut_utf8("größe", 4), "grö");
  EXPECT_EQ(cut_utf8("abc", 10), "abc");
}

TEST(Utf8, ChecksKeys) {
  EXPECT_TRUE(check_key("parameter", "größe/km"));
  EXPECT_FALSE(check_key("parameter", ""));
  EXPECT_FALSE(check_key("parameter", std::string(513, 'k')));
  EXPECT_TRUE(check_key("parameter", std::string(512, 'k')));
  EXPECT_FALSE(check_key("parameter", "\xff"));
  EXPECT_FALSE(check_key("parameter", std::string_view("a\0b", 3)));
}

TEST(Value, ChoosesItsTypeFromWhatIsGiven) {
  EXPECT_TRUE(std::holds_alternative<double>(Value(0.5F).data()));
  EXPECT_TRUE(std::holds_alternative<int64_t>(Value(3).data()));
  EXPECT_TRUE(std::holds_alternative<int64_t>(Value(size_t{3}).data()));
  EXPECT_TRUE(std::holds_alternative<bool>(Value(true).data()));
  EXPECT_TRUE(std::holds_alternative<std::string>(Value("true").data()));
  EXPECT_EQ(Value(0.1).text(), "0.1");
  EXPECT_EQ(Value(-3).text(), "-3");
  EXPECT_EQ(Value(false).text(), "false");
  EXPECT_EQ(Value("text").text(), "text");
}

TEST(RunStatus, HasNamesThatParse) {
  for (const char* name :
       {"running", "completed", "failed", "cancelled", "interrupted", "pruned"}) {
    const auto status = parse_run_status(name);
    ASSERT_TRUE(status) << name;
    EXPECT_EQ(name_of(*status), name);
  }
  const auto wrong = parse_run_status("complete");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("did you mean 'completed'"), std::string::npos);
}

}  // namespace
}  // namespace assay::tracking
