#include "datasets/number_look.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "datasets/column_types.h"
#include "datasets/csv_field_internal.h"
#include "datasets/decimal_internal.h"
#include "kernels/base/names.h"

namespace assay::datasets {
namespace {

constexpr size_t kMostLevels = 1000;

// Takes up to `most` digits; returns how many.
size_t take_digits(std::string_view& text, size_t most) {
  size_t count = 0;
  while (count < most && count < text.size() && is_digit(text[count])) ++count;
  text.remove_prefix(count);
  return count;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

void take_sign(std::string_view& text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
}

// 1,5 and -12,25, whole numbers allowed beside them; `marked` if there is a comma.
bool decimal_comma(std::string_view text, bool& marked) {
  take_sign(text);
  if (take_digits(text, text.size()) == 0) return false;
  if (text.empty()) return true;
  marked = true;
  return take(text, ",") && take_digits(text, text.size()) > 0 && text.empty();
}

// 1,234,567.8 with the separator `mark` before each three digits and `point` for decimals.
bool thousands(std::string_view text, char mark, char point, bool& marked) {
  take_sign(text);
  if (take_digits(text, 3) == 0) return false;
  while (!text.empty() && text[0] == mark) {
    marked = true;
    text.remove_prefix(1);
    if (take_digits(text, 3) != 3) return false;
  }
  if (text.empty()) return true;
  if (text[0] != point) return false;
  text.remove_prefix(1);
  return take_digits(text, text.size()) > 0 && text.empty();
}

bool is_number(std::string_view text) {
  double value = 0;
  bool marked = false;
  return parse_number(text, value) == NumberKind::kFinite || decimal_comma(text, marked) ||
         thousands(text, ',', '.', marked) || thousands(text, '.', ',', marked);
}

bool percent(std::string_view text) {
  return !text.empty() && text.back() == '%' && is_number(trimmed(text.substr(0, text.size() - 1)));
}

bool currency(std::string_view text) {
  take_sign(text);
  for (const std::string_view sign : {"$", "\u20ac", "\u00a3", "\u00a5", "US$", "USD", "EUR"}) {
    std::string_view rest = text;
    if (take(rest, sign)) return is_number(trimmed(rest));
    if (text.size() > sign.size() && text.substr(text.size() - sign.size()) == sign) {
      return is_number(trimmed(text.substr(0, text.size() - sign.size())));
    }
  }
  return false;
}

// 31.12.2024, 12/31/24 and the like.
bool day_or_month_first(std::string_view text) {
  if (take_digits(text, 2) == 0 || text.empty()) return false;
  const char mark = text[0];
  if (mark != '.' && mark != '/' && mark != '-') return false;
  text.remove_prefix(1);
  if (take_digits(text, 2) == 0 || text.empty() || text[0] != mark) return false;
  text.remove_prefix(1);
  const size_t year = take_digits(text, 4);
  return (year == 2 || year == 4) && (text.empty() || text[0] == ' ');
}

bool time_of_day(std::string_view text) {
  if (take_digits(text, 2) == 0 || !take(text, ":") || take_digits(text, 2) != 2) return false;
  return text.empty() || (take(text, ":") && take_digits(text, 2) == 2 && text.empty());
}

struct Look {
  bool (*fits)(std::string_view text, bool& marked);
  std::string_view name;
};

// Earlier ones come first where several fit.
constexpr std::array<Look, 8> kLooks = {{
    {[](std::string_view text, bool& marked) { return thousands(text, ',', '.', marked); },
     "numbers with commas between thousands"},
    {[](std::string_view text, bool& marked) { return decimal_comma(text, marked); },
     "numbers with a decimal comma"},
    {[](std::string_view text, bool& marked) { return thousands(text, '.', ',', marked); },
     "numbers with points between thousands"},
    {[](std::string_view text, bool& marked) { return thousands(text, ' ', '.', marked); },
     "numbers with blanks between thousands"},
    {[](std::string_view text, bool& marked) { return marked = percent(text); },
     "numbers with a percent sign"},
    {[](std::string_view text, bool& marked) { return marked = currency(text); },
     "amounts with a currency sign"},
    {[](std::string_view text, bool& marked) { return marked = day_or_month_first(text); },
     "dates with the day or month first"},
    {[](std::string_view text, bool& marked) { return marked = time_of_day(text); },
     "times of day"},
}};

// What people write where they have no value.
bool marks_missing(std::string_view text) {
  constexpr std::array<std::string_view, 9> kWords = {
      "unknown", "missing", "nil", "nd", "n.d.", "n.a.", "not available", "no data", "empty"};
  const std::string lower = lower_case(text);
  const bool word = std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
  return word || std::none_of(text.begin(), text.end(), [](char c) {
           return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c & 0x80) != 0;
         });
}

}  // namespace

std::string number_look(const Column& column) {
  if (column.is_numbers() || column.levels.empty()) return {};
  const size_t count = std::min(column.levels.size(), kMostLevels);
  for (const Look& look : kLooks) {
    size_t fitting = 0;
    std::string_view example;
    for (size_t i = 0; i < count; ++i) {
      bool marked = false;
      if (!look.fits(trimmed(column.levels[i]), marked)) continue;
      ++fitting;
      if (marked && example.empty()) example = column.levels[i];
    }
    if (example.empty() || fitting * 20 < count * 19) continue;
    return fmt::format("{} ('{}')", look.name, shown_text(example));
  }
  return {};
}

std::string number_gaps(const Column& column) {
  constexpr size_t kFewGaps = 2;
  constexpr size_t kManyNumbers = 10;  // a category may well have the levels 1, 2 and other
  if (column.is_numbers()) return {};
  const size_t most = std::max(kFewGaps, column.levels.size() / 20);
  std::vector<std::string_view> gaps;
  for (const std::string& level : column.levels) {
    double value = 0;
    // Digits that begin with 0 are codes.
    if (padded_digits(level)) return {};
    if (parse_number(level, value) != NumberKind::kNone) continue;
    gaps.push_back(level);
    if (gaps.size() > most) return {};
  }
  const size_t numbers = column.levels.size() - gaps.size();
  const bool marks = std::all_of(gaps.begin(), gaps.end(), marks_missing);
  if (gaps.empty() || numbers < (marks ? 2 : kManyNumbers)) return {};
  const std::string first = fmt::format("'{}'", shown_text(gaps[0]));
  if (gaps.size() == 1) return first;
  if (gaps.size() == 2) return fmt::format("{} and '{}'", first, shown_text(gaps[1]));
  return fmt::format("{} and {} more", first, gaps.size() - 1);
}

std::string reading_hint(const Column& column) {
  if (const std::string look = number_look(column); !look.empty()) {
    return fmt::format(
        "column '{}' looks like {}, and is read as text (write numbers as 1234.5 and dates as "
        "2024-12-31)",
        column.name, look);
  }
  const std::string gaps = number_gaps(column);
  if (gaps.empty()) return {};
  return fmt::format(
      "column '{}' would be numeric but for {} and is read as text (missing_tokens can name what "
      "stands for a missing value)",
      column.name, gaps);
}

}  // namespace assay::datasets
