#include <fmt/format.h>

#include <array>
#include <chrono>
#include <utility>

#include "tracking/time_text_internal.h"

namespace assay::tracking {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDaySeconds = 86'400;
constexpr int64_t kMostSeconds = 9'200'000'000;  // June 1678 to July 2261
constexpr int64_t kFirstYear = 1678;
constexpr int64_t kLastYear = 2261;

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

// A date in any notation: 2024-1-31, 2024/01/31, 31.1.2024.
struct LooseDate {
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  std::string written{};
};

// Up to nine digits, as many as there are.
size_t take_number(std::string_view& text, int64_t& number) {
  size_t digits = 0;
  number = 0;
  for (; digits < 9 && !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits) {
    number = number * 10 + (text.front() - '0');
    text.remove_prefix(1);
  }
  return digits;
}

bool take_loose_date(std::string_view& text, LooseDate& date) {
  const std::string_view all = text;
  const size_t first = take_number(text, date.year);
  const char mark = text.empty() ? '\0' : text.front();
  if (first == 0 || (mark != '-' && mark != '/' && mark != '.')) return false;
  if (!take(text, mark) || take_number(text, date.month) == 0 || !take(text, mark)) return false;
  const size_t last = take_number(text, date.day);
  // With the year last, only points tell that the day is first.
  if (first < 3 && (mark != '.' || last < 3)) return false;
  if (first < 3) std::swap(date.year, date.day);
  date.written = all.substr(0, all.size() - text.size());
  return last > 0;
}

// Of what follows a date.
std::string clock_fault(std::string_view text) {
  constexpr std::string_view kClock = "write '12:00', '12:00:30' or '12:00:30Z' after the date";
  if (text.empty()) {
    return fmt::format("is out of range (must be within the years {} to {})", kFirstYear,
                       kLastYear);
  }
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::string(kClock);
  int64_t part = 0;
  constexpr std::array<std::pair<const char*, int64_t>, 3> kParts = {
      {{"hour", 23}, {"minute", 59}, {"second", 59}}};
  for (size_t i = 0; i < kParts.size(); ++i) {
    if (i > 0 && !take(text, ':')) break;
    const auto& [name, most] = kParts[i];
    if (take_number(text, part) == 0) return std::string(kClock);
    if (part > most) return fmt::format("there is no {} {} (must be 00 to {})", name, part, most);
  }
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    return "a time zone is Z, or like +01:00";
  }
  return std::string(kClock);
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

std::string time_fault(std::string_view text) {
  LooseDate date;
  if (!take_loose_date(text, date)) return {};
  if (date.year < kFirstYear || date.year > kLastYear) {
    return fmt::format("year {} is out of range (must be {} to {})", date.year, kFirstYear,
                       kLastYear);
  }
  if (date.month < 1 || date.month > 12) {
    return fmt::format("there is no month {} (must be 01 to 12)", date.month);
  }
  const std::chrono::year_month month{std::chrono::year(static_cast<int>(date.year)),
                                      std::chrono::month(static_cast<unsigned>(date.month))};
  const auto last = static_cast<unsigned>((month / std::chrono::last).day());
  if (date.day < 1 || date.day > last) {
    return fmt::format("{:04}-{:02} has no day {} (must be 01 to {})", date.year, date.month,
                       date.day, last);
  }
  const std::string written = fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day);
  if (date.written != written) return fmt::format("write '{}'", written);
  return clock_fault(text);
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
