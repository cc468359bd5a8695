#include "automl/config/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

namespace assay::automl {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

// Largest first; a duration names them in this order.
constexpr std::array<Unit, 5> kTimeUnits = {
    {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}, {"ms", 0.001}}};
constexpr std::array<std::string_view, 5> kByteNames = {"B", "KiB", "MiB", "GiB", "TiB"};

void skip_blanks(std::string_view& text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
}

// Takes digits with an optional fraction from the front of `text`. No sign, no exponent.
std::optional<double> take_number(std::string_view& text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

std::string_view take_letters(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && ((text[length] >= 'a' && text[length] <= 'z') ||
                                  (text[length] >= 'A' && text[length] <= 'Z'))) {
    ++length;
  }
  const std::string_view letters = text.substr(0, length);
  text.remove_prefix(length);
  return letters;
}

std::optional<double> seconds_of(std::string_view text) {
  double plain = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), plain);
  if (error == std::errc() && end == text.data() + text.size()) return plain;
  double seconds = 0;
  size_t next_unit = 0;
  skip_blanks(text);
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::optional<double> number = take_number(text);
    skip_blanks(text);
    std::string_view name = take_letters(text);
    skip_blanks(text);
    if (name == "min") name = "m";
    while (next_unit < kTimeUnits.size() && kTimeUnits[next_unit].name != name) ++next_unit;
    if (!number || next_unit == kTimeUnits.size()) return std::nullopt;
    seconds += *number * kTimeUnits[next_unit++].factor;
  }
  return seconds;
}

// The factor of "", "B", "k", "kB", "KiB", ...
std::optional<double> byte_factor(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower.empty() || lower == "b") return 1.0;
  constexpr std::string_view kPrefixes = "kmgt";
  const size_t power = kPrefixes.find(lower[0]);
  if (power == std::string_view::npos) return std::nullopt;
  const std::string_view rest = std::string_view(lower).substr(1);
  if (rest == "b") return std::pow(1000.0, static_cast<double>(power + 1));
  if (rest.empty() || rest == "i" || rest == "ib") {
    return std::ldexp(1.0, 10 * static_cast<int>(power + 1));
  }
  return std::nullopt;
}

std::optional<double> bytes_of(std::string_view text) {
  skip_blanks(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  skip_blanks(text);
  const std::optional<double> factor = byte_factor(take_letters(text));
  skip_blanks(text);
  if (!factor || !text.empty()) return std::nullopt;
  const double bytes = std::nearbyint(value * *factor);
  // Less than a byte is not 0, which often means any number.
  return bytes == 0 && value != 0 ? std::nullopt : std::optional(bytes);
}

std::string fixed_text(double value) {
  char buffer[400];
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  return error == std::errc() ? std::string(buffer, end) : std::string();
}

}  // namespace

Result<double> parse_duration(std::string_view text) {
  const std::optional<double> seconds = seconds_of(text);
  // NaN and infinity, which from_chars reads, fail the range.
  if (seconds && *seconds >= 0 && *seconds <= kLongestDuration) return *seconds;
  return fail(StatusCode::kInvalidArgument,
              "'{}' is no duration (must be seconds, or like 30s, 5m, 1h30m, 500ms; at most 1e9 s)",
              text.substr(0, 80));
}

Result<int64_t> parse_bytes(std::string_view text) {
  const std::optional<double> bytes = bytes_of(text);
  if (bytes && *bytes >= 0 && *bytes <= kLargestSize) return static_cast<int64_t>(*bytes);
  return fail(StatusCode::kInvalidArgument,
              "'{}' is no size (must be bytes, or like 512MB, 4GiB, 300M; at most 2^53)",
              text.substr(0, 80));
}

std::string format_duration(double seconds) {
  const bool whole = seconds >= 0 && seconds <= kLongestDuration && std::floor(seconds) == seconds;
  if (!whole || seconds < 60) return fixed_text(seconds) + "s";
  auto rest = static_cast<int64_t>(seconds);
  std::string text;
  for (const Unit& unit : {kTimeUnits[1], kTimeUnits[2], kTimeUnits[3]}) {
    const auto factor = static_cast<int64_t>(unit.factor);
    if (rest >= factor) text += std::to_string(rest / factor) + std::string(unit.name);
    rest %= factor;
  }
  return text;
}

std::string rounded_bytes(int64_t bytes) {
  auto amount = static_cast<double>(bytes);
  size_t power = 0;
  while (amount >= 1024 && power + 1 < kByteNames.size()) {
    amount /= 1024;
    ++power;
  }
  return power == 0 ? fmt::format("{} B", bytes)
                    : fmt::format("{:.1f} {}", amount, kByteNames[power]);
}

std::string format_bytes(int64_t bytes) {
  size_t power = 0;
  while (bytes != 0 && bytes % 1024 == 0 && power + 1 < kByteNames.size()) {
    bytes /= 1024;
    ++power;
  }
  return std::to_string(bytes) + std::string(kByteNames[power]);
}

}  // namespace assay::automl
