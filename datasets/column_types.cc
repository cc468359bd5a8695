#include "datasets/column_types.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "datasets/decimal_internal.h"
#include "kernels/base/names.h"

namespace assay::datasets {
namespace {

constexpr std::string_view kDefaultMissing[] = {"NA",   "N/A",  "n/a",  "na",   "#N/A",
                                                "<NA>", "NaN",  "nan",  "NAN",  "-nan",
                                                "null", "NULL", "Null", "None", "?"};

// In every pair the true spelling comes first.
constexpr std::array<std::array<std::string_view, 2>, 4> kBooleanPairs = {
    {{"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"}}};

bool is_blank(char c) { return c == ' ' || c == '\t'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool equals_lower(std::string_view text, std::string_view lower_word) {
  if (text.size() != lower_word.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != lower_word[i]) return false;
  }
  return true;
}

struct BooleanMatch {
  int pair = -1;
  bool value = false;
};

BooleanMatch match_boolean(std::string_view text) {
  text = trimmed(text);
  if (text.empty() || text.size() > 5) return {};
  for (size_t pair = 0; pair < kBooleanPairs.size(); ++pair) {
    for (const bool value : {true, false}) {
      if (equals_lower(text, kBooleanPairs[pair][value ? 0 : 1])) {
        return {static_cast<int>(pair), value};
      }
    }
  }
  return {};
}

// Whether digits[.digits][e..] that from_chars put out of range is too large (else too small).
bool overflows(std::string_view digits) {
  int64_t magnitude = 0;  // of the first digit that is not 0, as a power of ten
  bool seen_point = false;
  bool significant = false;
  size_t at = 0;
  for (; at < digits.size() && lower(digits[at]) != 'e'; ++at) {
    if (digits[at] == '.') {
      seen_point = true;
      continue;
    }
    significant = significant || digits[at] != '0';
    if (significant && !seen_point) ++magnitude;
    if (!significant && seen_point) --magnitude;
  }
  if (at + 1 >= digits.size()) return magnitude > 0;
  const std::string_view exponent = digits.substr(at + 1);
  const bool negative = exponent[0] == '-';
  int64_t power = 0;
  for (const char c : exponent) {
    if (is_digit(c)) power = std::min<int64_t>(power * 10 + (c - '0'), int64_t{1} << 40);
  }
  return magnitude + (negative ? -power : power) > 0;
}

// Reads exactly `count` digits.
bool read_digits(std::string_view& text, int count, int& value) {
  if (text.size() < static_cast<size_t>(count)) return false;
  value = 0;
  for (int i = 0; i < count; ++i) {
    if (!is_digit(text[static_cast<size_t>(i)])) return false;
    value = value * 10 + (text[static_cast<size_t>(i)] - '0');
  }
  text.remove_prefix(static_cast<size_t>(count));
  return true;
}

bool read_char(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

// Days since 1970-01-01.
std::optional<int64_t> read_date(std::string_view& text) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int year = 0;
  int month = 0;
  int day = 0;
  if (!read_digits(text, 4, year) || text.empty()) return std::nullopt;
  const char separator = text[0];
  if (separator != '-' && separator != '/') return std::nullopt;
  if (!read_char(text, separator) || !read_digits(text, 2, month)) return std::nullopt;
  if (!read_char(text, separator) || !read_digits(text, 2, day)) return std::nullopt;
  if (year < 1 || month < 1 || month > 12) return std::nullopt;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (day < 1 || day > kDays[month - 1] + (leap && month == 2 ? 1 : 0)) return std::nullopt;
  const int64_t before = year - 1;
  int64_t days = before * 365 + before / 4 - before / 100 + before / 400 + day - 1;
  for (int m = 1; m < month; ++m) days += kDays[m - 1] + (leap && m == 2 ? 1 : 0);
  return days - 719162;
}

// Seconds of the day, with the fraction.
std::optional<double> read_time(std::string_view& text) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!read_digits(text, 2, hour) || !read_char(text, ':') || !read_digits(text, 2, minute)) {
    return std::nullopt;
  }
  double fraction = 0;
  if (read_char(text, ':')) {
    if (!read_digits(text, 2, second)) return std::nullopt;
    if (read_char(text, '.')) {
      uint64_t digits = 0;
      int count = 0;
      size_t length = 0;
      for (; length < text.size() && is_digit(text[length]); ++length) {
        if (count == 15) continue;  // beyond what a double of seconds can tell apart
        digits = digits * 10 + static_cast<uint64_t>(text[length] - '0');
        ++count;
      }
      if (length == 0) return std::nullopt;
      text.remove_prefix(length);
      fraction = static_cast<double>(digits) / kPowersOfTen[count];
    }
  }
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return hour * 3600 + minute * 60 + second + fraction;
}

// Seconds east of UTC; text is what follows the time.
std::optional<int> read_offset(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return 0;
  const int sign = text[0] == '-' ? -1 : 1;
  if (text[0] != '+' && text[0] != '-') return std::nullopt;
  text.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!read_digits(text, 2, hours)) return std::nullopt;
  if (!text.empty()) {
    read_char(text, ':');
    if (!read_digits(text, 2, minutes) || !text.empty()) return std::nullopt;
  }
  if (hours > 23 || minutes > 59) return std::nullopt;
  return sign * (hours * 3600 + minutes * 60);
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

NumberKind parse_number(std::string_view text, double& value) {
  text = trimmed(text);
  if (text.empty()) return NumberKind::kNone;
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  if (text.empty()) return NumberKind::kNone;
  if (!is_digit(text[0]) && text[0] != '.') {
    return equals_lower(text, "inf") || equals_lower(text, "infinity") ? NumberKind::kNotFinite
                                                                       : NumberKind::kNone;
  }
  double x = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, x, std::chars_format::general);
  if (error == std::errc::invalid_argument || stop != end) return NumberKind::kNone;
  if (error == std::errc::result_out_of_range) {
    if (overflows(text)) return NumberKind::kNotFinite;
    x = 0;
  }
  value = negative ? -x : x;
  return NumberKind::kFinite;
}

std::optional<bool> parse_boolean(std::string_view text) {
  const BooleanMatch match = match_boolean(text);
  if (match.pair < 0) return std::nullopt;
  return match.value;
}

std::optional<bool> parse_boolean_value(std::string_view text) {
  const std::string_view word = trimmed(text);
  if (word == "1") return true;
  if (word == "0") return false;
  return parse_boolean(word);
}

std::string opposite_boolean(std::string_view spelling) {
  const std::string_view word = trimmed(spelling);
  if (word == "1") return "0";
  if (word == "0") return "1";
  const BooleanMatch match = match_boolean(word);
  if (match.pair < 0) return {};
  std::string other(kBooleanPairs[static_cast<size_t>(match.pair)][match.value ? 1 : 0]);
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const bool all_upper = std::all_of(word.begin(), word.end(), upper);
  for (size_t i = 0; i < other.size(); ++i) {
    if (all_upper || (i == 0 && upper(word[0]))) other[i] = static_cast<char>(other[i] - 32);
  }
  return other;
}

std::optional<double> parse_datetime(std::string_view text) {
  text = trimmed(text);
  if (text.size() < 10 || !is_digit(text[0])) return std::nullopt;
  const std::optional<int64_t> days = read_date(text);
  if (!days) return std::nullopt;
  const double midnight = static_cast<double>(*days) * 86400.0;
  if (text.empty()) return midnight;
  if (!read_char(text, 'T') && !read_char(text, ' ')) return std::nullopt;
  const std::optional<double> seconds = read_time(text);
  if (!seconds) return std::nullopt;
  const std::optional<int> offset = read_offset(text);
  if (!offset) return std::nullopt;
  return midnight + *seconds - *offset;
}

std::span<const std::string_view> MissingTokens::defaults() { return kDefaultMissing; }

MissingTokens::MissingTokens()
    : MissingTokens(
          std::vector<std::string>(std::begin(kDefaultMissing), std::end(kDefaultMissing))) {}

MissingTokens::MissingTokens(std::span<const std::string> tokens) {
  for (const std::string& token : tokens) {
    tokens_.emplace_back(trimmed(token));
    double value = 0;
    has_numbers_ = has_numbers_ || parse_number(token, value) != NumberKind::kNone;
    lengths_ |= uint64_t{1} << std::min<size_t>(tokens_.back().size(), 63);
  }
}

bool MissingTokens::contains(std::string_view text) const {
  text = trimmed(text);
  if (text.empty()) return true;
  if ((lengths_ >> std::min<size_t>(text.size(), 63) & 1) == 0) return false;
  return std::find(tokens_.begin(), tokens_.end(), text) != tokens_.end();
}

bool padded_digits(std::string_view text) {
  text = trimmed(text);
  return text.size() > 1 && text[0] == '0' && std::all_of(text.begin(), text.end(), is_digit);
}

ColumnType string_type(const StringSummary& summary) {
  if (summary.value_count > 20 && summary.level_count * 2 > summary.value_count) {
    return ColumnType::kText;
  }
  if (summary.level_count > 50 && summary.level_bytes > summary.level_count * 64) {
    return ColumnType::kText;
  }
  return ColumnType::kCategorical;
}

bool misfits_are_few(const MisfitSummary& misfits) {
  if (misfits.distinct_count > kMaxDistinctMisfits) return false;
  const int64_t most =
      std::max(misfits.value_count / 1000, std::min<int64_t>(5, misfits.value_count / 100));
  return misfits.misfit_count <= most;
}

ColumnType infer_type(std::span<const std::string_view> levels) {
  bool numeric = true;
  bool datetime = true;
  int pair = -2;  // -2: none met yet; -1: not boolean
  bool met[2] = {false, false};
  for (const std::string_view level : levels) {
    double value = 0;
    numeric = numeric && parse_number(level, value) != NumberKind::kNone;
    datetime = datetime && parse_datetime(level).has_value();
    if (pair != -1) {
      const BooleanMatch match = match_boolean(level);
      pair = pair == -2 || match.pair == pair ? match.pair : -1;
      if (pair >= 0) met[match.value ? 1 : 0] = true;
    }
    if (!numeric && !datetime && pair == -1) return ColumnType::kCategorical;
  }
  if (numeric) return ColumnType::kNumeric;
  if (datetime) return ColumnType::kDatetime;
  if (pair >= 0 && met[0] && met[1]) return ColumnType::kBoolean;
  return ColumnType::kCategorical;
}

}  // namespace assay::datasets
