#include "automl/config/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assay::automl {
namespace {

using ::testing::HasSubstr;

TEST(Durations, AreReadInAllForms) {
  EXPECT_EQ(*parse_duration("90"), 90);
  EXPECT_EQ(*parse_duration("0"), 0);
  EXPECT_EQ(*parse_duration("0.25"), 0.25);
  EXPECT_EQ(*parse_duration("30s"), 30);
  EXPECT_EQ(*parse_duration("5m"), 300);
  EXPECT_EQ(*parse_duration("5min"), 300);
  EXPECT_EQ(*parse_duration("1h30m"), 5400);
  EXPECT_EQ(*parse_duration("1h 30m 1s"), 5401);
  EXPECT_EQ(*parse_duration("500ms"), 0.5);
  EXPECT_EQ(*parse_duration("1.5h"), 5400);
  EXPECT_EQ(*parse_duration("2d"), 172800);
}

TEST(Durations, RefuseWhatIsNotOne) {
  for (const char* text : {"", " ", "s", "5x", "-5s", "-1", "30m1h", "5s5s", "1h30", "5 5", "nan",
                           "inf", "1e10", "1e400", "0x10", "5S", "1:30"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration.has_value()) << text;
    EXPECT_EQ(duration.error().code, StatusCode::kInvalidArgument);
    EXPECT_THAT(duration.error().message, HasSubstr("'" + std::string(text) + "'"));
  }
}

TEST(Durations, AreWrittenSoThatTheyReadBack) {
  EXPECT_EQ(format_duration(5400), "1h30m");
  EXPECT_EQ(format_duration(30), "30s");
  EXPECT_EQ(format_duration(0.5), "0.5s");
  EXPECT_EQ(format_duration(3661), "1h1m1s");
  for (const double seconds : {0.0, 1e-9, 0.1, 59.0, 60.0, 61.5, 86400.0, 1e9, 123456.789}) {
    EXPECT_EQ(*parse_duration(format_duration(seconds)), seconds) << format_duration(seconds);
  }
}

TEST(Sizes, AreReadInAllForms) {
  EXPECT_EQ(*parse_bytes("1000"), 1000);
  EXPECT_EQ(*parse_bytes("1000B"), 1000);
  EXPECT_EQ(*parse_bytes("512MB"), 512000000);
  EXPECT_EQ(*parse_bytes("4GiB"), int64_t{4} << 30);
  EXPECT_EQ(*parse_bytes("4gib"), int64_t{4} << 30);
  EXPECT_EQ(*parse_bytes("300M"), int64_t{300} << 20);
  EXPECT_EQ(*parse_bytes("1.5 G"), int64_t{3} << 29);
  EXPECT_EQ(*parse_bytes("1Ti"), int64_t{1} << 40);
  EXPECT_EQ(*parse_bytes("2k"), 2048);
}

TEST(Sizes, RefuseWhatIsNotOne) {
  for (const char* text : {"", "B", "-1", "4X", "4GiBs", "4 G B", "1e400", "nan", "9000T9", "1e16",
                           "99999T", "0.5", "0.0001k"}) {
    const auto bytes = parse_bytes(text);
    ASSERT_FALSE(bytes.has_value()) << text;
    EXPECT_THAT(bytes.error().message, HasSubstr("'" + std::string(text) + "'"));
  }
}

TEST(Sizes, AreWrittenSoThatTheyReadBack) {
  EXPECT_EQ(format_bytes(int64_t{4} << 30), "4GiB");
  EXPECT_EQ(format_bytes(1000), "1000B");
  EXPECT_EQ(format_bytes(0), "0B");
  EXPECT_EQ(rounded_bytes(0), "0 B");
  EXPECT_EQ(rounded_bytes(16 << 10), "16.0 KiB");
  EXPECT_EQ(rounded_bytes(int64_t{1} << 40), "1.0 TiB");
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{1536}, int64_t{3} << 50}) {
    EXPECT_EQ(*parse_bytes(format_bytes(bytes)), bytes);
  }
}

}  // namespace
}  // namespace assay::automl
