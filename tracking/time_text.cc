#include <fmt/format.h>

#include <chrono>

#include "tracking/time_text_internal.h"

namespace assay::tracking {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDaySeconds = 86'400;
constexpr int64_t kMostSeconds = 9'200'000'000;  // years 1678 to 2261

// Takes exactly `digits` digits from the front.
bool take_digits(std::string_view& text, size_t digits, int& number) {
  if (text.size() < digits) return false;
  number = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    number = number * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool take_date(std::string_view& text, int64_t& days) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!take_digits(text, 4, year) || !take(text, '-') || !take_digits(text, 2, month) ||
      !take(text, '-') || !take_digits(text, 2, day)) {
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  days = std::chrono::sys_days(date).time_since_epoch().count();
  return true;
}

// "12:00", "12:00:30", "12:00:30.25".
bool take_clock(std::string_view& text, int64_t& seconds, int64_t& nanoseconds) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!take_digits(text, 2, hour) || !take(text, ':') || !take_digits(text, 2, minute)) {
    return false;
  }
  if (take(text, ':') && !take_digits(text, 2, second)) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  seconds = int64_t{hour} * 3600 + int64_t{minute} * 60 + second;
  if (!take(text, '.')) return true;
  int64_t unit = kSecond;
  size_t digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
    unit /= 10;
    nanoseconds += unit * (text.front() - '0');
    ++digits;
  }
  return digits >= 1 && digits <= 9;
}

// "Z", "+01:00", "-0530" or nothing (UTC).
bool take_zone(std::string_view& text, int64_t& offset_seconds) {
  if (text.empty() || take(text, 'Z') || take(text, 'z')) return true;
  const bool west = text.front() == '-';
  if (!take(text, '+') && !take(text, '-')) return false;
  int hours = 0;
  int minutes = 0;
  if (!take_digits(text, 2, hours)) return false;
  take(text, ':');
  if (!take_digits(text, 2, minutes) || hours > 23 || minutes > 59) return false;
  offset_seconds = (int64_t{hours} * 3600 + int64_t{minutes} * 60) * (west ? -1 : 1);
  return true;
}

}  // namespace

bool parse_time(std::string_view text, int64_t& time_ns) {
  int64_t days = 0;
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
  int64_t offset = 0;
  if (!take_date(text, days)) return false;
  if (take(text, 'T') || take(text, 't') || take(text, ' ')) {
    if (!take_clock(text, seconds, nanoseconds) || !take_zone(text, offset)) return false;
  }
  const int64_t whole = days * kDaySeconds + seconds - offset;
  if (!text.empty() || whole < -kMostSeconds || whole >= kMostSeconds) return false;
  time_ns = whole * kSecond + nanoseconds;
  return true;
}

std::string time_text(int64_t time_ns) {
  int64_t seconds = time_ns / kSecond;
  int64_t nanoseconds = time_ns % kSecond;
  if (nanoseconds < 0) {
    nanoseconds += kSecond;
    --seconds;
  }
  int64_t days = seconds / kDaySeconds;
  int64_t rest = seconds % kDaySeconds;
  if (rest < 0) {
    rest += kDaySeconds;
    --days;
  }
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days)))};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     rest / 3600, rest / 60 % 60, rest % 60, nanoseconds);
}

}  // namespace assay::tracking
