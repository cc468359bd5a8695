#include "datasets/number_look.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "datasets/column_types.h"
#include "datasets/csv_field_internal.h"
#include "datasets/decimal_internal.h"

namespace assay::datasets {
namespace {

constexpr size_t kMostLevels = 1000;
// Fewer may be codes with a letter here and there.
constexpr size_t kFewNumbers = 10;

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

// Numbers as they are read, with a few values among them that are none.
std::string plain_look(const Column& column, size_t count) {
  size_t numbers = 0;
  std::string_view odd;
  for (size_t i = 0; i < count; ++i) {
    double value = 0;
    if (parse_number(trimmed(column.levels[i]), value) == NumberKind::kFinite) {
      ++numbers;
    } else if (odd.empty()) {
      odd = column.levels[i];
    }
  }
  const size_t others = count - numbers;
  if (others == 0 || numbers < kFewNumbers || numbers * 20 < count * 19) return {};
  return fmt::format("numbers but for '{}'{}", shown_text(odd),
                     others > 1 ? fmt::format(" and {} more", others - 1) : std::string());
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
  return plain_look(column, count);
}

}  // namespace assay::datasets
