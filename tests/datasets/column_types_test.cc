#include "datasets/column_types.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "datasets/decimal_internal.h"
#include "kernels/base/rng.h"

namespace assay::datasets {
namespace {

double number(std::string_view text) {
  double value = -12345;
  EXPECT_EQ(parse_number(text, value), NumberKind::kFinite) << text;
  return value;
}
NumberKind kind(std::string_view text) {
  double value = 0;
  return parse_number(text, value);
}

TEST(ParseNumber, ReadsDecimals) {
  EXPECT_EQ(number("0"), 0.0);
  EXPECT_EQ(number("-12.5"), -12.5);
  EXPECT_EQ(number("+3"), 3.0);
  EXPECT_EQ(number(" \t7 "), 7.0);
  EXPECT_EQ(number(".5"), 0.5);
  EXPECT_EQ(number("5."), 5.0);
  EXPECT_EQ(number("1e3"), 1000.0);
  EXPECT_EQ(number("1.5E-3"), 0.0015);
  EXPECT_EQ(number("2e+2"), 200.0);
  EXPECT_EQ(number("012"), 12.0);
  EXPECT_EQ(number("1e308"), 1e308);
  EXPECT_EQ(number("4.9e-324"), 4.9e-324);
  EXPECT_TRUE(std::signbit(number("-0")));
}

TEST(ParseNumber, RoundsAsStrtod) {
  Rng rng(7);
  for (int i = 0; i < 20000; ++i) {
    const int digits = 1 + static_cast<int>(rng.below(22));
    std::string text = rng.below(2) == 0 ? "-" : "";
    const auto point = static_cast<int>(rng.below(static_cast<uint64_t>(digits) + 1));
    for (int d = 0; d < digits; ++d) {
      if (d == point) text += '.';
      text += static_cast<char>('0' + rng.below(10));
    }
    if (rng.below(3) == 0) text += "e" + std::to_string(static_cast<int>(rng.below(600)) - 300);
    const double expected = std::strtod(text.c_str(), nullptr);
    if (std::isinf(expected)) {
      EXPECT_EQ(kind(text), NumberKind::kNotFinite) << text;
      continue;
    }
    EXPECT_EQ(number(text), expected) << text;
    double fast = 0;
    const std::string field = text + ",";
    if (const char* end = scan_decimal(field.c_str(), fast); end != nullptr && *end == ',') {
      EXPECT_EQ(fast, expected) << text;
    }
  }
}

TEST(ParseNumber, UnderflowIsZeroAndOverflowIsNotFinite) {
  EXPECT_EQ(number("1e-999"), 0.0);
  EXPECT_EQ(number("0.0000e-99999"), 0.0);
  EXPECT_EQ(number("0e999"), 0.0);
  EXPECT_EQ(number("0." + std::string(400, '0') + "1"), 0.0);
  EXPECT_EQ(number("0." + std::string(400, '0') + "1e401"), 1.0);
  EXPECT_EQ(kind("1e309"), NumberKind::kNotFinite);
  EXPECT_EQ(kind("-1e999"), NumberKind::kNotFinite);
  EXPECT_EQ(kind(std::string(400, '9')), NumberKind::kNotFinite);
  EXPECT_EQ(kind("1e99999999999999999999"), NumberKind::kNotFinite);
  EXPECT_EQ(kind("inf"), NumberKind::kNotFinite);
  EXPECT_EQ(kind("-Infinity"), NumberKind::kNotFinite);
  EXPECT_EQ(kind("+INF"), NumberKind::kNotFinite);
}

TEST(ParseNumber, RefusesEverythingElse) {
  for (const char* text :
       {"",    " ",   "-",   "+",   ".",     "e5",  "1e", "1e+",  "0x10", "1,5",     "1_000",
        "1 2", "--1", "+-1", "nan", "1.2.3", "12a", "in", "infi", "1d5",  "\xc2\xbd"}) {
    EXPECT_EQ(kind(text), NumberKind::kNone) << "'" << text << "'";
  }
}

TEST(ParseBoolean, KnowsFourPairs) {
  for (const char* text : {"true", "TRUE", "Yes", "y", "T", " t "}) {
    EXPECT_EQ(parse_boolean(text), true) << text;
  }
  for (const char* text : {"false", "False", "NO", "n", "f"}) {
    EXPECT_EQ(parse_boolean(text), false) << text;
  }
  for (const char* text : {"", "1", "0", "tru", "yess", "on", "off"}) {
    EXPECT_FALSE(parse_boolean(text).has_value()) << text;
  }
  EXPECT_EQ(parse_boolean_value("1"), true);
  EXPECT_EQ(parse_boolean_value(" 0"), false);
  EXPECT_FALSE(parse_boolean_value("2").has_value());
}

TEST(ParseBoolean, OppositeKeepsTheStyle) {
  EXPECT_EQ(opposite_boolean("Yes"), "No");
  EXPECT_EQ(opposite_boolean("TRUE"), "FALSE");
  EXPECT_EQ(opposite_boolean("f"), "t");
  EXPECT_EQ(opposite_boolean("N"), "Y");
  EXPECT_EQ(opposite_boolean("1"), "0");
  EXPECT_EQ(opposite_boolean("perhaps"), "");
}

// Expected seconds from `date -u -d ... +%s`.
TEST(ParseDatetime, ReadsIso8601) {
  EXPECT_EQ(parse_datetime("1970-01-01"), 0.0);
  EXPECT_EQ(parse_datetime("2024-02-29"), 1709164800.0);
  EXPECT_EQ(parse_datetime("2024/02/29"), 1709164800.0);
  EXPECT_EQ(parse_datetime("1969-12-31T23:59:59Z"), -1.0);
  EXPECT_EQ(parse_datetime("2013-01-01 05:30"), 1357018200.0);
  EXPECT_EQ(parse_datetime("2013-01-01T05:30:15.25"), 1357018215.25);
  EXPECT_EQ(parse_datetime("2013-01-01T05:30:15+02:00"), 1357011015.0);
  EXPECT_EQ(parse_datetime("2013-01-01T05:30:15-0130"), 1357023615.0);
  EXPECT_EQ(parse_datetime("2013-01-01T05:30:15+02"), 1357011015.0);
  EXPECT_EQ(parse_datetime(" 0001-01-01 "), -62135596800.0);
  EXPECT_EQ(parse_datetime("9999-12-31T23:59:59"), 253402300799.0);
  EXPECT_EQ(parse_datetime("1900-03-01"), -2203891200.0);
  EXPECT_EQ(parse_datetime("2016-12-31T23:59:60Z"), 1483228800.0);
}

TEST(ParseDatetime, RefusesEverythingElse) {
  for (const char* text : {"",
                           "2013",
                           "20130101",
                           "2013-1-1",
                           "2013-13-01",
                           "2013-02-29",
                           "1900-02-29",
                           "2013-04-31",
                           "0000-01-01",
                           "2013-01-01T",
                           "2013-01-01T5:30",
                           "2013-01-01T24:00",
                           "2013-01-01T05:60",
                           "2013-01-01T05:30:61",
                           "2013-01-01T05:30:15.",
                           "2013-01-01T05:30+2",
                           "2013-01-01x",
                           "2013-01/01",
                           "01/02/2013",
                           "2013-01-01T05:30:15+24:00",
                           "2013-00-01",
                           "2013-01-00"}) {
    EXPECT_FALSE(parse_datetime(text).has_value()) << "'" << text << "'";
  }
}

TEST(MissingTokens, DefaultsAndOwn) {
  const MissingTokens tokens;
  for (const char* text : {"", "  ", "NA", " ? ", "N/A", "NaN", "nan", "null", "NULL", "None", "na",
                           "n/a", "#N/A", "<NA>", "NAN", "Null", "-nan"}) {
    EXPECT_TRUE(tokens.contains(text)) << text;
  }
  for (const char* text : {"Na", "0", "-", ".", "??", "none", "N", "A", "#N"}) {
    EXPECT_FALSE(tokens.contains(text)) << text;
  }
  EXPECT_FALSE(tokens.has_numbers());
  const std::vector<std::string> own = {"-999", "unknown"};
  const MissingTokens other(own);
  EXPECT_TRUE(other.contains(""));
  EXPECT_TRUE(other.contains("-999"));
  EXPECT_FALSE(other.contains("NA"));
  EXPECT_TRUE(other.has_numbers());
}

TEST(PaddedDigits, AreDigitsWithAZeroTooMuch) {
  for (const char* text : {"01", "00", "00501", " 007 "}) EXPECT_TRUE(padded_digits(text)) << text;
  for (const char* text : {"", "0", "10", "0.5", "00.5", "-01", "0e1", "0x1", "1"}) {
    EXPECT_FALSE(padded_digits(text)) << text;
  }
}

ColumnType inferred(std::vector<std::string_view> levels) { return infer_type(levels); }

TEST(InferType, FollowsAllLevels) {
  EXPECT_EQ(inferred({}), ColumnType::kNumeric);
  EXPECT_EQ(inferred({"1", "2.5", "1e999"}), ColumnType::kNumeric);
  EXPECT_EQ(inferred({"0", "1"}), ColumnType::kNumeric);
  EXPECT_EQ(inferred({"1", "a"}), ColumnType::kCategorical);
  EXPECT_EQ(inferred({"yes", "No"}), ColumnType::kBoolean);
  EXPECT_EQ(inferred({"yes", "No", "NO"}), ColumnType::kBoolean);
  EXPECT_EQ(inferred({"yes"}), ColumnType::kCategorical);
  EXPECT_EQ(inferred({"yes", "false"}), ColumnType::kCategorical);
  EXPECT_EQ(inferred({"T", "F", "M"}), ColumnType::kCategorical);
  EXPECT_EQ(inferred({"2013-01-01", "2013/01/02 10:00"}), ColumnType::kDatetime);
  EXPECT_EQ(inferred({"2013-01-01", "2013"}), ColumnType::kCategorical);
}

TEST(Misfits, AreFewByShareAndByDistinctTexts) {
  EXPECT_TRUE(misfits_are_few({10, 0, 0}));
  EXPECT_FALSE(misfits_are_few({99, 1, 1}));
  EXPECT_TRUE(misfits_are_few({100, 1, 1}));
  EXPECT_FALSE(misfits_are_few({199, 2, 1}));
  EXPECT_TRUE(misfits_are_few({5000, 5, 5}));
  EXPECT_FALSE(misfits_are_few({5000, 6, 1}));
  EXPECT_TRUE(misfits_are_few({1'000'000, 1000, 20}));
  EXPECT_FALSE(misfits_are_few({1'000'000, 1001, 1}));
  EXPECT_FALSE(misfits_are_few({1'000'000, 100, 21}));
}

TEST(StringType, TellsTextFromCategories) {
  EXPECT_EQ(string_type({20, 20, 100}), ColumnType::kCategorical);
  EXPECT_EQ(string_type({21, 11, 100}), ColumnType::kText);
  EXPECT_EQ(string_type({22, 11, 100}), ColumnType::kCategorical);
  EXPECT_EQ(string_type({1000000, 30000, 300000}), ColumnType::kCategorical);
  EXPECT_EQ(string_type({1000, 51, 51 * 65}), ColumnType::kText);
  EXPECT_EQ(string_type({1000, 50, 50 * 65}), ColumnType::kCategorical);
}

}  // namespace
}  // namespace assay::datasets
