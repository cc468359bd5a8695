// Tables of text for terminals: aligned columns, cut to a width where there is one. Plain values;
// widths count UTF-8 code points.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assay::automl {

enum class Align { kLeft, kRight };

class TextTable {
 public:
  // Adds a column; call before the first row.
  void add_column(std::string_view title, Align align = Align::kLeft);
  // Cells beyond the columns are dropped, missing ones are empty. Control characters are shown
  // as '?'.
  void add_row(std::vector<std::string> cells);
  size_t row_count() const { return rows_.size(); }

  // Lines that end in '\n': titles, a rule, the rows; columns two blanks apart. With width > 0 the
  // widest columns are cut (with "~" at the cut) until a line fits, but not below 8 characters.
  std::string render(int width = 0) const;

 private:
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Code points of UTF-8 text.
int text_width(std::string_view text);

// "1.50 s", "230 ms", "2 m 05 s".
std::string duration_text(double seconds);
// "1.2 GiB", "340 KiB".
std::string size_text(double bytes);
// Six significant digits: "0.923456".
std::string score_text(double score);

}  // namespace assay::automl
