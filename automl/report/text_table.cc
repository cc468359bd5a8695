#include "automl/report/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace assay::automl {
namespace {

constexpr int kGap = 2;
constexpr int kLeastWidth = 8;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::string printable(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return result;
}

// The first `width` code points, the last of them "~" if something was cut.
std::string cut(const std::string& text, int width) {
  if (text_width(text) <= width) return text;
  std::string result;
  int count = 0;
  for (const char c : text) {
    if (!continues(c) && ++count == width) break;
    result += c;
  }
  return result + "~";
}

void fit(std::vector<int>& widths, int width) {
  auto total = [&] {
    int sum = -kGap;
    for (const int w : widths) sum += w + kGap;
    return sum;
  };
  while (width > 0 && total() > width) {
    auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kLeastWidth) return;
    --*widest;
  }
}

}  // namespace

int text_width(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

void TextTable::add_column(std::string_view title, Align align) {
  columns_.push_back({printable(title), align});
}

void TextTable::add_row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string TextTable::render(int width) const {
  std::vector<int> widths;
  for (size_t c = 0; c < columns_.size(); ++c) {
    int widest = text_width(columns_[c].title);
    for (const auto& row : rows_) widest = std::max(widest, text_width(row[c]));
    widths.push_back(widest);
  }
  fit(widths, width);
  std::string out;
  auto add_line = [&](auto&& cell_of) {
    std::string line;
    for (size_t c = 0; c < columns_.size(); ++c) {
      const std::string cell = cut(cell_of(c), widths[c]);
      const std::string pad(static_cast<size_t>(std::max(0, widths[c] - text_width(cell))), ' ');
      line += columns_[c].align == Align::kRight ? pad + cell : cell + pad;
      if (c + 1 < columns_.size()) line += std::string(kGap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  add_line([&](size_t c) { return columns_[c].title; });
  add_line([&](size_t c) { return std::string(static_cast<size_t>(widths[c]), '-'); });
  for (const auto& row : rows_) add_line([&](size_t c) { return row[c]; });
  return out;
}

std::string duration_text(double seconds) {
  if (seconds < 1) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 100) return fmt::format("{:.2f} s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} m {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} m", whole / 3600, whole / 60 % 60);
}

std::string size_text(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string score_text(double score) { return fmt::format("{:.6g}", score); }

}  // namespace assay::automl
