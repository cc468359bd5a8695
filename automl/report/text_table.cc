#include "automl/report/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "automl/config/units.h"

namespace assay::automl {
namespace {

constexpr int kColumnGap = 2;
constexpr int kLeastWidth = 8;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Replaces what terminals may take for a command: control characters of ASCII but `kept`, and those
// of U+0080 to U+009F.
std::string without_controls(std::string_view text, std::string_view kept) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
      result += '?';
      ++i;
    } else if ((c < 0x20 || c == 0x7f) && kept.find(text[i]) == std::string_view::npos) {
      result += '?';
    } else {
      result += text[i];
    }
  }
  return result;
}

// Code points [begin, end).
std::string part(std::string_view text, int begin, int end) {
  std::string result;
  int at = -1;
  for (const char c : text) {
    if (!continues(c)) ++at;
    if (at >= begin && at < end) result += c;
  }
  return result;
}

// At most `width` (> 3) code points, with "..." for what is cut out.
std::string cut(const std::string& text, int width, bool at_end) {
  const int all = text_width(text);
  if (all <= width) return text;
  const int tail = at_end ? 0 : (width - 3) / 2;
  return part(text, 0, width - 3 - tail) + "..." + part(text, all - tail, all);
}

int line_width(const std::vector<int>& widths) {
  int sum = 0;
  for (const int w : widths) sum += w > 0 ? w + kColumnGap : 0;
  return sum - kColumnGap;
}

}  // namespace

int text_width(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

void TextTable::add_column(std::string_view title, Align align, Fit fit) {
  columns_.push_back({printable(title), align, fit});
}

void TextTable::add_row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::vector<int> TextTable::fitted_widths(int width) const {
  std::vector<int> widths;
  for (size_t c = 0; c < columns_.size(); ++c) {
    int widest = std::max(1, text_width(columns_[c].title));
    for (const auto& row : rows_) widest = std::max(widest, text_width(row[c]));
    widths.push_back(widest);
  }
  if (width <= 0) return widths;
  for (size_t c = columns_.size(); c-- > 0 && line_width(widths) > width;) {
    if (columns_[c].fit == Fit::kSpare) widths[c] = 0;
  }
  std::vector<int> fitted = widths;
  cut_widths(fitted, width, false);
  while (line_width(fitted) > width && leave_one_out(widths)) {
    fitted = widths;
    cut_widths(fitted, width, false);
  }
  cut_widths(fitted, width, true);
  return fitted;
}

// False if only the first is left.
bool TextTable::leave_one_out(std::vector<int>& widths) const {
  const auto is_text = [](const Column& column) {
    return column.align == Align::kLeft && column.fit != Fit::kWhole;
  };
  const auto is_number = [](const Column& column) { return column.align == Align::kRight; };
  const auto is_any = [](const Column&) { return true; };
  const auto leave_out = [&](auto&& may) {
    for (size_t c = columns_.size(); c-- > 1;) {
      if (widths[c] == 0 || !may(columns_[c])) continue;
      widths[c] = 0;
      return true;
    }
    return false;
  };
  return leave_out(is_text) || leave_out(is_number) || leave_out(is_any);
}

// Numbers are never cut: the rest would be another.
void TextTable::cut_widths(std::vector<int>& widths, int width, bool whole) const {
  while (line_width(widths) > width) {
    int* widest = nullptr;
    for (size_t c = 0; c < columns_.size(); ++c) {
      const Column& column = columns_[c];
      const bool may = column.align == Align::kLeft && (column.fit == Fit::kWhole) == whole;
      if (may && widths[c] > kLeastWidth && (widest == nullptr || widths[c] > *widest)) {
        widest = &widths[c];
      }
    }
    if (widest == nullptr) return;
    --*widest;
  }
}

std::string TextTable::render(int width) const {
  const std::vector<int> widths = fitted_widths(width);
  std::string out;
  auto add_line = [&](auto&& cell_of) {
    std::string line;
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (widths[c] == 0) continue;
      const std::string cell = cut(cell_of(c), widths[c], columns_[c].fit == Fit::kEnd);
      const std::string pad(static_cast<size_t>(std::max(0, widths[c] - text_width(cell))), ' ');
      line += columns_[c].align == Align::kRight ? pad + cell : cell + pad;
      line += std::string(kColumnGap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  add_line([&](size_t c) { return columns_[c].title; });
  add_line([&](size_t c) { return std::string(static_cast<size_t>(widths[c]), '-'); });
  for (const auto& row : rows_) add_line([&](size_t c) { return row[c]; });
  return out;
}

std::string TextTable::csv() const {
  std::string out;
  const auto add_line = [&](auto&& cell_of) {
    for (size_t c = 0; c < columns_.size(); ++c) {
      const std::string& cell = cell_of(c);
      if (c > 0) out += ',';
      if (cell != "-") out += csv_cell(cell);
    }
    out += "\r\n";
  };
  add_line([&](size_t c) -> const std::string& { return columns_[c].title; });
  for (const auto& row : rows_) add_line([&](size_t c) -> const std::string& { return row[c]; });
  return out;
}

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string printable(std::string_view text) { return without_controls(text, ""); }

std::string printable_lines(std::string_view text) { return without_controls(text, "\n\t"); }

std::string fitted_lines(std::string_view given, int width) {
  const std::string shown = printable_lines(given);
  if (width < kLeastWidth) return shown;
  std::string_view text = shown;
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out += cut(std::string(text.substr(0, end)), width, false);
    if (end < text.size()) out += '\n';
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return out;
}

std::string duration_text(double seconds) {
  if (seconds < 1) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 100) return fmt::format("{:.2f} s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} m {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} m", whole / 3600, whole / 60 % 60);
}

std::string latency_text(double microseconds) {
  if (!(microseconds > 0)) return "-";
  if (microseconds < 1e3) return fmt::format("{:.3g} us", microseconds);
  if (microseconds < 1e6) return fmt::format("{:.3g} ms", microseconds * 1e-3);
  return duration_text(microseconds * 1e-6);
}

std::string size_text(double bytes) { return rounded_bytes(std::llround(bytes)); }

std::string score_text(double score) { return fmt::format("{:.6g}", score); }

}  // namespace assay::automl
