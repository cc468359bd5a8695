// Tables of text for terminals: aligned columns, fitted to a width where there is one. Plain
// values; widths count UTF-8 code points.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assay::automl {

enum class Align { kLeft, kRight };

// What becomes of a column where lines are too wide for the terminal. Numbers (kRight) are never
// cut.
enum class Fit {
  kMiddle,  // the middle of a cell is cut out: names, paths
  kEnd,     // the end is: lists
  kWhole,   // cut only where it is all that is left: what people copy, such as ids
  kSpare,   // the column is left out first, the last one before the others; then as kMiddle
};

class TextTable {
 public:
  // Adds a column; call before the first row.
  void add_column(std::string_view title, Align align = Align::kLeft, Fit fit = Fit::kMiddle);
  // Cells beyond the columns are dropped, missing ones are empty. Control characters are shown
  // as '?'.
  void add_row(std::vector<std::string> cells);
  size_t row_count() const { return rows_.size(); }

  // Lines that end in '\n': titles, a rule, the rows; columns two blanks apart. With width > 0
  // columns are left out or the widest cells cut ("...") as their Fit says until a line fits. No
  // column is cut below 8 characters: where that is too wide, more are left out, texts before
  // numbers before what stays whole and the last one first, but never the first of all.
  std::string render(int width = 0) const;
  // The same as comma-separated values (RFC 4180): a line of titles, then the rows, all cells
  // whole; a cell "-", which says that there is nothing, is empty.
  std::string csv() const;

 private:
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    Fit fit = Fit::kMiddle;
  };
  std::vector<int> fitted_widths(int width) const;
  // Of columns that stay whole, or of the others.
  void cut_widths(std::vector<int>& widths, int width, bool whole) const;
  bool leave_one_out(std::vector<int>& widths) const;
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Text for people: what a terminal may take for a command becomes '?'. Names, tags and messages
// come from anywhere. Of lines line breaks and tabs stay.
std::string printable(std::string_view text);
std::string printable_lines(std::string_view text);

// Each line of `text`, printable, cut to `width` columns, "..." for its middle; whole for width 0.
std::string fitted_lines(std::string_view text, int width);

// A cell of comma-separated values, quoted where it must be.
std::string csv_cell(std::string_view text);

// Code points of UTF-8 text.
int text_width(std::string_view text);

// "1.50 s", "230 ms", "2 m 05 s".
std::string duration_text(double seconds);
// "83.2 us", "1.24 ms", "2.10 s"; "-" for 0: not measured.
std::string latency_text(double microseconds);
// "1.2 GiB", "340 KiB".
std::string size_text(double bytes);
// Six significant digits: "0.923456".
std::string score_text(double score);

}  // namespace assay::automl
